"""Importers of Trilu and OneHot."""

from collections.abc import Callable

import numpy as np
import pytest
from aic.compiler.errors import CompileError
from aic.dialects._shape import Array

RunNode = Callable[..., list[Array]]


@pytest.mark.parametrize("upper", [0, 1])
@pytest.mark.parametrize("k", [-2, 0, 1, 9])
def test_trilu(node: RunNode, upper: int, k: int) -> None:
    node("Trilu", np.arange(24).reshape(2, 3, 4), np.array(k), opset=14, known=(1,), upper=upper)


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_one_hot(node: RunNode, axis: int) -> None:
    at, values = np.array([[1, -1], [9, 0]]), np.array([2, 5], np.float32)
    expected = np.where(np.arange(4) == np.where(at < 0, at + 4, at)[..., None], 5, 2).astype(np.float32)
    moved = [np.moveaxis(expected, -1, axis)]
    node("OneHot", at, np.array(4), values, opset=11, known=(1, 2), axis=axis, expected=moved)
    node("OneHot", at.astype(np.float32), np.array(4.0), values, opset=11, known=(1,), axis=axis, expected=moved)


def test_malformed(node: RunNode) -> None:
    with pytest.raises(CompileError, match="axis"):
        node("OneHot", np.array([1]), np.array(4), np.zeros(2), opset=11, known=(1,), axis=5)
    with pytest.raises(CompileError, match="2 dimensions"):
        node("Trilu", np.array([1]), opset=14)
