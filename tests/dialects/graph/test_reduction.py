"""Reductions and extremes' positions against numpy, the edges included."""

import numpy as np
import pytest
from aic.dialects._shape import Array, tensor
from aic.dialects.graph.reduction import (
    ArgMaxOp,
    ArgMinOp,
    ReduceMaxOp,
    ReduceMeanOp,
    ReduceMinOp,
    ReduceOp,
    ReduceProdOp,
    ReduceSumOp,
)
from xdsl.ir import Block
from xdsl.utils.exceptions import VerifyException

X = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)


def reduce(op: type[ReduceOp], x: Array, axes: list[int], keepdims: bool = False) -> Array:
    built = op.make(Block(arg_types=[tensor(x.dtype, x.shape)]).args[0], axes=axes, keepdims=keepdims)
    built.verify()
    (result,) = built.evaluate(x)
    assert built.result.type == tensor(result.dtype, result.shape)
    return result


@pytest.mark.parametrize("axes", [[0], [1, 2], [-1], [0, 1, 2], []])
@pytest.mark.parametrize("keepdims", [True, False])
def test_floats(axes: list[int], keepdims: bool) -> None:
    at, x = tuple(axes), X.astype(np.float64)
    for op, function in (
        (ReduceSumOp, np.sum),
        (ReduceMeanOp, np.mean),
        (ReduceMaxOp, np.max),
        (ReduceProdOp, np.prod),
    ):
        expected = function(x, axis=at, keepdims=keepdims)
        np.testing.assert_allclose(reduce(op, X, axes, keepdims), expected, rtol=1e-5, atol=1e-6)  # f32 sums of 60


def test_integers_wrap_and_means_truncate() -> None:
    assert reduce(ReduceSumOp, np.array([100, 100], np.int8), [0]) == -56
    assert reduce(ReduceProdOp, np.array([16, 17], np.uint8), [0]) == 16
    assert reduce(ReduceMeanOp, np.array([-3, -4], np.int32), [0]) == -3
    assert reduce(ReduceMeanOp, np.array([200, 55], np.uint8), [0]) == 127


def test_extremes_of_nan_bool_and_nothing() -> None:
    assert np.isnan(reduce(ReduceMaxOp, np.array([1, np.nan], np.float32), [0]))
    assert np.isnan(reduce(ReduceMinOp, np.array([np.nan, -np.inf], np.float32), [0]))
    assert reduce(ReduceMaxOp, np.array([False, True]), [0])
    assert not reduce(ReduceMinOp, np.array([False, True]), [0])
    empty = np.zeros((2, 0), np.float32)
    assert (reduce(ReduceMaxOp, empty, [1]) == -np.inf).all()
    assert (reduce(ReduceMinOp, empty.astype(np.int32), [1]) == np.iinfo(np.int32).max).all()
    assert (reduce(ReduceProdOp, empty, [1]) == 1).all() and (reduce(ReduceSumOp, empty, [1]) == 0).all()
    assert np.isnan(reduce(ReduceMeanOp, empty, [1])).all()


def test_half_floats_accumulate_in_f32() -> None:
    ones = np.ones(4096, np.float16) + np.float16(0.001)
    assert reduce(ReduceSumOp, ones, [0]) == np.float16(ones.astype(np.float32).sum())


def test_axes_are_checked() -> None:
    with pytest.raises(VerifyException, match="expected distinct axes"):
        reduce(ReduceSumOp, X, [0, -3])
    with pytest.raises(VerifyException, match=r"expected an axis in \[-3, 2\], found 3"):
        reduce(ReduceSumOp, X, [3])


@pytest.mark.parametrize(("last", "index"), [(False, 1), (True, 3)])
def test_arg_ties_and_nan(last: bool, index: int) -> None:
    x = np.array([[0, 2, 1, 2]], np.float32)
    value = Block(arg_types=[tensor(x.dtype, x.shape)]).args[0]
    most = ArgMaxOp.make(value, axis=-1, keepdims=False, last=last)
    least = ArgMinOp.make(value, axis=1, keepdims=True, last=last)
    assert most.evaluate(x)[0] == [index] and most.result.type == tensor(np.dtype(np.int64), (1,))
    assert least.evaluate(-x)[0].tolist() == [[index]]
    assert most.evaluate(np.array([[5, np.nan, 9, np.nan]], np.float32))[0] == [index]
