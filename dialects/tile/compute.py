"""What tile kernels compute beyond arith and math, which work on blocks as they are.

%m = tile.cmp lt %a, %b : tensor<128xi32>                                  -> tensor<128xi1>   (scalars, too)
%s = tile.select %m, %x, %y : tensor<128xf32>
%h = tile.cast %s : tensor<128xf32> -> tensor<128xf16>                     floats to integers towards zero
%t = tile.trans %x [1, 0] : tensor<64x32xf16> -> tensor<32x64xf16>
%r = tile.reshape %x : tensor<64x32xf16> -> tensor<2048xf16>
%j = tile.join %x, %y : tensor<64xf16> -> tensor<64x2xf16>
%x, %y = tile.split %j : tensor<64x2xf16> -> tensor<64xf16>
%d = tile.dot %a, %b, %c precision "tf32" : tensor<64x32xf32>, tensor<32x64xf32>, tensor<64x64xf32>
"""

from collections.abc import Callable, Sequence
from enum import auto

import numpy as np
from xdsl.dialects.builtin import (
    DenseArrayBase,
    Float32Type,
    IntegerType,
    StringAttr,
    TensorType,
    f32,
    i1,
    i32,
    i64,
)
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
from ..graph._base import ints
from ._block import BlockOp, block, dims, is_bool, kind

PRECISIONS = ("ieee", "tf32", "tf32x3")
"""How a dot of f32 multiplies: as it is, rounded to 11 significant bits, or in three of these."""


class Order(StrEnum):
    """What a comparison asks; of NaN only `ne` holds."""

    EQ = auto()
    NE = auto()
    LT = auto()
    LE = auto()
    GT = auto()
    GE = auto()


_ORDER: dict[Order, Callable[[Array, Array], Array]] = {
    Order.EQ: np.equal,
    Order.NE: np.not_equal,
    Order.LT: np.less,
    Order.LE: np.less_equal,
    Order.GT: np.greater,
    Order.GE: np.greater_equal,
}


@irdl_attr_definition
class OrderAttr(EnumAttribute[Order], SpacedOpaqueSyntaxAttribute):
    """An Order, as an attribute."""

    name = "tile.order"


@irdl_op_definition
class CmpOp(BlockOp):
    """Element by element: does the order hold?"""

    name = "tile.cmp"
    order = prop_def(OrderAttr)
    lhs = operand_def()
    rhs = operand_def()
    res = result_def()
    assembly_format = "$order $lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($res)"

    def __init__(self, order: Order | str, lhs: SSAValue, rhs: SSAValue):
        super().__init__(
            operands=[lhs, rhs],
            properties={"order": OrderAttr(Order(order))},
            result_types=[block(i1, dims(lhs))],
        )

    def infer(self) -> tuple[Attribute, ...]:
        if self.lhs.type != self.rhs.type:
            raise VerifyException(f"tile.cmp: expected operands of one type, found {self.lhs.type}, {self.rhs.type}")
        return (block(i1, dims(self.lhs)),)

    def evaluate(self, *inputs: Array) -> tuple[Array, ...]:
        return (_ORDER[self.order.data](*inputs),)


@irdl_op_definition
class SelectOp(BlockOp):
    """Element by element: `yes` where the condition holds, else `no`."""

    name = "tile.select"
    condition = operand_def()
    yes = operand_def()
    no = operand_def()
    res = result_def()
    assembly_format = (
        "$condition `,` $yes `,` $no attr-dict `:` type($condition) `,` type($yes) `,` type($no) `->` type($res)"
    )

    def __init__(self, condition: SSAValue, yes: SSAValue, no: SSAValue):
        super().__init__(operands=[condition, yes, no], result_types=[yes.type])

    def infer(self) -> tuple[Attribute, ...]:
        if self.yes.type != self.no.type or not is_bool(kind(self.condition)):
            found = ", ".join(str(v.type) for v in self.operands)
            raise VerifyException(f"tile.select: expected a condition and two values of one type, found {found}")
        if dims(self.condition) != dims(self.yes):
            raise VerifyException(f"tile.select: expected shape {dims(self.yes)}, found {self.condition.type}")
        return (self.yes.type,)

    def evaluate(self, *inputs: Array) -> tuple[Array, ...]:
        condition, yes, no = inputs
        return (np.where(condition, yes, no).astype(yes.dtype, copy=False),)


