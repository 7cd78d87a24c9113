"""Both branches of a choice are computed, and the results chosen from.

    %r = graph.if %c ({ %a = graph.relu %x; graph.yield %a })        %a = graph.relu %x
                     ({ %b = graph.neg %x; graph.yield %b })   -->   %b = graph.neg %x
                                                                     %r = graph.where %c, %a, %b

What both branches compute alike is computed once. For targets that run straight-line programs only: graph ops have no
effects but their cost. Branches with loops inside stay.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter

from ...dialects._report import rewriting
from ...dialects.graph.compare import WhereOp
from ...dialects.graph.control import IfOp, YieldOp


@dataclass(frozen=True)
class FlattenIfs(ModulePass):
    """Inner choices go before outer ones."""

    name = "flatten-ifs"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for inner in reversed(list(op.walk())):
            if isinstance(inner, IfOp) and not any(o.regions for r in inner.regions for o in r.walk()):
                flatten(inner)


def flatten(op: IfOp) -> None:
    """Replace a choice by its branches and what chooses from their values."""
    if not rewriting(op, "flatten"):
        return
    new: list[Operation] = []
    seen: dict[tuple[object, ...], Operation] = {}
    values: list[list[SSAValue]] = []
    for region in op.regions:
        inside: dict[SSAValue, SSAValue] = {}
        for one in region.block.ops:
            operands = tuple(inside.get(v, v) for v in one.operands)
            if isinstance(one, YieldOp):
                values.append(list(operands))
                continue
            key = (type(one), operands, tuple(sorted(one.properties.items())), tuple(one.result_types))
            if (same := seen.get(key)) is None:
                same = seen[key] = one.clone()
                same.operands = operands
                new.append(same)
            inside.update(zip(one.results, same.results, strict=True))
    results: list[SSAValue] = []
    for first, second in zip(*values, strict=True):
        if first is not second:
            new.append(choice := WhereOp.make(op.condition, first, second))
            choice.location = op.location
            first = choice.res
        results.append(first)
    PatternRewriter(op).replace(op, new, results)
