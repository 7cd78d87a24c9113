"""The names of xDSL that move between its releases, and the one thing we change in it: new ops inherit an origin.

xDSL's rewriter leaves the ops it inserts without a location. Here each inserted op whose location is unknown takes
that of the op the pattern matched, so that a report at any level can name the ONNX node.
"""

from xdsl.dialects.builtin import UnknownLoc
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp, TransposeOp, YieldOp
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Operation
from xdsl.irdl.dominance import DominanceInfo
from xdsl.pattern_rewriter import PatternRewriter
from xdsl.rewriter import InsertPoint

__all__ = [
    "DominanceInfo",
    "EnumAttribute",
    "FillOp",
    "GenericOp",
    "IndexOp",
    "IteratorType",
    "IteratorTypeAttr",
    "TransposeOp",
    "YieldOp",
]

_start = PatternRewriter.__init__


def _with_origin(self: PatternRewriter, insert_point: Operation | InsertPoint) -> None:
    def inherit(new: Operation) -> None:
        for op in new.walk():
            if isinstance(insert_point, Operation) and isinstance(op.location, UnknownLoc):
                op.location = insert_point.location

    _start(self, insert_point)
    self.operation_insertion_handler.append(inherit)


PatternRewriter.__init__ = _with_origin
