"""Importers of what moves elements: the forms of each opset, and what is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aic.compiler.errors import CompileError
from aic.dialects._shape import Array

RunNode = Callable[..., list[Array]]
X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def ints(*values: int) -> Array:
    return np.array(values, np.int64)


@pytest.mark.parametrize("wanted", [(4, 6), (0, -1), (-1,), (2, 0, 2, 2), (1, 24, 1)])
def test_reshape(node: RunNode, wanted: tuple[int, ...]) -> None:
    node("Reshape", X, ints(*wanted), opset=14, known=(1,))


def test_reshape_keeps_zeros_if_told(node: RunNode) -> None:
    empty = np.zeros((0, 3), np.float32)
    node("Reshape", empty, ints(3, 0), opset=14, known=(1,), allowzero=1)


@pytest.mark.parametrize("axis", [0, 1, 3, -1])
def test_flatten(node: RunNode, axis: int) -> None:
    node("Flatten", X, opset=13, axis=axis)


def test_squeeze_and_unsqueeze(node: RunNode) -> None:
    thin = X.reshape(1, 2, 1, 12)
    node("Squeeze", thin, opset=11, axes=[0])
    node("Squeeze", thin, opset=13)
    node("Squeeze", thin, ints(-2, 0), opset=13, known=(1,))
    node("Unsqueeze", X, opset=11, axes=[0, 2])
    node("Unsqueeze", X, ints(-1, 0), opset=13, known=(1,))


def test_transpose_and_concat(node: RunNode) -> None:
    node("Transpose", X, opset=13)
    node("Transpose", X, opset=13, perm=[1, 0, 2])
    node("Concat", X, X[:, :1], X, opset=13, axis=-2)
    node("Concat", X, opset=13, axis=0)


def test_split(node: RunNode) -> None:
    node("Split", X, opset=11, outputs=2, axis=2)
    node("Split", X, opset=11, outputs=2, axis=1, split=[1, 2])
    node("Split", X, ints(1, 0, 2), opset=13, outputs=3, axis=1, known=(1,))
    node("Split", X, opset=18, outputs=3, axis=2, num_outputs=3)


@pytest.mark.parametrize(
    "starts, ends, axes, steps",
    [
        ((0, 1), (2, 3), (0, 1), (1, 1)),
        ((-2,), (1000,), (2,), (1,)),
        ((1000,), (-1000,), (-1,), (-1,)),
        ((3,), (np.iinfo(np.int64).min,), (2,), (-2,)),
        ((2,), (1,), (2,), (1,)),
        ((-1,), (0,), (1,), (-1,)),
        ((0,), (4,), (2,), (3,)),
    ],
)
def test_slice(node: RunNode, starts: Any, ends: Any, axes: Any, steps: Any) -> None:
    node("Slice", X, ints(*starts), ints(*ends), ints(*axes), ints(*steps), opset=13, known=(1, 2, 3, 4))


def test_slice_by_attributes(node: RunNode) -> None:
    node("Slice", X, opset=9, starts=[1, -2], ends=[2, 100], axes=[1, 2], expected=[X[:, 1:2, -2:]])


def test_expand_and_tile(node: RunNode) -> None:
    row = X[:1, :, :1]
    node("Expand", row, ints(2, 1, 5), opset=13, known=(1,))
    node("Expand", row, ints(4, 2, 1, 1), opset=13, known=(1,))
    node("Tile", X, ints(2, 1, 3), opset=13, known=(1,))
    node("Tile", X, ints(0, 1, 1), opset=13, known=(1,))


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
def test_pad(node: RunNode, mode: str) -> None:
    node("Pad", X, ints(1, 0, 2, 0, 2, 3), opset=19, known=(1,), mode=mode)
    node("Pad", X, ints(2, 1), None, ints(-1), opset=19, known=(1, 3), mode=mode)


def test_pad_values(node: RunNode) -> None:
    pads = ints(0, 1, 0, 1, 0, 1)
    node("Pad", X, pads, np.array(7, np.float32), opset=13, known=(1, 2))
    node("Pad", X, pads, np.array(7, np.float32), opset=13, known=(1,))
    padded = np.pad(X, ((0, 1), (1, 0), (0, 1)), constant_values=7)
    node("Pad", X, opset=6, pads=pads.tolist(), value=7.0, expected=[padded])
    cropped = np.pad(X[:, 1:], ((0, 0), (0, 0), (2, 0)))
    node("Pad", X, ints(0, -1, 2, 0, 0, 0), opset=13, known=(1,), expected=[cropped])


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space(node: RunNode, mode: str) -> None:
    node("DepthToSpace", np.arange(96, dtype=np.float32).reshape(1, 8, 3, 4), opset=13, blocksize=2, mode=mode)


def test_space_to_depth(node: RunNode) -> None:
    node("SpaceToDepth", np.arange(96, dtype=np.float32).reshape(1, 2, 6, 8), opset=13, blocksize=2)


@pytest.mark.parametrize(
    "op, inputs, attributes, says",
    [
        ("Reshape", (ints(5, 5),), {}, "24 elements"),
        ("Reshape", (ints(-1, -1),), {}, "-1 at most once"),
        ("Reshape", (ints(-2, 3),), {}, "at least -1"),
        ("Squeeze", (ints(1),), {}, "size 1"),
        ("Unsqueeze", (ints(1, 1),), {}, "duplicates"),
        ("Unsqueeze", (ints(9),), {}, "axis"),
        ("Split", (ints(1, 1),), {"axis": 1}, "sum 3"),
        ("Slice", (ints(0), ints(2), ints(0), ints(0)), {}, "steps"),
        ("Slice", (ints(0, 0), ints(2, 2), ints(0, 0)), {}, "duplicates"),
        ("Pad", (ints(-3, 0, 0, 0, 0, 0),), {}, "elements left"),
        ("Pad", (ints(1, 0, 1),), {}, "length of 6"),
        ("Tile", (ints(1, 2),), {}, "repeats"),
        ("Expand", (ints(5, 1, 1),), {}, "broadcasts"),
        ("Transpose", (), {"perm": [0, 0, 5]}, "each axis"),
        ("Concat", (X[:, :, 0],), {"axis": 0}, "shape"),
        ("Flatten", (), {"axis": 7}, "axis"),
        ("DepthToSpace", (), {"blocksize": 0}, "blocksize"),
    ],
)
def test_malformed(node: RunNode, op: str, inputs: tuple[Array, ...], attributes: dict[str, Any], says: str) -> None:
    outputs = 2 if op == "Split" else 1
    known = tuple(range(1, 1 + len(inputs)))
    with pytest.raises(CompileError, match=says):
        node(op, X, *inputs, opset=13, known=known, outputs=outputs, **attributes)
