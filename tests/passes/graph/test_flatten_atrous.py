"""Dilations spelled as space-to-batch and back: by a transpose of six dimensions, and by way of space-to-depth."""

import numpy as np
import pytest
from aic.dialects.graph.conv import ConvOp
from aic.dialects.graph.view import ReshapeOp, TransposeOp
from xdsl.ir import SSAValue

from .programs import Program


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


def apart(p: Program, x: SSAValue, dims: tuple[int, int, int, int], b: tuple[int, int]) -> SSAValue:
    """Space to batch, as one transpose."""
    n, c, h, w = dims
    x = p.op(ReshapeOp, x, shape=[n, c, h // b[0], b[0], w // b[1], b[1]])
    x = p.op(TransposeOp, x, perm=[3, 5, 0, 1, 2, 4])
    return p.op(ReshapeOp, x, shape=[n * b[0] * b[1], c, h // b[0], w // b[1]])


def by_depth(p: Program, x: SSAValue, dims: tuple[int, int, int, int], b: tuple[int, int]) -> SSAValue:
    """Space to batch as space to depth between two transposes of images and channels, as tf2onnx has it."""
    n, c, h, w = dims
    x = p.op(ReshapeOp, p.op(TransposeOp, x, perm=[1, 0, 2, 3]), shape=[c, n, h // b[0], b[0], w // b[1], b[1]])
    x = p.op(ReshapeOp, p.op(TransposeOp, x, perm=[0, 3, 5, 1, 2, 4]), shape=[c, b[0] * b[1] * n, h // b[0], w // b[1]])
    return p.op(TransposeOp, x, perm=[1, 0, 2, 3])


def together(p: Program, x: SSAValue, dims: tuple[int, int, int, int], b: tuple[int, int]) -> SSAValue:
    """Batch to space; `dims` are those of the result."""
    n, c, h, w = dims
    x = p.op(ReshapeOp, x, shape=[b[0], b[1], n, c, h // b[0], w // b[1]])
    x = p.op(TransposeOp, x, perm=[2, 3, 4, 0, 5, 1])
    return p.op(ReshapeOp, x, shape=[n, c, h, w])


@pytest.mark.parametrize("way", [apart, by_depth])
@pytest.mark.parametrize("b", [(2, 2), (3, 2), (1, 4)])
def test_the_numbers_stay(way, b: tuple[int, int]) -> None:
    dims, bh, bw = (2, 3, 12, 8), *b
    p = Program(normal(*dims))
    window = {"pads": [1, 0, 1, 1], "dilations": [1, 1]}
    y = p.op(ConvOp, way(p, p.args[0], dims, b), p.weight(normal(5, 3, 3, 2)), p.weight(normal(5)), **window)
    assert p.check(together(p, y, (2, 5, 12 // bh * bh, 8 // bw * bw), b), "flatten-atrous,dce", 1e-5) == {
        "conv": 1,
        "weight": 2,
    }


def test_strides_stay() -> None:
    p = Program(normal(1, 3, 8, 8))
    y = p.op(ConvOp, apart(p, p.args[0], (1, 3, 8, 8), (2, 2)), p.weight(normal(5, 3, 1, 1)), None, strides=[2, 2])
    assert p.check(together(p, y, (1, 5, 4, 4), (2, 2)), "flatten-atrous,dce", 0)["transpose"] == 2


def test_what_others_read_in_between_stays() -> None:
    p = Program(normal(1, 3, 8, 8))
    y = p.op(ConvOp, apart(p, p.args[0], (1, 3, 8, 8), (2, 2)), p.weight(normal(5, 3, 1, 1)), None)
    assert p.check([together(p, y, (1, 5, 8, 8), (2, 2)), y], "flatten-atrous,dce", 0)["transpose"] == 2
