"""Importers of values that are there at compile time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aic.compiler.errors import AicError, CompileError
from aic.dialects._shape import Array
from onnx import helper, numpy_helper

RunNode = Callable[..., list[Array]]
X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def ints(*values: int) -> Array:
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    "attributes",
    [
        {"value": numpy_helper.from_array(X)},
        {"value_float": 1.5},
        {"value_floats": [1.5, -0.0]},
        {"value_int": 3},
        {"value_ints": [3, -4]},
    ],
)
def test_constant(node: RunNode, attributes: dict[str, Any]) -> None:
    node("Constant", opset=13, **attributes)


def test_sparse_constant(node: RunNode) -> None:
    values = helper.make_tensor("v", 1, [2], [5.0, 7.0])
    flat = helper.make_sparse_tensor(values, helper.make_tensor("i", 7, [2], [1, 5]), [2, 3])
    pairs = helper.make_sparse_tensor(values, helper.make_tensor("i", 7, [2, 2], [0, 1, 1, 2]), [2, 3])
    dense = np.array([[0, 5, 0], [0, 0, 7]], np.float32)
    node("Constant", opset=13, sparse_value=flat, expected=[dense])
    node("Constant", opset=13, sparse_value=pairs, expected=[dense])


def test_strings_are_refused(node: RunNode) -> None:
    with pytest.raises(AicError, match="cannot be compiled"):
        node("Constant", opset=13, value_string="hello", expected=[X])


def test_shapes(node: RunNode) -> None:
    node("Shape", X, opset=13)
    node("Shape", X, opset=15, start=1, end=-1)
    node("Shape", X, opset=15, start=-10, end=10)
    node("Size", X, opset=13)


def test_constant_of_shape(node: RunNode) -> None:
    node("ConstantOfShape", ints(2, 3), opset=13, known=(0,))
    node("ConstantOfShape", ints(0, 3), opset=13, known=(0,), value=helper.make_tensor("v", 6, [1], [4]))
    node("ConstantOfShape", ints(), opset=13, known=(0,))
    with pytest.raises(CompileError, match=r"limit|large"):
        node("ConstantOfShape", ints(1 << 34), opset=13, known=(0,))


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("bounds", [(0, 10, 3), (10, 0, -3), (5, 5, 1), (0, 5, -1)])
def test_range(node: RunNode, kind: type[np.generic], bounds: tuple[int, int, int]) -> None:
    node("Range", *(np.array(b, kind) for b in bounds), opset=13, known=(0, 1, 2))


def test_range_refuses_step_0_and_too_much(node: RunNode) -> None:
    with pytest.raises(CompileError, match="delta"):
        node("Range", *(np.array(b) for b in (0, 10, 0)), opset=13, known=(0, 1, 2))
    with pytest.raises(CompileError, match=r"limit|large"):
        node("Range", *(np.array(b) for b in (0, 10**12, 1)), opset=13, known=(0, 1, 2))


def test_eye_like(node: RunNode) -> None:
    node("EyeLike", X[0], opset=9, k=1)
    node("EyeLike", X[0], opset=9, dtype=6, k=-1)


def test_data_dependent_shapes_of_known_values(node: RunNode) -> None:
    node("NonZero", X % 3, opset=13, known=(0,))
    letters = np.array([2, 1, 1, 3, 4, 3], np.float32)
    node("Unique", letters, opset=13, known=(0,), outputs=4)
    node("Unique", letters, opset=13, known=(0,), outputs=4, sorted=0)
    with pytest.raises(AicError, match="cannot be compiled"):
        node("NonZero", X, opset=13)
