"""The names of xDSL that move between its releases, and the six things we change in it.

New ops inherit an origin: xDSL's rewriter leaves the ops it inserts without a location. Here each inserted op whose
location is unknown takes that of the op the pattern matched, so that a report at any level can name the ONNX node.

Rewrites are counted: while somebody collects (`_report.py`), a walker tells each rewrite of its patterns.

A rewrite ends what analyses know (`_analysis.py`).

A tensor may stand for a memref of any layout, as in MLIR: xDSL's `bufferization.to_tensor` takes row-major ones only.

The types of several results of a `linalg.generic` are parsed as they are printed, in parentheses.

A scalar tensor may be expanded to ones, and ones collapsed to it, without any reassociation, as in MLIR.
"""

from collections.abc import Callable
from typing import Any

from xdsl.dialects import tensor
from xdsl.dialects.bufferization import TensorFromMemRefConstraint
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, MemRefType, ShapedType, TensorType, UnknownLoc
from xdsl.dialects.linalg.attrs import IteratorType, IteratorTypeAttr
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp, TransposeOp, YieldOp
from xdsl.dialects.utils import EnumAttribute
from xdsl.dialects.utils.reshape_ops_utils import verify_reshape_like_types
from xdsl.ir import Attribute, Operation, Region
from xdsl.irdl import VarConstraint, VerificationContext
from xdsl.irdl.dominance import DominanceInfo
from xdsl.parser import Parser
from xdsl.pattern_rewriter import PatternRewriter, PatternRewriteWalker
from xdsl.rewriter import InsertPoint
from xdsl.utils.exceptions import VerifyException

from ._analysis import changed
from ._report import watched

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
            if (matched := self._current_operation) is not None and isinstance(op.location, UnknownLoc):
                op.location = matched.location

    _start(self, insert_point)
    self.operation_insertion_handler += [inherit, _ended]
    self.operation_removal_handler.append(_ended)
    self.operation_modification_handler.append(_ended)
    self.operation_replacement_handler.append(_ended)


def _ended(*_: object) -> None:
    changed()


PatternRewriter.__init__ = _with_origin

_walk = PatternRewriteWalker.rewrite_region


def _counted_walk(self: PatternRewriteWalker, region: Region) -> bool:
    plain = self.pattern
    self.pattern = watched(plain)
    try:
        return _walk(self, region)
    finally:
        self.pattern = plain


PatternRewriteWalker.rewrite_region = _counted_walk


def _any_layout(self: TensorFromMemRefConstraint, attr: Attribute, constraint_context: VerificationContext) -> None:
    if not isinstance(attr, TensorType):
        raise VerifyException(f"expected a tensor, found {attr}")
    of = self.memref_constraint
    known = constraint_context.get_variable(of.name) if isinstance(of, VarConstraint) else None
    if isinstance(known, MemRefType) and (known.element_type, known.shape) != (attr.element_type, attr.shape):
        raise VerifyException(f"expected a tensor with the shape and elements of {known}, found {attr}")


TensorFromMemRefConstraint.verify = _any_layout


_parse_generic = GenericOp.parse


def _parse_results(cls: type[GenericOp], parser: Parser) -> GenericOp:
    plain = parser.parse_comma_separated_list

    def several(delimiter: Parser.Delimiter, parse: Callable[[], Any], context: str = "") -> list[Any]:
        results = delimiter is Parser.Delimiter.NONE and parse == parser.parse_attribute
        if results and parser.parse_optional_punctuation("("):
            found = plain(delimiter, parse, context)
            parser.parse_punctuation(")")
            return found
        return plain(delimiter, parse, context)

    setattr(parser, plain.__name__, several)
    try:
        return _parse_generic(parser)
    finally:
        delattr(parser, plain.__name__)


setattr(GenericOp, _parse_generic.__name__, classmethod(_parse_results))


def _grouped_or_scalar(
    collapsed_type: ShapedType, expanded_type: ShapedType, reassociation: ArrayAttr[ArrayAttr[IntegerAttr]]
) -> None:
    ones = set(expanded_type.get_shape()) <= {1}
    if not (ones and not collapsed_type.get_shape() and not reassociation.data):
        verify_reshape_like_types(collapsed_type, expanded_type, reassociation)


setattr(tensor, verify_reshape_like_types.__name__, _grouped_or_scalar)
