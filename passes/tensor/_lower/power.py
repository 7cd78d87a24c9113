"""Powers. A constant exponent that stands for a product, a root or a quotient becomes that."""

import numpy as np
from xdsl.dialects.builtin import AnyFloat, IntegerType, f64, i64
from xdsl.ir import SSAValue

from ....dialects._shape import dtype, element
from ....dialects.graph.elementwise import PowOp
from ._build import Body, Build, lowering
from ._scalars import apply, is_unsigned
from .cast import float_to_integer


@lowering(PowOp)
def power(op: PowOp, b: Build) -> SSAValue:
    """By what stands in the exponent, if that is one number, else by the types."""
    exponent = b.operand(op.rhs)
    number = float(exponent.reshape(-1)[0]) if isinstance(exponent, np.ndarray) else None
    real = isinstance(element(op.lhs), AnyFloat)
    if number in (0, 1, 2, 3, 4) or (real and number in (0.5, -0.5, -1)):
        return apply(op, b, lambda t, op, x, y: few(t, x, number))
    if real:
        return apply(op, b, real_power)
    return apply(op, b, real_power if isinstance(element(op.rhs), AnyFloat) else integer_power)


def few(t: Body, x: SSAValue, exponent: float) -> SSAValue:
    """A power with few operations."""
    one = t.const(1, x.type)
    match exponent:
        case 0:
            return one
        case 1:
            return x
        case 2:
            return t.mul(x, x)
        case 3:
            return t.mul(t.mul(x, x), x)
        case 4:
            return t.mul(square := t.mul(x, x), square)
        case -1:
            return t.div(one, x)
        case 0.5:
            return root(t, x)
        case -0.5:
            return t.div(one, root(t, x))
        case _:
            raise ValueError(f"expected an exponent of few operations, found {exponent}")


def root(t: Body, x: SSAValue) -> SSAValue:
    """x to the 0.5, which other than the square root is 0 of -0 and infinite of -inf."""
    endless = t.cmp("eq", x, t.const(float("-inf"), x.type))
    return t.select(endless, t.const(float("inf"), x.type), t.math("sqrt", t.add(x, t.const(0, x.type))))


def real_power(t: Body, op: PowOp, x: SSAValue, y: SSAValue) -> SSAValue:
    """In the wider of the float types, f64 for an integer base."""
    kinds = [v.type for v in (x, y)]
    wide = f64 if f64 in kinds or not isinstance(x.type, AnyFloat) else x.type
    base = t.cast(x, wide, from_unsigned=is_unsigned(op.lhs))
    result = t.math("powf", base, t.cast(y, wide, from_unsigned=is_unsigned(op.rhs)))
    if isinstance(x.type, AnyFloat):
        return t.cast(result, x.type)
    return float_to_integer(t, result, dtype(element(op.lhs)))


def integer_power(t: Body, op: PowOp, x: SSAValue, y: SSAValue) -> SSAValue:
    """In the wider of the integer types, i64 if one is unsigned, cut to x's. Of an unsigned exponent the highest bit of
    64 is left out: an odd base to the 2^63 is 1, an even one is 0 long before."""
    assert isinstance(x.type, IntegerType) and isinstance(y.type, IntegerType)
    unsigned = is_unsigned(op.lhs), is_unsigned(op.rhs)
    wide = x.type if x.type.width.data >= y.type.width.data else y.type
    wide = i64 if any(unsigned) else wide
    exponent = t.cast(y, wide, from_unsigned=unsigned[1])
    if unsigned[1] and y.type == wide:
        exponent = t.and_(exponent, t.const((1 << 63) - 1, wide))
    return t.cast(t.math("ipowi", t.cast(x, wide, from_unsigned=unsigned[0]), exponent), x.type)
