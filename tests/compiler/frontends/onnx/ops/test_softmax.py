"""Softmax, log-softmax and hardmax: flattened below opset 13 (where the reference is wrong), one axis from there on."""

from collections.abc import Callable

import numpy as np
import pytest
from aic.dialects._shape import Array

RunNode = Callable[..., list[Array]]
X = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)


def rows(name: str, x: Array) -> Array:
    e = np.exp(x.astype(np.float64))
    match name:
        case "Softmax":
            return (e / e.sum(-1, keepdims=True)).astype(np.float32)
        case "LogSoftmax":
            return np.log(e / e.sum(-1, keepdims=True)).astype(np.float32)
        case _:
            return np.eye(x.shape[-1], dtype=np.float32)[x.argmax(-1)]


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax", "Hardmax"])
@pytest.mark.parametrize("axis", [None, 0, 1, 2, -1, -2])
def test_below_13(node: RunNode, name: str, axis: int | None) -> None:
    cut = 1 if axis is None else axis % 3
    expected = rows(name, X.reshape(int(np.prod(X.shape[:cut])), -1)).reshape(X.shape)
    node(name, X, opset=11, expected=[expected], **({} if axis is None else {"axis": axis}))


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax", "Hardmax"])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_from_13_on(node: RunNode, name: str, axis: int | None) -> None:
    at = -1 if axis is None else axis
    expected = np.moveaxis(rows(name, np.moveaxis(X, at, -1)), -1, at)
    node(name, X, opset=13, expected=[expected], **({} if axis is None else {"axis": axis}))


def test_hardmax_takes_the_first(node: RunNode) -> None:
    assert node("Hardmax", np.array([[3, 5, 5]], np.float32), opset=13)[0].tolist() == [[0, 1, 0]]
