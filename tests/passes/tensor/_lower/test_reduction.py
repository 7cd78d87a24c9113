"""Reductions and extremes' positions, lowered."""

from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest
from aic.dialects._shape import Array
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

Agrees = Callable[..., list[Array]]
OPS = [ReduceSumOp, ReduceProdOp, ReduceMeanOp, ReduceMaxOp, ReduceMinOp]
X = np.random.default_rng(0).standard_normal((3, 4, 5)) * 3


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16, np.int8, np.int64, np.uint8])
def test_types(agrees: Agrees, op: type[ReduceOp], kind: type[np.generic]) -> None:
    x = np.abs(X).astype(kind) if kind == np.uint8 else X.astype(kind)
    agrees(op, x, axes=[1, -1], keepdims=False, atol=1e-4)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("axes", [[0], [1], [0, 1, 2], []])
@pytest.mark.parametrize("keepdims", [True, False])
def test_axes(agrees: Agrees, op: type[ReduceOp], axes: list[int], keepdims: bool) -> None:
    agrees(op, X.astype(np.float32), axes=axes, keepdims=keepdims, rtol=1e-5, atol=1e-4)  # 60 terms in another order


@pytest.mark.parametrize("op", OPS)
def test_edges(agrees: Agrees, op: type[ReduceOp]) -> None:
    agrees(op, np.zeros((2, 0, 3), np.float32), axes=[1], keepdims=True)
    agrees(op, np.zeros((0, 3), np.float32), axes=[1], keepdims=False)
    agrees(op, np.array([[1, np.nan], [np.inf, 2], [-np.inf, -np.inf]], np.float32), axes=[1], keepdims=False)


def test_bool_and_unsigned(agrees: Agrees) -> None:
    bits = np.array([[True, False], [False, False], [True, True]])
    agrees(ReduceMaxOp, bits, axes=[1], keepdims=False)
    agrees(ReduceMinOp, bits, axes=[1], keepdims=False)
    big = np.array([[250, 3], [1, 2]], np.uint8)
    assert agrees(ReduceMaxOp, big, axes=[1], keepdims=False)[0].tolist() == [250, 2]
    assert agrees(ReduceMeanOp, big, axes=[0], keepdims=False)[0].tolist() == [125, 2]


@pytest.mark.parametrize("op", [ArgMaxOp, ArgMinOp])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int32, np.uint8])
def test_positions(agrees: Agrees, op: type[ArgMaxOp], last: bool, kind: type[np.generic]) -> None:
    x = np.random.default_rng(0).integers(0, 4, (3, 6, 2)).astype(kind)
    agrees(op, x, axis=1, keepdims=True, last=last)
    agrees(op, x, axis=-1, keepdims=False, last=last)


@pytest.mark.parametrize("last", [True, False])
def test_positions_of_nan_and_infinity(agrees: Agrees, last: bool) -> None:
    rows = [[1, np.nan, 2, np.nan], [-np.inf] * 4, [np.inf] * 4]
    agrees(ArgMaxOp, np.array(rows, np.float32), axis=1, keepdims=False, last=last)
    agrees(ArgMinOp, np.array(rows, np.float32), axis=1, keepdims=False, last=last)
