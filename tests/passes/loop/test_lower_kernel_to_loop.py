"""Loops compute what the kernels' generics did, whatever the program, at several widths of vector."""

from random import Random

import numpy as np
import pytest
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline

from ..tensor.programs import Program

TENSOR = (
    "fold-views,fuse-kernels{{strategy={strategy}}},assign-layout,choose-schedule{{vector-bytes={width}}},bufferize"
)
LOOP = "lower-kernel-to-loop{{vector-bytes={width}}}"


def _run(program: Program) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        return interpret(program.ctx, program.module, program.inputs())


@pytest.mark.parametrize(
    ("width", "strategy"),
    [(8, "greedy"), (16, "greedy"), (32, "greedy"), (64, "greedy"), (32, "multi-output"), (32, "post-dominators")],
)
@pytest.mark.parametrize("seed", range(12))
def test_the_numbers_stay(seed: int, width: int, strategy: str) -> None:
    program = Program(Random(seed), 14)
    before = _run(program)
    run_pipeline(program.ctx, program.module, TENSOR.format(width=width, strategy=strategy), verify_each=False)
    run_pipeline(program.ctx, program.module, LOOP.format(width=width), verify_each=True)
    for old, new in zip(before, _run(program), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-9, atol=1e-12)  # sums in float64, in another order
