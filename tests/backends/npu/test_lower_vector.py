"""The instructions of vector layers against the layers' meanings, in one piece and in strips, on several arrays."""

import numpy as np
import pytest
from aic.backends.npu.layer import (
    Activation,
    Copy,
    Depthwise,
    Elementwise,
    Norm,
    Pool,
    Post,
    Reduce,
    Softmax,
    Tensor,
    View,
    Weights,
)
from aic.backends.npu.machine import machine_from
from aic.backends.npu.runs import LowerError
from aic.backends.npu.select.evaluate import seen

from .vector_bench import arrays_for, executed, expected, view

MACHINES = {
    "edge": machine_from("edge"),
    "16x16": machine_from("edge,array.rows=16,array.cols=16"),
    "64x16": machine_from("edge,array.rows=64,array.cols=16"),
}
WHOLE = View.whole


def tensors(*shapes, type="i8", zeros=(3, -5)) -> list[Tensor]:
    zeros = zeros if type == "i8" else (0, 0)
    return [Tensor(f"t{n}", *s, type, 0.05, zeros[n % 2]) for n, s in enumerate(shapes)]


def agree(machine, layer, pieces=1, channels=None, tolerance=0.0):
    """The view that a layer writes is right, and what lies before it in the same lines is untouched."""
    (found, code), want = executed(machine, layer, pieces, channels), expected(layer)
    here, should = ({id(layer.out.tensor): a} for a in (found, want))
    got, right = seen(here, layer.out), seen(should, layer.out)
    if tolerance:
        np.testing.assert_allclose(got, right, atol=tolerance, rtol=tolerance)
    else:
        np.testing.assert_array_equal(got, right)
    np.testing.assert_array_equal(found[..., : layer.out.at[3]], want[..., : layer.out.at[3]])
    return code


def depthwise(x: View, out: View, kernel, *, stride=(1, 1), dilation=(1, 1), pads=(0, 0, 0, 0), **post) -> Depthwise:
    channels, floating = x.size[3], x.tensor.type == "bf16"
    rng = np.random.default_rng(channels)
    w = rng.integers(-128, 128, (*kernel, channels)).astype(np.int8)
    weights = Weights("w", w.shape, lambda: w.astype(np.float32) / 64 if floating else w)
    bias = rng.integers(-5000, 5000, channels).astype(np.float32 if floating else np.int32)
    given = dict(bias=bias, scale=rng.uniform(0.001, 0.004, channels).astype(np.float32), zero=out.tensor.zero)
    window = dict(kernel=kernel, stride=stride, dilation=dilation, pads=pads)
    return Depthwise(name="dw", x=x, out=out, weights=weights, post=Post(**(given | post)), **window)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())
@pytest.mark.parametrize("pieces", [1, 3, 7])
@pytest.mark.parametrize(
    "kernel, stride, pads, rows",
    [((3, 3), (1, 1), (1, 1, 1, 1), 7), ((5, 3), (2, 2), (2, 1, 2, 1), 13), ((3, 3), (2, 2), (0, 0, 1, 1), 14)],
)
def test_depthwise(machine, pieces, kernel, stride, pads, rows):
    x, y = tensors((2, rows, 9, 40), (2, 7, 5 if stride[1] == 2 else 9, 40))
    if pads[1] == 0:
        y.columns = 4
    agree(machine, depthwise(WHOLE(x), WHOLE(y), kernel, stride=stride, pads=pads, low=-100, high=90), pieces)


@pytest.mark.parametrize("rounding", ["tflite", "gemmlowp", "ort", "onnx"])
def test_depthwise_roundings_agree_within_one(rounding):
    x, y = tensors((1, 6, 6, 16), (1, 6, 6, 16))
    layer = depthwise(WHOLE(x), WHOLE(y), (3, 3), pads=(1, 1, 1, 1), rounding=rounding)
    found, _ = executed(MACHINES["edge"], layer)
    layer.post = depthwise(WHOLE(x), WHOLE(y), (3, 3), rounding="ort").post
    want = expected(layer)
    assert np.abs(found.astype(int) - want).max() <= (0 if rounding in ("ort", "onnx") else 1)


