"""Random small networks in QDQ form, each value of which is known in integers too, computed without the product.

net = random_network(seed);  net.model();  net.feed;  net.values["y3"]       what the integers of `y3` should be
together([net, ..])                                                          several in one model

Sums are int64, scaling is float32 as onnxruntime's kernels have it. Weights of int8 activations stay within 64: there,
without VNNI, pairs of products saturate beyond.
"""

from collections.abc import Callable

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

F32 = np.float32
Ints = np.ndarray


class Value:
    """A quantised tensor: its name, integers, and parameters."""

    def __init__(self, name: str, q: Ints, scale: F32, zero: int):
        self.name, self.q, self.scale, self.zero = name, q, scale, zero

    @property
    def shape(self) -> tuple[int, ...]:
        return self.q.shape

    def real(self) -> np.ndarray:
        """What the integers stand for, float64."""
        return (self.q.astype(np.float64) - self.zero) * float(self.scale)


class Net:
    """A network in the making; activations are of one type, i8 or u8."""

    def __init__(self, seed: int, shape: tuple[int, ...] = (), kind: str = ""):
        self.rng, self.prefix = np.random.default_rng(seed), f"n{seed}_"
        self.kind = np.dtype(kind or self.rng.choice(["int8", "uint8"]))
        info = np.iinfo(self.kind)
        self.low, self.high = int(info.min), int(info.max)
        self.nodes, self.constants, self.values = [], [], dict[str, Ints]()
        self.count = 0
        sizes = self.rng.integers([1, 1, 4, 4], [3, 20, 12, 12])
        shape = shape or tuple(map(int, sizes))
        x = self.rng.normal(size=shape).astype(F32)
        self.feed, self.shape = {f"{self.prefix}x": x}, shape
        scale, zero = F32(self.rng.uniform(0.01, 0.03)), self.zero()
        q = self.clipped(np.rint(x / scale) + zero)
        self.live = [self.entered(f"{self.prefix}x", q, scale, zero)]

    def zero(self, low: float = 0.3, high: float = 0.7) -> int:
        """A zero point somewhere in the middle."""
        return int(self.low + (self.high - self.low) * self.rng.uniform(low, high))

    def clipped(self, q: np.ndarray) -> Ints:
        return np.clip(q, self.low, self.high).astype(np.int64)

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{self.prefix}{stem}{self.count}"

    def constant(self, value: object, kind: object = None) -> str:
        name = self.fresh("c")
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), name))  # pyright: ignore
        return name

    def node(self, op: str, inputs: list[str], **attributes: object) -> str:
        out = self.fresh(op.lower())
        self.nodes.append(helper.make_node(op, inputs, [out], name=f"{out}_node", **attributes))
        return out

    def entered(self, name: str, q: Ints, scale: F32, zero: int) -> Value:
        """QuantizeLinear and DequantizeLinear."""
        of = [self.constant(scale), self.constant(zero, self.kind)]
        stored = self.node("QuantizeLinear", [name, *of])
        self.values[stored] = q
        return Value(self.node("DequantizeLinear", [stored, *of]), q, scale, zero)

    def ranged(self, real: np.ndarray) -> tuple[F32, int]:
        """Parameters by which these numbers use most of the range, and a few saturate."""
        low, high = min(float(real.min()), 0.0) * 0.9, max(float(real.max()), 0.0) * 0.9
        scale = F32(max(high - low, 1e-3) / (self.high - self.low))
        return scale, int(np.clip(round(self.low - low / float(scale)), self.low, self.high))

    def finish(self, name: str, real: np.ndarray, exact: Callable[[F32, int], np.ndarray], low: float | None) -> Value:
        """Quantises what a node makes; `low` is where an activation cuts it, and then the least number: the cut is that
        of the type. `exact` answers the whole numbers."""
        scale, zero = self.ranged(real if low is None else np.maximum(real, low))
        zero = zero if low is None else self.low
        value = self.entered(name, self.clipped(exact(scale, zero)), scale, zero)
        self.live.append(value)
        return value

    def relu(self, name: str) -> tuple[str, float | None]:
        """Sometimes an activation."""
        return (self.node("Relu", [name]), 0.0) if self.rng.random() < 0.5 else (name, None)

    def weights(
        self, shape: tuple[int, ...], axis: int, x: Value, fan: int
    ) -> tuple[list[str], Ints, Ints, np.ndarray]:
        """Dequantised weights and bias as inputs; weights, bias and scales by output channel as numbers."""
        channels = shape[axis]
        most = 127 if self.low == 0 else 64
        w = self.rng.integers(-most, most + 1, shape)
        whole = self.rng.random() < 0.3
        scale = (self.rng.uniform(0.5, 1.5, 1 if whole else channels) / (60 * np.sqrt(fan))).astype(F32)
        unit = np.broadcast_to((x.scale * scale).astype(F32), (channels,))
        bias = np.rint(self.rng.normal(size=channels) / unit).astype(np.int64)
        facts = {} if whole else {"axis": axis}
        scales = self.constant(scale[0] if whole else scale)
        zeros = self.constant(np.zeros(() if whole else channels), np.int8)
        names = [self.node("DequantizeLinear", [self.constant(w, np.int8), scales, zeros], **facts)]
        of = [self.constant(bias, np.int32), self.constant(unit), self.constant(np.zeros(channels), np.int32)]
        names.append(self.node("DequantizeLinear", of, axis=0))
        return names, w, bias, unit

    def pick(self, rank: int = 4) -> Value | None:
        """A value of that rank."""
        fitting = [v for v in self.live if len(v.shape) == rank]
        return fitting[int(self.rng.integers(len(fitting)))] if fitting else None

    def conv(self, *, depthwise: bool = False) -> Value | None:
        """A convolution of any stride, dilation, padding and groups."""
        if (x := self.pick()) is None:
            return None
        _, c, h, w = x.shape
        k = [int(n) for n in self.rng.integers(1, 4, 2)]
        stride, dilation = [int(n) for n in self.rng.integers(1, 3, 2)], [int(self.rng.choice([1, 1, 2]))] * 2
        dilation = [1, 1] if depthwise else dilation
        spans = [(n - 1) * d + 1 for n, d in zip(k, dilation, strict=True)]
        pads = [int(n) for n in self.rng.integers(0, np.minimum(spans * 2, 2), 4)]
        if spans[0] > h + pads[0] + pads[2] or spans[1] > w + pads[1] + pads[3]:
            return None
        groups = c if depthwise else int(self.rng.choice([g for g in range(1, c + 1) if c % g == 0 and g < 3]))
        out = c if depthwise else groups * int(self.rng.integers(1, 40 // groups))
        shape = (out, c // groups, *k)
        names, weights, bias, unit = self.weights(shape, 0, x, int(np.prod(shape[1:])))
        facts = dict(kernel_shape=k, strides=stride, pads=pads, dilations=dilation, group=groups)
        y, low = self.relu(self.node("Conv", [x.name, *names], **facts))
        acc = _convolved(x.q - x.zero, weights, stride, pads, dilation, groups) + bias[:, None, None]
        return self.finish(y, acc * unit[:, None, None], _scaled(acc, unit[:, None, None]), low)

    def depthwise(self) -> Value | None:
        return self.conv(depthwise=True)

    def gemm(self) -> Value | None:
        """A product with a matrix, by either node."""
        if (x := self.pick(2)) is None:
            return None
        k, n = x.shape[1], int(self.rng.integers(1, 40))
        turned = bool(self.rng.random() < 0.5)
        names, w, bias, unit = self.weights((n, k) if turned else (k, n), 0 if turned else 1, x, k)
        y = self.node("Gemm", [x.name, *names], transB=int(turned))
        acc = (x.q - x.zero) @ (w.T if turned else w) + bias
        return self.finish(y, acc * unit, _scaled(acc, unit), None)

    def add(self) -> Value | None:
        """A sum of two values of one shape."""
        if (a := self.pick()) is None:
            return None
        alike = [v for v in self.live if v.shape == a.shape and v is not a]
        return self.sum(a, alike[-1]) if alike else None

    def sum(self, a: Value, b: Value) -> Value:
        """Either order, either node, and sometimes an activation. Add is an integer kernel unless the activation is
        left: where it cuts what the type does not. Sum is none."""
        a, b = (a, b) if self.rng.random() < 0.5 else (b, a)
        op = "Add" if self.rng.random() < 0.7 else "Sum"
        y, low = self.relu(self.node(op, [a.name, b.name]))
        real = a.real() + b.real()
        if low is not None and self.rng.random() < 0.5:
            scale, zero = self.ranged(real)
            q = np.maximum(_floating_sum(a, b, scale, zero), zero)
            value = self.entered(y, self.clipped(q), scale, zero)
            self.live.append(value)
            return value
        exact = _sum if op == "Add" else _floating_sum
        return self.finish(y, real, lambda scale, zero: exact(a, b, scale, zero), low)

    def residual(self) -> Value | None:
        """A convolution that keeps the shape, and the sum with its input."""
        if (x := self.pick()) is None:
            return None
        c = x.shape[1]
        names, weights, bias, unit = self.weights((c, c, 3, 3), 0, x, 9 * c)
        y = self.node("Conv", [x.name, *names], kernel_shape=[3, 3], pads=[1] * 4)
        acc = _convolved(x.q - x.zero, weights, [1, 1], [1] * 4, [1, 1], 1) + bias[:, None, None]
        return self.sum(self.finish(y, acc * unit[:, None, None], _scaled(acc, unit[:, None, None]), None), x)

    def multiply(self) -> Value | None:
        """A product of two values of one shape."""
        if (a := self.pick()) is None:
            return None
        b = next((v for v in self.live[::-1] if v.shape == a.shape), a)
        y = self.node("Mul", [a.name, b.name])

        def exact(scale: F32, zero: int) -> np.ndarray:
            product = (a.q - a.zero).astype(F32) * (b.q - b.zero).astype(F32)
            return np.rint(product * F32(F32(a.scale * b.scale) / scale) + F32(zero))

        return self.finish(y, a.real() * b.real(), exact, None)

    def maximum(self) -> Value | None:
        """MaxPool; its result has the scale of its input."""
        if (x := self.pick()) is None or min(x.shape[2:]) < 2:
            return None
        stride, pads = [int(n) for n in self.rng.integers(1, 3, 2)], [int(n) for n in self.rng.integers(0, 2, 4)]
        y = self.node("MaxPool", [x.name], kernel_shape=[2, 2], strides=stride, pads=pads)
        q = np.max(_windows(x.q, [2, 2], stride, pads, [1, 1], self.low), axis=(-2, -1))
        value = self.entered(y, q, x.scale, x.zero)
        self.live.append(value)
        return value

    def mean(self) -> Value | None:
        """GlobalAveragePool."""
        if (x := self.pick()) is None:
            return None
        y, n = self.node("GlobalAveragePool", [x.name]), x.shape[2] * x.shape[3]
        total = (x.q - x.zero).sum(axis=(2, 3), keepdims=True)

        def exact(scale: F32, zero: int) -> np.ndarray:
            return np.rint(total.astype(F32) * F32(x.scale / (scale * F32(n)))) + zero

        return self.finish(y, total * (float(x.scale) / n), exact, None)

    def flat(self) -> Value | None:
        """Flatten of a small value; quantised as it was."""
        if (x := self.pick()) is None or np.prod(x.shape[1:]) > 2000:
            return None
        value = self.entered(self.node("Flatten", [x.name]), x.q.reshape(len(x.q), -1), x.scale, x.zero)
        self.live.append(value)
        return value

    def concat(self) -> Value | None:
        """Values of one image size, side by side, each rescaled."""
        if (a := self.pick()) is None:
            return None
        parts = [v for v in self.live if len(v.shape) == 4 and v.shape[2:] == a.shape[2:]][-3:]
        if len(parts) < 2:
            return None
        y = self.node("Concat", [p.name for p in parts], axis=1)

        def exact(scale: F32, zero: int) -> np.ndarray:
            return np.concatenate([_rescaled(p, scale, zero) for p in parts], axis=1)

        return self.finish(y, np.concatenate([p.real() for p in parts], axis=1), exact, None)

    def outputs(self) -> list[Value]:
        """What nobody reads."""
        read = {name for node in self.nodes for name in node.input}
        return [v for v in self.live if v.name not in read]

    def model(self) -> ModelProto:
        """The network by itself."""
        return together([self])

    def expected(self) -> dict[str, np.ndarray]:
        """The outputs, dequantised."""
        return {v.name: ((v.q - v.zero).astype(F32) * v.scale).astype(F32) for v in self.outputs()}


def together(nets: list[Net]) -> ModelProto:
    """Networks side by side in one model."""
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, n.shape) for n in nets for name in n.feed]
    made = [helper.make_tensor_value_info(v.name, TensorProto.FLOAT, None) for n in nets for v in n.outputs()]
    nodes, constants = [x for n in nets for x in n.nodes], [x for n in nets for x in n.constants]
    graph = helper.make_graph(nodes, "qdq", given, made, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


STEPS = (Net.conv, Net.conv, Net.depthwise, Net.add, Net.residual, Net.multiply, Net.maximum, Net.mean, Net.concat)


def random_network(seed: int, steps: int = 3) -> Net:
    """A convolution and a few nodes more; every other network ends in a product with a matrix."""
    net = Net(seed)
    while len(net.live) == 1:
        net.conv()
    while len(net.live) < 1 + steps:
        STEPS[int(net.rng.integers(len(STEPS)))](net)
    if net.rng.random() < 0.5 and net.flat() is not None:
        net.gemm()
    return net


def _windows(x: Ints, kernel: list[int], stride: list[int], pads: list[int], dilation: list[int], fill: int) -> Ints:
    """[N, C, Ho, Wo, kh, kw]"""
    x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])), constant_values=fill)
    spans = [(n - 1) * d + 1 for n, d in zip(kernel, dilation, strict=True)]
    found = np.lib.stride_tricks.sliding_window_view(x, spans, (2, 3))
    return found[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def _convolved(x: Ints, w: Ints, stride: list[int], pads: list[int], dilation: list[int], groups: int) -> Ints:
    """Sums of products in int64, of an input less its zero point."""
    taps = _windows(x, list(w.shape[2:]), stride, pads, dilation, 0)
    each, share = x.shape[1] // groups, len(w) // groups
    parts = [
        np.einsum("nchwij,ocij->nohw", taps[:, g * each : (g + 1) * each], w[g * share : (g + 1) * share])
        for g in range(groups)
    ]
    return np.concatenate(parts, axis=1)


def _scaled(acc: Ints, unit: np.ndarray) -> Callable[[F32, int], np.ndarray]:
    """Sums in the result's steps: float32(float32(sx * sw) / sy), product and rounding."""
    return lambda scale, zero: np.rint(acc.astype(F32) * (unit / scale).astype(F32)) + zero


def _sum(a: Value, b: Value, scale: F32, zero: int) -> np.ndarray:
    """MlasQLinearAdd with fused products."""
    first, second = F32(a.scale / scale), F32(b.scale / scale)
    inner = F32(float(first) * a.zero + float(F32(second * F32(b.zero))))
    k = F32(F32(zero) - inner)
    t = (b.q * float(second) + float(k)).astype(F32)
    return np.rint((a.q * float(first) + t).astype(F32))


def _floating_sum(a: Value, b: Value, scale: F32, zero: int) -> np.ndarray:
    """DequantizeLinear, Add, QuantizeLinear one by one."""
    real = (a.q - a.zero).astype(F32) * a.scale + (b.q - b.zero).astype(F32) * b.scale
    return np.rint(real / scale) + zero


def _rescaled(x: Value, scale: F32, zero: int) -> np.ndarray:
    """QLinearConcat: by a table of DequantizeLinear and QuantizeLinear, where the parameters are not the same."""
    return np.rint((x.q - x.zero).astype(F32) * x.scale / scale) + zero
