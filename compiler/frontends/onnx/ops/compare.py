"""Importers of comparisons, connectives, bit patterns and choices."""

from xdsl.ir import SSAValue

from .....dialects.graph import compare, logical
from ..node import Node
from ..registry import onnx_op
from .elementwise import aligned

BINARY = {
    "Equal": compare.EqualOp,
    "Less": compare.LessOp,
    "LessOrEqual": compare.LessEqualOp,
    "Greater": compare.GreaterOp,
    "GreaterOrEqual": compare.GreaterEqualOp,
    "And": logical.AndOp,
    "Or": logical.OrOp,
    "Xor": logical.XorOp,
    "BitwiseAnd": logical.AndOp,
    "BitwiseOr": logical.OrOp,
    "BitwiseXor": logical.XorOp,
}


@onnx_op(*BINARY)
def binary(n: Node) -> SSAValue:
    """One graph op."""
    return n.emit(BINARY[n.op_type], n.input(0), aligned(n))


@onnx_op("Not", "BitwiseNot")
def complement(n: Node) -> SSAValue:
    """One graph op."""
    return n.emit(logical.NotOp, n.input(0))


@onnx_op("BitShift")
def shift(n: Node) -> SSAValue:
    """One graph op."""
    if (direction := n.str("direction")) not in ("LEFT", "RIGHT"):
        raise ValueError(f"attribute direction: expected LEFT or RIGHT, found {direction}")
    op = logical.ShiftLeftOp if direction == "LEFT" else logical.ShiftRightOp
    return n.emit(op, n.input(0), n.input(1))


@onnx_op("IsNaN")
def is_nan(n: Node) -> SSAValue:
    """One graph op."""
    return n.emit(compare.IsNanOp, n.input(0))


@onnx_op("IsInf")
def is_inf(n: Node) -> SSAValue:
    """One graph op."""
    negative, positive = n.int("detect_negative", 1) != 0, n.int("detect_positive", 1) != 0
    return n.emit(compare.IsInfOp, n.input(0), negative=negative, positive=positive)


@onnx_op("Where")
def where(n: Node) -> SSAValue:
    """One graph op."""
    return n.emit(compare.WhereOp, n.input(0), n.input(1), n.input(2))