@irdl_op_definition
class CastOp(BlockOp):
    """The same numbers in another element type: rounded to nearest even, integers cut off, floats towards zero."""

    name = "tile.cast"
    source = operand_def()
    res = result_def()
    assembly_format = "$source attr-dict `:` type($source) `->` type($res)"

    def __init__(self, source: SSAValue, element: Attribute):
        super().__init__(operands=[source], result_types=[block(element, dims(source))])

    def infer(self) -> tuple[Attribute, ...]:
        return (block(kind(self.res), dims(self.source)),)

    def evaluate(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.asarray(inputs[0]).astype(dtype(kind(self.res))),)


@irdl_op_definition
class TransOp(BlockOp):
    """Dimensions in another order: the result's dimension `d` is the block's dimension `order[d]`."""

    name = "tile.trans"
    order = prop_def(DenseArrayBase.constr(i64))
    block = operand_def(TensorType)
    res = result_def(TensorType)
    assembly_format = "$block $order attr-dict `:` type($block) `->` type($res)"

    def __init__(self, block: SSAValue, order: Sequence[int] = (1, 0)):
        type = TensorType(kind(block), [dims(block)[d] for d in order])
        super().__init__(
            operands=[block], properties={"order": DenseArrayBase.from_list(i64, list(order))}, result_types=[type]
        )

    def infer(self) -> tuple[Attribute, ...]:
        shape, order = dims(self.block), ints(self.order)
        if sorted(order) != list(range(len(shape))):
            raise VerifyException(f"tile.trans: expected a permutation of {len(shape)} dimensions, found {order}")
        return (TensorType(kind(self.block), [shape[d] for d in order]),)

    def evaluate(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0].transpose(ints(self.order)),)


@irdl_op_definition
class ReshapeOp(BlockOp):
    """The same elements in row-major order under another shape."""

    name = "tile.reshape"
    block = operand_def(TensorType)
    res = result_def(TensorType)
    assembly_format = "$block attr-dict `:` type($block) `->` type($res)"

    def __init__(self, block: SSAValue, shape: Sequence[int]):
        super().__init__(operands=[block], result_types=[TensorType(kind(block), list(shape))])

    def infer(self) -> tuple[Attribute, ...]:
        if np.prod(dims(self.block)) != np.prod(dims(self.res)):
            raise VerifyException(
                f"tile.reshape: expected as many elements as {self.block.type}, found {self.res.type}"
            )
        return (TensorType(kind(self.block), dims(self.res)),)

    def evaluate(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0].reshape(dims(self.res)),)


@irdl_op_definition
class JoinOp(BlockOp):
    """Two blocks side by side along a new last dimension."""

    name = "tile.join"
    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)
    res = result_def(TensorType)
    assembly_format = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($res)"

    def __init__(self, lhs: SSAValue, rhs: SSAValue):
        super().__init__(operands=[lhs, rhs], result_types=[TensorType(kind(lhs), [*dims(lhs), 2])])

    def infer(self) -> tuple[Attribute, ...]:
        if self.lhs.type != self.rhs.type:
            raise VerifyException(f"tile.join: expected blocks of one type, found {self.lhs.type}, {self.rhs.type}")
        return (TensorType(kind(self.lhs), [*dims(self.lhs), 2]),)

    def evaluate(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.stack(inputs, axis=-1),)


