"""Where a program stands in the grid, and blocks made of indices and constants.

%p = tile.pid 0                                                    : i32
%n = tile.nprog 0                                                  : i32, the programs along an axis
%r = tile.arange 128                                               : tensor<128xi32>, 0 .. 127
%c = tile.expand %r axis 1 : tensor<128xi32>                       -> tensor<128x1xi32>
%b = tile.broadcast %c : tensor<128x1xi32> -> tensor<128x64xi32>   (of a scalar, too)
%z = tile.full 0.0 : f32 -> tensor<128x64xf32>
"""

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import AnyFloat, FloatAttr, IntegerAttr, IntegerType, TensorType, i32, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, dtype
from ._block import BlockOp, block, broadcast, dims, kind, number


class _Program(IRDLOperation):
    """A number of the grid along one of three axes."""

    axis = prop_def(IntegerAttr.constr(i64))
    res = result_def(i32)
    traits = traits_def(Pure())

    def __init__(self, axis: int):
        super().__init__(properties={"axis": IntegerAttr(axis, i64)}, result_types=[i32])

    def verify_(self) -> None:
        if number(self.axis) not in (0, 1, 2):
            raise VerifyException(f"{self.name}: expected axis 0, 1 or 2, found {number(self.axis)}")


@irdl_op_definition
class PidOp(_Program):
    """The program's own number along an axis of the grid."""

    name = "tile.pid"
    assembly_format = "$axis attr-dict"


@irdl_op_definition
class NprogOp(_Program):
    """How many programs there are along an axis of the grid."""

    name = "tile.nprog"
    assembly_format = "$axis attr-dict"


@irdl_op_definition
class ArangeOp(BlockOp):
    """0, 1, 2, .."""

    name = "tile.arange"
    size = prop_def(IntegerAttr.constr(i64))
    res = result_def(TensorType)
    assembly_format = "$size attr-dict `:` type($res)"

    def __init__(self, size: int):
        super().__init__(properties={"size": IntegerAttr(size, i64)}, result_types=[TensorType(i32, [size])])

    def infer(self) -> tuple[Attribute, ...]:
        return (TensorType(i32, [number(self.size)]),)

    def evaluate(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.arange(number(self.size), dtype=np.int32),)


@irdl_op_definition
class FullOp(BlockOp):
    """One constant in all elements."""

    name = "tile.full"
    value = prop_def(IntegerAttr | FloatAttr)
    res = result_def(TensorType)
    assembly_format = "$value attr-dict `->` type($res)"

    def __init__(self, value: float, element: Attribute, shape: Sequence[int]):
        super().__init__(properties={"value": constant(value, element)}, result_types=[TensorType(element, shape)])

    def infer(self) -> tuple[Attribute, ...]:
        return (TensorType(self.value.type, dims(self.res)),)

    def evaluate(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.full(dims(self.res), self.value.value.data, dtype(self.value.type)),)


def constant(value: float, element: Attribute) -> IntegerAttr | FloatAttr:
    """A number as an attribute of an element type."""
    if isinstance(element, IntegerType):
        return IntegerAttr(int(value), element)
    if not isinstance(element, AnyFloat):
        raise TypeError(f"expected an integer or float type, found {element}")
    return FloatAttr(float(value), element)


@irdl_op_definition
class ExpandOp(BlockOp):
    """A new dimension of size 1."""

    name = "tile.expand"
    axis = prop_def(IntegerAttr.constr(i64))
    block = operand_def(TensorType)
    res = result_def(TensorType)
    assembly_format = "$block `axis` $axis attr-dict `:` type($block) `->` type($res)"

    def __init__(self, block: SSAValue, axis: int):
        shape = list(dims(block))
        shape.insert(axis, 1)
        type = TensorType(kind(block), shape)
        super().__init__(operands=[block], properties={"axis": IntegerAttr(axis, i64)}, result_types=[type])

    def infer(self) -> tuple[Attribute, ...]:
        shape = list(dims(self.block))
        if not 0 <= (axis := number(self.axis)) <= len(shape):
            raise VerifyException(f"tile.expand: expected an axis from 0 to {len(shape)}, found {axis}")
        shape.insert(axis, 1)
        return (TensorType(kind(self.block), shape),)

    def evaluate(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.expand_dims(inputs[0], number(self.axis)),)


@irdl_op_definition
class BroadcastOp(BlockOp):
    """A scalar, or a block with dimensions of size 1, repeated to a shape of the same rank."""

    name = "tile.broadcast"
    source = operand_def()
    res = result_def(TensorType)
    assembly_format = "$source attr-dict `:` type($source) `->` type($res)"

    def __init__(self, source: SSAValue, shape: Sequence[int]):
        super().__init__(operands=[source], result_types=[TensorType(kind(source), list(shape))])

    def infer(self) -> tuple[Attribute, ...]:
        shape = dims(self.res)
        if broadcast(self.name, [dims(self.source), shape]) != shape:
            raise VerifyException(f"tile.broadcast: {self.source.type} does not broadcast to {shape}")
        return (block(kind(self.source), shape),)

    def evaluate(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.broadcast_to(inputs[0], dims(self.res)),)
