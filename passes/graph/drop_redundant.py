"""Ops that do nothing to their operand go, and those whose work the next op does anyway; results that nobody reads.

    cast(x, its type)  reshape(x, its shape)  slice(x, all of it)  pad(x, by nothing)  concat(x)  -->  x
    max(x, over one element)  max_pool(x, 1 x 1, by 1, no pads)                                   -->  x
    concat(x, y, nothing)                                                                         -->  concat(x, y)
    transpose(x) that moves ones only  expand(x) by ones                                          -->  reshape(x)
    add(expand(x), y) where y has the result's shape                                              -->  add(x, y)
    values, indices = max_pool_indices(x), the indices unread                                     -->  max_pool(x)
    if, loop and while with results that nobody reads                                             -->  without them

What is left computes the same bits. The rules stand in `drop_redundant.rules`.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from ...dialects._report import rewriting
from ...dialects._shape import shape
from ...dialects.graph.view import ConcatOp
from .._rules import RulePass
from ._unread import without_unread


@dataclass(frozen=True)
class DropRedundant(RulePass):
    """What is about any number of operands or results comes first; then rules on ops that can be left out."""

    name = "drop-redundant"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for inner in reversed(list(op.walk())):
            if inner.parent is not None and not self.only:
                _ = without_unread(inner) or without_empty_parts(inner)
        super().apply(ctx, op)


def without_empty_parts(op: Operation) -> bool:
    """A concatenation of those parts that have elements, if some have and some have none."""
    if not isinstance(op, ConcatOp) or 0 in shape(op.res):
        return False
    parts = [x for x in op.xs if 0 not in shape(x)]
    if len(parts) == len(op.xs) or not rewriting(op, "concat-empty"):
        return False
    new = [] if len(parts) == 1 else [ConcatOp.make(parts, axis=op.axis)]
    for made in new:
        made.location = op.location
    PatternRewriter(op).replace(op, new, [new[0].res if new else parts[0]])
    return True
