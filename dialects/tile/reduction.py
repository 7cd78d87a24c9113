"""Combining the elements along an axis of a block: to one, or to the running values.

%s = tile.reduce sum %x axis 1 : tensor<128x64xf32> -> tensor<128xf32>        of one dimension: to a scalar
%i = tile.reduce argmax %x axis 0 : tensor<128xf32> -> i32                    the first of equal ones
%c = tile.scan sum %x axis 0 : tensor<128xf32>                                `reverse`: from the end
"""

from collections.abc import Callable
from enum import auto

import numpy as np
from xdsl.dialects.builtin import IntegerAttr, TensorType, UnitAttr, i32, i64
from xdsl.ir import Attribute, SpacedOpaqueSyntaxAttribute, SSAValue
from xdsl.irdl import (
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
)
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from .._shape import Array, dtype
from .._xdsl import EnumAttribute
from ._block import BlockOp, block, dims, kind, number


class Reduction(StrEnum):
    """How elements are combined."""

    SUM = auto()
    PROD = auto()
    MAX = auto()
    MIN = auto()
    ARGMAX = auto()
    ARGMIN = auto()


_REDUCE: dict[Reduction, Callable[..., Array]] = {
    Reduction.SUM: np.sum,
    Reduction.PROD: np.prod,
    Reduction.MAX: np.max,
    Reduction.MIN: np.min,
    Reduction.ARGMAX: np.argmax,
    Reduction.ARGMIN: np.argmin,
}
_SCAN: dict[Reduction, Callable[..., Array]] = {
    Reduction.SUM: np.cumsum,
    Reduction.PROD: np.cumprod,
    Reduction.MAX: np.maximum.accumulate,
    Reduction.MIN: np.minimum.accumulate,
}
PLACES = (Reduction.ARGMAX, Reduction.ARGMIN)
"""Reductions that answer where an element stands."""


@irdl_attr_definition
class ReductionAttr(EnumAttribute[Reduction], SpacedOpaqueSyntaxAttribute):
    """A Reduction, as an attribute."""

    name = "tile.reduction"


class _Along(BlockOp):
    """Elements of 32 bits or more combined along an axis."""

    combine = prop_def(ReductionAttr)
    axis = prop_def(IntegerAttr.constr(i64))
    block = operand_def(TensorType)

    def _verify_elements(self) -> None:
        if not 0 <= (axis := number(self.axis)) < len(dims(self.block)):
            raise VerifyException(f"{self.name}: expected an axis of {self.block.type}, found {axis}")
        if dtype(kind(self.block)).itemsize < 4:
            raise VerifyException(f"{self.name}: expected elements of 32 bits or more, found {self.block.type}")


@irdl_op_definition
class ReduceOp(_Along):
    """All elements along an axis to one; the axis is gone."""

    name = "tile.reduce"
    res = result_def()
    assembly_format = "$combine $block `axis` $axis attr-dict `:` type($block) `->` type($res)"

    def __init__(self, combine: Reduction | str, block: SSAValue, axis: int):
        properties = {"combine": ReductionAttr(Reduction(combine)), "axis": IntegerAttr(axis, i64)}
        super().__init__(operands=[block], properties=properties, result_types=[_reduced(block, combine, axis)])

    def infer(self) -> tuple[Attribute, ...]:
        self._verify_elements()
        return (_reduced(self.block, self.combine.data, number(self.axis)),)

    def evaluate(self, *inputs: Array) -> tuple[Array, ...]:
        found = _REDUCE[self.combine.data](inputs[0], axis=number(self.axis))
        return (found.astype(dtype(kind(self.res)), copy=False),)


def _reduced(value: SSAValue, combine: str, axis: int) -> Attribute:
    shape = list(dims(value))
    del shape[axis]
    return block(i32 if combine in PLACES else kind(value), shape)


@irdl_op_definition
class ScanOp(_Along):
    """Each element combined with all before it (after it, if reversed)."""

    name = "tile.scan"
    reverse = opt_prop_def(UnitAttr)
    res = result_def(TensorType)
    assembly_format = "$combine $block `axis` $axis (`reverse` $reverse^)? attr-dict `:` type($block) `->` type($res)"

    def __init__(self, combine: Reduction | str, block: SSAValue, axis: int, *, reverse: bool = False):
        super().__init__(
            operands=[block],
            properties={
                "combine": ReductionAttr(Reduction(combine)),
                "axis": IntegerAttr(axis, i64),
                "reverse": UnitAttr() if reverse else None,
            },
            result_types=[block.type],
        )

    def infer(self) -> tuple[Attribute, ...]:
        self._verify_elements()
        if self.combine.data in PLACES:
            raise VerifyException(f"tile.scan: expected sum, prod, max or min, found {self.combine.data}")
        return (self.block.type,)

    def evaluate(self, *inputs: Array) -> tuple[Array, ...]:
        axis, array = number(self.axis), inputs[0]
        given = np.flip(array, axis) if self.reverse is not None else array
        found = _SCAN[self.combine.data](given, axis=axis).astype(array.dtype, copy=False)
        return (np.flip(found, axis) if self.reverse is not None else found,)
