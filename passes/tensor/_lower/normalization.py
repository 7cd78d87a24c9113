"""Normalisations: sums along the rows, one number a row from them, and one pass over the elements."""

import numpy as np
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineExpr, AffineMap

from ....dialects._shape import dtype, element, shape
from ....dialects.graph.normalization import (
    BatchNormOp,
    GroupNormOp,
    InstanceNormOp,
    LayerNormOp,
    LrnOp,
    NormOp,
    RmsNormOp,
)
from ._build import Body, Build, lowering
from ._rows import Read, Rows


def standardized(rows: Rows, op: NormOp, x: SSAValue, *affine: Read) -> SSAValue:
    """(x - mean) / sqrt(var + epsilon), times the first and plus the second of `affine`, if given."""
    values = rows.full(x)
    total = rows.reduce(0.0, lambda t, x, so_far: t.add(so_far, x), values)
    mean = rows.per_row(lambda t, s: t.div(s, t.const(rows.count, s.type)), total)

    def squared(t: Body, x: SSAValue, m: SSAValue, so_far: SSAValue) -> SSAValue:
        centred = t.sub(x, m)
        return t.add(so_far, t.mul(centred, centred))

    def scaled(t: Body, x: SSAValue, m: SSAValue, r: SSAValue, *affine: SSAValue) -> SSAValue:
        y = t.mul(t.sub(x, m), r)
        for combine, parameter in zip((t.mul, t.add), affine, strict=False):
            y = combine(y, t.cast(parameter, y.type))
        return y

    rate = inverse_root(rows, rows.reduce(0.0, squared, values, rows.row(mean)), op.eps)
    return rows.apply(element(op.result), scaled, values, rows.row(mean), rows.row(rate), *affine)


def inverse_root(rows: Rows, total: SSAValue, epsilon: float) -> SSAValue:
    """1 / sqrt(total / count + epsilon), one number a row."""

    def inverse(t: Body, s: SSAValue) -> SSAValue:
        mean = t.div(s, t.const(rows.count, s.type))
        return t.div(t.const(1.0, s.type), t.math("sqrt", t.add(mean, t.const(epsilon, s.type))))

    return rows.per_row(inverse, total)


@lowering(LayerNormOp)
def layer_norm(op: LayerNormOp, b: Build) -> SSAValue:
    """Rows over the axes from `axis` on."""
    if 0 in shape(op.input):
        return b[op.input]
    rows = Rows(b, op.input, op.dims)
    affine = [rows.full(v) for v in (op.scale, op.bias) if v is not None]
    return standardized(rows, op, op.input, *affine)


@lowering(RmsNormOp)
def rms_norm(op: RmsNormOp, b: Build) -> SSAValue:
    """x / sqrt(mean of squares + epsilon) * scale."""
    if 0 in shape(op.input):
        return b[op.input]
    rows = Rows(b, op.input, op.dims)
    x = rows.full(op.input)
    rate = inverse_root(rows, rows.reduce(0.0, lambda t, x, so_far: t.add(so_far, t.mul(x, x)), x), op.eps)

    def scaled(t: Body, x: SSAValue, r: SSAValue, scale: SSAValue) -> SSAValue:
        y = t.mul(x, r)
        return t.mul(y, t.cast(scale, y.type))

    return rows.apply(element(op.result), scaled, x, rows.row(rate), rows.full(op.scale))


@lowering(InstanceNormOp)
def instance_norm(op: InstanceNormOp, b: Build) -> SSAValue:
    """Rows over the spatial axes."""
    if 0 in shape(op.input):
        return b[op.input]
    rows = Rows(b, op.input, op.dims)
    return standardized(rows, op, op.input, rows.along(op.scale, 1), rows.along(op.bias, 1))


