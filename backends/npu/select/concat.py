"""Values side by side in one tensor: each is written there by whoever makes it, or copied.

The parts of channels begin at multiples of 16 bytes; where a part is no multiple, lanes stay free behind it. What a
layer writes it fills up to the end of a line, so that only what begins and ends with lines is made in place; the rest
is copied, from the first part to the last.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import gcd, prod

import numpy as np
from xdsl.ir import SSAValue

from ....dialects._shape import shape
from ....dialects.graph._base import normalized
from ....dialects.graph.view import ConcatOp
from ..layer import Layer, Tensor, View
from .constant import Quantisation
from .moves import beside, move
from .place import (
    CHANNEL,
    COLUMN,
    IMAGE,
    REPEATED,
    ROW,
    At,
    Dim,
    Factor,
    Place,
    Table,
    Unplaceable,
    added,
    along,
    arranged,
)
from .reader import Reader, quantised, reads
from .tail import Tail, stored


@reads(ConcatOp)
def concat(reader: Reader, op: ConcatOp) -> None:
    """Values one after another along a dimension."""
    dim = normalized(op.axis.value.data, len(shape(op.res)), op)
    places = [reader.plain(v) for v in op.xs]
    value, out = op.res, common(places)
    user = reader.sole_user(op.res)
    if all(p.tensor.type == "i8" for p in places) and user is not None:
        tail = stored(reader, Tail(op.res, dim), user)
        if tail is not None and tail.out is not None:
            value, out = tail.value, tail.out
            reader.take(tail.ops)
    if out is None:
        places = reader.real(*op.xs)
    room = arranged_room(reader, places, dim, shape(op.res))
    numbers = places[0].tensor if out is None else reader.tensor("probe", (1, 1, 1, 1), out)
    images, rows, columns, channels = room.size
    name = reader.name(reader.stem(op))
    made = replace(
        numbers, name=name, images=images, rows=rows, columns=columns, channels=channels, packed=None, axes=None
    )
    counts = [p.shape[dim] for p in places]
    parts = list(zip(places, room.parts(made, counts, dim), strict=True))
    there = set[int]()
    for x, (place, target) in zip(op.xs, parts, strict=True):
        if id(place.tensor) in there:
            continue
        if in_place(reader, x, place, target, parts):
            there.add(id(place.tensor))
        else:
            bring(reader, place, target)
    reader.places[value] = room.value(made, counts, dim)


def common(places: list[Place]) -> Quantisation | None:
    """The parameters that all have, if all are integers and have the same."""
    if any(p.tensor.type != "i8" for p in places):
        return None
    first, *rest = (quantised(p) for p in places)
    return first if all(q == first for q in rest) else None


def bring(reader: Reader, place: Place, target: Place) -> None:
    """Copies, rescaled if the parameters differ."""
    x, out = place.tensor, target.tensor
    scale = 0.0 if x.type != "i8" or quantised(place) == quantised(target) else x.scale / out.scale
    move(reader, place, target, float(np.float32(scale)))


@dataclass(frozen=True)
class Room:
    """How a tensor is laid out that holds the parts: its size, the factors of each dimension (that of the parts is
    empty), and where along which axis, `step` apart, each part begins. `fold`: so many elements of the parts are the
    columns of a row."""

    size: tuple[int, int, int, int]
    dims: tuple[Dim, ...]
    axis: int
    step: int
    starts: tuple[int, ...]
    fold: int = 1

    def parts(self, tensor: Tensor, counts: list[int], dim: int) -> list[Place]:
        """The place of each part."""
        found: list[Place] = []
        for start, count in zip(self.starts, counts, strict=True):
            mine = self.folded(np.arange(count // self.fold, dtype=np.int64) * self.step)
            at = added((0, 0, 0, 0), along(self.axis, start * self.step))
            found.append(Place(tensor, at, (*self.dims[:dim], mine, *self.dims[dim + 1 :])))
        return found

    def value(self, tensor: Tensor, counts: list[int], dim: int) -> Place:
        """The place of all."""
        tables = [
            start + np.arange(n // self.fold, dtype=np.int64) for start, n in zip(self.starts, counts, strict=True)
        ]
        mine = self.folded(np.concatenate(tables) * self.step)
        return Place(tensor, (0, 0, 0, 0), (*self.dims[:dim], mine, *self.dims[dim + 1 :]))

    def folded(self, table: Table) -> Dim:
        """The factors of the parts' dimension."""
        outer = (Factor(self.axis, table),) if len(table) > 1 else ()
        return (*outer, *arranged(self.fold, COLUMN))


