"""The rules of a file together: they come to an end, with constants as weights too, and keep what graphs compute."""

from pathlib import Path

import aic
import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.interpret import interpret
from aic.compiler.rulecheck.instances import Misfit, instance
from aic.compiler.rulecheck.values import equal_bits, numbers
from aic.dialects._shape import dtype, shape
from aic.dialects.graph.weight import AicContext, ConstantOp, WeightOp
from aic.passes._rules import rewriter
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.pattern_rewriter import PatternRewriter

ROOT = Path(aic.__file__).parent
FILES = sorted(file for room in ("passes", "backends") for file in (ROOT / room).rglob("*.rules"))
EACH = 6


def with_weights(module: ModuleOp, ctx: AicContext) -> None:
    """Constants as names into the store, as those of more elements are."""
    for op in list(module.walk()):
        if isinstance(op, ConstantOp):
            PatternRewriter(op).replace(op, WeightOp(ctx.weights.fresh("w", op.array()), op.res.type))


@pytest.mark.parametrize("fast", [False, True], ids=["exact", "fast"])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_rules_together(file: Path, fast: bool):
    all_of_them, random = rewriter([file], fast=fast), np.random.default_rng(7)
    for rule in all_of_them.rules:
        for round in range(EACH):
            try:
                before = instance(rule, random, tame=fast)
            except Misfit:
                continue
            ctx = context()
            if round % 2:
                with_weights(before, ctx)
            after = before.clone()
            fired = all_of_them.rewrite(after, ctx.weights)
            after.verify()
            if fired and not fast:
                compare(ctx, before, after, random)


def compare(ctx: AicContext, before: ModuleOp, after: ModuleOp, random: np.random.Generator) -> None:
    (main,) = (op for op in before.body.block.ops if isinstance(op, FuncOp))
    inputs = [numbers(dtype(a.type), shape(a), random) for a in main.body.block.args]
    pairs = zip(interpret(ctx, before, inputs), interpret(ctx, after, inputs), strict=True)
    assert all(equal_bits(a, b) for a, b in pairs), f"{before}\n{after}"
