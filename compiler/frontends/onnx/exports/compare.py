"""Exporters of comparisons, connectives, bit patterns, choices and conversions."""

from onnx import helper
from xdsl.dialects.builtin import i1
from xdsl.ir import Attribute

from .....dialects._shape import dtype, element
from .....dialects.graph._pointwise import BinaryOp
from .....dialects.graph.cast import BitcastOp, CastOp
from .....dialects.graph.compare import (
    CompareOp,
    EqualOp,
    GreaterEqualOp,
    GreaterOp,
    IsInfOp,
    IsNanOp,
    LessEqualOp,
    LessOp,
    WhereOp,
)
from .....dialects.graph.logical import AndOp, NotOp, OrOp, ShiftLeftOp, ShiftRightOp, XorOp
from ..export_registry import exports
from ..writer import Writer

COMPARISONS: dict[type[CompareOp], str] = {
    EqualOp: "Equal",
    LessOp: "Less",
    LessEqualOp: "LessOrEqual",
    GreaterOp: "Greater",
    GreaterEqualOp: "GreaterOrEqual",
}
BITS: dict[type[BinaryOp], str] = {AndOp: "And", OrOp: "Or", XorOp: "Xor"}


def number_of(kind: Attribute) -> int:
    """TensorProto's number of an element type."""
    return helper.np_dtype_to_tensor_dtype(dtype(kind))


@exports(*COMPARISONS)
def comparison(w: Writer, op: CompareOp) -> None:
    """One node."""
    w.node(COMPARISONS[type(op)], op, op.lhs, op.rhs)


@exports(*BITS)
def bits(w: Writer, op: BinaryOp) -> None:
    """Of bools a connective, of integers a bitwise op."""
    name = BITS[type(op)]
    w.node(name if element(op.lhs) == i1 else f"Bitwise{name}", op, op.lhs, op.rhs)


@exports(NotOp)
def complement(w: Writer, op: NotOp) -> None:
    """Of bools Not, of integers BitwiseNot."""
    w.node("Not" if element(op.x) == i1 else "BitwiseNot", op, op.x)


@exports(ShiftLeftOp, ShiftRightOp)
def shift(w: Writer, op: ShiftLeftOp | ShiftRightOp) -> None:
    """One node."""
    w.node("BitShift", op, op.lhs, op.rhs, direction="LEFT" if isinstance(op, ShiftLeftOp) else "RIGHT")


@exports(IsNanOp)
def is_nan(w: Writer, op: IsNanOp) -> None:
    """One node."""
    w.node("IsNaN", op, op.x)


@exports(IsInfOp)
def is_inf(w: Writer, op: IsInfOp) -> None:
    """One node."""
    w.node("IsInf", op, op.x, detect_negative=int(bool(op.negative)), detect_positive=int(bool(op.positive)))


@exports(WhereOp)
def where(w: Writer, op: WhereOp) -> None:
    """One node."""
    w.node("Where", op, op.condition, op.x, op.y)


@exports(CastOp)
def cast(w: Writer, op: CastOp) -> None:
    """One node."""
    w.node("Cast", op, op.x, to=number_of(op.kind()))


@exports(BitcastOp)
def bitcast(w: Writer, op: BitcastOp) -> None:
    """One node."""
    w.node("BitCast", op, op.x, to=number_of(op.kind()))
