"""Pools: a window reduction over the padded input, then what the mean or the norm makes of it.

(n, c, oh, ow, kh, kw) "pppprr"   ins %x (n, c, 2 oh + kh, 2 ow + kw), %window (kh, kw)   outs (n, c, oh, ow)
"""

from collections.abc import Callable

import numpy as np
from xdsl.dialects.builtin import i64
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from ....dialects._shape import dtype, element, shape
from ....dialects.graph._window import Window
from ....dialects.graph.pool import AveragePoolOp, LpPoolOp, MaxPoolIndicesOp, MaxPoolOp, PoolOp, least, spatial_scales
from ._body import Body, widened
from ._build import Build, lowering
from ._products import is_unsigned
from .conv import padded, sliding

Dims = tuple[int, ...]
Combine = Callable[..., SSAValue]


def reads(window: Window) -> AffineMap:
    """Where the window of (n, c, outputs, kernel) reads in [N, C, spatial]."""
    rank = len(window.kernel)
    lead = (AffineDimExpr(0), AffineDimExpr(1))
    return AffineMap(2 + 2 * rank, 0, (*lead, *sliding(window, 2, 2 + rank)))


def over(dims: int, first: int, count: int) -> AffineMap:
    """The dims from `first` on."""
    return AffineMap(dims, 0, tuple(AffineDimExpr(i) for i in range(first, first + count)))


def slide(
    b: Build, x: SSAValue, window: Window, outputs: Dims, init: float | int, kind: Attribute, combine: Combine
) -> SSAValue:
    """`combine(t, element, so_far)` over each window of padded x [N, C, spatial], in the element type `kind`."""
    rank = len(outputs)
    dims = (*shape(x)[:2], *outputs)
    inputs = [(x, reads(window)), (b.empty(window.kernel, kind), over(2 + 2 * rank, 2 + rank, rank))]
    out = b.fill(init, dims, kind), over(2 + 2 * rank, 0, 2 + rank)

    def body(t: Body, element: SSAValue, shape_only: SSAValue, so_far: SSAValue) -> SSAValue:
        wide = widened(kind)
        return t.cast(combine(t, t.cast(element, wide), t.cast(so_far, wide)), kind)

    return b.generic1(inputs, out, "p" * (2 + rank) + "r" * rank, body)


def maxima(op: PoolOp, b: Build, x: SSAValue) -> SSAValue:
    """The maxima of the windows of padded x."""
    window, outputs = op.geometry()
    unsigned, kind = is_unsigned(op.x), element(x)
    combine: Combine = lambda t, e, so_far: t.max(so_far, e, unsigned=unsigned)  # noqa: E731
    return slide(b, x, window, outputs, least(dtype(op.x.type)), kind, combine)


@lowering(MaxPoolOp)
def max_pool(op: MaxPoolOp, b: Build) -> SSAValue:
    """A window maximum."""
    if 0 in shape(op.res):
        return b.empty(shape(op.res), element(op.res))
    return maxima(op, b, padded(b, op.x, *op.geometry(), least(dtype(op.x.type))))


