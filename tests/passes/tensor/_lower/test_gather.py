"""Gathers, scatters and values by position, lowered: negative indices count from the end, others are clamped."""

from collections.abc import Callable

import numpy as np
import pytest
from aic.dialects._shape import Array
from aic.dialects.graph.gather import GatherElementsOp, GatherNDOp, GatherOp, ReverseSequenceOp
from aic.dialects.graph.position import OneHotOp, TriluOp
from aic.dialects.graph.scatter import ScatterElementsOp, ScatterNDOp

Agrees = Callable[..., list[Array]]
X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("kind", [np.float32, np.float16, np.bool_, np.uint8])
def test_gather(agrees: Agrees, axis: int, kind: type[np.generic]) -> None:
    agrees(GatherOp, X.astype(kind), np.array([[1, -1], [0, 99]]), axis=axis)
    agrees(GatherOp, X.astype(kind), np.array(-99, np.int32), axis=axis)


def test_gather_of_nothing(agrees: Agrees) -> None:
    agrees(GatherOp, X, np.zeros((0,), np.int64), axis=0)
    agrees(GatherElementsOp, X, np.zeros((0, 3, 4), np.int64), axis=0)


def test_gather_elements_and_nd(agrees: Agrees) -> None:
    agrees(GatherElementsOp, X, np.array([[[2, -1, 0], [9, 1, -9]]]), axis=2)
    agrees(GatherNDOp, X, np.array([[0, 1], [1, -1], [7, 7]]), batch_dims=0)
    agrees(GatherNDOp, X, np.array([[[2], [0]], [[1], [-1]]]), batch_dims=1)
    agrees(GatherNDOp, X, np.array([[[2, 0]], [[1, 3]]]), batch_dims=1)


def test_reverse_sequence(agrees: Agrees) -> None:
    agrees(ReverseSequenceOp, X, np.array([1, 2, 0]), batch_axis=1, time_axis=0)
    agrees(ReverseSequenceOp, X, np.array([3, 9]), batch_axis=0, time_axis=1)


@pytest.mark.parametrize("reduction", ["none", "add", "mul", "max", "min"])
@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int8, np.uint8])
def test_scatter(agrees: Agrees, reduction: str, kind: type[np.generic]) -> None:
    x, at = (X * 10).astype(kind), np.array([[[0, 1, 0], [-1, 9, 0]]])
    agrees(ScatterElementsOp, x, at, x[:1, :2, :3] + x.dtype.type(3), axis=2, reduction=reduction)
    agrees(ScatterNDOp, x, np.array([[0, 1], [1, -1], [0, 1]]), x[0] + x.dtype.type(3), reduction=reduction)


def test_scatter_bools(agrees: Agrees) -> None:
    flags = np.array([True, False, True, False])
    for reduction in ("none", "add", "mul", "max", "min"):
        agrees(ScatterElementsOp, flags, np.array([0, 1, 2]), flags[1:], axis=0, reduction=reduction)


@pytest.mark.parametrize("upper", [True, False])
def test_trilu(agrees: Agrees, upper: bool) -> None:
    agrees(TriluOp, X, k=1, upper=upper)
    agrees(TriluOp, X.astype(np.bool_), k=-1, upper=upper)


def test_one_hot(agrees: Agrees) -> None:
    agrees(OneHotOp, np.array([[1, -1], [9, 0]]), np.array([2, 5], np.float16), axis=1, depth=4)
    agrees(OneHotOp, np.array([1, 200], np.uint8), np.array([2, 5]), axis=0, depth=256)
