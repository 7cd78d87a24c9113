"""Bits: of integers, and of i1 the connectives of logic."""

from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from ....dialects.graph import logical as graph
from ._build import Body
from ._scalars import is_unsigned, scalar


@scalar(graph.AndOp)
def conjunction(t: Body, op: graph.AndOp, x: SSAValue, y: SSAValue) -> SSAValue:
    """x & y."""
    return t.and_(x, y)


@scalar(graph.OrOp)
def disjunction(t: Body, op: graph.OrOp, x: SSAValue, y: SSAValue) -> SSAValue:
    """x | y."""
    return t.or_(x, y)


@scalar(graph.XorOp)
def exclusive(t: Body, op: graph.XorOp, x: SSAValue, y: SSAValue) -> SSAValue:
    """x ^ y."""
    return t.xor(x, y)


@scalar(graph.NotOp)
def complement(t: Body, op: graph.NotOp, x: SSAValue) -> SSAValue:
    """~x."""
    return t.not_(x)


@scalar(graph.ShiftLeftOp, graph.ShiftRightOp)
def shift(t: Body, op: graph.ShiftOp, x: SSAValue, y: SSAValue) -> SSAValue:
    """By y modulo the width, which is defined for every y; where y, as an unsigned number, is not below the width, what
    is left: 0, or copies of the sign."""
    assert isinstance(x.type, IntegerType)
    width, left = x.type.width.data, isinstance(op, graph.ShiftLeftOp)
    by = t.and_(y, t.const(width - 1, y.type))
    rest = t.const(0, x.type)
    if not left and not is_unsigned(op.lhs):
        rest = t.shr(x, t.const(width - 1, x.type), unsigned=False)
    moved = t.shl(x, by) if left else t.shr(x, by, unsigned=is_unsigned(op.lhs))
    return t.select(t.cmp("lt", y, t.const(width, y.type), unsigned=True), moved, rest)
