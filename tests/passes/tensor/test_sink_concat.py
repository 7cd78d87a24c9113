"""Sinking concatenations changes no number, alone and before fusion; and it is counted."""

from random import Random

import numpy as np
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from aic.compiler.verify_ssa import verify_ssa
from aic.dialects._report import Report, collecting
from aic.dialects._shape import shape
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.ir import SSAValue

from .programs import Program


class Rotating(Program):
    """Concatenations are of the two parts of a tensor, the second first; often a product follows."""

    def concat(self) -> SSAValue | None:
        if (x := self.value(1)) is None:
            return None
        axis = self.random.randrange(len(shape(x)))
        if (size := shape(x)[axis]) < 2:
            return None
        at = self.random.randrange(1, size)

        def part(start: int, count: int) -> SSAValue:
            starts = [start if i == axis else 0 for i in range(len(shape(x)))]
            return self.b.slice(x, starts, [count if i == axis else n for i, n in enumerate(shape(x))])

        return self.b.concat([part(at, size - at), part(0, at)], axis)

    def slice(self) -> SSAValue | None:
        if (turned := self.concat()) is not None:
            self.values.append(turned)
        return self.binary()


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 25))
def test_the_numbers_stay(random: Random, steps: int) -> None:
    program = Rotating(random, steps)
    before = interpret(program.ctx, program.module, program.inputs())
    for passes in ("sink-concat{narrowest=1}", "fold-views,fuse-kernels"):
        run_pipeline(program.ctx, program.module, passes, verify_each=True)
        verify_ssa(program.module)
        for old, new in zip(before, interpret(program.ctx, program.module, program.inputs()), strict=True):
            np.testing.assert_allclose(new, old, rtol=1e-12, atol=1e-12)


def test_random_programs_have_concatenations_that_sink() -> None:
    with collecting(Report()) as report:
        for seed in range(120):
            program = Rotating(Random(seed), 25)
            run_pipeline(program.ctx, program.module, "sink-concat{narrowest=1}")
    assert sum(step.rewrites["sink-concat"] for step in report.steps) >= 20
