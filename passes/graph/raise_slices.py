"""A slice goes before what computes its elements from the same part of the operands.

    %y = graph.layer_norm (graph.add %x, (graph.matmul %h, %w)), ..        the first row of 197
    %s = graph.slice %y
-->
    %s = graph.layer_norm (graph.add (graph.slice %x), (graph.matmul (graph.slice %h), %w)), ..

Where the slice is all that is read of a value: what a model computes for a last layer that looks at one token only is
then computed for that token. Equal slices of one value become one. Before fold-constants, which slices known operands.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter

from ...dialects.graph.view import SliceOp
from ._cuts import cut_of, raised


@dataclass(frozen=True)
class RaiseSlices(ModulePass):
    """Slices move up until something reads more of a value."""

    name = "raise-slices"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        stack = [inner for inner in op.walk() if isinstance(inner, SliceOp)]
        while stack:
            inner = stack.pop()
            if inner.parent is not None and alone(inner):
                stack += raised(inner)


def alone(op: SliceOp) -> bool:
    """Whether a slice is all that is read of a value; others that are equal become this one, which goes first."""
    users = [use.operation for use in op.x.uses]
    if any(not isinstance(u, SliceOp) or u.parent is not op.parent or cut_of(u) != cut_of(op) for u in users):
        return False
    source = op.x.owner
    if len(users) > 1 and isinstance(source, Operation):
        op.detach()
        assert source.parent is not None
        source.parent.insert_op_after(op, source)
    for other in users:
        if other is not op:
            PatternRewriter(other).replace(other, [], [op.res])
    return True
