"""Quantization: one generic each, scales and zero points broadcast; a dynamic one after two reductions."""

import numpy as np
from xdsl.dialects.builtin import IndexType, f32, f64, i32
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineMap

from ....dialects._shape import dtype, element, shape
from ....dialects.graph.quantize import DequantizeOp, DynamicQuantizeOp, QuantizeOp, RequantizeOp, ScaledOp
from ._body import Body, widened
from ._build import Build, lowering, signless
from ._generics import BodyOf
from ._products import is_unsigned, reshaped


def saturated(t: Body, x: SSAValue, to: Attribute) -> SSAValue:
    """A whole float as an integer, out of range the ends, NaN the least."""
    ends = np.iinfo(dtype(to).name)
    low, high = t.const(float(ends.min), x.type), t.const(float(ends.max), x.type)
    x = t.select(t.cmp("gt", x, low), x, low)
    x = t.select(t.cmp("lt", x, high), x, high)
    return t.cast(t.cast(x, i32), signless(to))


def scaled(op: ScaledOp, b: Build, body: BodyOf) -> SSAValue:
    """`body(t, x, scale)` or `body(t, x, scale, zero)` for each element with its own scale and zero point."""
    dims, kind = shape(op.x), element(op.res)
    scales = [op.scale] if op.zero is None else [op.scale, op.zero]
    if op.blocks is None:
        return b.pointwise([op.x, *(reshaped(b, s, op.spread()) for s in scales)], dims, kind, body)
    axis, block = op.blocks
    if dims[axis] % block:
        return _partial(op, b, scales, axis, block, body)
    split = (*dims[:axis], dims[axis] // block, block, *dims[axis + 1 :])
    spread = (*dims[:axis], dims[axis] // block, 1, *dims[axis + 1 :])
    values = [b.reshape(b[op.x], split), *(reshaped(b, s, spread) for s in scales)]
    return b.reshape(b.pointwise(values, split, kind, body), dims)


def _partial(op: ScaledOp, b: Build, scales: list[SSAValue], axis: int, block: int, body: BodyOf) -> SSAValue:
    """As `scaled` where the last block is cut short: each element looks its scale up."""
    dims, kind = shape(op.x), signless(element(op.res))
    tables = [b[s] for s in scales]

    def look_up(t: Body, x: SSAValue, old: SSAValue) -> SSAValue:
        at: list[SSAValue | int] = [t.index(i) for i in range(len(dims))]
        at[axis] = t.div(t.index(axis), t.const(block, IndexType()))
        found = body(t, t.cast(x, widened(x.type)), *(t.extract(table, at) for table in tables))
        assert isinstance(found, SSAValue)
        return t.cast(found, kind)

    same = AffineMap.identity(len(dims))
    return b.generic1([(b[op.x], same)], (b.empty(dims, kind), same), "p" * len(dims), look_up)


@lowering(QuantizeOp)
def quantize(op: QuantizeOp, b: Build) -> SSAValue:
    """Divide, round to the quotient's type, round to whole, add, saturate."""
    kind = op.quotient
    unsigned, signs = is_unsigned(op.x), is_unsigned(op.res)

    def as_quotient(t: Body, x: SSAValue) -> SSAValue:
        return t.cast(t.cast(x, kind, from_unsigned=unsigned), widened(kind))

    def body(t: Body, x: SSAValue, scale: SSAValue, *zero: SSAValue) -> SSAValue:
        quotient = as_quotient(t, t.div(as_quotient(t, x), as_quotient(t, scale)))
        whole = t.math("roundeven", quotient)
        shifted = t.add(whole, t.cast(zero[0], whole.type, from_unsigned=signs)) if zero else whole
        return saturated(t, shifted, op.to)

    return scaled(op, b, body)


@lowering(DequantizeOp)
def dequantize(op: DequantizeOp, b: Build) -> SSAValue:
    """Subtract in 32 bits, multiply."""
    unsigned, to = is_unsigned(op.x), signless(element(op.res))
    wide = f64 if element(op.scale) == f64 else f32

    def body(t: Body, x: SSAValue, scale: SSAValue, *zero: SSAValue) -> SSAValue:
        x = t.cast(x, i32, from_unsigned=unsigned)
        x = t.sub(x, t.cast(zero[0], i32, from_unsigned=unsigned)) if zero else x
        return t.cast(t.mul(t.cast(x, wide), t.cast(scale, wide)), to)

    return scaled(op, b, body)


@lowering(RequantizeOp)
def requantize(op: RequantizeOp, b: Build) -> SSAValue:
    """Multiply and add in f64, round, saturate."""
    unsigned, signs = is_unsigned(op.x), is_unsigned(op.res)

    def body(t: Body, x: SSAValue, scale: SSAValue, *zero: SSAValue) -> SSAValue:
        y = t.mul(t.cast(x, f64, from_unsigned=unsigned), t.cast(scale, f64))
        y = t.add(y, t.cast(zero[0], f64, from_unsigned=signs)) if zero else y
        return saturated(t, t.math("roundeven", y), op.to)

    return b.pointwise(list(op.operands), shape(op.res), element(op.res), body)


@lowering(DynamicQuantizeOp)
def dynamic_quantize(op: DynamicQuantizeOp, b: Build) -> tuple[SSAValue, SSAValue, SSAValue]:
    """The ends of the range, from them scale and zero point, with those the integers."""
    dims = shape(op.x)
    axes = range(len(dims))
    high = b.reduce(op.x, axes, 0.0, lambda t, x, so_far: t.max(so_far, x))
    low = b.reduce(op.x, axes, 0.0, lambda t, x, so_far: t.min(so_far, x))

    def step(t: Body, most: SSAValue, least: SSAValue) -> SSAValue:
        reach = t.select(t.cmp("eq", most, least), t.const(1.0, f32), t.sub(most, least))
        return t.div(reach, t.const(255.0, f32))

    def shift(t: Body, least: SSAValue, scale: SSAValue) -> SSAValue:
        return saturated(t, t.math("roundeven", t.div(t.neg(least), scale)), op.to)

    def whole(t: Body, x: SSAValue, scale: SSAValue, zero: SSAValue) -> SSAValue:
        return saturated(t, t.add(t.math("roundeven", t.div(x, scale)), t.cast(zero, f32, from_unsigned=True)), op.to)

    scale = b.pointwise([high, low], (), f32, step)
    zero = b.pointwise([low, scale], (), op.to, shift)
    return b.pointwise([op.x, scale, zero], dims, op.to, whole), scale, zero