@pytest.mark.parametrize("pieces", [1, 4])
def test_depthwise_bf16(pieces):
    x, y = tensors((1, 8, 8, 20), (1, 8, 8, 20), type="bf16")
    layer = depthwise(WHOLE(x), WHOLE(y), (3, 3), pads=(1, 1, 1, 1), low=-np.inf, high=np.inf)
    agree(MACHINES["edge"], layer, pieces, tolerance=0.01)


def naive_depthwise(x, layer: Depthwise) -> np.ndarray:
    """Sums of a dilated window, tap by tap."""
    (kh, kw), (sy, sx), (dy, dx), (top, left, _, _) = layer.kernel, layer.stride, layer.dilation, layer.pads
    out, weights = np.zeros(layer.out.size, np.int32), layer.weights.read().astype(np.int32)
    for y in range(layer.out.size[1]):
        for c in range(layer.out.size[2]):
            for i in range(kh):
                for j in range(kw):
                    row, column = y * sy - top + i * dy, c * sx - left + j * dx
                    if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                        out[:, y, c] += (x[:, row, column].astype(np.int32) - layer.x.tensor.zero) * weights[i, j]
    return out


@pytest.mark.parametrize("dilation, stride, pad", [((2, 2), (1, 1), 2), ((3, 2), (1, 2), 2), ((2, 2), (2, 2), 1)])
@pytest.mark.parametrize("pieces", [1, 3])
def test_depthwise_with_dilation(monkeypatch, dilation, stride, pad, pieces):
    x, y = tensors((1, 11, 12, 24), (1, 1, 1, 24))
    y.rows = (11 + 2 * pad - 2 * dilation[0] - 1) // stride[0] + 1
    y.columns = (12 + 2 * pad - 2 * dilation[1] - 1) // stride[1] + 1
    layer = depthwise(WHOLE(x), WHOLE(y), (3, 3), stride=stride, dilation=dilation, pads=(pad,) * 4)
    sums = {}

    def kernel_sums(array, *_):
        sums["all"] = naive_depthwise(array, layer)
        return sums["all"]

    monkeypatch.setattr("aic.backends.npu.select.evaluate.depthwise", kernel_sums)
    agree(MACHINES["edge"], layer, pieces)
    assert sums["all"].any()


def test_depthwise_by_ranges_of_channels():
    """Only the range's blocks are written, from records that begin with its first."""
    x, y = tensors((1, 4, 4, 100), (1, 4, 4, 100))
    layer = depthwise(WHOLE(x), WHOLE(y), (3, 3), pads=(1, 1, 1, 1))
    (found, code), want = executed(MACHINES["edge"], layer, channels=(1, 2)), expected(layer)
    untouched = arrays_for(layer)[id(y)]
    np.testing.assert_array_equal(found[..., 32:96], want[..., 32:96])
    np.testing.assert_array_equal(found[..., :32], untouched[..., :32])
    np.testing.assert_array_equal(found[..., 96:], untouched[..., 96:])
    assert len(code.ops) == 1


@pytest.mark.parametrize("x_at, y_at", [(16, 16), (0, 16), (16, 48), (32, 0)])
def test_depthwise_of_a_slice_of_channels(x_at, y_at):
    x, y = tensors((1, 5, 5, x_at + 48), (1, 5, 5, y_at + 48))
    layer = depthwise(view(x, x_at, 48), view(y, y_at, 48), (3, 3), pads=(1, 1, 1, 1))
    for channels in (None, (0, 8)):
        agree(MACHINES["edge"], layer, 2, channels)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())
@pytest.mark.parametrize("mode", ["max", "avg", "avgp"])
@pytest.mark.parametrize("type", ["i8", "bf16"])
@pytest.mark.parametrize("pieces", [1, 3])
def test_pool(machine, mode, type, pieces):
    x, y = tensors((2, 9, 11, 40), (2, 5, 6, 40), type=type, zeros=(3, 3) if mode == "max" else (3, -5))
    window = dict(kernel=(3, 3), stride=(2, 2), pads=(1, 1, 1, 1))
    zeros = (x.zero, y.zero)
    layer = Pool(
        name="p", x=WHOLE(x), out=WHOLE(y), mode=mode, scale=0.75 if mode != "max" else 1, zeros=zeros, **window
    )
    agree(machine, layer, pieces, tolerance=0.01 if type == "bf16" else 0)


