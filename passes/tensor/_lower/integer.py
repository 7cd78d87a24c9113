"""Products of bytes less their zero points, in 32 bits: the bytes are multiplied as they are and corrected afterwards.

sum (x - z) (y - u) = sum x y  -  z * sum y  -  u * sum x  +  k * z * u
"""

from collections.abc import Sequence
from math import prod

import numpy as np
from xdsl.dialects.builtin import i16, i32
from xdsl.ir import SSAValue

from ....dialects._shape import shape
from ....dialects.graph.contraction import MatmulIntegerOp
from ....dialects.graph.conv import ConvIntegerOp
from ._body import Body
from ._build import Build, lowering
from ._products import is_unsigned, reshaped
from .contraction import multiply
from .conv import convolve, padded

Dims = tuple[int, ...]


def is_zero(b: Build, zero: SSAValue | None) -> bool:
    """Whether a zero point is absent or known to be 0."""
    return zero is None or ((array := b.constant(zero)) is not None and not array.any())


def summed(b: Build, value: SSAValue, axes: Sequence[int]) -> SSAValue:
    """The sums of bytes along axes, which the result lacks, in i32; of a constant a constant."""
    axes = tuple(axis % len(shape(value)) for axis in axes)
    if (array := b.constant(value)) is not None:
        return b.weight(np.asarray(array.sum(axis=axes, dtype=np.int64).astype(np.int32)), "sums")
    unsigned = is_unsigned(value)
    return b.reduce(value, axes, 0, lambda t, x, so_far: t.add(so_far, t.cast(x, i32, from_unsigned=unsigned)), i32)


@lowering(MatmulIntegerOp)
def matmul_integer(op: MatmulIntegerOp, b: Build) -> SSAValue:
    """A product of bytes and, for zero points other than 0, a correction by the sums of columns and rows."""
    dims, (left, right) = shape(op.res), (shape(op.lhs), shape(op.rhs))
    total = multiply(b, op.lhs, op.rhs, i32, dims)
    skip_z, skip_u = is_zero(b, op.lhs_zero), is_zero(b, op.rhs_zero)
    if 0 in dims or (skip_z and skip_u):
        return total
    rows, columns = ((1,) if len(left) > 1 else ()), ((1,) if len(right) > 1 else ())
    operands = [total]
    z_shape, u_shape = op.zero_shapes()
    if not skip_z and op.lhs_zero is not None:
        sums = summed(b, op.rhs, [-2 if columns else 0])
        operands.append(reshaped(b, sums, (*right[:-2], *rows, *(right[-1:] if columns else ()))))
        operands.append(reshaped(b, op.lhs_zero, z_shape if columns else z_shape[:-1]))
    if not skip_u and op.rhs_zero is not None:
        sums = summed(b, op.lhs, [-1])
        operands.append(reshaped(b, sums, (*left[:-1], *columns)))
        u_shape = u_shape if rows or len(u_shape) < 2 else (*u_shape[:-2], u_shape[-1])
        operands.append(reshaped(b, op.rhs_zero, u_shape))
    signs = is_unsigned(op.lhs), is_unsigned(op.rhs)

    def body(t: Body, x: SSAValue, *terms: SSAValue) -> SSAValue:
        zeros: list[SSAValue] = []
        if not skip_z:
            zeros.append(t.cast(terms[1], i32, from_unsigned=signs[0]))
            x = t.sub(x, t.mul(zeros[0], terms[0]))
        if not skip_u:
            zeros.append(t.cast(terms[-1], i32, from_unsigned=signs[1]))
            x = t.sub(x, t.mul(zeros[-1], terms[-2]))
        if len(zeros) == 2:
            x = t.add(x, t.mul(t.const(left[len(left) - 1], i32), t.mul(zeros[0], zeros[1])))
        return x

    return b.pointwise(operands, dims, i32, body)


def less_zero(b: Build, value: SSAValue, zero: SSAValue | None, spread: Dims) -> SSAValue:
    """Bytes less their zero point as i16; of constants a constant."""
    unsigned, dims = is_unsigned(value), shape(value)
    array, less = b.constant(value), (None if zero is None else b.constant(zero))
    if array is not None and (zero is None or less is not None):
        offset = np.zeros((), np.int16) if less is None else less.astype(np.int16).reshape(spread or (1,) * array.ndim)
        return b.weight(array.astype(np.int16) - offset, "w")
    count = 1 if zero is None else prod(shape(zero))
    spread = tuple(count if n < 0 else n for n in spread) if count > 1 else ()
    operands = [value] if zero is None else [value, reshaped(b, zero, spread)]

    def body(t: Body, x: SSAValue, *z: SSAValue) -> SSAValue:
        x = t.cast(x, i16, from_unsigned=unsigned)
        return t.sub(x, t.cast(z[0], i16, from_unsigned=unsigned)) if z else x

    return b.pointwise(operands, dims, i16, body)


@lowering(ConvIntegerOp)
def conv_integer(op: ConvIntegerOp, b: Build) -> SSAValue:
    """With a known zero point of x and none of w, the bytes padded with it and a correction for each channel; else the
    differences in 16 bits."""
    window, outputs = op.geometry()
    dims, rank = shape(op.res), len(outputs)
    if 0 in dims:
        return b.empty(dims, i32)
    zero = np.zeros((), np.int8) if op.x_zero is None else b.constant(op.x_zero)
    if zero is None or not is_zero(b, op.w_zero):
        x = less_zero(b, op.x, op.x_zero, ())
        w = less_zero(b, op.w, op.w_zero, (-1, *(1,) * (rank + 1)))
        return convolve(b, padded(b, x, window, outputs, 0), w, window, outputs, op.groups, i32)
    offset = int(zero.reshape(-1)[0])
    signs = is_unsigned(op.x), is_unsigned(op.w)
    x = padded(b, op.x, window, outputs, offset)
    total = convolve(b, x, op.w, window, outputs, op.groups, i32, signs)
    if not offset:
        return total
    sums = reshaped(b, summed(b, op.w, range(1, 2 + rank)), (dims[1], *(1,) * rank))
    return b.pointwise([total, sums], dims, i32, lambda t, y, s: t.sub(y, t.mul(t.const(offset, i32), s)))
