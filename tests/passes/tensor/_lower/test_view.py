"""Views and padding, lowered."""

from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest
from aic.dialects._shape import Array
from aic.dialects.graph.view import ExpandOp, PadOp, ReshapeOp, SliceOp, TransposeOp

Agrees = Callable[..., list[Array]]
X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize("dims", [[24], [4, 6], [2, 1, 12, 1], [6, 4], [3, 8]])
def test_reshape(agrees: Agrees, dims: list[int]) -> None:
    agrees(ReshapeOp, X, shape=dims)


def test_reshape_of_one_and_nothing(agrees: Agrees) -> None:
    agrees(ReshapeOp, X[:1, :1, 0], shape=[])
    agrees(ReshapeOp, np.zeros((0, 3), np.int8), shape=[5, 0])


@pytest.mark.parametrize("perm", [[0, 1, 2], [2, 0, 1], [1, 0, 2]])
def test_transpose(agrees: Agrees, perm: list[int]) -> None:
    agrees(TransposeOp, X.astype(ml_dtypes.bfloat16), perm=perm)
    agrees(TransposeOp, X[:, :1], perm=perm)


def test_expand(agrees: Agrees) -> None:
    agrees(ExpandOp, X[:, :1], shape=[5, 2, 3, 4])
    agrees(ExpandOp, X[0], shape=[1, 3, 4])
    agrees(ExpandOp, np.array(True), shape=[2, 2], known=(0,))


def test_slice(agrees: Agrees) -> None:
    agrees(SliceOp, X, offsets=[0, 1, 0], sizes=[2, 2, 2], strides=[1, 1, 3])
    agrees(SliceOp, X, offsets=[1, 0, 3], sizes=[2, 3, 2], strides=[-1, 1, -2])
    agrees(SliceOp, X, offsets=[0, 0, 0], sizes=[2, 0, 4], strides=[1, 1, 1])


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int64])
def test_pad(agrees: Agrees, mode: str, kind: type[np.generic]) -> None:
    agrees(PadOp, X.astype(kind), None, low=[0, 3, 1], high=[1, 0, -2], mode=mode)


def test_pad_values(agrees: Agrees) -> None:
    for known in ((), (1,)):
        agrees(PadOp, X, np.array(7, np.float32), known=known, low=[0, -1, 1], high=[1, 0, 0], mode="constant")
    agrees(PadOp, np.array([True]), np.array(True), known=(1,), low=[1], high=[0], mode="constant")
