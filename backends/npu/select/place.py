"""Where the elements of a graph value lie in an NPU tensor, so that views of it cost nothing.

Each dimension is a list of factors, the outermost first; a factor has an axis of the tensor and a table of offsets:

    [1, 128, 768] in images x 1 x columns x channels     dims = ((), (column 0..127), (channel 0..767))
    reshape [1, 128, 12, 64]                                    ((), (column 0..127), (channel 0,64..), (channel 0..63))
    transpose [1, 12, 128, 64]                                  ((), (channel 0,64..), (column 0..127), (channel 0..63))
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import gcd, prod

import numpy as np

from ..layer import Tensor, View

IMAGE, ROW, COLUMN, CHANNEL = range(4)
REPEATED = -1
"""The axis of a factor along which all elements are the same one."""
At = tuple[int, int, int, int]
Table = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


class Unplaceable(Exception):
    """No placement says what a view asks for."""


@dataclass(frozen=True, eq=False)
class Factor:
    """Offsets along an axis, the first one 0; at least two."""

    axis: int
    table: Table

    def __len__(self) -> int:
        return len(self.table)

    @property
    def step(self) -> int:
        """The distance of neighbours; 0 where it is not the same everywhere."""
        steps = np.diff(self.table)
        return int(steps[0]) if (steps == steps[0]).all() else 0

    def same(self, other: "Factor") -> bool:
        """Whether both say the same."""
        return self.axis == other.axis and np.array_equal(self.table, other.table)

    def split(self, outer: int) -> tuple["Factor", "Factor"]:
        """As `outer` times the rest; Unplaceable where the offsets are no sum of two."""
        grid = self.table.reshape(outer, -1)
        if not np.array_equal(grid, grid[:, :1] + grid[:1]):
            raise Unplaceable(f"{len(self)} offsets are not {outer} times others")
        return Factor(self.axis, grid[:, 0]), Factor(self.axis, grid[0])


Dim = tuple[Factor, ...]


@dataclass(frozen=True, eq=False)
class Place:
    """Element (0, 0, ..) lies `at`; an index adds the offsets of its digits."""

    tensor: Tensor
    at: At
    dims: tuple[Dim, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the graph value."""
        return tuple(extent(dim) for dim in self.dims)

    def transpose(self, perm: Sequence[int]) -> "Place":
        """Dimension i becomes what dimension perm[i] was."""
        return replace(self, dims=tuple(self.dims[p] for p in perm))

    def reshape(self, shape: Sequence[int]) -> "Place":
        """The same elements in row-major order; Unplaceable where a new dimension would cut offsets unevenly."""
        rest = list(merged([f for dim in self.dims for f in dim]))
        return replace(self, dims=tuple(_taken(rest, n) for n in shape))

    def slice(self, offsets: Sequence[int], sizes: Sequence[int], strides: Sequence[int]) -> "Place":
        """`sizes` elements from `offsets` on; Unplaceable where the cut goes through several factors."""
        at, dims = self.at, []
        for dim, offset, size, stride in zip(self.dims, offsets, sizes, strides, strict=True):
            moved, kept = _cut(dim, offset, size, stride)
            at = added(at, moved)
            dims.append(kept)
        return Place(self.tensor, at, tuple(dims))

    def expand(self, shape: Sequence[int]) -> "Place":
        """Repeated by numpy's rule."""
        lead = len(shape) - len(self.dims)
        dims: list[Dim] = [*((),) * lead, *self.dims]
        repeat = [(Factor(REPEATED, np.zeros(n, np.int64)),) if n > 1 else () for n in shape]
        return replace(
            self, dims=tuple(r if extent(d) != n else d for d, n, r in zip(dims, shape, repeat, strict=True))
        )

    def factors(self) -> Iterator[Factor]:
        """All factors, those of the first dimension first."""
        for dim in self.dims:
            yield from dim

    def axes(self) -> set[int]:
        """The axes along which elements differ."""
        return {f.axis for f in self.factors()}


def extent(dim: Dim) -> int:
    """How many indices a dimension has."""
    return prod(len(f) for f in dim)


def added(at: At, moved: Sequence[int]) -> At:
    """The sum of two places."""
    a, b, c, d = (x + y for x, y in zip(at, moved, strict=True))
    return a, b, c, d


def along(axis: int, offset: int) -> At:
    """A place `offset` along an axis; none along REPEATED."""
    a, b, c, d = (offset if i == axis else 0 for i in range(4))
    return a, b, c, d


