"""Copies that are one launch leave in memory what they did one by one."""

import numpy as np
import pytest
from aic.backends.triton.passes.join_copies import Span
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from aic.dialects.kernel import LaunchOp
from xdsl.dialects import memref
from xdsl.dialects.builtin import MemRefType, StridedLayoutAttr, f32
from xdsl.ir import SSAValue
from xdsl.parser import Parser

from .._tiles import expect_equal

CACHE = """
func.func @main(%k: tensor<2x4x9x16xf32>, %n: tensor<2x4x1x16xf32>, %v: tensor<2x4x9x8xf32>, %w: tensor<2x4x1x8xf32>)
    -> (tensor<2x4x10x16xf32>, tensor<2x4x10x8xf32>) {
  %0 = graph.concat %k, %n {axis = 2 : i64} : (tensor<2x4x9x16xf32>, tensor<2x4x1x16xf32>) -> tensor<2x4x10x16xf32>
  %1 = graph.concat %v, %w {axis = 2 : i64} : (tensor<2x4x9x8xf32>, tensor<2x4x1x8xf32>) -> tensor<2x4x10x8xf32>
  func.return %0, %1 : tensor<2x4x10x16xf32>, tensor<2x4x10x8xf32>
}
"""


def test_a_cache_grows_by_one_launch():
    ctx = context()
    module = Parser(ctx, CACHE).parse_module()
    random = np.random.default_rng(0)
    shapes = [(2, 4, 9, 16), (2, 4, 1, 16), (2, 4, 9, 8), (2, 4, 1, 8)]
    given = [random.standard_normal(shape).astype(np.float32) for shape in shapes]
    wanted = interpret(ctx, module, given)
    run_pipeline(ctx, module, "lower-graph-to-tensor,fuse-kernels,assign-layout,bufferize", verify_each=True)
    assert sum(isinstance(op, LaunchOp) for op in module.walk()) == 4
    run_pipeline(ctx, module, "join-copies", verify_each=True)
    expect_equal(interpret(ctx, module, given), wanted, 0)
    run_pipeline(ctx, module, "choose-tile-schedule,lower-kernel-to-tile,derive-masks,dce", verify_each=True)
    assert sum(isinstance(op, LaunchOp) for op in module.walk()) == 1
    expect_equal(interpret(ctx, module, given), wanted, 0)


def shown(memory: SSAValue, offset: int, sizes: list[int], strides: list[int]) -> SSAValue:
    type = MemRefType(f32, sizes, StridedLayoutAttr(strides, 0))
    return memref.ReinterpretCastOp(memory, [], [], [], [offset], sizes, strides, type).result


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ((0, [4, 8], [16, 1]), (8, [4, 8], [16, 1]), False),
        ((0, [4, 8], [16, 1]), (7, [4, 8], [16, 1]), True),
        ((8, [4, 8], [16, 1]), (16, [4, 8], [16, 1]), False),
        ((8, [4, 9], [16, 1]), (0, [4, 8], [16, 1]), True),
        ((0, [4, 8], [16, 1]), (64, [4, 8], [8, 1]), False),
        ((0, [4, 8], [16, 1]), (8, [4, 8], [8, 1]), True),
        ((0, [4, 2, 4], [32, 8, 1]), (16, [4, 16], [32, 1]), False),
        ((0, [4, 2, 4], [32, 8, 1]), (4, [4, 2, 4], [32, 8, 1]), True),  # only rows of the widest stride are told apart
    ],
)
def test_rows_beside_rows_do_not_meet(one, other, meet: bool):
    memory = memref.AllocOp([], [], MemRefType(f32, [256])).memref
    a, b = Span.of(shown(memory, *one)), Span.of(shown(memory, *other))
    assert a.meets(b) == b.meets(a) == meet
    assert not a.meets(Span.of(memref.AllocOp([], [], MemRefType(f32, [256])).memref))
