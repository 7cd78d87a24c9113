"""One product read in parts becomes several: the same numbers, no slice left."""

import numpy as np
import pytest
from aic.dialects._shape import Array
from aic.dialects.graph.contraction import MatmulOp
from aic.dialects.graph.elementwise import AddOp, MulOp
from aic.dialects.graph.view import ReshapeOp, SliceOp, TransposeOp
from xdsl.ir import SSAValue

from .programs import Program

rng = np.random.default_rng(0)
PASSES = "split-products{narrow=4},fold-constants,dce"


def normal(*dims: int) -> Array:
    return rng.standard_normal(dims).astype(np.float32)


def joint(p: Program, heads: int = 2) -> SSAValue:
    """Queries, keys and values of 5 tokens out of one product: (3, 1, heads, 5, 4)."""
    y = p.op(MatmulOp, p.args[0], p.weight(normal(8, 12 * heads)))
    y = p.op(AddOp, y, p.weight(normal(12 * heads)))
    return p.op(TransposeOp, p.op(ReshapeOp, y, shape=[1, 5, 3, heads, 4]), perm=[2, 0, 3, 1, 4])


def part(p: Program, x: SSAValue, offset: int, size: int = 1, rows: int = 5) -> SSAValue:
    return p.op(SliceOp, x, offsets=[offset, 0, 0, 0, 0], sizes=[size, 1, 2, rows, 4], strides=[1] * 5)


def test_queries_keys_and_values() -> None:
    p = Program(normal(1, 5, 8))
    y = joint(p)
    left = p.check([part(p, y, i) for i in range(3)], PASSES, 1e-5)
    assert left["matmul"] == 3 and not left["slice"]


def test_parts_need_not_be_equal_nor_all_be_read() -> None:
    p = Program(normal(1, 5, 8))
    y = joint(p)
    left = p.check([part(p, y, 0), part(p, y, 1, 2)], PASSES, 1e-5)
    assert left["matmul"] == 2 and not left["slice"]
    p = Program(normal(1, 5, 8))
    y = joint(p)
    assert p.check([part(p, y, 0), part(p, y, 2)], PASSES, 1e-5)["matmul"] == 2


@pytest.mark.parametrize("how", ["twice", "rows", "whole", "narrow", "one"])
def test_others_stay(how: str) -> None:
    p = Program(normal(1, 5, 8))
    y = joint(p)
    match how:
        case "twice":
            results = [part(p, y, 0, 2), part(p, y, 1, 2)]
        case "rows":
            results = [part(p, y, 0, rows=2), part(p, y, 1)]
        case "whole":
            results = [part(p, y, 0), p.op(MulOp, y, y)]
        case "narrow":
            results = [part(p, y, 0), part(p, y, 1)]
        case _:
            results = [part(p, y, 0)]
    passes = PASSES.replace("narrow=4", "narrow=64") if how == "narrow" else PASSES
    assert p.check(results, passes, 1e-5)["matmul"] == 1