def merged(factors: Sequence[Factor]) -> Dim:
    """Neighbours along one axis become one factor."""
    found: list[Factor] = []
    for factor in factors:
        if found and found[-1].axis == factor.axis:
            outer = found.pop()
            factor = Factor(factor.axis, (outer.table[:, None] + factor.table[None]).reshape(-1))
        found.append(factor)
    return tuple(found)


def arranged(count: int, axis: int, step: int = 1) -> Dim:
    """A dimension of `count` neighbours along an axis."""
    return (Factor(axis, np.arange(count, dtype=np.int64) * step),) if count > 1 else ()


def offsets(dims: Sequence[Dim]) -> list[At]:
    """The place of every index of these dimensions relative to the first, in row-major order."""
    tables = [[along(f.axis, int(o)) for o in f.table] for dim in dims for f in dim]
    found: list[At] = []
    for digits in product(*tables):
        a, b, c, d = (sum(part) for part in zip((0, 0, 0, 0), *digits, strict=True))
        found.append((a, b, c, d))
    return found


def span(factors: Sequence[Factor], axis: int) -> tuple[int, int, int]:
    """The lowest offset along an axis, how many steps from there to the highest (with both), and the step."""
    tables = [f.table for f in factors if f.axis == axis]
    low = sum(int(t.min()) for t in tables)
    high = sum(int(t.max()) for t in tables)
    step = gcd(*(int(abs(d)) for t in tables for d in np.diff(t)), 0) or 1
    return low, (high - low) // step + 1, step


def box(place: Place, granule: int = 1) -> tuple[View, Place]:
    """The smallest view that holds all elements (from a multiple of `granule` channels on), and where they lie in a
    tensor that is a copy of the view. Unplaceable where they are less than half of it or images are skipped."""
    factors = [f for f in place.factors() if f.axis != REPEATED]
    low, size, step = zip(*(span(factors, axis) for axis in range(4)), strict=True)
    at = list(added(place.at, low))
    size, step = list(size), list(step)
    size[CHANNEL], step[CHANNEL] = (size[CHANNEL] - 1) * step[CHANNEL] + 1, 1
    size[IMAGE], step[IMAGE] = (size[IMAGE] - 1) * step[IMAGE] + 1, 1
    before = at[CHANNEL] % granule
    at[CHANNEL] -= before
    size[CHANNEL] += before
    used = prod(len(f) for f in factors)
    if used * 4 < prod(size) and used + 4096 < prod(size):
        raise Unplaceable(f"{used} elements lie scattered among {prod(size)}")
    view = View(place.tensor, (at[0], at[1], at[2], at[3]), (size[0], size[1], size[2], size[3]), (step[1], step[2]))
    start = [-o // s for o, s in zip(low, step, strict=True)]
    start[CHANNEL] += before
    dims = tuple(
        tuple(f if f.axis == REPEATED else Factor(f.axis, f.table // step[f.axis]) for f in d) for d in place.dims
    )
    local = Place(place.tensor, (start[0], start[1], start[2], start[3]), dims)
    return view, local


def _taken(rest: list[Factor], need: int) -> Dim:
    found: list[Factor] = []
    while need > 1:
        if not rest:
            raise Unplaceable("more elements asked for than there are")
        factor = rest.pop(0)
        if len(factor) > need:
            if len(factor) % need:
                raise Unplaceable(f"{len(factor)} elements in a row are cut into {need}")
            factor, inner = factor.split(need)
            rest.insert(0, inner)
        elif need % len(factor):
            raise Unplaceable(f"{len(factor)} elements in a row go into {need}")
        need //= len(factor)
        found.append(factor)
    return merged(found)


def _cut(dim: Dim, offset: int, size: int, stride: int) -> tuple[At, Dim]:
    """Where the cut's first element lies, and its factors."""
    if (offset, size, stride) == (0, extent(dim), 1) or not dim:
        return (0, 0, 0, 0), dim
    outer, *inner = dim
    count = prod(len(f) for f in inner)
    if not inner:
        table = outer.table[offset + stride * np.arange(size)]
        kept = (Factor(outer.axis, table - table[0]),) if size > 1 else ()
        return along(outer.axis, int(table[0])), kept
    if stride == 1 and offset % count == 0 and size % count == 0:
        moved, kept = _cut((outer,), offset // count, size // count, 1)
        return moved, merged([*kept, *inner])
    last = offset + (size - 1) * stride
    if offset // count != last // count:
        raise Unplaceable("a cut through several axes")
    moved, kept = _cut(tuple(inner), offset % count, size, stride)
    return added(moved, along(outer.axis, int(outer.table[offset // count]))), kept
