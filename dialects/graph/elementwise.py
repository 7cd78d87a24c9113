"""Arithmetic and the functions of calculus, element by element.

%1 = graph.add %0, %b : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
%2 = graph.sqrt %1 : (tensor<4x8xf32>) -> tensor<4x8xf32>

Integers wrap around; x / 0 is 0 in them. Max and min are NaN if either operand is.
"""

import math
from abc import ABC

import numpy as np
from xdsl.dialects.builtin import AnyFloat, BoolAttr
from xdsl.irdl import irdl_op_definition, opt_prop_def, prop_def, traits_def
from xdsl.traits import Commutative

from .._shape import element
from ._numbers import Numbers
from ._pointwise import BinaryOp, FloatUnaryOp, UnaryOp, expect_number

_erf = np.frompyfunc(math.erf, 1, 1)


def erf(x: Numbers) -> Numbers:
    """The error function, as accurate as libm's, in x's type."""
    return np.asarray(_erf(x.astype(np.float64))).astype(x.dtype)


class NumberUnaryOp(UnaryOp, ABC):
    """A number in, one out: integers too, but not bool."""

    def expect(self) -> None:
        expect_number(self, self.x)


class ArithmeticOp(BinaryOp, ABC):
    """Two numbers of one type in, one out: integers too, but not bool."""

    def expect(self) -> None:
        super().expect()
        expect_number(self, self.lhs)


@irdl_op_definition
class AbsOp(NumberUnaryOp):
    """|x|; the least integer is its own."""

    name = "graph.abs"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.abs(*inputs)


@irdl_op_definition
class NegOp(NumberUnaryOp):
    """-x."""

    name = "graph.neg"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.negative(*inputs)


@irdl_op_definition
class SignOp(NumberUnaryOp):
    """-1, 0 or 1; NaN of NaN."""

    name = "graph.sign"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.sign(*inputs)


@irdl_op_definition
class FloorOp(FloatUnaryOp):
    """The greatest integer not above x."""

    name = "graph.floor"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.floor(*inputs)


@irdl_op_definition
class CeilOp(FloatUnaryOp):
    """The least integer not below x."""

    name = "graph.ceil"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.ceil(*inputs)


@irdl_op_definition
class RoundOp(FloatUnaryOp):
    """The nearest integer, the even one of two."""

    name = "graph.round"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.rint(*inputs)


@irdl_op_definition
class ReciprocalOp(FloatUnaryOp):
    """1 / x."""

    name = "graph.reciprocal"

    def compute(self, *inputs: Numbers) -> Numbers:
        return 1 / inputs[0]


@irdl_op_definition
class SqrtOp(FloatUnaryOp):
    """The square root; NaN below 0."""

    name = "graph.sqrt"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.sqrt(*inputs)


@irdl_op_definition
class ExpOp(FloatUnaryOp):
    """e to the x."""

    name = "graph.exp"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.exp(*inputs)


@irdl_op_definition
class LogOp(FloatUnaryOp):
    """The natural logarithm; -inf of 0, NaN below."""

    name = "graph.log"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.log(*inputs)


@irdl_op_definition
class ErfOp(FloatUnaryOp):
    """The error function."""

    name = "graph.erf"

    def compute(self, *inputs: Numbers) -> Numbers:
        return erf(*inputs)


@irdl_op_definition
class AddOp(ArithmeticOp):
    """x + y. `floating`: in floating point also between dequantised operands and a quantised result, as onnxruntime
    does an ONNX Sum, but not an Add."""

    name = "graph.add"
    traits = traits_def(Commutative())
    floating = opt_prop_def(BoolAttr)

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.add(*inputs)


@irdl_op_definition
class SubOp(ArithmeticOp):
    """x - y."""

    name = "graph.sub"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.subtract(*inputs)


@irdl_op_definition
class MulOp(ArithmeticOp):
    """x * y."""

    name = "graph.mul"
    traits = traits_def(Commutative())

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.multiply(*inputs)


@irdl_op_definition
class DivOp(ArithmeticOp):
    """x / y; of integers it is rounded towards zero."""

    name = "graph.div"

    def compute(self, *inputs: Numbers) -> Numbers:
        x, y = inputs
        if isinstance(element(self.lhs), AnyFloat):
            return np.divide(x, y)
        floored, rest = np.floor_divide(x, y), np.remainder(x, y)
        return floored + ((rest != 0) & ((x < 0) != (y < 0))).astype(x.dtype)


@irdl_op_definition
class ModOp(ArithmeticOp):
    """The rest of x / y: with y's sign, or with `fmod` with x's. x mod 0 is 0 of integers, NaN of floats. Below the
    graph level the rest of floats is exact as long as x / y is under 2^26."""

    name = "graph.mod"
    fmod = prop_def(BoolAttr)

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.fmod(*inputs) if self.fmod else np.remainder(*inputs)


@irdl_op_definition
class MaxOp(ArithmeticOp):
    """The larger of two numbers."""

    name = "graph.max"
    traits = traits_def(Commutative())

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.maximum(*inputs)


@irdl_op_definition
class MinOp(ArithmeticOp):
    """The smaller of two numbers."""

    name = "graph.min"
    traits = traits_def(Commutative())

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.minimum(*inputs)


@irdl_op_definition
class PowOp(ArithmeticOp):
    """x to the y, in x's type; y may be of another. Of two integers it wraps around, and is 1 / x^-y if y is negative,
    rounded towards zero (0 for x = 0)."""

    name = "graph.pow"

    def expect(self) -> None:
        expect_number(self, self.lhs, self.rhs)

    def compute(self, *inputs: Numbers) -> Numbers:
        base, exponent = inputs
        real = isinstance(element(self.lhs), AnyFloat), isinstance(element(self.rhs), AnyFloat)
        if real == (True, True):
            bases, exponents = np.broadcast_arrays(np.atleast_1d(base), exponent)
            return np.power(bases, exponents.copy())  # numpy takes square roots where one 0.5 is repeated
        if real == (False, False):
            return integer_power(base, exponent)
        result = np.power(base.astype(np.float64), exponent.astype(np.float64))
        return result if real[0] else from_float(result, base.dtype)


def integer_power(base: Numbers, exponent: Numbers) -> Numbers:
    """base ** exponent modulo 2^bits by repeated squaring; 0, 1 or -1 for negative exponents."""
    rest, square = np.where(exponent < 0, 0, exponent), base
    result = np.ones(np.broadcast_shapes(base.shape, exponent.shape), base.dtype)
    while rest.any():
        result = np.where(rest & 1 != 0, result * square, result)
        square, rest = square * square, rest >> 1
    odd = exponent & 1 != 0
    inverse = np.where(base == 1, 1, np.where(base == -1, np.where(odd, -1, 1), 0))
    return np.where(exponent < 0, inverse.astype(base.dtype), result)


def from_float(x: Numbers, kind: np.dtype[np.generic]) -> Numbers:
    """Floats rounded towards zero to integers or bool; out of range as x86 does: the least i32 (i64 for the wide types)
    in two's complement, cut to the type."""
    if kind == np.bool_:
        return x != 0
    wide = kind.itemsize == 8 or kind == np.uint32
    least = -(2.0**63) if wide else -(2.0**31)
    whole = np.where((x >= least) & (x < -least), x, least).astype(np.int64 if wide else np.int32)
    if kind == np.uint64:
        high = np.where((x >= 2.0**63) & (x < 2.0**64), x - 2.0**63, 0).astype(np.int64)
        whole = np.where((x >= 2.0**63) & (x < 2.0**64), high + np.iinfo(np.int64).min, whole)
    return whole.astype(kind)
