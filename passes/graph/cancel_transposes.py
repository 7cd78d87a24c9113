"""Transposes and reshapes that undo or follow one another become one or none.

transpose(transpose(x, p), q)  -->  transpose(x, p[q])        transpose(x, identity)  -->  x
reshape(reshape(x))            -->  reshape(x)                reshape(x, its shape)   -->  x
transpose(x) that moves no dimension but ones             -->  reshape(x)
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from ...dialects._location import fused
from ...dialects._shape import shape
from ...dialects.graph._base import ints
from ...dialects.graph.view import ReshapeOp, TransposeOp


@dataclass(frozen=True)
class CancelTransposes(ModulePass):
    """An inner op that others use too stays for them."""

    name = "cancel-transposes"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns = GreedyRewritePatternApplier([_Transpose(), _Reshape()], dce_enabled=False)
        PatternRewriteWalker(patterns).rewrite_module(op)


class _Transpose(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TransposeOp, rewriter: PatternRewriter) -> None:
        perm, dims = ints(op.perm), shape(op.x)
        if perm == tuple(range(len(perm))):
            rewriter.replace(op, [], [op.x])
        elif isinstance(inner := op.x.owner, TransposeOp):
            before = ints(inner.perm)
            _join(rewriter, op, inner, TransposeOp.make(inner.x, perm=[before[p] for p in perm]))
        elif (moved := [p for p in perm if dims[p] != 1]) == sorted(moved):
            rewriter.replace(op, ReshapeOp.make(op.x, shape=shape(op.res)))


class _Reshape(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter) -> None:
        if shape(op.x) == shape(op.res):
            rewriter.replace(op, [], [op.x])
        elif isinstance(inner := op.x.owner, ReshapeOp):
            _join(rewriter, op, inner, ReshapeOp.make(inner.x, shape=shape(op.res)))


def _join(rewriter: PatternRewriter, op: Operation, inner: Operation, new: Operation) -> None:
    new.location = fused((inner.location, op.location))
    rewriter.replace(op, new)
    if not inner.results[0].uses:
        rewriter.erase(inner)
