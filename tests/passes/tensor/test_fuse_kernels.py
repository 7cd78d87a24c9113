"""Fusing kernels changes no number, whatever the program."""

from random import Random

import numpy as np
from aic.compiler.interpret import interpret
from aic.compiler.verify_ssa import verify_ssa
from aic.dialects._xdsl import GenericOp
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
