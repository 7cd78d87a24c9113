"""Attention whose matrices have no room in SPAD is computed in groups of heads.

    %s = graph.softmax (graph.matmul %q, %k)               %s0 = graph.softmax (graph.matmul %q0, %k0)
    %y = graph.matmul %s, %v                        -->    %y0 = graph.matmul %s0, %v0          heads 0..3; and so on
                                                           %y = graph.concat %y0, %y1, %y2

A group's operands are computed for it alone: slices move up through views, functions of elements and products into the
weights. After cancel-inverse and npu-quantize, before fold-constants, which slices the weights.
"""

from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter

from ....dialects._report import rewriting
from ....dialects._shape import shape
from ....dialects.graph.contraction import MatmulOp
from ....dialects.graph.quantize import DequantizeOp, QuantizeOp
from ....dialects.graph.softmax import SoftmaxOp
from ....dialects.graph.view import ConcatOp, ReshapeOp, TransposeOp
from ..machine import machine_from
from ..quant.known import is_known
from ..select.plain import is_view
from ._parts import Parts, kept_apart

WHOLE = 0.85
"""The part of SPAD that queries, keys, values and scores of all heads may take together."""
ROOM = 0.6
"""The part of SPAD that all that a group of heads computes may take, so that nothing of it has to leave."""


@dataclass(frozen=True)
class NpuSplitHeads(ModulePass):
    """The machine tells how much room there is."""

    name = "npu-split-heads"

    machine: str = "edge"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        room = machine_from(self.machine).spad.bytes
        for inner in list(op.walk()):
            if isinstance(inner, MatmulOp) and (scores := attention(inner)) is not None:
                split(inner, scores, room)


def attention(op: MatmulOp) -> MatmulOp | None:
    """The product of which this one's first operand is the softmax."""
    softmax = above(op.lhs)
    if not isinstance(softmax, SoftmaxOp) or len(shape(op.res)) < 3 or is_known(op.rhs):
        return None
    value: SSAValue = softmax.input
    while isinstance(owner := value.owner, Operation) and not isinstance(owner, MatmulOp):
        wide = [v for v in owner.operands if shape(v) == shape(value)]
        if len(owner.results) != 1 or not wide:
            return None
        value = wide[0]
    fits = isinstance(owner, MatmulOp) and len(shape(owner.res)) == len(shape(op.res))
    return owner if fits and isinstance(owner, MatmulOp) and not is_known(owner.rhs) else None


def above(value: SSAValue) -> Operation | None:
    """What makes a value, but for functions of its elements that guard or quantise it."""
    owner = value.owner
    while isinstance(owner, Operation) and not isinstance(owner, SoftmaxOp | MatmulOp):
        wide = [v for v in owner.operands if shape(v) == shape(value)]
        if not wide:
            return None
        owner = wide[-1].owner
    return owner if isinstance(owner, Operation) else None


def split(op: MatmulOp, scores: MatmulOp, room: int) -> None:
    """Replace the product, and the views that read it, by those of groups of heads."""
    heads, axis = shape(op.res)[-3], len(shape(op.res)) - 3
    least = sum(prod(shape(v)[-2:]) * width(v) for v in (*op.operands, *scores.operands))
    if heads == 1 or heads * least <= WHOLE * room or not rewriting(op, "split-heads"):
        return
    taken = least + sum(prod(shape(v)[-2:]) * width(op.rhs) for v in (scores.res, op.res))
    fits = (n for n in range(1, heads) if heads % n == 0 and n * taken <= ROOM * room)
    together = max(fits, default=1)
    made = Parts()
    pieces = [made.part(op.res, axis, first, together) for first in range(0, heads, together)]
    end: Operation = op
    while (user := sole_user(end)) is not None and (moved := kept_apart(user, axis)) is not None:
        pieces = [made.again(user, piece, axis, moved) for piece in pieces]
        end, axis = user, moved
    made.add(ConcatOp.make(pieces, axis=axis), op)
    PatternRewriter(end).replace(end, made.ops)


def width(value: SSAValue) -> int:
    """Bytes of an element on the machine."""
    return 1 if isinstance(value.owner, DequantizeOp) else 2


def sole_user(op: Operation) -> Operation | None:
    """The op that alone reads another's result, if that is a view or quantises."""
    users = [use.operation for use in op.results[0].uses]
    if len(users) != 1 or not isinstance(user := users[0], TransposeOp | ReshapeOp | QuantizeOp | DequantizeOp):
        return None
    return user if is_view(user) or user.operands[0] is op.results[0] else None
