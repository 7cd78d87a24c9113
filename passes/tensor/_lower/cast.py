"""Conversions, none of them undefined: what an integer type cannot hold becomes what x86 makes of it."""

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, IntegerType, f32, i32, i64
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineMap

from ....dialects._shape import dtype, element, shape
from ....dialects.graph.cast import BitcastOp, CastOp
from ._build import Body, Build, lowering, signless
from ._scalars import apply, is_unsigned


@lowering(CastOp)
def cast(op: CastOp, b: Build) -> SSAValue:
    """Nothing where only the signedness changes, else one or a few scalar ops."""
    if signless(element(op.x)) == signless(element(op.res)):
        return b[op.x]
    return apply(op, b, converted)


def converted(t: Body, op: CastOp, x: SSAValue) -> SSAValue:
    """The number in the new type."""
    to = signless(element(op.res))
    if isinstance(x.type, AnyFloat) and isinstance(to, IntegerType):
        return float_to_integer(t, x, dtype(element(op.res)))
    if isinstance(to, AnyFloat) and to.bitwidth < 32 and isinstance(x.type, IntegerType):
        to = f32
    return t.cast(x, to, from_unsigned=is_unsigned(op.x))


@lowering(BitcastOp)
def bitcast(op: BitcastOp, b: Build) -> SSAValue:
    """Nothing where only the signedness changes; halves are not widened on the way."""
    source, to = signless(element(op.x)), signless(element(op.res))
    if source == to:
        return b[op.x]
    same = AffineMap.identity(len(shape(op.x)))
    out = b.empty(shape(op.x), to), same

    def body(t: Body, x: SSAValue, old: SSAValue) -> SSAValue:
        return t.cast(x, to) if IntegerType(1) in (source, to) else t.add_op(arith.BitcastOp(x, to))

    return b.generic1([(b[op.x], same)], out, "p" * len(shape(op.x)), body)


def float_to_integer(t: Body, x: SSAValue, kind: np.dtype[np.generic]) -> SSAValue:
    """Rounded towards zero; out of range and of NaN the least i32 (i64 for the wide types), cut to the type; != 0 for
    bool."""
    if kind == np.bool_:
        return t.cast(x, IntegerType(1))
    whole = _signed(t, x, i64 if kind.itemsize == 8 or kind == np.uint32 else i32)
    if kind == np.uint64:
        top = t.const(2.0**63, x.type)
        upper = t.and_(t.cmp("ge", x, top), t.cmp("lt", x, t.const(2.0**64, x.type)))
        shifted = t.add(_signed(t, t.sub(x, top), i64), t.const(1 << 63, i64))
        whole = t.select(upper, shifted, whole)
    return t.cast(whole, IntegerType(8 * kind.itemsize))


def _signed(t: Body, x: SSAValue, to: IntegerType) -> SSAValue:
    least = t.const(-(2.0 ** (to.width.data - 1)), x.type)
    above, below = t.cmp("ge", x, least), t.cmp("lt", x, t.const(2.0 ** (to.width.data - 1), x.type))
    return t.cast(t.select(t.and_(above, below), x, least), to)
