"""Images of another size whose elements are all among the given ones: copies to every so manyth row and column.

nearest, twice as many rows and columns      4 copies of the image, to rows 0, 2, .. and 1, 3, .., columns likewise
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product

from ....dialects._shape import shape
from ....dialects.graph.resize import ResizeOp
from ..layer import Copy, View
from .moves import MOST
from .place import COLUMN, ROW, Place, added, arranged
from .reader import Reader, Unsupported, reads


@dataclass(frozen=True)
class Comb:
    """Results from `first` on, `step` apart, are elements from `start` on, `every` apart; `count` of them."""

    first: int
    step: int
    start: int
    every: int
    count: int


def combs(index: Sequence[int]) -> list[Comb]:
    """The fewest combs of equal steps that make results of the elements `index`."""
    size = len(index)
    for step in range(1, size + 1):
        found = [[index[o] for o in range(r, size, step)] for r in range(step)]
        gaps = {b - a for part in found for a, b in pairwise(part)}
        if len(gaps) <= 1 and min(gaps, default=1) > 0:
            return [Comb(r, step, part[0], next(iter(gaps), 1), len(part)) for r, part in enumerate(found)]
    raise Unsupported("a resize of no elements")


@reads(ResizeOp)
def resize(reader: Reader, op: ResizeOp) -> None:
    """Nearest elements."""
    tables = op.tables()
    if op.mode.data != "nearest" or any(t.outside.any() for t in tables.values()):
        raise Unsupported(f"a resize other than to nearest elements: {op.mode.data}")
    view, local = reader.boxed(reader.plain(op.x))
    axes = axes_of(local, tables, view.size)
    ways = {axis: [Comb(0, 1, 0, 1, view.size[axis])] for axis in (ROW, COLUMN)}
    ways |= {axes[dim]: combs([int(i) for i in table.index[:, 0]]) for dim, table in tables.items()}
    if len(ways[ROW]) * len(ways[COLUMN]) > MOST:
        raise Unsupported(f"a resize by {len(ways[ROW]) * len(ways[COLUMN])} copies")
    rows, columns = (sum(c.count for c in ways[axis]) for axis in (ROW, COLUMN))
    name = reader.name(reader.stem(op))
    made = replace(view.tensor, name=name, packed=None, axes=None, full=())
    made.images, made.rows, made.columns, made.channels = view.size[0], rows, columns, view.size[3]
    zeros = (view.tensor.zero, made.zero)
    for v, h in product(ways[ROW], ways[COLUMN]):
        size = (view.size[0], v.count, h.count, view.size[3])
        moved = (0, v.start * view.step[0], h.start * view.step[1], 0)
        step = (view.step[0] * v.every, view.step[1] * h.every)
        x = View(view.tensor, added(view.at, moved), size, step)
        out = View(made, (0, v.first, h.first, 0), size, (v.step, h.step))
        reader.add(Copy(name=reader.name(name), x=x, out=out, zeros=zeros))
    dims = tuple(arranged(n, axes[i]) if i in axes else local.dims[i] for i, n in enumerate(shape(op.res)))
    reader.places[op.res] = Place(made, local.at, dims)


def axes_of(place: Place, dims: Collection[int], size: Sequence[int]) -> dict[int, int]:
    """The axes, rows and columns, each of which is all of one of these dimensions."""
    used, found = place.axes(), dict[int, int]()
    for dim in dims:
        for f in place.dims[dim]:
            if dim in found or f.axis not in (ROW, COLUMN) or f.step != 1 or len(f) != size[f.axis]:
                raise Unsupported("a resize along other than rows and columns")
            found[dim] = f.axis
    free = [axis for axis in (ROW, COLUMN) if axis not in used and size[axis] == 1]
    for dim in dims:
        if dim not in found:
            if not free:
                raise Unsupported("a resize along other than rows and columns")
            found[dim] = free.pop(0)
    return found
