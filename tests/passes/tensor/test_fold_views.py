"""Folding views changes no number, alone and before fusion."""

from random import Random

import numpy as np
from aic.compiler.interpret import interpret
from aic.compiler.verify_ssa import verify_ssa
from aic.dialects._xdsl import TransposeOp
from aic.passes.tensor.fold_views import FoldViews
from aic.passes.tensor.fuse_kernels import FuseKernels
from hypothesis import given, settings
from hypothesis import strategies as st

from .programs import Program


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 25))
def test_the_numbers_stay(random: Random, steps: int) -> None:
    program = Program(random, steps)
    before = interpret(program.ctx, program.module, program.inputs())
    for step in (FoldViews(), FuseKernels()):
        step.apply(program.ctx, program.module)
        program.module.verify()
        verify_ssa(program.module)
        assert not any(isinstance(op, TransposeOp) for op in program.module.walk())
        for old, new in zip(before, interpret(program.ctx, program.module, program.inputs()), strict=True):
            np.testing.assert_allclose(new, old, rtol=1e-12)
