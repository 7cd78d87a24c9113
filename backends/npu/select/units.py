"""Which unit does an op of the graph: array, vector, none (it is a matter of addresses), or the host.

    graph.conv          array; depthwise: vector          graph.transpose     addresses, or a copy by vector
    graph.softmax       vector                            graph.nonzero       host

An op of the array or the vector unit is the host's all the same where its attributes, types or sizes are beyond the
unit; the summary of a compilation names those nodes with the reason.
"""

from xdsl.ir import Operation

from ....dialects.graph.contraction import GemmOp, MatmulOp
from ....dialects.graph.conv import ConvOp, ConvTransposeOp
from ....dialects.graph.quantize import DequantizeOp, QuantizeOp
from ....dialects.graph.recurrent import RecurrentOp
from ....dialects.graph.view import ConcatOp, ViewOp
from . import network  # enters all rules
from .reader import RULES

__all__ = ["network", "unit_of"]
UNITS: dict[type[Operation], str] = {
    ConvOp: "array; depthwise: vector",
    ConvTransposeOp: "array",
    GemmOp: "array",
    MatmulOp: "array",
    RecurrentOp: "array and vector, step by step",
    ViewOp: "addresses, or a copy by vector",
    ConcatOp: "addresses, or a copy by vector",
    QuantizeOp: "vector, with what comes before it",
    DequantizeOp: "addresses",
}


def unit_of(op: type[Operation]) -> str:
    """The unit of a kind of op, in words."""
    told = next((UNITS[kind] for kind in op.__mro__ if kind in UNITS), None)
    if told is not None:
        return told
    return "vector" if any(kind in RULES for kind in op.__mro__) else "host"
