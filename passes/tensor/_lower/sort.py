"""Sorted selections and running sums: loops over single elements, in kernels of their own."""

import numpy as np
from xdsl.dialects import tensor
from xdsl.dialects.builtin import AnyFloat, IndexType, i64
from xdsl.ir import Attribute, SSAValue

from ....dialects._shape import dtype, element, shape
from ....dialects.graph.reduction import highest, lowest
from ....dialects.graph.sort import CumSumOp, ScanOp, TopKOp
from ._body import widened
from ._build import Body, Build, lowering, signless
from .reduction import is_unsigned

Position = tuple[SSAValue, ...]


def blank(t: Body, kind: Attribute) -> SSAValue:
    """A tensor without contents, inside a kernel."""
    return t.add_op(tensor.EmptyOp((), signless(kind)))


def placed(outer: Position, axis: int, along: SSAValue) -> Position:
    """The position with `along` put in at the axis."""
    return (*outer[:axis], along, *outer[axis:])


def precedes(op: TopKOp, t: Body, x: SSAValue, at: SSAValue, y: SSAValue, other: SSAValue) -> SSAValue:
    """Whether x of index `at` comes before y of index `other`: better, or as good and of the lower index."""
    better = t.cmp("gt" if op.largest else "lt", x, y, is_unsigned(element(op.input)))
    same = t.cmp("eq", x, y)
    if isinstance(x.type, AnyFloat):
        nan, number = (x, y) if op.largest else (y, x)
        better = t.or_(better, t.and_(t.cmp("nan", nan, nan), t.cmp("eq", number, number)))
        same = t.or_(same, t.and_(t.cmp("nan", x, x), t.cmp("nan", y, y)))
    return t.or_(better, t.and_(same, t.cmp("lt", at, other)))


@lowering(TopKOp)
def top_k(op: TopKOp, b: Build) -> tuple[SSAValue, ...]:
    """A sorted list of the k best so far; each element that precedes its last is handed down the list to its place."""
    dims, axis, k, kind = shape(op.input), op.dim, op.count, signless(element(op.input))
    wide, outer = widened(kind), [d for i, d in enumerate(dims) if i != axis]
    if 0 in shape(op.values):
        return b.empty(shape(op.values), kind), b.empty(shape(op.values), i64)
    numpy_kind = dtype(element(op.input))
    worst = lowest(numpy_kind) if op.largest else np.nan if numpy_kind.kind in "fV" else highest(numpy_kind)

    def select(t: Body, x: SSAValue) -> tuple[SSAValue, ...]:
        none, last = t.const(dims[axis], i64), t.const(k - 1, IndexType())
        nowhere, whole = t.const(0, IndexType()), t.const(k, IndexType())
        bottom = t.const(worst, wide)

        def clear(t: Body, at: Position, lists: Position) -> Position:
            return t.insert(bottom, lists[0], at), t.insert(none, lists[1], at)

        def offer(t: Body, at: Position, lists: Position) -> Position:
            place, i = at[:-1], at[-1]
            value, index = t.extract(x, placed(place, axis, i)), t.cast(i, i64)
            end = placed(place, axis, last)
            fits = precedes(op, t, value, index, t.extract(lists[0], end), t.extract(lists[1], end))

            def hand_down(t: Body, at: Position, held: Position) -> Position:
                spot = placed(place, axis, at[0])
                there, there_at = t.extract(held[0], spot), t.extract(held[1], spot)
                first = precedes(op, t, held[2], held[3], there, there_at)
                values = t.insert(t.select(first, held[2], there), held[0], spot)
                indices = t.insert(t.select(first, held[3], there_at), held[1], spot)
                return values, indices, t.select(first, there, held[2]), t.select(first, there_at, held[3])

            return t.loops([t.select(fits, whole, nowhere)], (*lists, value, index), hand_down)[:2]

        lists = blank(t, op.values.type), blank(t, op.indices.type)
        return t.loops([*outer, dims[axis]], t.loops(shape(op.values), lists, clear), offer)

    return b.kernel([op.input], [op.values.type, op.indices.type], select, "top_k")


@lowering(ScanOp)
def scan(op: ScanOp, b: Build) -> SSAValue:
    """One running total for each row."""
    dims, axis, kind = shape(op.input), op.dim, signless(element(op.input))
    outer = [d for i, d in enumerate(dims) if i != axis]
    if 0 in dims:
        return b[op.input]

    def combine(t: Body, x: SSAValue, y: SSAValue) -> SSAValue:
        return t.add(x, y) if isinstance(op, CumSumOp) else t.mul(x, y)

    def run(t: Body, x: SSAValue) -> SSAValue:
        start = t.const(op.neutral(), widened(kind))

        def row(t: Body, place: Position, held: Position) -> Position:
            end = t.const(dims[axis] - 1, IndexType())

            def step(t: Body, at: Position, held: Position) -> Position:
                spot = placed(place, axis, t.sub(end, at[0]) if op.reverse else at[0])
                after = combine(t, held[1], t.extract(x, spot))
                return t.insert(held[1] if op.exclusive else after, held[0], spot), after

            return t.loops([dims[axis]], (*held, start), step)[:1]

        return t.loops(outer, (blank(t, op.result.type),), row)[0]

    return b.kernel([op.input], [op.result.type], run, "scan")[0]
