"""What a network computes, on whole tensors, layer by layer: the meaning that its programs are held to.

outputs = evaluate(network, [x])         hook(layer, array) sees the tensor that each layer has written into
"""

from collections.abc import Callable, Sequence

import ml_dtypes
import numpy as np

from ....dialects.graph._numbers import Numbers
from ....dialects.npu import _floating, _meaning, _rows
from ....dialects.npu._product import product
from ....dialects.npu._window import Window as Taps
from ....dialects.npu._window import depthwise, maximum, mean
from ..layer import (
    Activation,
    Copy,
    Depthwise,
    Elementwise,
    Layer,
    Matrix,
    Network,
    Norm,
    Pool,
    Post,
    Product,
    Reduce,
    Softmax,
    Tensor,
    View,
    Window,
)

F32 = np.float32
Hook = Callable[[Layer, Numbers], None]
TYPES = {"i8": np.int8, "i16": np.int16, "bf16": np.float32, "f32": np.float32}
ROUNDINGS = ("tflite", "gemmlowp", "ort", "onnx")


def evaluate(network: Network, inputs: Sequence[Numbers], hook: Hook | None = None) -> list[Numbers]:
    """The outputs, as the program's arrays, for arrays of the arguments' types."""
    memory = {id(t): stored(a, t) for t, a in zip(network.inputs, inputs, strict=True)}
    for layer in network.layers:
        out = layer.out.tensor
        if id(out) not in memory:
            memory[id(out)] = np.full(out.shape, out.zero if out.type in ("i8", "i16") else 0, TYPES[out.type])
        seen(memory, layer.out)[...] = kept(computed(layer, memory), out)
        if hook is not None:
            hook(layer, memory[id(out)])
    return [given(memory[id(t)], t) for t in network.outputs]


def stored(array: Numbers, tensor: Tensor) -> Numbers:
    """An argument as its tensor holds it: [images, rows, columns, channels]."""
    assert tensor.axes is not None
    order = [a for group in tensor.axes for a in group]
    array = array.reshape(tensor.full).transpose(order)
    if tensor.packed is not None:
        return kept(packed(array, tensor), tensor)
    array = array.reshape(tensor.shape)
    if array.dtype == np.uint8:
        array = (array ^ np.uint8(0x80)).view(np.int8)
    return kept(array, tensor)


def packed(array: Numbers, tensor: Tensor) -> Numbers:
    """The columns that a kernel's row covers side by side, for each output column."""
    raise NotImplementedError(tensor.name)


def given(array: Numbers, tensor: Tensor) -> Numbers:
    """A tensor as the program's array."""
    assert tensor.axes is not None
    order = [a for group in tensor.axes for a in group]
    array = array.reshape([tensor.full[a] for a in order]).transpose(np.argsort(order))
    return np.ascontiguousarray(array).view(np.uint8) ^ np.uint8(0x80) if tensor.unsigned else array


def kept(array: Numbers, tensor: Tensor) -> Numbers:
    """Numbers as they are stored; bf16 as the float32 that it is."""
    if tensor.type == "bf16":
        return array.astype(ml_dtypes.bfloat16).astype(F32)
    return array.astype(TYPES[tensor.type])


def seen(memory: dict[int, Numbers], view: View) -> Numbers:
    """A view of a tensor."""
    steps = (1, *view.step, 1)
    cuts = (slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(view.at, view.size, steps, strict=True))
    return memory[id(view.tensor)][tuple(cuts)]


