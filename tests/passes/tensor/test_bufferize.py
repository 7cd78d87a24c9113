"""Layouts, buffers and the memory plan change no number, whatever the program."""

from random import Random

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from aic.dialects.kernel import LaunchOp
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects import memref
from xdsl.dialects.builtin import MemRefType, TensorType
from xdsl.dialects.func import FuncOp
from xdsl.parser import Parser

from .control_programs import ControlProgram
from .programs import Program

TAIL = "assign-layout,bufferize,plan-memory,check-memory"


def run(program: Program, pipeline: str) -> FuncOp:
    """Run the passes and compare; the host function that is left."""
    before = interpret(program.ctx, program.module, program.inputs())
    run_pipeline(program.ctx, program.module, pipeline, verify_each=True)
    for old, new in zip(before, interpret(program.ctx, program.module, program.inputs()), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-12)
    main = next(op for op in program.module.ops if isinstance(op, FuncOp))
    for op in main.walk():
        assert not any(isinstance(v.type, TensorType) for v in (*op.operands, *op.results)), op.name
        assert not isinstance(op, memref.AllocOp)
    return main


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 25), st.sampled_from(["", "fold-views,"]))
def test_the_numbers_stay(random: Random, steps: int, before: str):
    run(Program(random, steps), f"{before}fuse-kernels,{TAIL}")


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(8, 30))
def test_the_numbers_stay_through_control_flow(random: Random, steps: int):
    run(ControlProgram(random, steps), f"fold-views,fuse-kernels,{TAIL}")


@pytest.mark.parametrize("seed", range(8))
def test_a_memref_has_no_offset_in_its_type(seed: int):
    main = run(ControlProgram(Random(seed), 25), f"fuse-kernels,{TAIL}")
    for op in main.walk():
        for value in op.results:
            assert not isinstance(value.type, MemRefType) or "offset" not in str(value.type)
        if isinstance(op, LaunchOp):
            assert not op.results


EDGES = """
func.func @main(%x: tensor<4x6xf32>, %z: tensor<0x6xf32>, %s: tensor<f32>) -> (tensor<4x6xf32>, tensor<4x6xf32>,
    tensor<6x4xf32>, tensor<2x3xf32>, tensor<4x6xf32>, tensor<0x6xf32>, tensor<f32>, tensor<2xf32>, tensor<24xf32>,
    tensor<4x12xf32>, tensor<4x6xf32>) {
  %w = graph.weight @w : tensor<2x3xf32>
  %r = graph.relu %x : (tensor<4x6xf32>) -> tensor<4x6xf32>
  %t = graph.transpose %r {perm = array<i64: 1, 0>} : (tensor<4x6xf32>) -> tensor<6x4xf32>
  %zr = graph.relu %z : (tensor<0x6xf32>) -> tensor<0x6xf32>
  %sr = graph.relu %s : (tensor<f32>) -> tensor<f32>
  %i = arith.constant 0 : index
  %a = tensor.extract %s[] : tensor<f32>
  %b = tensor.extract %r[%i, %i] : tensor<4x6xf32>
  %e = tensor.from_elements %a, %b : tensor<2xf32>
  %f = tensor.splat %a : tensor<24xf32>
  %c = graph.concat %r, %r {axis = 1 : i64} : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x12xf32>
  %n = graph.cum_sum %r {axis = 1 : i64, exclusive = false, reverse = false} : (tensor<4x6xf32>) -> tensor<4x6xf32>
  func.return %x, %r, %t, %w, %r, %zr, %sr, %e, %f, %c, %n : tensor<4x6xf32>, tensor<4x6xf32>, tensor<6x4xf32>,
    tensor<2x3xf32>, tensor<4x6xf32>, tensor<0x6xf32>, tensor<f32>, tensor<2xf32>, tensor<24xf32>, tensor<4x12xf32>,
    tensor<4x6xf32>
}
"""


def test_results_that_are_arguments_weights_views_twice_or_empty():
    ctx = context()
    module = Parser(ctx, EDGES).parse_module()
    ctx.weights.add("w", np.arange(6, dtype=np.float32).reshape(2, 3))
    given = [np.linspace(-1, 2, 24, dtype=np.float32).reshape(4, 6), np.zeros((0, 6), np.float32), np.float32(0.5)]
    before = interpret(ctx, module, given)
    run_pipeline(ctx, module, f"lower-graph-to-tensor,fold-views,fuse-kernels,{TAIL}", verify_each=True)
    for old, new in zip(before, interpret(ctx, module, given), strict=True):
        np.testing.assert_array_equal(old, new)
