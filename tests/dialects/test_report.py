"""Rewrites are counted, remarked and limited: those of patterns by themselves, others by a word."""

from dataclasses import dataclass

import pytest
from aic.compiler.context import context
from aic.compiler.pipeline import run_pipeline
from aic.compiler.telling import remarks_text
from aic.dialects._report import Report, collecting, missed, rewriting, rule_of
from xdsl.dialects.arith import AddfOp, MulfOp, SubfOp
from xdsl.dialects.builtin import ModuleOp, NameLoc, StringAttr, UnknownLoc
from xdsl.parser import Parser
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

TEXT = """func.func @f(%x: f32) -> f32 {
  %0 = arith.addf %x, %x : f32 loc("a")
  %1 = arith.addf %0, %x : f32 loc("b")
  %2 = arith.subf %1, %x : f32 loc("c")
  func.return %2 : f32
}"""


class _AddToMul(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AddfOp, rewriter: PatternRewriter) -> None:
        rewriter.replace(op, MulfOp(op.lhs, op.rhs))


class Explicit(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: SubfOp, rewriter: PatternRewriter) -> None:
        if rewriting(op, "sub", "a product instead", saved=4):
            rewriter.replace(op, MulfOp(op.lhs, op.rhs))


@dataclass(frozen=True)
class Swap(ModulePass):
    """Everything becomes a product."""

    name = "swap"

    def apply(self, ctx: object, op: ModuleOp) -> None:
        PatternRewriteWalker(GreedyRewritePatternApplier([_AddToMul(), Explicit()])).rewrite_module(op)


@dataclass(frozen=True)
class Shy(ModulePass):
    """Does nothing, and says so."""

    name = "shy"

    def apply(self, ctx: object, op: ModuleOp) -> None:
        for inner in op.walk():
            if isinstance(inner, MulfOp):
                missed(inner, "never", "it is shy")


def reported(**limits) -> tuple[Report, str]:
    ctx = context()
    module = Parser(ctx, TEXT).parse_module()
    with collecting(Report(**limits)) as report:
        run_pipeline(ctx, module, [Swap(), Shy()])
    return report, str(module)


def test_patterns_are_counted_once_by_their_names():
    report, _ = reported()
    assert [(s.name, dict(s.rewrites)) for s in report.steps] == [("swap", {"add-to-mul": 2, "sub": 1}), ("shy", {})]
    assert report.steps[0].saved == {"sub": 4}
    assert report.total == 3


def test_remarks_name_node_and_reason():
    report, _ = reported()
    told = [(r.step, r.rule, r.op, r.nodes, r.applied, r.text) for r in report.remarks()]
    assert ("swap", "sub", "arith.subf", ("c",), True, "a product instead") in told
    assert [t[3] for t in told if t[0] == "shy"] == [("a",), ("b",), ("c",)]
    assert [r.text for r in report.remarks(lambda name: name == "shy")] == ["it is shy"] * 3


@pytest.mark.parametrize("limit", range(5))
def test_the_limit_stops_rewrites(limit):
    report, text = reported(limit=limit)
    assert report.total == min(limit, 3) == text.count("arith.mulf")


def test_a_limit_may_hold_for_one_pass():
    assert reported(limit=1, limited="swap")[0].total == 1
    assert reported(limit=1, limited="other")[0].total == 3


def test_a_rewrite_takes_back_that_it_was_missed():
    ctx = context()
    op = next(o for o in Parser(ctx, TEXT).parse_module().walk() if isinstance(o, AddfOp))
    with collecting(Report()) as report:
        missed(op, "r", "not yet")
        assert rewriting(op, "r")
    assert [r.applied for r in report.remarks()] == [True]


def test_ops_with_a_name_are_told_apart():
    ctx = context()
    funcs = list(Parser(ctx, TEXT + TEXT.replace("@f", "@g")).parse_module().ops)
    with collecting(Report()) as report:
        for op in funcs:
            missed(op, "r", "no", NameLoc(StringAttr("/node"), UnknownLoc()))
    assert [(r.op, r.nodes) for r in report.remarks()] == [("func.func @f", ("/node",)), ("func.func @g", ("/node",))]


def test_what_a_rewrite_saves_is_summed_by_rule():
    ctx = context()
    op = next(o for o in Parser(ctx, TEXT).parse_module().walk() if isinstance(o, AddfOp))
    with collecting(Report()) as report:
        assert rewriting(op, "r", saved=8, launches=2) and rewriting(op, "r", saved=4, launches=1)
    assert (report.step.saved, report.step.launches) == ({"r": 12}, {"r": 3})
    lines = remarks_text(report.remarks()).splitlines()
    assert [line.partition(": ")[2].partition("): ")[2] for line in lines] == [
        "8 bytes saved, 2 launches saved",
        "4 bytes saved, 1 launch saved",
    ]


def test_nobody_collects():
    ctx = context()
    op = next(o for o in Parser(ctx, TEXT).parse_module().walk() if isinstance(o, AddfOp))
    missed(op, "r", "no")
    assert rewriting(op, "r")


def test_names_of_rules():
    assert rule_of("_FoldScale") == "fold-scale"