def computed(layer: Layer, memory: dict[int, Numbers]) -> Numbers:
    """The result, images x rows x columns x channels, before it is stored."""
    x = seen(memory, layer.inputs[0])
    match layer:
        case Matrix():
            return finished(_matrix(layer, x), layer.post, layer, memory)
        case Depthwise():
            zero = _zero(layer.x.tensor)
            return finished(depthwise(x, _factors(layer)[None], taps(layer, x), zero), layer.post, layer, memory)
        case Product():
            return finished(_products(layer, memory), layer.post, layer, memory)
        case Pool(mode="max"):
            return maximum(x, taps(layer, x))
        case Pool():
            y = mean(x, taps(layer, x), layer.scale, layer.zeros[0], layer.mode == "avgp")
            return whole(y, layer.zeros[1], layer.out.tensor)
        case Elementwise():
            return _pair(layer, x, seen(memory, layer.b))
        case Activation(mode="lut", lut=lut):
            assert lut is not None
            return _meaning.looked_up(lut, np.ascontiguousarray(x))
        case Activation():
            return _floating.activated(layer.mode, x)
        case Softmax():
            v = (x.astype(F32) - F32(layer.zeros[0])) * F32(layer.scale)
            p = _rows.softmax(v, None if layer.mask is None else seen(memory, layer.mask))
            return whole(p * F32(layer.over), layer.zeros[1], layer.out.tensor)
        case Norm():
            v = (x.astype(F32) - F32(layer.zeros[0])) * F32(layer.scale)
            y = _rows.norm(layer.mode, v, layer.gamma.astype(F32), layer.beta.astype(F32), layer.epsilon)
            return whole(y * F32(layer.over), layer.zeros[1], layer.out.tensor)
        case Reduce():
            axis = {"channels": (3,), "columns": (2,), "rows": (1,), "plane": (1, 2)}[layer.axis]
            return whole(
                _rows.reduce(layer.mode, x, axis, layer.zeros[0]) * F32(layer.scale), layer.zeros[1], layer.out.tensor
            )
        case Copy():
            x = x.transpose(0, 1, 3, 2) if layer.transposed else x
            if layer.scale == 0:
                return x
            y = (x.astype(F32) - F32(layer.zeros[0])) * F32(layer.scale)
            return whole(y, layer.zeros[1], layer.out.tensor)
        case _:
            raise ValueError(f"no meaning of a {type(layer).__name__}")


def whole(y: Numbers, zero: int, tensor: Tensor) -> Numbers:
    """Rounded to integers where the tensor holds such."""
    return _meaning.rounded(y.astype(F32), zero, _meaning.BYTE) if tensor.type == "i8" else y


def _zero(tensor: Tensor) -> int:
    return tensor.zero if tensor.type in ("i8", "i16") else 0


def _factors(layer: Matrix | Depthwise) -> Numbers:
    weights = layer.weights.read()
    assert weights.shape == layer.weights.shape, f"{layer.name}: {weights.shape} instead of {layer.weights.shape}"
    if weights.dtype.kind == "f":
        return weights.astype(ml_dtypes.bfloat16).astype(F32)
    return weights


def taps(layer: Window, x: Numbers) -> Taps:
    """The window of a layer. Where it ends short of the input's edge there is less padding, or less input."""
    top, left, bottom, right = layer.pads
    del bottom, right
    ends = []
    for axis, low in ((0, top), (1, left)):
        reach = (layer.out.size[axis + 1] - 1) * layer.stride[axis] + layer.kernel[axis]
        ends.append(reach - low - x.shape[axis + 1])
    return Cropped(layer.out.size[1:3], layer.kernel, layer.stride, (top, left, ends[0], ends[1]))


class Cropped(Taps):
    """A window whose padding below may be negative: the last rows and columns are not read."""

    def padded(self, x: Numbers, fill: float, kind: type[np.generic]) -> Numbers:
        rows, columns = self.input
        top, left, bottom, right = self.pads
        x = x[:, :rows, :columns]
        width = ((0, 0), (top, max(bottom, 0)), (left, max(right, 0)), (0, 0))
        return np.pad(x.astype(kind), width, constant_values=kind(fill))


