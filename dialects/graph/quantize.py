"""Between floats and the integers that stand for them: x is about (q - zero) * scale.

%q = graph.quantize %x, %scale, %zero {to = ui8} : (tensor<2x8xf32>, tensor<f32>, tensor<ui8>) -> tensor<2x8xui8>
%x = graph.dequantize %q, %s, %z {to = f32} : (tensor<2x8xui8>, tensor<8xf32>, tensor<8xui8>) -> tensor<2x8xf32>
"""

from abc import ABC

import numpy as np
from xdsl.dialects.builtin import AnyFloat, IntegerAttr, IntegerType, TensorType, f32, i8
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_operand_def, opt_prop_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, dtype, element, element_of, shape, tensor
from ._base import Fusion, GraphOp, Types, normalized
from ._numbers import Numbers, expect_float, expect_integer, expect_same, present, rounded

Dims = tuple[int, ...]
UNSIGNED_BYTE = element_of(np.dtype(np.uint8))


class ScaledOp(GraphOp, ABC):
    """Scale and zero point are of one shape: a scalar (or one element) for the whole tensor; one number per index of
    `axis`; or, with `block`, the shape of x but for one number per `block` indices of `axis`. An absent zero is 0."""

    fusion = Fusion.BROADCAST
    x = operand_def(TensorType)
    scale = operand_def(TensorType)
    zero = opt_operand_def(TensorType)
    axis = opt_prop_def(IntegerAttr)
    block = opt_prop_def(IntegerAttr)
    to = prop_def(Attribute)
    res = result_def(TensorType)

    @property
    def blocks(self) -> tuple[int, int] | None:
        """The axis and the block length, if scales are given by block."""
        if self.block is None or self.block.value.data == 0:
            return None
        return self._axis(), self.block.value.data

    def _axis(self) -> int:
        return normalized(1 if self.axis is None else self.axis.value.data, len(shape(self.x)), self)

    def spread(self) -> Dims:
        """The shape to which the scale is reshaped so that it broadcasts to x; with blocks, its own."""
        scale = shape(self.scale)
        if self.blocks is not None or len(scale) != 1 or scale == (1,):
            return () if scale == (1,) and self.blocks is None else scale
        axis = self._axis()
        return (*scale, *(1,) * (len(shape(self.x)) - 1 - axis))

    def _expect_scales(self) -> None:
        x, scale = shape(self.x), shape(self.scale)
        expect_float(self, self.scale)
        if self.zero is not None and shape(self.zero) != scale:
            raise VerifyException(
                f"{self.name}: expected a zero point of the scale's shape {list(scale)}, found {list(shape(self.zero))}"
            )
        if self.blocks is not None:
            axis, block = self.blocks
            expected = (*x[:axis], -(-x[axis] // block), *x[axis + 1 :]) if block > 0 else ()
        else:
            expected = (x[self._axis()],) if scale not in ((), (1,)) else scale
        if scale != expected:
            raise VerifyException(f"{self.name}: expected a scale of shape {list(expected)}, found {list(scale)}")

    def _over(self, array: Numbers) -> Numbers:
        if self.blocks is None:
            return array.reshape(self.spread())
        axis, block = self.blocks
        return np.repeat(array, block, axis).take(range(shape(self.x)[axis]), axis)


@irdl_op_definition
class QuantizeOp(ScaledOp):
    """saturate(round(x / scale) + zero) in the integer type `to`, halves to even, NaN to the least number. The quotient
    is rounded to the type `precision`, that of the scale if absent."""

    name = "graph.quantize"
    precision = opt_prop_def(Attribute)

    @property
    def quotient(self) -> Attribute:
        """The element type in which x is divided by the scale."""
        return element(self.scale) if self.precision is None else self.precision

    def infer(self) -> Types:
        self._expect_scales()
        expect_target(self, self.to, self.zero)
        if not isinstance(self.quotient, AnyFloat):
            raise VerifyException(f"graph.quantize: expected a float precision, found {self.quotient}")
        return (tensor(self.to, shape(self.x)),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        x, scale, *zero = (a for a in inputs if a is not None)
        kind = dtype(self.quotient)
        wide = np.dtype(np.float32) if kind.itemsize == 2 else kind
        with np.errstate(all="ignore"):
            over = self._over(scale.astype(kind).astype(wide))
            quotient = (x.astype(kind).astype(wide) / over).astype(kind).astype(wide)
            return (saturated(np.rint(quotient) + (self._over(zero[0].astype(wide)) if zero else 0), self.to),)


@irdl_op_definition
class DequantizeOp(ScaledOp):
    """(x - zero) * scale: a 32-bit difference, multiplied in f32 (in f64 for f64), then rounded to the type `to`."""

    name = "graph.dequantize"

    def infer(self) -> Types:
        self._expect_scales()
        expect_integer(self, self.x)
        if self.zero is not None:
            expect_same(self, self.x, self.zero)
        if not isinstance(self.to, AnyFloat):
            raise VerifyException(f"graph.dequantize: expected a float type, found {self.to}")
        return (tensor(self.to, shape(self.x)),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        x, scale, *zero = present(inputs)
        wide = np.result_type(scale.dtype, np.float32)
        shifted = (x.astype(np.int32) - (self._over(zero[0].astype(np.int32)) if zero else 0)).astype(wide)
        with np.errstate(all="ignore"):
            return (rounded(shifted * self._over(scale.astype(wide)), self.res),)


@irdl_op_definition
class RequantizeOp(GraphOp):
    """saturate(round(x * scale + zero)) of an accumulator x in the integer type `to`, computed in f64, halves to even;
    scale and zero broadcast to x."""

    name = "graph.requantize"
    fusion = Fusion.BROADCAST
    x = operand_def(TensorType)
    scale = operand_def(TensorType)
    zero = opt_operand_def(TensorType)
    to = prop_def(Attribute)
    res = result_def(TensorType)

    def infer(self) -> Types:
        expect_integer(self, self.x)
        expect_float(self, self.scale)
        expect_target(self, self.to, self.zero)
        dims = shape(self.x)
        for value in self.operands[1:]:
            given = shape(value)
            ends = zip(given[::-1], dims[::-1], strict=False)
            if len(given) > len(dims) or any(n not in (1, d) for n, d in ends):
                raise VerifyException(f"graph.requantize: expected {list(given)} to broadcast to {list(dims)}")
        return (tensor(self.to, dims),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        x, scale, *zero = (a.astype(np.float64) for a in inputs if a is not None)
        with np.errstate(all="ignore"):
            return (saturated(np.rint(x * scale + (zero[0] if zero else 0)), self.to),)


@irdl_op_definition
class DynamicQuantizeOp(GraphOp):
    """Quantizes to ui8 over the range of x, widened to hold 0: the integers, their scale and their zero point. Where
    x is all zeros the scale is 1 / 255."""

    name = "graph.dynamic_quantize"
    fusion = Fusion.OPAQUE
    x = operand_def(TensorType)
    res = result_def(TensorType)
    scale = result_def(TensorType)
    zero = result_def(TensorType)

    def infer(self) -> Types:
        if element(self.x) != f32:
            raise VerifyException(f"graph.dynamic_quantize: expected f32 elements, found {element(self.x)}")
        return tensor(UNSIGNED_BYTE, shape(self.x)), tensor(f32, ()), tensor(UNSIGNED_BYTE, ())

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        (x,) = present(inputs)
        high, low = (np.float32(f(x, initial=0)) for f in (np.max, np.min))
        with np.errstate(all="ignore"):
            scale = (np.float32(1) if high == low else high - low) / np.float32(255)
            zero = np.rint(np.clip(-low / scale, 0, 255))
            return saturated(np.rint(x / scale) + zero, self.to), np.asarray(scale), np.asarray(zero, np.uint8)

    @property
    def to(self) -> Attribute:
        """The type of the integers."""
        return UNSIGNED_BYTE


def expect_target(op: GraphOp, to: Attribute, zero: SSAValue | None) -> None:
    """VerifyException unless `to` is an integer type of 8 or 16 bits, and the zero point's if there is one."""
    if not isinstance(to, IntegerType) or to.width.data not in (8, 16):
        raise VerifyException(f"{op.name}: expected an integer type of 8 or 16 bits, such as {i8}, found {to}")
    if zero is not None and element(zero) != to:
        raise VerifyException(f"{op.name}: expected a zero point of type {to}, found {element(zero)}")


def saturated(x: Numbers, to: Attribute) -> Array:
    """Whole floats as integers of type `to`, those out of range as its ends, NaN as the least."""
    kind = dtype(to)
    ends = np.iinfo(kind.name)
    return np.where(x > ends.min, np.minimum(x, ends.max), ends.min).astype(kind)
