"""Bits: of integers, and of i1 the connectives of logic."""

from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from ....dialects.graph import logical as graph
from ._build import Body
from ._scalars import scalar


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
    """By y modulo the width, which is defined for every y, and 0 where y is not below the width."""
    assert isinstance(x.type, IntegerType)
    width = x.type.width.data
    by = t.and_(y, t.const(width - 1, y.type))
    moved = t.shl(x, by) if isinstance(op, graph.ShiftLeftOp) else t.shr(x, by)
    return t.select(t.cmp("lt", y, t.const(width, y.type), unsigned=True), moved, t.const(0, x.type))
