"""Grid sampling: a pointwise generic over the result; its body finds the neighbours of the point and reads them."""

from itertools import product

from xdsl.dialects.builtin import IndexType, f32, f64, i1
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from ....dialects._shape import element, shape
from ....dialects.graph.sample import CUBIC, MODES, GridSampleOp
from ._body import Body
from ._build import Build, lowering

Tap = tuple[SSAValue, SSAValue, SSAValue]


@lowering(GridSampleOp)
def grid_sample(op: GridSampleOp, b: Build) -> SSAValue:
    """The sum of neighbours by their weights; one that is outside, under padding with zeros, adds nothing."""
    dims, kind = shape(op.res), element(op.res)
    if 0 in dims or 0 in shape(op.x):
        return b.fill(0, dims, kind)
    wide = f64 if f64 in (kind, element(op.grid)) else f32
    source, spatial, rank = b[op.x], shape(op.x)[2:], len(dims)
    place = (AffineDimExpr(0), *(AffineDimExpr(i) for i in range(2, rank)))
    lines = [AffineMap(rank, 0, (*place, AffineConstantExpr(i))) for i in reversed(range(len(spatial)))]

    def body(t: Body, *points: SSAValue) -> SSAValue:
        taps = [neighbours(op, t, t.cast(p, wide), size) for p, size in zip(points[:-1], spatial, strict=True)]
        total = t.const(0.0, wide)
        for chosen in product(*taps):
            value = t.extract(source, [t.index(0), t.index(1), *(at for at, _, _ in chosen)])
            (_, weight, seen), *others = chosen
            for _, factor, also in others:
                weight, seen = t.mul(weight, factor), t.and_(seen, also)
            term = t.mul(t.cast(value, wide), weight)
            total = t.add(total, t.select(seen, term, t.const(0.0, wide)))
        return t.cast(total, kind)

    out = b.empty(dims, kind), AffineMap.identity(rank)
    return b.generic1([(b[op.grid], line) for line in lines], out, "p" * rank, body)


def neighbours(op: GridSampleOp, t: Body, point: SSAValue, size: int) -> list[Tap]:
    """For each neighbour along one dimension: its index, its weight, whether it counts."""
    kind, mode = point.type, op.mode.data

    def number(value: float) -> SSAValue:
        return t.const(value, kind)

    moved = t.add(point, number(1.0))
    if op.align:
        at = t.mul(t.div(moved, number(2.0)), number(size - 1.0))
    else:
        at = t.div(t.sub(t.mul(moved, number(float(size))), number(1.0)), number(2.0))
    at = t.math("roundeven", at) if mode == "nearest" else at
    low, high = (number(v) for v in op.borders(size))
    beyond = t.or_(t.cmp("lt", at, low), t.cmp("gt", at, high))
    at = t.select(beyond, inside(op, t, at, size), at)
    below = t.math("floor", at)
    found: list[Tap] = []
    for step, weight in zip(MODES[mode], weights(t, mode, t.sub(at, below)), strict=True):
        index, seen = t.add(below, number(float(step))), t.const(1, i1)
        if op.padding.data == "zeros":
            seen = t.and_(t.cmp("ge", index, number(0.0)), t.cmp("lt", index, number(float(size))))
        index = inside(op, t, index, size)
        index = t.select(t.cmp("gt", index, number(0.0)), index, number(0.0))  # NaN becomes 0 too
        index = t.min(index, number(size - 1.0))
        found.append((t.cast(index, IndexType()), weight, seen))
    return found


def inside(op: GridSampleOp, t: Body, at: SSAValue, size: int) -> SSAValue:
    """A coordinate brought in as the padding says."""
    zero = t.const(0.0, at.type)
    match op.padding.data:
        case "border":
            return t.min(t.max(at, zero), t.const(size - 1.0, at.type))
        case "reflection":
            return reflected(t, at, *op.borders(size), at.type)
        case _:
            return at


def reflected(t: Body, at: SSAValue, low: float, high: float, kind: Attribute) -> SSAValue:
    """A coordinate folded back at the borders until it lies between them."""
    first, last, length = t.const(low, kind), t.const(high, kind), t.const(high - low, kind)
    if high == low:
        return first
    under, over = t.cmp("lt", at, first), t.cmp("gt", at, last)
    past = t.select(under, t.sub(first, at), t.sub(at, last))
    turns = t.math("trunc", t.div(past, length))
    rest = t.sub(past, t.mul(turns, length))
    half = t.mul(turns, t.const(0.5, kind))
    even = t.cmp("eq", half, t.math("floor", half))
    folded = t.select(t.xor(under, even), t.sub(last, rest), t.add(first, rest))
    return t.select(t.or_(under, over), folded, at)


def weights(t: Body, mode: str, x: SSAValue) -> list[SSAValue]:
    """The weights of the neighbours of a point that lies `x` past the whole number below it."""
    kind = x.type
    one = t.const(1.0, kind)
    rest = t.sub(one, x)
    if mode == "nearest":
        return [one]
    if mode == "linear":
        return [rest, x]

    def poly(d: SSAValue, *coefficients: float) -> SSAValue:
        total = t.const(coefficients[0], kind)
        for c in coefficients[1:]:
            total = t.add(t.mul(total, d), t.const(c, kind))
        return total

    a = CUBIC
    far, near = (a, -5 * a, 8 * a, -4 * a), (a + 2, -(a + 3), 0.0, 1.0)
    return [poly(t.add(x, one), *far), poly(x, *near), poly(rest, *near), poly(t.add(rest, one), *far)]
