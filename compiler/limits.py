"""Limits on what a text may ask for, checked before anything is allocated: xDSL takes any size."""

from collections.abc import Iterable
from math import prod

from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    FunctionType,
    MemRefType,
    ShapedType,
    StridedLayoutAttr,
    VectorType,
)
from xdsl.ir import Attribute, Operation

from .errors import BudgetError

ELEMENTS = 1 << 48
"""Elements of one tensor or memref; also the largest stride."""
LANES = 1 << 16
"""Elements of one vector."""


def check_sizes(root: Operation) -> None:
    """BudgetError if a type within `root` asks for more than any machine has."""
    seen: set[Attribute] = set()
    for op in root.walk():
        blocks = (block for region in op.regions for block in region.blocks)
        types = (arg.type for block in blocks for arg in block.args)
        _check((*op.result_types, *types, *op.properties.values(), *op.attributes.values()), seen)


def _check(attributes: Iterable[Attribute], seen: set[Attribute]) -> None:
    for attribute in attributes:
        if isinstance(attribute, DenseIntOrFPElementsAttr):
            attribute = attribute.type
        if attribute in seen:
            continue
        seen.add(attribute)
        match attribute:
            case ShapedType():
                _size(attribute)
                _check([attribute.layout] if isinstance(attribute, MemRefType) else [], seen)
            case StridedLayoutAttr():
                steps = [abs(s) for s in (*attribute.get_strides(), attribute.get_offset()) if s is not None]
                if max(steps, default=0) > ELEMENTS:
                    raise BudgetError(f"stride out of range: {max(steps)} in {attribute}", code="size")
            case FunctionType():
                _check((*attribute.inputs, *attribute.outputs), seen)
            case ArrayAttr():
                _check(attribute.data, seen)
            case DictionaryAttr():
                _check(attribute.data.values(), seen)
            case _:
                pass


def _size(type: ShapedType) -> None:
    dims = type.get_shape()
    limit = LANES if isinstance(type, VectorType) else ELEMENTS
    if prod(d for d in dims if d > 0) > limit or max(dims, default=0) > limit:
        raise BudgetError(f"type too large: {type} has more than {limit} elements", code="size")
