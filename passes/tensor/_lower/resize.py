"""Resampling: pointwise generics that read x through constant tables of positions and weights.

Nearest is one generic. Linear is one generic too where it reads up to four elements (two axes); else an axis at a time.
"""

from functools import reduce
from math import prod

import numpy as np
from xdsl.dialects.builtin import AnyFloat, f32, f64
from xdsl.ir import Attribute, SSAValue

from ....dialects._shape import Array, dtype, element, shape
from ....dialects.graph._resample import Taps
from ....dialects.graph.resize import ResizeOp
from ._body import Body, is_half, widened
from ._build import Build, lowering, signless
from ._tables import Read, by_tables

AT_ONCE = 4
"""Elements that one generic may read for each element of the result."""


@lowering(ResizeOp)
def resize(op: ResizeOp, b: Build) -> SSAValue:
    """All axes at once or one after the other; integers and half floats are rounded once, at the end."""
    tables, kind, x = op.tables(), element(op.x), b[op.x]
    if not tables:
        return b.copy(x)
    if op.mode.data == "nearest":
        return _sampled(op, b, x, tables)
    if exact := not isinstance(kind, AnyFloat) or is_half(kind):
        wide, unsigned = f64 if dtype(kind).itemsize > 2 else f32, dtype(kind).kind == "u"
        x = b.pointwise([x], shape(x), wide, lambda t, v: t.cast(v, wide, from_unsigned=unsigned))
    if prod(table.index.shape[1] for table in tables.values()) <= AT_ONCE:
        x = _sampled(op, b, x, tables)
    else:
        for axis in sorted(tables, key=lambda axis: shape(op.res)[axis] / shape(op.x)[axis]):
            x = _sampled(op, b, x, {axis: tables[axis]})
    return _rounded(b, x, kind) if exact else x


def _rounded(b: Build, x: SSAValue, kind: Attribute) -> SSAValue:
    if is_half(kind):
        return b.pointwise([x], shape(x), kind, lambda t, v: v)
    wide, limits = element(x), np.iinfo(str(dtype(kind)))
    high = float(limits.max) if limits.bits < 64 else np.nextafter(float(limits.max), 0)

    def body(t: Body, v: SSAValue) -> SSAValue:
        v = t.min(t.max(t.math("roundeven", v), t.const(limits.min, wide)), t.const(high, wide))
        return t.cast(v, signless(kind), to_unsigned=limits.min == 0)

    return b.pointwise([x], shape(x), kind, body)


def _sampled(op: ResizeOp, b: Build, x: SSAValue, tables: dict[int, Taps]) -> SSAValue:
    dims = tuple(len(tables[i].index) if i in tables else d for i, d in enumerate(shape(x)))
    kind, weighted = dtype(widened(element(x))), op.mode.data != "nearest"
    counts = {axis: table.index.shape[1] for axis, table in tables.items()}
    vectors: list[tuple[int, Array]] = []
    if weighted:
        vectors += [(a, np.ascontiguousarray(w, kind)) for a in tables for w in tables[a].weight.T]
    beyond = [a for a in tables if tables[a].outside.any()]
    vectors += [(a, tables[a].outside) for a in beyond]

    def body(t: Body, read: Read, *elements: SSAValue) -> SSAValue:
        rest = iter(elements)
        weights = {a: [next(rest) for _ in range(counts[a])] for a in tables} if weighted else {}

        def total(columns: dict[int, int], axes: tuple[int, ...]) -> SSAValue:
            if not axes:
                return read(columns)
            terms = [total(columns | {axes[0]: c}, axes[1:]) for c in range(counts[axes[0]])]
            if weighted:
                terms = [t.mul(term, w) for term, w in zip(terms, weights[axes[0]], strict=True)]
            return reduce(t.add, terms)

        found = total({}, tuple(tables))
        for outside in rest:
            found = t.select(outside, t.const(op.extrapolation.value.data, found.type), found)
        return found

    return by_tables(b, x, dims, {a: table.index for a, table in tables.items()}, body, *vectors)
