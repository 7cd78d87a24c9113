"""Slices before what computes their elements: the same numbers from smaller values."""

import numpy as np
import pytest
from aic.dialects._shape import Array
from aic.dialects.graph.activation import GeluOp
from aic.dialects.graph.contraction import MatmulOp
from aic.dialects.graph.elementwise import AddOp
from aic.dialects.graph.normalization import LayerNormOp
from aic.dialects.graph.softmax import SoftmaxOp
from aic.dialects.graph.view import ReshapeOp, SliceOp, TransposeOp
from xdsl.ir import SSAValue

from .programs import Program

rng = np.random.default_rng(0)
PASSES = "raise-slices,fold-constants,dce"


def normal(*dims: int) -> Array:
    return rng.standard_normal(dims).astype(np.float32)


def part(p: Program, x: SSAValue, offsets: list[int], sizes: list[int], strides: list[int] | None = None) -> SSAValue:
    return p.op(SliceOp, x, offsets=offsets, sizes=sizes, strides=strides or [1] * len(sizes))


def largest(p: Program, name: str) -> int:
    """Elements of the largest result of ops of a name."""
    found = [op.results[0].type for op in p.block.ops if op.name == f"graph.{name}"]
    return max(int(np.prod(t.get_shape())) for t in found)


def test_a_token_of_the_last_layer() -> None:
    p = Program(normal(1, 9, 8))
    x = p.args[0]
    norm = p.op(LayerNormOp, x, p.weight(normal(8)), p.weight(normal(8)), axis=-1, epsilon=1e-5)
    h = p.op(
        GeluOp, p.op(AddOp, p.op(MatmulOp, norm, p.weight(normal(8, 16))), p.weight(normal(16))), approximate="none"
    )
    y = p.op(AddOp, x, p.op(MatmulOp, h, p.weight(normal(16, 8))))
    left = p.check(part(p, y, [0, 3, 0], [1, 1, 8]), PASSES, 1e-5)
    assert left["slice"] == 1 and largest(p, "matmul") == 16 and largest(p, "layer_norm") == 8


def test_rows_of_attention() -> None:
    p = Program(normal(1, 6, 8), normal(1, 2, 4, 6), normal(1, 2, 6, 4))
    q = p.op(TransposeOp, p.op(ReshapeOp, p.args[0], shape=[1, 6, 2, 4]), perm=[0, 2, 1, 3])
    scores = p.op(SoftmaxOp, p.op(MatmulOp, q, p.args[1]), axis=-1)
    y = p.op(ReshapeOp, p.op(TransposeOp, p.op(MatmulOp, scores, p.args[2]), perm=[0, 2, 1, 3]), shape=[1, 6, 8])
    left = p.check(part(p, y, [0, 1, 0], [1, 2, 8], [1, 2, 1]), PASSES, 1e-5)
    assert left["slice"] == 1 and largest(p, "softmax") == 24


def test_columns_of_a_product() -> None:
    p = Program(normal(4, 8))
    y = p.op(MatmulOp, p.args[0], p.weight(normal(8, 40)))
    left = p.check(part(p, y, [0, 3], [4, 5]), PASSES, 1e-5)
    assert not left["slice"] and largest(p, "matmul") == 20


@pytest.mark.parametrize("how", ["more is read", "another part", "normalised", "summed", "reshaped"])
def test_others_stay(how: str) -> None:
    p = Program(normal(4, 6))
    y = p.op(SoftmaxOp, p.args[0], axis=-1)
    match how:
        case "more is read":
            results = [part(p, y, [1, 0], [2, 6]), y]
        case "another part":
            results = [part(p, y, [1, 0], [2, 6]), part(p, y, [2, 0], [2, 6])]
        case "normalised":
            results = [part(p, y, [0, 1], [4, 2])]
        case "summed":
            norm = p.op(LayerNormOp, p.args[0], p.weight(normal(6)), None, axis=-1, epsilon=1e-5)
            results = [part(p, norm, [0, 1], [4, 2])]
        case _:
            results = [part(p, p.op(ReshapeOp, y, shape=[2, 12]), [0, 1], [2, 4])]
    left = p.check(results, PASSES, 1e-5)
    assert left["slice"] == sum(1 for r in results if r is not y)


def test_a_part_of_dimensions_that_go_round() -> None:
    p = Program(normal(4, 5, 6))
    y = p.op(TransposeOp, p.op(AddOp, p.args[0], p.weight(normal(4, 5, 6))), perm=[1, 2, 0])
    left = p.check(part(p, y, [1, 0, 2], [2, 6, 1]), PASSES, 0)
    assert left["slice"] == 1 and largest(p, "add") == 12
