"""Quantization: exact formulas against the graph op against its lowering."""

import ml_dtypes
import numpy as np
import pytest
from aic.dialects._shape import element_of
from aic.dialects.graph.quantize import DequantizeOp, DynamicQuantizeOp, QuantizeOp, RequantizeOp
from xdsl.dialects.builtin import f16, f32

KINDS = [np.uint8, np.int8, np.uint16, np.int16]
SHAPES = [
    ((), {}, lambda s: s),
    ((1,), {}, lambda s: s),
    ((6,), {"axis": 1}, lambda s: s[:, None]),
    ((4,), {"axis": -1}, lambda s: s),
    ((2, 3, 4), {"axis": 1, "block": 2}, lambda s: np.repeat(s, 2, 1)),
    ((2, 2, 4), {"axis": 1, "block": 4}, lambda s: np.repeat(s, 4, 1)[:, :6]),
]


def rand(*dims):
    return np.random.default_rng(sum(dims)).standard_normal(dims) * 100


def zeros(kind, dims):
    return (np.random.default_rng(1).integers(0, 200, dims) % 100).astype(kind)


@pytest.mark.parametrize("known", [(), (1, 2)])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dims, props, spread", SHAPES)
def test_quantize(levels, kind, dims, props, spread, known):
    x, scale = rand(2, 6, 4).astype(np.float32), (rand(*dims) ** 2 + 0.1).astype(np.float32)
    zero = zeros(kind, dims)
    (meant,), (lowered,) = levels(QuantizeOp, x, scale, zero, known=known, **props, to=element_of(np.dtype(kind)))
    ends = np.iinfo(kind)
    expected = np.clip(np.rint(x / spread(scale)).astype(np.int64) + spread(zero).astype(np.int64), ends.min, ends.max)
    np.testing.assert_array_equal(meant, expected)
    np.testing.assert_array_equal(lowered, meant)


def test_halves_go_to_even_and_the_rest_saturates(levels):
    x = np.array([0.5, 1.5, -0.5, -2.5, 300, -300, np.inf, -np.inf, 1e30, np.nan], np.float32)
    (meant,), (lowered,) = levels(QuantizeOp, x, np.float32(1).reshape(()), None, to=element_of(np.dtype(np.int8)))
    assert meant.tolist() == [0, 2, 0, -2, 127, -128, 127, -128, 127, -128]
    assert lowered.tolist() == meant.tolist()


@pytest.mark.parametrize("half", [np.float16, ml_dtypes.bfloat16])
def test_the_quotient_is_rounded_to_the_type_of_the_scale(levels, half):
    x, scale = rand(50).astype(half), np.array(3.7).astype(half)
    (meant,), (lowered,) = levels(QuantizeOp, x, scale, None, to=element_of(np.dtype(np.int16)))
    np.testing.assert_array_equal(meant, np.rint((x / scale).astype(np.float32)))
    np.testing.assert_array_equal(lowered, meant)
    (wide,), (lowered,) = levels(QuantizeOp, x, scale, None, to=element_of(np.dtype(np.int16)), precision=f32)
    np.testing.assert_array_equal(wide, np.rint(x.astype(np.float32) / scale.astype(np.float32)))
    np.testing.assert_array_equal(lowered, wide)


@pytest.mark.parametrize("kind", [*KINDS, np.int32])
@pytest.mark.parametrize("dims, props, spread", SHAPES)
def test_dequantize(levels, kind, dims, props, spread):
    x, scale, zero = zeros(kind, (2, 6, 4)), rand(*dims).astype(np.float32), zeros(kind, dims)
    (meant,), (lowered,) = levels(DequantizeOp, x, scale, zero, **props, to=f32)
    difference = x.astype(np.int64) - spread(zero).astype(np.int64)
    np.testing.assert_array_equal(meant, difference.astype(np.float32) * spread(scale))
    np.testing.assert_array_equal(lowered, meant)
    (meant,), (lowered,) = levels(DequantizeOp, x, scale.astype(np.float16), None, **props, to=f16)
    np.testing.assert_array_equal(lowered, meant)


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
@pytest.mark.parametrize("dims", [(), (4,), (6, 1), (2, 6, 4)])
def test_requantize(levels, kind, dims):
    x = np.random.default_rng(0).integers(-(1 << 20), 1 << 20, (2, 6, 4), dtype=np.int32)
    scale, zero = (rand(*dims) * 1e-5).astype(np.float32), zeros(kind, ())
    (meant,), (lowered,) = levels(RequantizeOp, x, scale, zero, to=element_of(np.dtype(kind)))
    ends = np.iinfo(kind)
    expected = np.clip(np.rint(x * scale.astype(np.float64) + zero), ends.min, ends.max)
    np.testing.assert_array_equal(meant, expected)
    np.testing.assert_array_equal(lowered, meant)


@pytest.mark.parametrize("x", [rand(3, 5), np.abs(rand(7)), -np.abs(rand(7)), np.zeros((2, 2)), rand(), rand(0, 3)])
def test_dynamic_quantize(levels, x):
    x = np.asarray(x, np.float32)
    meant, lowered = levels(DynamicQuantizeOp, x)
    top, bottom = (np.float32(f(x, initial=0)) for f in (np.max, np.min))
    scale = (top - bottom if top != bottom else np.float32(1)) / np.float32(255)
    zero = np.clip(np.rint(-bottom / scale), 0, 255)
    np.testing.assert_array_equal(meant[0], np.clip(np.rint(x / scale) + zero, 0, 255))
    assert meant[1] == scale and meant[2] == zero
    for a, b in zip(lowered, meant, strict=True):
        np.testing.assert_array_equal(a, b)
