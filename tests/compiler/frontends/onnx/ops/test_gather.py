"""Importers of gathers and scatters."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aic.compiler.errors import CompileError
from aic.dialects._shape import Array

RunNode = Callable[..., list[Array]]
X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def ints(*values: Any) -> Array:
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    "indices", [np.array(-1), ints(0, 2), ints(2, 1, 0), ints([0, 2], [-1, -3]), ints(1, 1), ints()]
)
def test_gather(node: RunNode, indices: Array) -> None:
    node("Gather", X, indices.astype(np.int64), opset=13, axis=1, known=(1,))
    node("Gather", X, indices.astype(np.int64), opset=13, axis=-2)


def test_gather_elements_and_nd(node: RunNode) -> None:
    at = ints([[2, -1, 0, 1]], [[0, 0, 1, -3]])
    node("GatherElements", X, at, opset=13, axis=1)
    node("GatherND", X, ints([0, 1], [1, -1]), opset=13)
    node("GatherND", X, ints([[2]], [[0]]), opset=13, batch_dims=1)


def test_compress(node: RunNode) -> None:
    node("Compress", X, np.array([True, False, True]), opset=11, axis=1, known=(1,))
    node("Compress", X, np.array([False, True, True, False, True]), opset=11, known=(1,))


def test_reverse_sequence(node: RunNode) -> None:
    node("ReverseSequence", X, ints(1, 2, 0), opset=10, batch_axis=1, time_axis=0)
    node("ReverseSequence", X, ints(3, 2), opset=10, batch_axis=0, time_axis=1)


@pytest.mark.parametrize("reduction", ["none", "add", "mul", "max", "min"])
def test_scatters(node: RunNode, reduction: str) -> None:
    places = ints([[0, 1, -1, 0]])
    node("ScatterElements", X, places, X[:1, :1] + 50, opset=18, axis=1, reduction=reduction)
    node("ScatterND", X, ints([0, 1], [1, -1], [0, 1]), X[0] - 9, opset=18, reduction=reduction)


def test_scatter_of_old(node: RunNode) -> None:
    expected = X.copy()
    expected[0, 2, :2] = [8, 9]
    node("Scatter", X, ints([[2, 2]]), X[:1, 2:, :2], opset=9, axis=1, expected=[expected])


@pytest.mark.parametrize(
    "op, inputs, says",
    [
        ("Gather", (ints(100),), "100"),
        ("GatherElements", (ints([[9]]),), "bounds"),
        ("GatherND", (ints([0, 0, 0, 0]),), "positions"),
        ("ScatterElements", (ints([[0]]), X), "updates"),
        ("ScatterND", (ints([0, 1]), X), "updates"),
    ],
)
def test_malformed(node: RunNode, op: str, inputs: tuple[Array, ...], says: str) -> None:
    with pytest.raises(CompileError, match=says):
        node(op, X, *inputs, opset=13, known=(1,))
