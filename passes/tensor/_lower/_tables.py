"""Elements read through constant tables of positions, one table for each axis that is not read in order.

y[i, j] = x[i, table[j]]     -->     linalg.generic ins(%table) outs(%e) { tensor.extract %x[index 0, %table] }
"""

from collections.abc import Callable, Mapping

import numpy as np
from xdsl.dialects.builtin import IndexType
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from ....dialects._shape import Array, element
from ._body import Body, is_half
from ._build import Build

Table = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Read = Callable[[Mapping[int, int]], SSAValue]


def by_tables(
    b: Build,
    x: SSAValue,
    dims: tuple[int, ...],
    tables: Mapping[int, Table],
    body: Callable[..., SSAValue],
    *vectors: tuple[int, Array],
) -> SSAValue:
    """A pointwise generic over `dims`, of x's element type. `tables` gives some axes of x a row of positions for each
    element along the axis; `body(t, read, *elements)` reads x by `read({axis: column of its table})`. `vectors` are
    (axis, numbers) pairs, whose numbers along the axis the body gets as `elements`."""
    source, kind, rank = b[x], element(b[x]), len(dims)
    if 0 in dims:
        return b.empty(dims, kind)
    inputs: list[tuple[SSAValue, AffineMap]] = []
    places: list[tuple[int, int]] = []
    for axis, table in tables.items():
        for column in range(table.shape[1]):
            places.append((axis, column))
            inputs.append(along(b, axis, np.ascontiguousarray(table[:, column]), rank))
    inputs += [along(b, axis, numbers, rank) for axis, numbers in vectors]

    def whole(t: Body, *elements: SSAValue) -> SSAValue:
        at = dict(zip(places, elements, strict=False))
        found: dict[tuple[int, int], SSAValue] = {}

        def read(columns: Mapping[int, int]) -> SSAValue:
            for place in columns.items():
                if place not in found:
                    found[place] = t.cast(at[place], IndexType())
            position = [found[axis, columns[axis]] if axis in columns else t.index(axis) for axis in range(rank)]
            return t.extract(source, position)

        result = body(t, read, *elements[len(places) : -1])
        return t.cast(result, kind) if is_half(kind) else result

    out = b.empty(dims, kind), AffineMap.identity(rank)
    return b.generic1(inputs, out, "p" * rank, whole)


def along(b: Build, axis: int, numbers: Array, rank: int) -> tuple[SSAValue, AffineMap]:
    """A vector as an input of a pointwise generic that is read along one axis."""
    return b.weight(numbers, "table"), AffineMap(rank, 0, (AffineDimExpr(axis),))


def entry(t: Body, index: SSAValue, dim: int) -> SSAValue:
    """An index as a position in a dimension: counted from the end if negative, clamped into the dimension."""
    at = t.cast(index, IndexType())
    zero, size, last = (t.const(v, IndexType()) for v in (0, dim, max(dim - 1, 0)))
    at = t.select(t.cmp("lt", at, zero), t.add(at, size), at)
    return t.min(t.max(at, zero), last)


def extracted(t: Body, source: SSAValue, position: list[SSAValue]) -> SSAValue:
    """One element in its own type (a half float is not widened)."""
    return t.cast(t.extract(source, position), element(source))
