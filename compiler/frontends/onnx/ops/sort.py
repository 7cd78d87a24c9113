"""Importers of sorted selections and running sums."""

from collections.abc import Sequence

from xdsl.ir import SSAValue

from .....dialects.graph.sort import CumProdOp, CumSumOp, TopKOp
from ..node import Node
from ..registry import onnx_op


@onnx_op("TopK")
def top_k(n: Node) -> Sequence[SSAValue]:
    """k is an attribute, from opset 10 on an input. The result is sorted, which `sorted = 0` leaves open."""
    if n.opset < 10:
        k = n.int("k")
    else:
        (k,) = n.constant(1).reshape(-1).tolist()
    return n.emits(TopKOp, n.input(0), axis=n.int("axis", -1), k=int(k), largest=n.int("largest", 1) != 0)


@onnx_op("CumSum", "CumProd")
def cumulative(n: Node) -> SSAValue:
    """The axis must be known."""
    op = CumSumOp if n.op_type == "CumSum" else CumProdOp
    (axis,) = n.constant(1).reshape(-1).tolist()
    exclusive, reverse = n.int("exclusive", 0) != 0, n.int("reverse", 0) != 0
    return n.emit(op, n.input(0), axis=int(axis), exclusive=exclusive, reverse=reverse)
