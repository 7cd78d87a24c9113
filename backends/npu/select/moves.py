"""Elements that have to lie elsewhere: copies between places, and views that fit an operand beside another."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from ..layer import Copy, Tensor, View
from .place import CHANNEL, COLUMN, IMAGE, REPEATED, ROW, At, Dim, Factor, Place, Unplaceable, added, extent, offsets
from .reader import Reader

MOST = 256
"""Copies, at most, that move one value."""


def like(reader: Reader, place: Place, at: Place, size: tuple[int, int, int, int], *, repeats: bool = False) -> View:
    """What lies in a place, as a view of that size that goes beside a tensor in which the same elements lie `at`;
    copied if it has to be. `repeats`: dimensions of extent 1 may stand for those of `at`."""
    if (view := beside(place, at, size, repeats, reader.granule(place.tensor))) is not None:
        return view
    kept = {f.axis for d, p in zip(at.dims, place.dims, strict=True) if p for f in d}
    dims, room = list(at.dims), list(size)
    for i, (d, p) in enumerate(zip(at.dims, place.dims, strict=True)):
        if repeats and not p and not any(f.axis in kept for f in d):
            dims[i] = ()
            for factor in d:
                room[factor.axis] = 1
    start = tuple(o if n > 1 else 0 for o, n in zip(at.at, room, strict=True))
    source = place.expand([extent(d) for d in dims])
    key = (id(place.tensor), *said(source), *room, *start, *said(replace(at, dims=tuple(dims))))
    if (made := reader.kept.get(key)) is None:
        made = same(reader, place.tensor, room)
        move(reader, source, Place(made, (start[0], start[1], start[2], start[3]), tuple(dims)))
        reader.kept[key] = made
    return View.whole(made)


def said(place: Place) -> tuple[object, ...]:
    """What tells places of one tensor apart."""
    return (place.at, *(tuple((f.axis, f.table.tobytes()) for f in d) for d in place.dims))


def same(reader: Reader, tensor: Tensor, size: Sequence[int]) -> Tensor:
    """A new tensor of that size with another's numbers."""
    images, rows, columns, channels = size
    name = reader.name(f"{tensor.name}_copy")
    return replace(
        tensor, name=name, images=images, rows=rows, columns=columns, channels=channels, packed=None, axes=None
    )


def beside(place: Place, at: Place, size: tuple[int, int, int, int], repeats: bool, granule: int) -> View | None:
    """What lies in a place as a view that goes beside one of that size, in which the same elements lie `at`; None if
    they lie otherwise."""
    step, shrunk = [1, 1, 1, 1], set[int]()
    for mine, its in zip(place.dims, at.dims, strict=True):
        if repeats and not mine:
            shrunk |= {f.axis for f in its}
            continue
        if len(mine) != len(its):
            return None
        for f, g in zip(mine, its, strict=True):
            if f.axis != g.axis or len(f) != len(g):
                return None
            if g.same(f):
                continue
            if f.axis not in (ROW, COLUMN) or not f.step or f.step % (g.step or f.step + 1):
                return None
            step[f.axis] = f.step // g.step
    start, count = list(place.at), list(size)
    for axis in range(4):
        if axis in shrunk:
            if any(f.axis == axis for f in place.factors()):
                return None
            count[axis] = 1
        else:
            start[axis] -= at.at[axis] * step[axis]
    ends = [s + (n - 1) * k for s, n, k in zip(start, count, step, strict=True)]
    if min(start) < 0 or any(e >= n for e, n in zip(ends, place.tensor.shape, strict=True)) or start[CHANNEL] % granule:
        return None
    found, sized = (start[0], start[1], start[2], start[3]), (count[0], count[1], count[2], count[3])
    return View(place.tensor, found, sized, (step[ROW], step[COLUMN]))


def move(reader: Reader, source: Place, target: Place, scale: float = 0.0) -> None:
    """Copies that bring the elements of a place to another of the same shape."""
    loops = [pair for s, t in zip(source.dims, target.dims, strict=True) for pair in refined(s, t)]
    straight, turned = _inner(loops, False), _inner(loops, True)
    best, transposed = min(((straight, False), (turned, True)), key=lambda way: way[0][0])
    count, inner = best
    if count > MOST:
        raise Unplaceable(f"{count} copies would move it")
    outer = [pair for pair in loops if not any(pair is kept for kept in inner)]
    starts = zip(offsets([(s,) for s, _ in outer]), offsets([(t,) for _, t in outer]), strict=True)
    zeros = (source.tensor.zero, target.tensor.zero)
    for moved, put in starts:
        x = _cut(source, added(source.at, moved), [s for s, _ in inner])
        out = _cut(target, added(target.at, put), [t for _, t in inner])
        for view in (x, out):
            if view.at[CHANNEL] % reader.granule(view.tensor):
                raise Unplaceable(f"a copy from channel {view.at[CHANNEL]} on")
        name = reader.name(target.tensor.name)
        reader.add(Copy(name=name, x=x, out=out, scale=scale, zeros=zeros, transposed=transposed))


def refined(source: Dim, target: Dim) -> list[tuple[Factor, Factor]]:
    """Two lists of factors of one dimension, cut until they go together."""
    a, b, found = list(source), list(target), list[tuple[Factor, Factor]]()
    while a and b:
        f, g = a.pop(0), b.pop(0)
        if len(f) > len(g):
            f, rest = _head(f, len(g))
            a.insert(0, rest)
        elif len(g) > len(f):
            g, rest = _head(g, len(f))
            b.insert(0, rest)
        found.append((f, g))
    if a or b:
        raise Unplaceable("values of different shapes")
    return found


def _head(factor: Factor, count: int) -> tuple[Factor, Factor]:
    if len(factor) % count:
        raise Unplaceable(f"{len(factor)} elements in a row are cut into {count}")
    return factor.split(count)


def _inner(loops: list[tuple[Factor, Factor]], transposed: bool) -> tuple[int, list[tuple[Factor, Factor]]]:
    """How many copies are left if one copy does the loops listed."""
    turn = {COLUMN: CHANNEL, CHANNEL: COLUMN} if transposed else {}
    kept: dict[int, tuple[Factor, Factor]] = {}
    for pair in loops:
        source, target = pair
        if source.axis == REPEATED or turn.get(source.axis, source.axis) != target.axis:
            continue
        steps = [(f.axis, f.step) for f in (source, target)]
        if any(s < 1 or (s > 1 and axis in (IMAGE, CHANNEL)) or (transposed and s > 1) for axis, s in steps):
            continue
        if (other := kept.get(source.axis)) is None or len(other[0]) < len(source):
            kept[source.axis] = pair
    if transposed and not {COLUMN, CHANNEL} <= set(kept):
        return 1 << 60, []
    inner = list(kept.values())
    return prod(len(s) for s, _ in loops) // prod(len(s) for s, _ in inner), inner


def _cut(place: Place, at: At, factors: Sequence[Factor]) -> View:
    size, step = [1, 1, 1, 1], [1, 1, 1, 1]
    for factor in factors:
        size[factor.axis], step[factor.axis] = len(factor), factor.step
    return View(place.tensor, at, (size[0], size[1], size[2], size[3]), (step[ROW], step[COLUMN]))
