"""Importers of conversions."""

import numpy as np
from xdsl.ir import SSAValue

from .....dialects._shape import element, element_of
from .....dialects.graph.cast import BitcastOp, CastOp
from ..node import Node
from ..registry import onnx_op
from ..tensors import element_dtype, has_element, type_name


@onnx_op("Cast")
def cast(n: Node) -> SSAValue:
    """One graph op, none where the type is the same."""
    if (kind := target(n)) == n.dtype(0):
        return n.input(0)
    return n.emit(CastOp, n.input(0), to=element_of(kind))


def target(n: Node) -> np.dtype[np.generic]:
    """The type that attribute `to` names; refuses those that no level has."""
    code = n.int("to")
    kind = element_dtype(code, "attribute to")
    if not has_element(kind):
        n.refuse(f"casts to {type_name(code)}")
    return kind


@onnx_op("BitCast")
def bit_cast(n: Node) -> SSAValue:
    """One graph op, none where the type is the same."""
    if (kind := target(n)) == n.dtype(0):
        return n.input(0)
    return n.emit(BitcastOp, n.input(0), to=element_of(kind))


@onnx_op("CastLike")
def cast_like(n: Node) -> SSAValue:
    """One graph op, none where the type is the same."""
    if n.dtype(0) == n.dtype(1):
        return n.input(0)
    return n.emit(CastOp, n.input(0), to=element(n.input(1)))
