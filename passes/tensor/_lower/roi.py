"""Region pooling: loops over regions, channels and bins, and in each bin over as many points as the region asks for."""

from dataclasses import dataclass

from xdsl.dialects.builtin import IndexType, TensorType, f32, f64
from xdsl.ir import Attribute, SSAValue

from ....dialects._shape import element, shape
from ....dialects.graph.roi import RoiAlignOp
from ._body import Body
from ._build import Build, lowering, signless


@dataclass(frozen=True)
class Line:
    """One axis of a region: where it starts, how long a bin is, how many points a bin has."""

    start: SSAValue
    step: SSAValue
    count: SSAValue


@lowering(RoiAlignOp)
def roi_align(op: RoiAlignOp, b: Build) -> SSAValue:
    """An imperative kernel: the number of points hangs on the data."""
    dims, kind = shape(op.res), signless(element(op.res))
    if 0 in dims or 0 in shape(op.x):
        return b.fill(0, dims, kind)
    wide = f64 if f64 in (kind, element(op.rois)) else f32
    start = b.fill(0, dims, kind)

    def kernel(t: Body, x: SSAValue, rois: SSAValue, images: SSAValue, out: SSAValue) -> SSAValue:
        def pooled(t: Body, place: tuple[SSAValue, ...], values: tuple[SSAValue, ...]) -> list[SSAValue]:
            value = _bin(op, t, x, rois, t.extract(images, [place[0]]), place, wide)
            return [t.insert(value, values[0], place)]

        return t.loops(dims, [out], pooled)[0]

    return b.kernel([op.x, op.rois, op.images, start], [TensorType(kind, dims)], kernel, "roi_align")[0]


def _bin(
    op: RoiAlignOp, t: Body, x: SSAValue, rois: SSAValue, image: SSAValue, place: tuple[SSAValue, ...], wide: Attribute
) -> SSAValue:
    """The value of one bin."""
    region, channel, *position = place
    spatial = shape(op.x)[2:]
    lines = [_line(op, t, rois, region, axis, wide) for axis in range(2)]
    average = op.mode.data == "avg"
    source = [t.cast(image, IndexType()), channel]

    def point(t: Body, at: tuple[SSAValue, ...], values: tuple[SSAValue, ...]) -> list[SSAValue]:
        rows = zip(lines, position, at, spatial, strict=True)
        (top, bottom, v, inside), (left, right, h, also) = (_between(t, *row, wide) for row in rows)
        one, total = t.const(1.0, wide), t.const(0.0 if average else float("-inf"), wide)
        for row, weight in ((top, t.sub(one, v)), (bottom, v)):
            for column, factor in ((left, t.sub(one, h)), (right, h)):
                pixel = t.cast(t.extract(x, [*source, row, column]), wide)
                term = t.mul(pixel, t.mul(weight, factor))
                total = t.add(total, term) if average else t.max(total, term)
        total = t.select(t.and_(inside, also), total, t.const(0.0, wide))
        return [t.add(values[0], total) if average else t.max(values[0], total)]

    counts = [line.count for line in lines]
    first = t.const(0.0 if average else float("-inf"), wide)
    (total,) = t.loops(counts, [first], point)
    area = t.mul(*counts)
    some = t.cmp("gt", area, t.const(0, IndexType()))
    mean = t.div(total, t.cast(t.max(area, t.const(1, IndexType())), wide)) if average else total
    return t.select(some, mean, t.const(0.0, wide))


def _line(op: RoiAlignOp, t: Body, rois: SSAValue, region: SSAValue, axis: int, wide: Attribute) -> Line:
    ends = [t.cast(t.extract(rois, [region, i]), wide) for i in (1 - axis, 3 - axis)]
    scale, shift = t.const(op.scale.value.data, wide), t.const(0.5 if op.half_pixel else 0.0, wide)
    low, high = (t.sub(t.mul(end, scale), shift) for end in ends)
    size = t.sub(high, low)
    size = size if op.half_pixel else t.max(size, t.const(1.0, wide))
    step = t.div(size, t.const(float(op.bins[axis]), wide))
    if ratio := op.ratio.value.data:
        return Line(low, step, t.const(ratio, IndexType()))
    count = t.cast(t.math("ceil", step), IndexType())
    return Line(low, step, t.max(count, t.const(0, IndexType())))


def _between(
    t: Body, line: Line, place: SSAValue, at: SSAValue, size: int, wide: Attribute
) -> tuple[SSAValue, SSAValue, SSAValue, SSAValue]:
    """For point `at` of bin `place`: the pixels before and after, how far on the way between, whether it counts."""
    part = t.div(t.mul(t.add(t.cast(at, wide), t.const(0.5, wide)), line.step), t.cast(line.count, wide))
    point = t.add(t.add(t.mul(t.cast(place, wide), line.step), part), line.start)
    zero, end = t.const(0.0, wide), t.const(size - 1.0, wide)
    seen = t.and_(t.cmp("ge", point, t.const(-1.0, wide)), t.cmp("le", point, t.const(float(size), wide)))
    point = t.select(t.cmp("gt", point, zero), point, zero)
    point = t.min(point, end)
    low = t.cast(point, IndexType())
    high = t.min(t.add(low, t.const(1, IndexType())), t.const(size - 1, IndexType()))
    return low, high, t.sub(point, t.cast(low, wide)), seen
