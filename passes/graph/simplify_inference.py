"""Ops that do nothing to their input at inference go.

cast(x, its type), expand(x, its shape), slice(x, all of it), pad(x, by nothing), concat(x)   -->   x
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter

from ...dialects._report import rewriting
from ...dialects._shape import element, shape
from ...dialects.graph._base import ints
from ...dialects.graph.cast import CastOp
from ...dialects.graph.view import ConcatOp, ExpandOp, PadOp, SliceOp


@dataclass(frozen=True)
class SimplifyInference(ModulePass):
    """What is left computes the same bits."""

    name = "simplify-inference"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for inner in list(op.walk()):
            if (same := unchanged(inner)) is not None and rewriting(inner, inner.name.removeprefix("graph.")):
                PatternRewriter(inner).replace(inner, [], [same])


def unchanged(op: Operation) -> SSAValue | None:
    """The value that the op's result is equal to, None if it computes something."""
    match op:
        case CastOp() if element(op.x) == op.to:
            return op.x
        case ExpandOp() if shape(op.x) == shape(op.res):
            return op.x
        case SliceOp() if shape(op.x) == shape(op.res) and min(ints(op.strides), default=1) > 0:
            return op.x
        case PadOp() if not any((*ints(op.low), *ints(op.high))):
            return op.x
        case ConcatOp() if (
            len(present := [x for x in op.xs if 0 not in shape(x)]) == 1 and present[0].type == op.res.type
        ):
            return present[0]
        case _:
            return None