def _matrix(layer: Matrix, x: Numbers) -> Numbers:
    """Sums of products, int32 or float32, zero points subtracted: what the folded bias adds is left out here."""
    weights = _factors(layer)
    (kh, kw), (sy, sx), (dy, dx) = layer.kernel, layer.stride, layer.dilation
    images, rows, columns, outputs = layer.out.size
    top, left, _, _ = layer.pads
    below = max((rows - 1) * sy + (kh - 1) * dy + 1 - top - x.shape[1], 0)
    beside = max((columns - 1) * sx + (kw - 1) * dx + 1 - left - x.shape[2], 0)
    width = ((0, 0), (top, below), (left, beside), (0, 0))
    x = np.pad(x, width, constant_values=_zero(layer.x.tensor))
    each, share = weights.shape[2], outputs // layer.groups
    kind = "bf16" if x.dtype == F32 else "i8"
    total = np.zeros((images, rows, columns, outputs), F32 if kind == "bf16" else np.int32)
    for g in range(layer.groups):
        cut = slice(g * share, (g + 1) * share)
        for i in range(kh):
            for j in range(kw):
                part = x[:, i * dy :, j * dx :, g * each : (g + 1) * each]
                part = part[:, : (rows - 1) * sy + 1 : sy, : (columns - 1) * sx + 1 : sx]
                flat = np.ascontiguousarray(part).reshape(-1, each)
                total[..., cut] += product(flat, weights[i, j, :, cut], kind).reshape(images, rows, columns, share)
    return total


def _products(layer: Product, memory: dict[int, Numbers]) -> Numbers:
    x, y = seen(memory, layer.x), seen(memory, layer.y)
    kind = "bf16" if x.dtype == F32 else "i8"
    _, rows, columns, _ = layer.out.size
    total = np.zeros(layer.out.size, F32 if kind == "bf16" else np.int32)
    for item in layer.items:
        a = x[item.x[0], :, :, item.x[1] : item.x[1] + layer.depth].reshape(-1, layer.depth)
        if layer.transposed:
            b = y[item.y[0], :, :, item.y[1] : item.y[1] + layer.depth].reshape(-1, layer.depth).T
        else:
            b = y[item.y[0], :, :, item.y[1] : item.y[1] + layer.width].reshape(-1, layer.width)
        part = product(a, np.ascontiguousarray(b), kind, *layer.zeros)
        total[item.out[0], :, :, item.out[1] : item.out[1] + layer.width] = part.reshape(rows, columns, -1)
    return total


def finished(acc: Numbers, post: Post, layer: Matrix | Depthwise | Product, memory: dict[int, Numbers]) -> Numbers:
    """The result of a sum."""
    out, rest = layer.out.tensor, post.residual
    other = None if rest is None else seen(memory, rest.x)
    if out.type != "i8":
        act = "" if post.act == "none" else post.act
        return _floating.finish(acc, post.bias, post.scale, act, other, (post.low, post.high))
    rounding, limits = ROUNDINGS.index(post.rounding), (int(post.low), int(post.high))
    shift = np.zeros_like(post.bias)
    middle = post.zero if rest is None else rest.middle
    y = _meaning.requantise(
        acc, post.bias, post.scale, shift, rounding, middle, limits if rest is None else (-128, 127)
    )
    if rest is not None and other is not None:
        a, b = (other, y) if rest.first else (y, other)
        zeros = (rest.zero, rest.middle) if rest.first else (rest.middle, rest.zero)
        y = _meaning.add(a, b, rest.numbers, (*zeros, post.zero), rounding, limits, out.unsigned)
    return _meaning.looked_up(post.lut, y.astype(np.int8)) if post.act == "lut" and post.lut is not None else y


def _pair(layer: Elementwise, a: Numbers, b: Numbers) -> Numbers:
    out = layer.out.tensor
    if out.type != "i8":
        y = _floating.combine(_real(a, layer.a.tensor), _real(b, layer.b.tensor), layer.mode)
        return np.clip(y, F32(layer.low), F32(layer.high))
    limits = (int(layer.low), int(layer.high))
    rounding = ROUNDINGS.index(layer.rounding)
    return _meaning.combine(a, b, layer.mode, layer.numbers, layer.zeros, rounding, limits, out.unsigned)


def _real(x: Numbers, tensor: Tensor) -> Numbers:
    """What stored numbers stand for."""
    return (x.astype(F32) - F32(tensor.zero)) * F32(tensor.scale) if tensor.type in ("i8", "i16") else x