@lowering(MaxPoolIndicesOp)
def max_pool_indices(op: MaxPoolIndicesOp, b: Build) -> tuple[SSAValue, SSAValue]:
    """The maxima, then the least row-major position at which each window holds its maximum."""
    dims, spatial = shape(op.res), shape(op.x)[2:]
    if 0 in dims:
        return b.empty(dims, element(op.res)), b.empty(dims, i64)
    window, outputs = op.geometry()
    rank = len(outputs)
    x = padded(b, op.x, window, outputs, least(dtype(op.x.type)))
    found = maxima(op, b, x)

    def body(t: Body, element: SSAValue, best: SSAValue, shape_only: SSAValue, so_far: SSAValue) -> SSAValue:
        here = t.cmp("eq", element, best)
        if least(dtype(op.x.type)) == float("-inf"):
            here = t.or_(here, t.cmp("nan", element, element))
        place = t.const(0, i64)
        for i, size in enumerate(spatial):
            at = t.mul(t.cast(t.index(2 + i), i64), t.const(window.strides[i], i64))
            at = t.add(at, t.mul(t.cast(t.index(2 + rank + i), i64), t.const(window.dilations[i], i64)))
            at = t.sub(at, t.const(window.low[i], i64))
            inside = t.cmp("lt", at, t.const(size, i64), unsigned=True)
            here = t.and_(here, inside)
            place = t.add(t.mul(place, t.const(size, i64)), at)
        return t.select(here, t.min(place, so_far), so_far)

    maps = reads(window), over(2 + 2 * rank, 0, 2 + rank), over(2 + 2 * rank, 2 + rank, rank)
    inputs = list(zip((x, found, b.empty(window.kernel, element(x))), maps, strict=True))
    out = b.fill(np.iinfo(np.int64).max, dims, i64), maps[1]
    places = b.generic1(inputs, out, "p" * (2 + rank) + "r" * rank, body)
    return found, _flat(op, b, places)


def _flat(op: MaxPoolIndicesOp, b: Build, places: SSAValue) -> SSAValue:
    """Row-major positions within a channel as positions in the whole input."""
    (_, channels, *spatial) = shape(op.x)
    rows, wanted = (spatial_scales(tuple(spatial), major) for major in (False, bool(op.column_major)))
    dims = shape(places)

    def body(t: Body, place: SSAValue, old: SSAValue) -> SSAValue:
        image = t.mul(t.cast(t.index(0), i64), t.const(channels, i64))
        image = t.add(image, t.cast(t.index(1), i64))
        flat = t.mul(image, t.const(int(np.prod(spatial)), i64))
        if rows == wanted:
            return t.add(flat, place)
        for scale, to in zip(rows, wanted, strict=True):
            flat = t.add(flat, t.mul(t.div(place, t.const(scale, i64)), t.const(to, i64)))
            place = t.rem(place, t.const(scale, i64))
        return flat

    same = AffineMap.identity(len(dims))
    return b.generic1([(places, same)], (b.empty(dims, i64), same), "p" * len(dims), body)


@lowering(AveragePoolOp)
def average_pool(op: AveragePoolOp, b: Build) -> SSAValue:
    """A window sum, divided by how many elements each window has: a constant where that is everywhere the same."""
    dims, kind = shape(op.res), element(op.res)
    if 0 in dims:
        return b.empty(dims, kind)
    window, outputs = op.geometry()
    x = padded(b, op.x, window, outputs, 0)
    total = slide(b, x, window, outputs, 0, widened(kind), lambda t, e, so_far: t.add(so_far, e))
    counts = op.counts().astype(dtype(widened(kind)))
    divisor = b.weight(counts if np.ptp(counts) else counts.reshape(-1)[:1], "count")
    return b.pointwise([total, divisor], dims, kind, lambda t, s, c: t.div(s, c))


@lowering(LpPoolOp)
def lp_pool(op: LpPoolOp, b: Build) -> SSAValue:
    """A window sum of powers, then its root."""
    dims, kind, p = shape(op.res), element(op.res), op.p.value.data
    if 0 in dims:
        return b.empty(dims, kind)
    window, outputs = op.geometry()

    def power(t: Body, x: SSAValue, y: float) -> SSAValue:
        match y:
            case 1:
                return x
            case 2:
                return t.mul(x, x)
            case 0.5:
                return t.math("sqrt", x)
            case _:
                return t.math("powf", x, t.const(y, x.type))

    x = padded(b, op.x, window, outputs, 0)
    total = slide(b, x, window, outputs, 0, widened(kind), lambda t, e, so_far: t.add(so_far, power(t, t.abs(e), p)))
    return b.pointwise([total], dims, kind, lambda t, s: power(t, s, 1 / p))
