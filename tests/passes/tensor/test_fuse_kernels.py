"""Fusing kernels changes no number, whatever the program."""

from random import Random

import numpy as np
from aic.compiler.interpret import interpret
from aic.compiler.pass_api import run_passes
from aic.compiler.verify_ssa import verify_ssa
from aic.dialects import kernel
from aic.dialects._xdsl import GenericOp
from aic.passes.tensor._grouping import LARGEST
from aic.passes.tensor.fuse_kernels import FuseKernels
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.func import FuncOp

from .programs import Program


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 25))
def test_the_numbers_stay(random: Random, steps: int) -> None:
    program = Program(random, steps)
    before = interpret(program.ctx, program.module, program.inputs())
    FuseKernels().apply(program.ctx, program.module)
    program.module.verify()
    verify_ssa(program.module)
    main = next(op for op in program.module.ops if isinstance(op, FuncOp))
    assert not any(isinstance(op, GenericOp) for op in main.walk())
    for old, new in zip(before, interpret(program.ctx, program.module, program.inputs()), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_kernel_has_an_end() -> None:
    """Each more member is compared with all others: a sum of thousands of tensors would take minutes."""
    lines = [f"  %{i} = graph.neg %{i - 1 if i else 'x'} : (tensor<4xf32>) -> tensor<4xf32>" for i in range(300)]
    body = "\n".join(lines)
    text = f"func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {{\n{body}\n  func.return %299 : tensor<4xf32>\n}}"
    module = run_passes(text, "lower-graph-to-tensor,fuse-kernels")
    sizes = [sum(isinstance(op, GenericOp) for op in k.walk()) for k in module.ops if isinstance(k, kernel.FuncOp)]
    launches = [op for op in module.walk() if isinstance(op, kernel.LaunchOp)]
    assert max(sizes) == LARGEST and len(launches) == -(-300 // LARGEST)