NUMBERS = {"add": (0.7, 0.9, 1.25), "sub": (0.7, 0.9, 1.25), "mul": (0.01, 0, 0), "max": (0, 0, 0), "min": (0, 0, 0)}


@pytest.mark.parametrize("mode", NUMBERS)
@pytest.mark.parametrize("type", ["i8", "bf16"])
@pytest.mark.parametrize("b_shape", [(2, 4, 5, 40), (1, 4, 5, 40), (2, 1, 1, 40), (1, 1, 5, 40), (2, 4, 1, 40)])
def test_elementwise(mode, type, b_shape):
    a, b, y = tensors((2, 4, 5, 40), b_shape, (2, 4, 5, 40), type=type)
    zeros = (a.zero, b.zero, y.zero) if mode not in ("max", "min") else (0, 0, 0)
    limits = dict(low=-90, high=100) if type == "i8" else dict(low=-2, high=np.inf)
    layer = Elementwise(
        name="e", a=WHOLE(a), b=WHOLE(b), out=WHOLE(y), mode=mode, numbers=NUMBERS[mode], zeros=zeros, **limits
    )
    agree(MACHINES["edge"], layer, 2)


def test_elementwise_where_the_first_operand_repeats():
    a, b, y = tensors((1, 1, 5, 40), (2, 4, 5, 40), (2, 4, 5, 40))
    numbers, zeros = NUMBERS["add"], (a.zero, b.zero, y.zero)
    agree(
        MACHINES["edge"],
        Elementwise(name="e", a=WHOLE(a), b=WHOLE(b), out=WHOLE(y), mode="add", numbers=numbers, zeros=zeros),
    )


@pytest.mark.parametrize("b_shape", [(1, 1, 1, 1), (2, 4, 5, 1)])
def test_one_lane_serves_all_channels(b_shape):
    a, b, y = tensors((2, 4, 5, 72), b_shape, (2, 4, 5, 72))
    numbers, zeros = NUMBERS["mul"], (a.zero, b.zero, y.zero)
    layer = Elementwise(
        name="e", a=WHOLE(a), b=WHOLE(b), out=WHOLE(y), mode="mul", numbers=numbers, zeros=zeros, lane=True
    )
    agree(MACHINES["edge"], layer, 2)


def test_channels_do_not_repeat_by_themselves():
    a, b, y = tensors((1, 4, 5, 72), (1, 4, 5, 1), (1, 4, 5, 72))
    with pytest.raises(LowerError, match="e: expected 72 channels of t1, found 1"):
        executed(MACHINES["edge"], Elementwise(name="e", a=WHOLE(a), b=WHOLE(b), out=WHOLE(y), mode="mul"))


@pytest.mark.parametrize("a_at, b_at, y_at", [(0, 0, 16), (16, 0, 32), (16, 48, 16)])
def test_elementwise_of_slices(a_at, b_at, y_at):
    a, b, y = tensors((1, 3, 3, a_at + 64), (1, 3, 3, b_at + 64), (1, 3, 3, y_at + 64))
    views = dict(a=view(a, a_at, 64), b=view(b, b_at, 64), out=view(y, y_at, 64))
    agree(MACHINES["edge"], Elementwise(name="e", mode="add", numbers=NUMBERS["add"], zeros=(3, -5, 3), **views))


def test_a_view_of_rows_and_columns():
    x, y = tensors((2, 9, 9, 40), (2, 7, 12, 40))
    source = View(x, (0, 1, 0, 0), (2, 4, 5, 40), (2, 2))
    target = View(y, (0, 0, 1, 0), (2, 4, 5, 40), (2, 1))
    agree(MACHINES["edge"], Copy(name="c", x=source, out=target), 2)


@pytest.mark.parametrize("mode", ["relu", "gelu", "silu", "tanh", "sigmoid", "exp"])
def test_floating_activations(mode):
    x, y = tensors((1, 4, 5, 40), (1, 4, 5, 40), type="bf16")
    agree(MACHINES["edge"], Activation(name="a", x=WHOLE(x), out=WHOLE(y), mode=mode), 2, tolerance=0.01)


def test_tables():
    x, y = tensors((1, 4, 5, 40), (1, 4, 5, 40))
    lut = np.random.default_rng(0).integers(-128, 128, 256).astype(np.int8)
    agree(MACHINES["edge"], Activation(name="a", x=WHOLE(x), out=WHOLE(y), mode="lut", lut=lut), 2)


