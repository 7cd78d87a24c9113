"""Importers of values that depend on where an element stands."""

from xdsl.dialects.builtin import i64
from xdsl.ir import SSAValue

from .....dialects.graph.cast import CastOp
from .....dialects.graph.position import OneHotOp, TriluOp
from ..node import Node
from ..registry import onnx_op
from ._axes import axis_of, integers


@onnx_op("Trilu")
def trilu(n: Node) -> SSAValue:
    """k is part of the op, so it must be known."""
    k = integers(n, 1)[0] if n.has(1) else 0
    return n.emit(TriluOp, n.input(0), k=k, upper=bool(n.int("upper", 1)))


@onnx_op("OneHot")
def one_hot(n: Node) -> SSAValue:
    """The depth is part of the shape, so it must be known; float indices and depths are cut to integers."""
    indices = n.input(0)
    if n.dtype(0).kind == "f":
        indices = n.emit(CastOp, indices, to=i64)
    axis = axis_of(n.int("axis", -1), n.rank(0) + 1)
    return n.emit(OneHotOp, indices, n.input(2), axis=axis, depth=integers(n, 1)[0])