@irdl_op_definition
class SplitOp(BlockOp):
    """The two halves of a block whose last dimension is 2."""

    name = "tile.split"
    block = operand_def(TensorType)
    lhs = result_def(TensorType)
    rhs = result_def(TensorType)
    assembly_format = "$block attr-dict `:` type($block) `->` type($lhs) `,` type($rhs)"

    def __init__(self, block: SSAValue):
        super().__init__(operands=[block], result_types=[TensorType(kind(block), dims(block)[:-1])] * 2)

    def infer(self) -> tuple[Attribute, ...]:
        shape = dims(self.block)
        if len(shape) < 2 or shape[-1] != 2:
            raise VerifyException(f"tile.split: expected a last dimension of 2, found {self.block.type}")
        return (TensorType(kind(self.block), shape[:-1]),) * 2

    def evaluate(self, *inputs: Array) -> tuple[Array, ...]:
        return inputs[0][..., 0], inputs[0][..., 1]


@irdl_op_definition
class DotOp(BlockOp):
    """`acc + lhs @ rhs`, also of a batch; sums of floats in f32, of i8 in i32. f32 names the precision of products."""

    name = "tile.dot"
    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)
    acc = operand_def(TensorType)
    precision = opt_prop_def(StringAttr)
    res = result_def(TensorType)
    assembly_format = (
        "$lhs `,` $rhs `,` $acc (`precision` $precision^)? attr-dict "
        "`:` type($lhs) `,` type($rhs) `,` type($acc) `->` type($res)"
    )

    def __init__(self, lhs: SSAValue, rhs: SSAValue, acc: SSAValue, precision: str | None = None):
        told = None if precision is None else StringAttr(precision)
        super().__init__(operands=[lhs, rhs, acc], properties={"precision": told}, result_types=[acc.type])

    def infer(self) -> tuple[Attribute, ...]:
        (*batch, m, k), (*others, depth, n) = _matrix(self.lhs), _matrix(self.rhs)
        if kind(self.lhs) != kind(self.rhs) or k != depth or batch != others:
            raise VerifyException(f"tile.dot: {self.lhs.type} and {self.rhs.type} do not multiply")
        least = 32 if (narrow := dtype(kind(self.lhs)).itemsize == 1) else 16
        if min(m, n) < 16 or k < least:
            raise VerifyException(f"tile.dot: expected at least 16x16x{least}, found {m}x{n}x{k}")
        told = None if self.precision is None else self.precision.data
        if isinstance(kind(self.lhs), Float32Type) != (told is not None) or told not in (None, *PRECISIONS):
            raise VerifyException(
                f"tile.dot: f32, and f32 alone, is given one of {', '.join(PRECISIONS)}, found {told}"
            )
        whole = narrow and isinstance(kind(self.lhs), IntegerType)
        return (TensorType(i32 if whole else f32, [*batch, m, n]),)

    def verify_(self) -> None:
        super().verify_()
        if self.acc.type != self.res.type:
            raise VerifyException(f"tile.dot: expected an accumulator {self.res.type}, found {self.acc.type}")

    def evaluate(self, *inputs: Array) -> tuple[Array, ...]:
        lhs, rhs, acc = inputs
        if acc.dtype == np.int32:
            return (np.add(acc, np.matmul(lhs.astype(np.float64), rhs.astype(np.float64)).astype(np.int32)),)
        lhs, rhs = lhs.astype(np.float32), rhs.astype(np.float32)
        if self.precision is not None and self.precision.data == "tf32":
            lhs, rhs = _tf32(lhs), _tf32(rhs)
        return (np.add(acc, np.matmul(lhs, rhs)),)


def _matrix(value: SSAValue) -> tuple[int, ...]:
    if len(shape := dims(value)) not in (2, 3):
        raise VerifyException(f"tile.dot: expected matrices or a batch of them, found {value.type}")
    return shape


def _tf32(array: Array) -> Array:
    """Rounded to 10 bits behind the leading one, NaN and infinity as they are."""
    bits = array.view(np.uint32)
    rounded = (bits + np.uint32(0xFFF) + ((bits >> np.uint32(13)) & np.uint32(1))) & np.uint32(0xFFFFE000)
    return np.where(np.isfinite(array), rounded.view(np.float32), array)
