"""Pools: their definition window by window against the graph op against its lowering."""

import numpy as np
import pytest
from aic.dialects._shape import tensor
from aic.dialects.graph.pool import AveragePoolOp, LpPoolOp, MaxPoolIndicesOp, MaxPoolOp
from xdsl.ir import Block


def rand(*dims, kind=np.float32):
    return (np.random.default_rng(sum(dims)).standard_normal(dims) * 9).astype(kind)


def windows(x, op):
    """Per output, the elements in its window, where they stand in the flattened x, and how many are in x or padding."""
    window, outputs = op.geometry()
    spatial = x.shape[2:]
    for at in np.ndindex(*x.shape[:2], *outputs):
        held, places, counted = [], [], 0
        for tap in np.ndindex(*window.kernel):
            rows = zip(at[2:], window.strides, tap, window.dilations, window.low, strict=True)
            place = tuple(o * s + t * d - lo for o, s, t, d, lo in rows)
            if all(0 <= p < n for p, n in zip(place, spatial, strict=True)):
                held.append(x[(*at[:2], *place)])
                places.append(np.ravel_multi_index((*at[:2], *place), x.shape))
            ends = zip(place, spatial, window.low, window.high, strict=True)
            counted += all(-lo <= p < n + hi for p, n, lo, hi in ends)
        yield at, held, places, counted


CASES = [
    ((1, 2, 7), {"kernel": (3,)}),
    ((2, 2, 7, 8), {"kernel": (3, 2), "strides": (2, 3), "pads": (1, 0, 1, 1)}),
    ((1, 2, 7, 8), {"kernel": (2, 3), "dilations": (2, 1), "pads": (1, 1, 0, 1)}),
    ((1, 2, 4, 4), {"kernel": (3, 3), "strides": (2, 2), "ceil": True}),
    ((1, 1, 2, 2), {"kernel": (1, 1), "strides": (2, 2), "ceil": True}),
    ((1, 2, 5, 4, 6), {"kernel": (2, 2, 3), "strides": (1, 2, 2), "pads": (1, 0, 1, 0, 1, 1), "ceil": True}),
    ((1, 0, 4, 4), {"kernel": (3, 3)}),
]


def made(op, x, props):
    return op.make(Block(arg_types=[tensor(x.dtype, x.shape)]).args[0], **props)


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int8, np.uint8])
@pytest.mark.parametrize("dims, props", CASES)
def test_max_pool(levels, dims, props, kind):
    x = rand(*dims, kind=kind)
    (meant,), (lowered,) = levels(MaxPoolOp, x, **props)
    for at, held, _, _ in windows(x, made(MaxPoolOp, x, props)):
        assert meant[at] == max(held)
    np.testing.assert_array_equal(lowered, meant)


@pytest.mark.parametrize("major", [None, True])
@pytest.mark.parametrize("dims, props", CASES)
def test_max_pool_indices(levels, dims, props, major):
    x = np.round(rand(*dims) / 6)  # many equal maxima: the first counts
    meant, lowered = levels(MaxPoolIndicesOp, x, **props, column_major=major)
    for at, held, places, _ in windows(x, made(MaxPoolOp, x, props)):
        place = places[int(np.argmax(held))]
        if major:
            n, c, *rest = np.unravel_index(place, dims)
            place = (n * dims[1] + c) * np.prod(dims[2:]) + np.ravel_multi_index(rest, dims[2:], order="F")
        assert meant[0][at] == max(held) and meant[1][at] == place
    for a, b in zip(lowered, meant, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("count_pads", [None, True])
@pytest.mark.parametrize("dims, props", CASES)
def test_average_pool(levels, dims, props, count_pads):
    x = rand(*dims)
    (meant,), (lowered,) = levels(AveragePoolOp, x, **props, count_pads=count_pads)
    for at, held, _, counted in windows(x, made(MaxPoolOp, x, props)):
        expected = np.sum(held, dtype=np.float64) / (counted if count_pads else len(held))
        np.testing.assert_allclose(meant[at], expected, rtol=1e-5, atol=1e-5)  # sums of at most 12 f32 of order 10
    np.testing.assert_allclose(lowered, meant, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("dims, props", CASES)
def test_lp_pool(levels, dims, props, p):
    x = rand(*dims)
    (meant,), (lowered,) = levels(LpPoolOp, x, **props, p=p)
    for at, held, _, _ in windows(x, made(MaxPoolOp, x, props)):
        expected = np.sum(np.abs(np.asarray(held, np.float64)) ** p) ** (1 / p)
        np.testing.assert_allclose(meant[at], expected, rtol=1e-5)  # a few roundings of f32
    np.testing.assert_allclose(lowered, meant, rtol=1e-5)


def test_max_pool_of_nan_and_infinity(levels):
    x = np.array([[[-np.inf, -np.inf, np.nan, 1, 2]]], np.float32)
    (meant,), (lowered,) = levels(MaxPoolOp, x, kernel=(2,), pads=(1, 0))
    np.testing.assert_array_equal(meant, [[[-np.inf, -np.inf, np.nan, np.nan, 2]]])
    np.testing.assert_array_equal(lowered, meant)