@pytest.mark.parametrize("type", ["i8", "bf16"])
@pytest.mark.parametrize("mask_shape", [None, (1, 4, 1, 40), (1, 1, 1, 40), (1, 4, 5, 40)])
def test_softmax(type, mask_shape):
    x, y = tensors((2, 4, 5, 40), (2, 4, 5, 40), type=type)
    mask = None if mask_shape is None else WHOLE(Tensor("mask", *mask_shape, "bf16"))
    numbers = dict(scale=0.05, over=256.0, zeros=(3, -128)) if type == "i8" else {}
    agree(
        MACHINES["edge"],
        Softmax(name="s", x=WHOLE(x), out=WHOLE(y), mask=mask, **numbers),
        2,
        tolerance=0 if type == "i8" else 0.01,
    )


@pytest.mark.parametrize("type", ["i8", "bf16"])
@pytest.mark.parametrize("mode", ["ln", "rms"])
def test_norms(type, mode):
    x, y = tensors((1, 6, 5, 72), (1, 6, 5, 72), type=type)
    rng = np.random.default_rng(1)
    gamma, beta = rng.normal(1, 0.2, 72).astype(np.float32), rng.normal(0, 0.2, 72).astype(np.float32)
    numbers = dict(scale=0.05, over=30.0, zeros=(3, -5)) if type == "i8" else {}
    layer = Norm(name="n", x=WHOLE(x), out=WHOLE(y), mode=mode, gamma=gamma, beta=beta, epsilon=1e-5, **numbers)
    agree(MACHINES["edge"], layer, 2, tolerance=0 if type == "i8" else 0.01)


def test_a_norm_begins_with_a_line():
    x, y = tensors((1, 6, 5, 88), (1, 6, 5, 72))
    one = np.ones(72, np.float32)
    layer = Norm(name="n", x=view(x, 16, 72), out=WHOLE(y), mode="ln", gamma=one, beta=one, epsilon=1e-5)
    with pytest.raises(LowerError, match="n: expected channels that begin with a line, found t0 from channel 16"):
        executed(MACHINES["edge"], layer)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("axis, shape", [("plane", (2, 1, 1, 40)), ("rows", (2, 1, 6, 40)), ("columns", (2, 5, 1, 40))])
def test_reductions(machine, mode, axis, shape):
    x, y = tensors((2, 5, 6, 40), shape)
    agree(machine, Reduce(name="r", x=WHOLE(x), out=WHOLE(y), mode=mode, axis=axis, scale=0.4, zeros=(3, -5)), 1)


def test_reduction_over_channels():
    x, y = tensors((2, 5, 6, 40), (2, 5, 6, 1))
    layer = Reduce(name="r", x=WHOLE(x), out=WHOLE(y), mode="sum", axis="channels", scale=0.02, zeros=(3, -5))
    agree(MACHINES["edge"], layer, 2)


@pytest.mark.parametrize("scale", [0.0, 0.5])
@pytest.mark.parametrize("at", [0, 16, 32, 48])
def test_copies_into_a_slice(scale, at):
    x, y = tensors((2, 4, 5, 56), (2, 4, 5, at + 56))
    agree(MACHINES["edge"], Copy(name="c", x=WHOLE(x), out=view(y, at, 56), scale=scale, zeros=(3, -5)), 2)


@pytest.mark.parametrize("type", ["i8", "bf16"])
@pytest.mark.parametrize("columns, channels, at", [(5, 40, 0), (48, 20, 16), (40, 3, 32)])
def test_transposed_copies(type, columns, channels, at):
    x, y = tensors((2, 3, columns, channels), (2, 3, channels, at + columns), type=type)
    agree(MACHINES["edge"], Copy(name="c", x=WHOLE(x), out=view(y, at, columns), transposed=True), 2)


def test_a_slice_between_granules_is_refused():
    x, y = tensors((1, 4, 5, 8), (1, 4, 5, 48))
    with pytest.raises(LowerError, match="t1: channel 40 does not begin with a granule of 16 bytes"):
        executed(MACHINES["edge"], Copy(name="c", x=WHOLE(x), out=view(y, 40, 8)))