@lowering(GroupNormOp)
def group_norm(op: GroupNormOp, b: Build) -> SSAValue:
    """The channels in two dimensions, [groups, channels of a group]; rows over all after the groups."""
    dims, groups = shape(op.input), op.count
    if 0 in dims:
        return b[op.input]
    x = b.reshape(op.input, [dims[0], groups, dims[1] // groups, *dims[2:]])
    rows = Rows(b, x, range(2, len(dims) + 1))
    affine = [rows.along(b.reshape(v, [groups, dims[1] // groups]), 1, 2) for v in (op.scale, op.bias)]
    return b.reshape(standardized(rows, op, x, *affine), dims)


@lowering(BatchNormOp)
def batch_norm(op: BatchNormOp, b: Build) -> SSAValue:
    """x * a + c with a = scale / sqrt(var + epsilon), c = bias - mean * a; known parameters give two weights."""
    rows = Rows(b, op.input, ())
    scale, bias, mean, var = (b.constant(v) for v in (op.scale, op.bias, op.mean, op.var))
    if scale is not None and bias is not None and mean is not None and var is not None:
        with np.errstate(all="ignore"):
            factor = scale.astype(np.float64) / np.sqrt(var.astype(np.float64) + op.eps)
            offset = bias.astype(np.float64) - mean.astype(np.float64) * factor
        a, c = (b.weight(v.astype(dtype(rows.wide)), "batch_norm") for v in (factor, offset))
    else:
        a, c = per_channel(op, b, rows)

    def affine(t: Body, x: SSAValue, a: SSAValue, c: SSAValue) -> SSAValue:
        return t.add(t.mul(x, a), c)

    return rows.apply(element(op.result), affine, rows.full(op.input), rows.along(a, 1), rows.along(c, 1))


def per_channel(op: BatchNormOp, b: Build, rows: Rows) -> tuple[SSAValue, SSAValue]:
    """The factor and the offset of each channel, computed at run time."""
    wide = rows.wide

    def factor(t: Body, scale: SSAValue, var: SSAValue) -> SSAValue:
        root = t.math("sqrt", t.add(t.cast(var, wide), t.const(op.eps, wide)))
        return t.div(t.cast(scale, wide), root)

    def offset(t: Body, bias: SSAValue, mean: SSAValue, a: SSAValue) -> SSAValue:
        return t.sub(t.cast(bias, wide), t.mul(t.cast(mean, wide), a))

    a = b.pointwise([op.scale, op.var], shape(op.scale), wide, factor)
    return a, b.pointwise([op.bias, op.mean, a], shape(op.scale), wide, offset)


@lowering(LrnOp)
def lrn(op: LrnOp, b: Build) -> SSAValue:
    """The squares summed over a window of channels of the padded input, then one pass over the elements."""
    dims, size = shape(op.input), op.size.value.data
    if 0 in dims:
        return b[op.input]
    rows = Rows(b, op.input, ())
    low, high = ([0, n, *[0] * (len(dims) - 2)] for n in (op.before, op.after))
    rank = len(dims)
    place: list[AffineExpr] = [AffineDimExpr(i) for i in range(rank)]
    place[1] = place[1] + AffineDimExpr(rank)
    inputs = [
        (b.pad(op.input, low, high, 0.0), AffineMap(rank + 1, 0, tuple(place))),
        (b.empty([size], rows.wide), AffineMap(rank + 1, 0, (AffineDimExpr(rank),))),
    ]
    out = b.fill(0.0, dims, rows.wide), AffineMap(rank + 1, 0, tuple(AffineDimExpr(i) for i in range(rank)))

    def squares(t: Body, x: SSAValue, _: SSAValue, so_far: SSAValue) -> SSAValue:
        x = t.cast(x, so_far.type)
        return t.add(so_far, t.mul(x, x))

    total = b.generic1(inputs, out, "p" * rank + "r", squares)
    alpha, beta, bias = (float(a.value.data) for a in (op.alpha, op.beta, op.bias))

    def divided(t: Body, x: SSAValue, s: SSAValue) -> SSAValue:
        base = t.add(t.mul(s, t.const(alpha / size, s.type)), t.const(bias, s.type))
        return t.div(x, t.math("powf", base, t.const(beta, s.type)))

    return rows.apply(element(op.result), divided, rows.full(op.input), rows.full(total))
