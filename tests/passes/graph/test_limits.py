"""The rewrites of graph passes are counted, and a limit stops any of them: what is left computes the same."""

import re

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.pipeline import run_pipeline
from aic.compiler.vectors import random_input
from aic.compiler.weights import random_weights
from aic.dialects._report import Report, collecting
from aic.dialects._shape import dtype, shape
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from ...faults.subjects import SUBJECTS

CASES = {
    "fold-batch-norm": ("convolutions", "fold"),
    "cancel-inverse": ("views", "transpose-twice"),
    "raise-slices": ("slices", "before-transpose"),
    "slice-weights": ("channels", "slice"),
    "fold-long-kernels": ("long_kernels", "fold-kernel"),
    "fold-patches": ("patches", "fold-patches"),
    "unroll-recurrent": ("recurrent", "lstm"),
    "simplify-algebra": ("algebra", "plus-negative"),
}
"""Pass, a program it has to do with, and a rule that fires."""


def nameless(module: ModuleOp) -> str:
    """Its text without the names of weights: each run makes new ones."""
    return re.sub(r"@w\w+", "@w", str(module))


@pytest.mark.parametrize("step", CASES)
def test_every_rewrite_is_counted_and_can_be_stopped_before(step: str):
    name, rule = CASES[step]
    ctx = context()
    start = Parser(ctx, SUBJECTS[name]()).parse_module()
    random_weights(ctx, start, 0)
    main = next(iter(start.ops))
    inputs = [random_input(f"x{i}", dtype(a.type), shape(a), 0) for i, a in enumerate(main.body.block.args)]
    wanted = interpret(ctx, start, inputs)

    def limited(limit: int | None) -> tuple[str, Report]:
        module = start.clone()
        with collecting(Report(limit)) as report:
            run_pipeline(ctx, module, step, verify_each=True)
        for found, right in zip(interpret(ctx, module, inputs), wanted, strict=True):
            np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-4)
        return nameless(module), report

    text, report = limited(None)
    assert report.steps[0].rewrites[rule], report.steps[0].rewrites
    assert limited(0)[0] == nameless(start)
    for limit in range(1, report.total + 1):
        found, counted = limited(limit)
        assert counted.total == limit and (found == text) == (limit == report.total)