def arranged_room(reader: Reader, places: list[Place], dim: int, full: tuple[int, ...]) -> Room:
    """The layout of the largest part, with more room along its axis."""
    model = max(places, key=lambda p: int(np.prod(p.shape)))
    fold = rows_of(places, dim)
    axis = ROW if fold > 1 else part_axis(places, model, dim)
    order: dict[int, list[tuple[int, int, int, int]]] = {a: [] for a in range(4)}
    for d, factors in enumerate(model.dims):
        parts = factors if d != dim else (Factor(axis, np.arange(full[d] // fold, dtype=np.int64)),)
        kept = [f for f in parts if f.axis != REPEATED]
        if len(kept) < len(parts):
            raise Unplaceable("a part that is repeated")
        for k, f in enumerate(kept):
            inner = model.dims[d][0].step if d == dim and model.dims[d] else f.step
            order[f.axis].append((-(inner or 1), d, k, len(f)))
    granule = reader.granule(model.tensor)
    inner = [d for _, d, _, _ in sorted(order[axis])][-1] == dim
    starts, end = begins([p.shape[dim] // fold for p in places], granule if axis == CHANNEL and inner else 1)
    found: dict[tuple[int, int], Dim] = {}
    size, step_of_parts = [1, 1, 1, 1], 1
    for a, mine in order.items():
        step = 1
        for _, d, k, count in sorted(mine, reverse=True):
            if d == dim:
                rounded = -(-end // granule) * granule if a == CHANNEL and len(mine) > 1 else end
                step_of_parts, count = step, rounded
            else:
                found[d, k] = arranged(count, a, step)
            step *= count
        size[a] = step
    dims = tuple(tuple(f for (i, _), part in sorted(found.items()) if i == d for f in part) for d in range(len(full)))
    return Room((size[0], size[1], max(size[2], fold), size[3]), dims, axis, step_of_parts, starts, fold)


def rows_of(places: list[Place], dim: int) -> int:
    """How many columns all parts can be cut into, if each is whole rows of an image of its own: a few copies then move
    it, and strips of rows are possible; else 1."""
    used = {f.axis for p in places for d, factors in enumerate(p.dims) if d != dim for f in factors}
    pixels = [p.dims[dim] for p in places]
    images = all([f.axis for f in factors] == [ROW, COLUMN] for factors in pixels)
    return gcd(*(len(factors[1]) for factors in pixels)) if images and used.isdisjoint((ROW, COLUMN)) else 1


def part_axis(places: list[Place], model: Place, dim: int) -> int:
    """The axis along which the parts lie one after another."""
    mine = {f.axis for p in places for f in p.dims[dim]}
    others = {f.axis for d, factors in enumerate(model.dims) if d != dim for f in factors}
    if len(mine) == 1 and (axis := next(iter(mine))) != REPEATED:
        return axis
    free = [axis for axis in (COLUMN, ROW, IMAGE, CHANNEL) if axis not in others]
    if not free:
        raise Unplaceable("parts that lie along different axes")
    return free[0]


def begins(counts: list[int], granule: int) -> tuple[tuple[int, ...], int]:
    """Where each part begins, at multiples of a granule, and where the last one ends."""
    starts, end = list[int](), 0
    for count in counts:
        start = -(-end // granule) * granule
        starts.append(start)
        end = start + count
    return tuple(starts), end


def in_place(
    reader: Reader, value: SSAValue, place: Place, target: Place, parts: Sequence[tuple[Place, Place]]
) -> bool:
    """Lets those who made a value write it where it is to lie; False if they cannot. Its tensor may hold other `parts`,
    with their targets, if these lie in it as they are to lie in the end."""
    old, new = place.tensor, target.tensor
    makers = [layer for layer in reader.layers if layer.out.tensor is old]
    if not makers or any(t.tensor is old for t in reader.inputs.values()) or old is new or not alike(old, new):
        return False
    views = [beside(t, p, old.shape, False, reader.granule(new)) for p, t in parts if p.tensor is old]
    view = views[0]
    filled = sum(prod(p.shape) for p, _ in parts if p.tensor is old) == prod(old.shape)
    if view is None or not filled or any(other != view for other in views):
        return False
    lanes = reader.machine.channel_lanes(new.type)
    end = view.at[CHANNEL] + view.size[CHANNEL]
    aligned = view.at[CHANNEL] % lanes == 0 and (end % lanes == 0 or end == new.channels)
    if view.step != (1, 1) or not aligned or old.axes is not None:
        return False
    if any(value is not v and p.tensor is old and v in reader.inputs for v, p in reader.places.items()):
        return False
    redirect(reader, old, new, view.at)
    return True


def alike(a: Tensor, b: Tensor) -> bool:
    """Whether the same numbers mean the same in both."""
    return (a.type, a.scale, a.zero, a.unsigned) == (b.type, b.scale, b.zero, b.unsigned)


def redirect(reader: Reader, old: Tensor, new: Tensor, at: At) -> None:
    """Everything that wrote or read one tensor does so in a part of another."""

    def moved(view: View) -> View:
        return replace(view, tensor=new, at=added(view.at, at)) if view.tensor is old else view

    for layer in reader.layers:
        retarget(layer, moved)
    for value, place in reader.places.items():
        if place.tensor is old:
            reader.places[value] = Place(new, added(place.at, at), place.dims)
    for key, tensor in list(reader.kept.items()):
        if tensor is old or key[0] == id(old):
            del reader.kept[key]


def retarget(layer: Layer, moved: Callable[[View], View]) -> None:
    """Replace every view of a layer."""
    for name in ("x", "y", "a", "b", "mask", "out"):
        if isinstance(view := getattr(layer, name, None), View):
            setattr(layer, name, moved(view))
    post = getattr(layer, "post", None)
    if post is not None and post.residual is not None:
        rest = replace(post.residual, x=moved(post.residual.x))
        layer.post = replace(post, residual=rest)  # pyright: ignore[reportAttributeAccessIssue]
