"""Reductions as each opset means them."""

from collections.abc import Callable

import numpy as np
import pytest
from aic.compiler.errors import UnsupportedOpError
from aic.dialects._shape import Array

RunNode = Callable[..., list[Array]]
X = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32) + np.float32(0.1)
AXES = np.array([0, -1], np.int64)
NAMES = ["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("keepdims", [0, 1])
def test_axes_by_opset(node: RunNode, name: str, keepdims: int) -> None:
    node(f"Reduce{name}", X, opset=11, axes=[0, -1], keepdims=keepdims)
    node(f"Reduce{name}", X, opset=11, keepdims=keepdims)
    node(f"Reduce{name}", X, AXES, opset=18, known=(1,), keepdims=keepdims)
    node(f"Reduce{name}", X, opset=18, keepdims=keepdims)


@pytest.mark.parametrize("name", NAMES)
def test_no_axes(node: RunNode, name: str) -> None:
    node(f"Reduce{name}", X, np.array([], np.int64), opset=18, noop_with_empty_axes=1)
    node(f"Reduce{name}", X, np.array([], np.int64), opset=18, noop_with_empty_axes=0)


@pytest.mark.parametrize("name", NAMES)
def test_no_elements(node: RunNode, name: str) -> None:
    if name != "Mean":
        node(f"Reduce{name}", np.zeros((2, 0, 3), np.float32), np.array([1]), opset=20, known=(1,))


@pytest.mark.parametrize("name", ["Sum", "Mean", "Max", "Prod", "L1", "L2"])
def test_integers(node: RunNode, name: str) -> None:
    x = np.arange(-5, 7, dtype=np.int32).reshape(3, 4)
    node(f"Reduce{name}", x, np.array([0]), opset=18, known=(1,))
    squares = (x * x).sum(0, keepdims=True, dtype=np.int32)  # the reference answers int64
    node("ReduceSumSquare", x, np.array([0]), opset=18, known=(1,), expected=[squares])


def test_bool_extremes(node: RunNode) -> None:
    bits = np.array([[True, False], [False, False]])
    node("ReduceMax", bits, np.array([1]), opset=20, known=(1,))
    node("ReduceMin", bits, np.array([1]), opset=20, known=(1,))


def test_log_sum_exp_is_stable(node: RunNode) -> None:
    rows = np.array([[1000, 1000], [-np.inf, -np.inf], [np.inf, 0], [-1e30, 0]], np.float32)
    expected = np.array([1000 + np.log(2), -np.inf, np.inf, 0], np.float32)  # the reference has NaN for -inf, -inf
    node("ReduceLogSumExp", rows, opset=11, axes=[1], keepdims=0, expected=[expected])


def test_axes_that_are_not_known(node: RunNode) -> None:
    with pytest.raises(UnsupportedOpError):
        node("ReduceSum", X, AXES, opset=18)


@pytest.mark.parametrize("last", [0, 1])
def test_positions(node: RunNode, last: int) -> None:
    x = np.array([[2, 3, 3], [1, 1, 0]], np.float32)
    for name in ("ArgMax", "ArgMin"):
        node(name, x, opset=12, axis=1, select_last_index=last, keepdims=0)
        node(name, x, opset=11)


def test_global_pools(node: RunNode) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    node("GlobalAveragePool", x, opset=6)
    node("GlobalMaxPool", x, opset=6, expected=[x.max((2, 3), keepdims=True)])
    for p in (1, 2, 3):
        norm = (np.abs(x).astype(np.float64) ** p).sum((2, 3), keepdims=True) ** (1 / p)
        node("GlobalLpPool", x, opset=6, p=p, expected=[norm.astype(np.float32)])
