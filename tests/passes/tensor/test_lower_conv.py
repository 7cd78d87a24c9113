"""Convolutions: plain loops in f64 against the graph op against its lowering."""

from itertools import product

import numpy as np
import pytest
from aic.dialects.graph.conv import ConvIntegerOp, ConvOp, ConvTransposeOp

CLOSE = {"rtol": 1e-5, "atol": 1e-5}  # sums of a few dozen products of f32 of order 1, in another order


def rand(*dims, kind=np.float32):
    return np.random.default_rng(sum(dims)).standard_normal(dims).astype(kind)


def whole(*dims, kind=np.uint8):
    ends = np.iinfo(kind)
    return np.random.default_rng(sum(dims)).integers(ends.min, ends.max, dims, dtype=kind, endpoint=True)


def full(props, rank):
    one = (1,) * rank
    pads = props.get("pads", (0,) * (2 * rank))
    return props.get("strides", one), props.get("dilations", one), pads[:rank], pads[rank:], props.get("group", 1)


def reference(x, w, props):
    """The definition, one product after the other."""
    rank = x.ndim - 2
    strides, dilations, low, high, group = full(props, rank)
    x = np.pad(x, ((0, 0), (0, 0), *zip(low, high, strict=True)))
    ends = [d * (k - 1) + 1 for k, d in zip(w.shape[2:], dilations, strict=True)]
    outputs = [(n - e) // s + 1 for n, e, s in zip(x.shape[2:], ends, strides, strict=True)]
    y = np.zeros((x.shape[0], w.shape[0], *outputs), x.dtype)
    depth, per = w.shape[1], w.shape[0] // group
    for oc, ic, at, tap in product(range(w.shape[0]), range(depth), np.ndindex(*outputs), np.ndindex(*w.shape[2:])):
        place = tuple(o * s + t * d for o, s, t, d in zip(at, strides, tap, dilations, strict=True))
        y[(slice(None), oc, *at)] += x[(slice(None), oc // per * depth + ic, *place)] * w[(oc, ic, *tap)]
    return y


def transposed(x, w, props):
    """Each input point adds a scaled filter."""
    rank = x.ndim - 2
    strides, dilations, low, high, group = full(props, rank)
    extra = props.get("output_padding", (0,) * rank)
    sizes = zip(x.shape[2:], w.shape[2:], strides, dilations, extra, strict=True)
    reach = [s * (n - 1) + d * (k - 1) + 1 + e for n, k, s, d, e in sizes]
    y = np.zeros((x.shape[0], w.shape[1] * group, *reach))
    depth, per = x.shape[1] // group, w.shape[1]
    for c, o, at, tap in product(range(x.shape[1]), range(per), np.ndindex(*x.shape[2:]), np.ndindex(*w.shape[2:])):
        place = tuple(i * s + t * d for i, s, t, d in zip(at, strides, tap, dilations, strict=True))
        y[(slice(None), c // depth * per + o, *place)] += x[(slice(None), c, *at)] * w[(c, o, *tap)]
    return y[(..., *(slice(lo, n - hi) for lo, hi, n in zip(low, high, reach, strict=True)))]


CASES = [
    ((2, 3, 8), (4, 3, 3), {}),
    ((1, 3, 9, 8), (4, 3, 3, 3), {"pads": (1, 1, 1, 1)}),
    ((1, 3, 9, 8), (4, 3, 3, 2), {"strides": (2, 3), "pads": (0, 1, 2, 0)}),
    ((1, 3, 9, 9), (4, 3, 3, 2), {"dilations": (2, 3), "pads": (2, 0, 2, 0)}),
    ((2, 4, 6, 5), (6, 2, 3, 3), {"group": 2}),
    ((1, 4, 6, 5), (4, 1, 3, 3), {"group": 4, "strides": (2, 1)}),
    ((1, 4, 6, 5), (8, 1, 3, 3), {"group": 4, "pads": (1, 1, 1, 1)}),
    ((1, 8, 5, 5), (6, 8, 1, 1), {}),
    ((1, 8, 5, 5), (6, 8, 1, 1), {"strides": (2, 2)}),
    ((1, 2, 5, 4, 6), (3, 2, 2, 3, 2), {"strides": (1, 2, 2), "pads": (1, 0, 0, 0, 1, 1)}),
    ((0, 3, 5, 5), (4, 3, 3, 3), {}),
]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("known", [(), (1, 2)])
@pytest.mark.parametrize("x, w, props", CASES)
def test_conv(levels, x, w, props, known, bias):
    a, f, c = rand(*x), rand(*w), rand(w[0]) if bias else None
    (meant,), (lowered,) = levels(ConvOp, a, f, c, known=known, **props)
    expected = reference(a.astype(np.float64), f.astype(np.float64), props)
    expected = expected if c is None else expected + c.reshape(-1, *(1,) * (len(x) - 2))
    np.testing.assert_allclose(meant, expected, **CLOSE)
    np.testing.assert_allclose(lowered, meant, **CLOSE)


def test_conv_of_halves_sums_in_f32(levels):
    a, f = rand(1, 64, 5, 5, kind=np.float16), rand(2, 64, 3, 3, kind=np.float16)
    (meant,), (lowered,) = levels(ConvOp, a, f)
    expected = reference(a.astype(np.float64), f.astype(np.float64), {})
    np.testing.assert_allclose(meant, expected, rtol=1e-3, atol=1e-3)  # one rounding to 11 bits
    np.testing.assert_allclose(lowered, meant, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("known", [(), (1, 2, 3)])
@pytest.mark.parametrize("z, u", [(None, None), ((), None), ((1,), ()), (None, (4,)), ((), (4,))])
def test_conv_integer(levels, known, z, u):
    x, w = whole(1, 3, 6, 6), whole(4, 3, 3, 3, kind=np.int8)
    zero = None if z is None else whole(*z, 9)[..., 3]
    other = None if u is None else whole(*u, 9, kind=np.int8)[..., 0]
    props = {"pads": (1, 1, 1, 1), "strides": (1, 2)}
    (meant,), (lowered,) = levels(ConvIntegerOp, x, w, zero, other, known=known, **props)
    a = x.astype(np.int64) - (0 if zero is None else zero.reshape(()))
    f = w.astype(np.int64) - (0 if other is None else other.reshape(-1, 1, 1, 1))
    np.testing.assert_array_equal(meant, reference(a, f, props))
    np.testing.assert_array_equal(lowered, meant)


def test_conv_integer_with_a_known_zero_point_only_of_x(levels):
    x, w, zero = whole(1, 4, 6, 6), whole(4, 1, 3, 3, kind=np.int8), np.array(200, np.uint8)
    props = {"pads": (1, 1, 1, 1), "group": 4}
    (meant,), (lowered,) = levels(ConvIntegerOp, x, w, zero, None, known=(2,), **props)
    np.testing.assert_array_equal(meant, reference(x.astype(np.int64) - 200, w.astype(np.int64), props))
    np.testing.assert_array_equal(lowered, meant)


TRANSPOSED = [
    ((1, 3, 4), (3, 2, 3), {}),
    ((1, 2, 3, 3), (2, 4, 2, 2), {"strides": (2, 2)}),
    ((2, 4, 3, 2), (4, 3, 2, 3), {"strides": (2, 3), "group": 2}),
    ((1, 2, 3, 3), (2, 2, 2, 2), {"strides": (2, 2), "pads": (1, 0, 0, 1)}),
    ((1, 2, 3, 4), (2, 3, 3, 3), {"strides": (2, 2)}),
    ((1, 2, 3, 4), (2, 3, 4, 3), {"strides": (2, 2), "pads": (1, 1, 1, 0), "output_padding": (0, 1)}),
    ((1, 4, 3, 4), (4, 3, 5, 2), {"strides": (2, 3), "group": 2, "output_padding": (1, 2)}),
    ((1, 2, 4, 4), (2, 3, 3, 3), {"dilations": (2, 2), "strides": (2, 1), "pads": (1, 2, 0, 0)}),
    ((1, 4, 4, 4), (4, 1, 3, 3), {"pads": (1, 1, 1, 1), "group": 4}),
    ((1, 2, 2, 3, 2), (2, 3, 3, 2, 2), {"strides": (2, 2, 1)}),
]


@pytest.mark.parametrize("known", [(), (1,)])
@pytest.mark.parametrize("x, w, props", TRANSPOSED)
def test_conv_transpose(levels, x, w, props, known):
    a, f, c = rand(*x), rand(*w), rand(w[1] * props.get("group", 1))
    (meant,), (lowered,) = levels(ConvTransposeOp, a, f, c, known=known, **props)
    expected = transposed(a.astype(np.float64), f, props) + c.reshape(-1, *(1,) * (len(x) - 2))
    np.testing.assert_allclose(meant, expected, **CLOSE)
    np.testing.assert_allclose(lowered, meant, **CLOSE)
