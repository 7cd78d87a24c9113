"""Convolutions: one generic over the padded input each; transposed ones become products or convolutions.

(n, oc, oh, ow, ic, kh, kw) "pppprrr"   ins %x (n, ic, 2 oh + kh, 2 ow + kw), %w (oc, ic, kh, kw)   outs (n, oc, oh, ow)

In groups, (n, g, oc, oh, ow, ic, kh, kw); with one channel a group and one filter, (n, c, oh, ow, kh, kw).
"""

from math import prod

import numpy as np
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineExpr, AffineMap

from ....dialects._shape import Array, element, shape
from ....dialects.graph._window import Window
from ....dialects.graph.conv import ConvOp, ConvTransposeOp
from ._body import Body, widened
from ._build import Build, lowering, signless
from ._products import Factor, product, reshaped, settled

Dims = tuple[int, ...]


def sliding(window: Window, outer: int, inner: int) -> list[AffineExpr]:
    """Where a window reads: dim outer + i times the stride plus dim inner + i times the dilation."""
    return [
        AffineDimExpr(outer + i) * s + AffineDimExpr(inner + i) * d
        for i, (s, d) in enumerate(zip(window.strides, window.dilations, strict=True))
    ]


def convolve(
    b: Build,
    x: SSAValue,
    w: SSAValue,
    window: Window,
    outputs: Dims,
    group: int,
    kind: Attribute,
    unsigned: tuple[bool, bool] = (False, False),
) -> SSAValue:
    """Padded x [N, C, spatial] with w [OC, C / group, kernel]: [N, OC, outputs] of the wide form of `kind`."""
    (n, c), (filters, depth), kind = shape(x)[:2], shape(w)[:2], widened(kind)
    rank, kernel = len(outputs), window.kernel
    dims = (n, filters, *outputs)
    if 0 in dims:
        return b.empty(dims, kind)
    if 0 in (c, depth):
        return b.fill(0, dims, kind)
    groups: Dims = () if group == 1 else (group,)
    single = group == c == filters
    lead: Dims = (n, *groups) if single else (n, *groups, filters // group)
    inner = () if single else (depth,)
    x = b.reshape(x, (n, *groups, *inner, *shape(x)[2:]))
    w = reshaped(b, w, (*groups, *lead[1 + len(groups) :], *inner, *kernel))
    first = len(lead)
    every = [AffineDimExpr(i) for i in range(first + rank + len(inner) + rank)]
    deep = every[first + rank : first + rank + len(inner)]
    taps = every[first + rank + len(inner) :]
    batch = every[: 1 + len(groups)]
    reads = AffineMap(len(every), 0, (*batch, *deep, *sliding(window, first, len(every) - rank)))
    weights = AffineMap(len(every), 0, (*every[1:first], *deep, *taps))
    writes = AffineMap(len(every), 0, tuple(every[: first + rank]))
    start = b.fill(0, (*lead, *outputs), kind)
    iterators = "p" * (first + rank) + "r" * (len(inner) + rank)

    def body(t: Body, a: SSAValue, f: SSAValue, so_far: SSAValue) -> SSAValue:
        return t.add(so_far, t.mul(t.cast(a, kind, unsigned[0]), t.cast(f, kind, unsigned[1])))

    return b.reshape(b.generic1([(x, reads), (w, weights)], (start, writes), iterators, body), dims)


def padded(b: Build, x: SSAValue, window: Window, outputs: Dims, fill: float | int) -> SSAValue:
    """x with as much padding as its windows reach."""
    high = window.needed(shape(x)[2:], outputs)
    return b.pad(b[x], (0, 0, *window.low), (0, 0, *high), fill)


def finished(b: Build, y: SSAValue, bias: SSAValue | None, kind: Attribute) -> SSAValue:
    """The accumulator with the bias of each channel added, as `kind`."""
    if bias is None:
        return settled(b, y, kind)
    spread = reshaped(b, bias, (*shape(bias), *(1,) * (len(shape(y)) - 2)))
    return b.pointwise([y, spread], shape(y), kind, lambda t, x, c: t.add(x, c))


@lowering(ConvOp)
def conv(op: ConvOp, b: Build) -> SSAValue:
    """Padding, the convolution, the bias."""
    window, outputs = op.geometry()
    kind = signless(element(op.res))
    y = convolve(b, padded(b, op.x, window, outputs, 0), op.w, window, outputs, op.groups, kind)
    return finished(b, y, op.bias, kind)


@lowering(ConvTransposeOp)
def conv_transpose(op: ConvTransposeOp, b: Build) -> SSAValue:
    """Filters that do not overlap are a product; else the output points of one remainder by the stride are a
    convolution, and all remainders are one with more channels; dilated filters slide over an input spread by zeros."""
    window, outputs = op.geometry()
    kind = signless(element(op.res))
    if 0 in shape(op.res):
        return b.empty(shape(op.res), kind)
    if window.kernel == window.strides and set(window.dilations) == {1}:
        y = _blocks(op, b, window, kind)
    elif max(window.dilations) == 1 and max(window.strides) > 1:
        y = _phases(op, b, window, kind)
    else:
        y = _spread(op, b, window, kind)
    return finished(b, _cropped(b, y, window.low, outputs), op.bias, kind)


def _cropped(b: Build, y: SSAValue, low: Dims, outputs: Dims) -> SSAValue:
    """The outputs from `low` on; zeros where no filter reaches."""
    high = [o + lo - n for o, lo, n in zip(outputs, low, shape(y)[2:], strict=True)]
    return b.pad(y, (0, 0, *(-lo for lo in low)), (0, 0, *high), 0)


def _blocks(op: ConvTransposeOp, b: Build, window: Window, kind: Attribute) -> SSAValue:
    """y[n, g, o, h, i, w, j] = sum of x[n, g, c, h, w] * f[g, c, o, i, j] over c, seen as [n, g o, h i, w j]."""
    (n, c, *spatial), (_, filters, *kernel), group = shape(op.x), shape(op.w), op.groups
    points, taps = ([f"{name}{i}" for i in range(len(spatial))] for name in "ht")
    groups = ["g"] if group > 1 else []
    sizes = [group] if group > 1 else []
    x = Factor(b.reshape(b[op.x], (n, *sizes, c // group, *spatial)), ("n", *groups, "c", *points))
    w = Factor(reshaped(b, op.w, (*sizes, c // group, filters, *kernel)), (*groups, "c", "o", *taps))
    pairs = [label for pair in zip(points, taps, strict=True) for label in pair]
    y = product(b, x, w, ["n", *groups, "o", *pairs], kind)
    return b.reshape(y, (n, group * filters, *(h * k for h, k in zip(spatial, kernel, strict=True))))


def _phases(op: ConvTransposeOp, b: Build, window: Window, kind: Attribute) -> SSAValue:
    """Output q * stride + r takes the filter's points r + stride * t against the inputs q - t: for each r a
    convolution, their filters padded to ceil(kernel / stride) points and turned round."""
    (n, _, *spatial), (_, filters, *kernel), group = shape(op.x), shape(op.w), op.groups
    rank, strides = len(kernel), window.strides
    steps = tuple(-(-k // s) for k, s in zip(kernel, strides, strict=True))
    w = _phase_filters(b, op.w, group, strides, steps)
    low = tuple(t - 1 for t in steps)
    inner = Window(steps, (1,) * rank, (1,) * rank, low, low)
    outputs = tuple(h + t - 1 for h, t in zip(spatial, steps, strict=True))
    y = convolve(b, padded(b, op.x, inner, outputs, 0), w, inner, outputs, group, kind)
    y = b.reshape(y, (n, group * filters, *strides, *outputs))
    order = [0, 1, *(axis for i in range(rank) for axis in (2 + rank + i, 2 + i))]
    return b.reshape(
        b.transpose(y, order), (n, group * filters, *(q * s for q, s in zip(outputs, strides, strict=True)))
    )


def _phase_filters(b: Build, w: SSAValue, group: int, strides: Dims, steps: Dims) -> SSAValue:
    """[C, OC / group, kernel] as [OC * strides, C / group, steps], the steps turned round."""
    c, filters, *kernel = shape(w)
    rank = len(kernel)
    high = [s * t - k for s, t, k in zip(strides, steps, kernel, strict=True)]
    split = [n for s, t in zip(strides, steps, strict=True) for n in (t, s)]
    order = [0, 2, *(4 + 2 * i for i in range(rank)), 1, *(3 + 2 * i for i in range(rank))]
    dims = (group * filters * prod(strides), c // group, *steps)
    if (array := b.constant(w)) is not None:
        array = np.pad(array, [(0, 0), (0, 0), *((0, h) for h in high)])
        array = array.reshape(group, c // group, filters, *split).transpose(order)
        return b.weight(_turned(array, dims), "w")
    value = b.pad(b[w], [0] * (2 + rank), [0, 0, *high], 0)
    value = b.transpose(b.reshape(value, (group, c // group, filters, *split)), order)
    return _reversed(b, b.reshape(value, dims), rank)


def _spread(op: ConvTransposeOp, b: Build, window: Window, kind: Attribute) -> SSAValue:
    """The input with stride - 1 zeros after each element, and the filters turned round."""
    (n, c, *spatial), (_, filters, *kernel), group = shape(op.x), shape(op.w), op.groups
    rank = len(kernel)
    ones = [size for h in spatial for size in (h, 1)]
    gaps = [gap for s in window.strides for gap in (0, s - 1)]
    x = b.pad(b.reshape(b[op.x], (n, c, *ones)), [0] * (2 + 2 * rank), [0, 0, *gaps], 0)
    long = tuple(h * s for h, s in zip(spatial, window.strides, strict=True))
    x = b.reshape(x, (n, c, *long))
    low = tuple(e - 1 for e in window.extents)
    x = b.pad(x, (0, 0, *low), (0, 0, *(e - s for e, s in zip(window.extents, window.strides, strict=True))), 0)
    inner = Window(window.kernel, (1,) * rank, window.dilations, low, low)
    outputs = tuple(s - e + 1 for s, e in zip(shape(x)[2:], window.extents, strict=True))
    split, dims = (group, c // group, filters, *kernel), (group * filters, c // group, *kernel)
    order = [0, 2, 1, *range(3, 3 + rank)]
    if (array := b.constant(op.w)) is not None:
        w = b.weight(_turned(array.reshape(split).transpose(order), dims), "w")
    else:
        w = _reversed(b, b.reshape(b.transpose(b.reshape(b[op.w], split), order), dims), rank)
    return convolve(b, x, w, inner, outputs, group, kind)


def _turned(array: Array, dims: Dims) -> Array:
    """Under a shape whose dims from the third on are reversed."""
    flat = array.reshape(dims)
    return np.ascontiguousarray(flat[(slice(None), slice(None), *(slice(None, None, -1),) * (len(dims) - 2))])


def _reversed(b: Build, value: SSAValue, rank: int) -> SSAValue:
    """The last `rank` dimensions the other way round."""
    dims = shape(value)
    offsets = [0] * (len(dims) - rank) + [n - 1 for n in dims[len(dims) - rank :]]
    return b.slice(value, offsets, dims, [1] * (len(dims) - rank) + [-1] * rank)
