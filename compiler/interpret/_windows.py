"""The memory of a tile kernel while its programs run: views of buffers, who has been where, and what may not be.

A window is a view over a memref's elements. Of memory that the kernel writes, a ledger keeps the program that wrote
each element and those that read it: no element is written twice, none that one program writes is read by another, and
at the end all elements of a view are written. An index may leave a window where the access says that it is checked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from ...dialects._shape import Array, dtype
from ...dialects.tile.kernel import KernelOp
from ...dialects.tile.view import ViewType
from ._buffers import Buffer

Bits = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
Counts = np.ndarray[tuple[int, ...], np.dtype[np.integer]]
MANY = -1
"""In a ledger: more programs than one have read the element; it has been updated by an atomic."""


@dataclass(frozen=True)
class Ledger:
    """By element of one memory, numbers of programs from 1; 0: none."""

    writers: Counts
    readers: Counts


@dataclass(frozen=True)
class Window:
    """A view's elements; the ledger's arrays have its shape and show the memory that it may share with others."""

    name: str
    array: Array
    ledger: Ledger | None


@dataclass(frozen=True)
class Place:
    """Where a block lies in a window: an index for numpy, which answers the block when `moved` to its shape; which of
    its elements are live (None: all) and whether two of them may be one element of the window."""

    index: tuple[Any, ...]
    order: tuple[int, ...] | None
    shape: tuple[int, ...]
    live: Bits | None
    distinct: bool

    def read(self, array: Array) -> Any:
        """The block, with some element in place of those that are not live."""
        found = array[self.index]
        if self.order is not None:
            sizes = [1] * len(self.shape)
            for axis, size in zip(self.order, found.shape, strict=True):
                sizes[axis] = size
            found = found.transpose(np.argsort(self.order)).reshape(sizes)
        return np.broadcast_to(found, self.shape)

    def points(self) -> tuple[Any, ...]:
        """The live elements, one by one, as an index of the window."""
        full = tuple(np.broadcast_to(i, self.shape) for i in self.index)
        return full if self.live is None else tuple(i[self.live] for i in full)


def place(window: Window, indices: Sequence[Any], checks: Sequence[str], mask: Any, shape: tuple[int, ...]) -> Place:
    """Where the block is; IndexError if a live index leaves the window on a side that is not checked."""
    sizes = window.array.shape
    given: list[Counts] = [np.asarray(i) for i in indices]
    outside = [_outside(i, n) for i, n in zip(given, sizes, strict=True)]
    live: Bits | None = None if mask is None else np.asarray(mask, np.bool_)
    for (low, high), check in zip(outside, checks, strict=True):
        for out, side in ((low, "lower"), (high, "upper")):
            if out is not None and check in ("both", side):
                live = ~out if live is None else live & ~out
    for dim, ((low, high), check) in enumerate(zip(outside, checks, strict=True)):
        for out, side in ((low, "lower"), (high, "upper")):
            if out is not None and check not in ("both", side) and np.any(out if live is None else out & live):
                least, most = given[dim].min(), given[dim].max()
                raise IndexError(f"{window.name} index {dim} is {least}..{most}, expected 0..{sizes[dim] - 1}")
    if live is not None:
        live = None if live.all() else np.broadcast_to(live, shape)
    if any(out is not None for pair in outside for out in pair):
        given = [np.clip(i, 0, max(n - 1, 0)) for i, n in zip(given, sizes, strict=True)]
    elif (runs := _runs(given, shape)) is not None:
        return Place(*runs, shape, live, True)
    return Place(tuple(given), None, shape, live, False)


def _outside(index: Counts, size: int) -> tuple[Bits | None, Bits | None]:
    """Which indices are below 0, and which beyond the size; None: no one."""
    return (index < 0 if index.min() < 0 else None), (index >= size if index.max() >= size else None)


def _runs(given: Sequence[Counts], shape: tuple[int, ...]) -> tuple[tuple[Any, ...], tuple[int, ...]] | None:
    """Slices, if each index is a number or runs by ones along an axis of its own, and each axis of the block has one;
    with the axis of each slice."""
    slices: list[Any] = []
    axes: list[int] = []
    for index in given:
        wide = [a for a, n in enumerate(index.shape) if n > 1]
        if not wide:
            slices.append(int(index.reshape(-1)[0]))
            continue
        line = index.reshape(-1)
        if len(wide) > 1 or wide[0] in axes or int(line[-1]) - int(line[0]) != len(line) - 1:
            return None
        if not (line[1:] - line[:-1] == 1).all():
            return None
        slices.append(slice(int(line[0]), int(line[0]) + len(line)))
        axes.append(wide[0])
    if set(axes) != {a for a, n in enumerate(shape) if n > 1}:
        return None
    return tuple(slices), tuple(axes)


def load(window: Window, at: Place, program: int) -> Array:
    """The block, what is not live in any state; RuntimeError if a program has written an element of it."""
    if window.ledger is not None:
        live = np.True_ if at.live is None else at.live
        _refuse(window, program, "reads", at.read(window.ledger.writers), live, (0,))
        readers = at.read(window.ledger.readers)
        _mark(window.ledger.readers, at, np.where((readers == 0) | (readers == program), program, MANY))
    return at.read(window.array)


def store(window: Window, at: Place, value: Array, program: int) -> None:
    """Write what is live; RuntimeError if an element has been written, or read by another program."""
    if window.ledger is not None:
        live = np.True_ if at.live is None else at.live
        _refuse(window, program, "writes", at.read(window.ledger.writers), live, (0,))
        _refuse(window, program, "writes", at.read(window.ledger.readers), live, (0, program))
        if not at.distinct:
            _refuse_twice(window, at, program)
        _mark(window.ledger.writers, at, np.int32(program))
    _mark(window.array, at, value)


def update(window: Window, at: Place, value: Array, ufunc: np.ufunc, program: int) -> Array:
    """Update what is live, element by element; answers the old values. RuntimeError if a program has stored there."""
    if window.ledger is not None:
        live = np.True_ if at.live is None else at.live
        _refuse(window, program, "updates", at.read(window.ledger.writers), live, (0, MANY))
        _mark(window.ledger.writers, at, np.int32(MANY))
    old = at.read(window.array).copy()
    full = tuple(np.broadcast_to(i, at.shape) for i in _spread(at))
    taken = np.broadcast_to(value, at.shape)
    if at.live is not None:
        full, taken = tuple(i[at.live] for i in full), taken[at.live]
    ufunc.at(window.array, full, taken)
    return old


def _spread(at: Place) -> tuple[Any, ...]:
    """The place's index without slices."""
    if at.order is None:
        return at.index
    axes, spread = iter(at.order), list[Any]()
    for part in at.index:
        if isinstance(part, slice):
            sizes = [1] * len(at.shape)
            sizes[next(axes)] = -1
            spread.append(np.arange(part.start, part.stop).reshape(sizes))
        else:
            spread.append(part)
    return tuple(spread)


def _mark(array: Array, at: Place, value: Any) -> None:
    if at.order is None:
        values = np.broadcast_to(value, at.shape)
        array[at.points()] = values if at.live is None else values[at.live]
        return
    block = np.broadcast_to(value, at.shape)
    order = [*at.order, *(a for a in range(len(at.shape)) if a not in at.order)]
    old = array[at.index]
    into = block.transpose(order).reshape(old.shape)
    array[at.index] = into if at.live is None else np.where(at.live.transpose(order).reshape(old.shape), into, old)


def _refuse(window: Window, program: int, verb: str, seen: Counts, live: Any, allowed: tuple[int, ...]) -> None:
    wrong = np.broadcast_to(live, seen.shape)
    for number in allowed:
        wrong = wrong & (seen != number)
    if not wrong.any():
        return
    other = int(seen[wrong][0])
    whom = {MANY: "other programs have", program: "it has itself"}.get(other, f"program {other - 1} has")
    count = int(np.count_nonzero(wrong))
    raise RuntimeError(f"race: program {program - 1} {verb} {count} elements of {window.name} where {whom} been")


def _refuse_twice(window: Window, at: Place, program: int) -> None:
    points = np.ravel_multi_index(tuple(np.ravel(i) for i in at.points()), window.array.shape)
    if len(points) > 1 and len(np.unique(points)) != len(points):
        raise RuntimeError(f"race: program {program - 1} writes an element of {window.name} twice in one store")


def windows(func: KernelOp, buffers: Sequence[Buffer], sizes: Mapping[str, int]) -> list[Window]:
    """The kernel's views of these buffers; IndexError if one leaves its buffer."""
    names = [f"@{func.sym_name.data}: %{v.name_hint or i}" for i, v in enumerate(func.views)]
    arrays = [_shown(*pair, sizes) for pair in zip(func.views, buffers, names, strict=True)]
    written = [array for view, array in zip(func.views, arrays, strict=True) if view in func.written()]
    ledgers: list[tuple[int, int, Ledger]] = []
    found: list[Window] = []
    for name, array in zip(names, arrays, strict=True):
        low, high = _span(array)
        shared = any(low < top and bottom < high for bottom, top in map(_span, written))
        found.append(Window(name, array, _ledger(array, low, high, ledgers) if shared else None))
    return found


def _shown(view: SSAValue, buffer: Buffer, name: str, sizes: Mapping[str, int]) -> Array:
    type = view.type
    assert isinstance(type, ViewType)
    if buffer.flat.dtype != dtype(type.element):
        raise TypeError(f"{name}: expected elements of {type.element}, found {buffer.flat.dtype}")
    shape = tuple(e.value(sizes) for e in type.sizes)
    return Buffer(buffer.flat, buffer.offset, shape, tuple(e.value(sizes) for e in type.strides)).array


def _span(array: Array) -> tuple[int, int]:
    low, high = np.lib.array_utils.byte_bounds(array)
    return low, (high if array.size else low)


def _ledger(array: Array, low: int, high: int, known: list[tuple[int, int, Ledger]]) -> Ledger:
    """The ledger of the memory from `low` to `high`, seen as the array sees it; shared by those who see its bytes."""
    item = array.itemsize
    for start, stop, held in known:
        if start <= low and high <= stop and (low - start) % item == 0:
            return Ledger(*(_like(a, (low - start) // item, array) for a in (held.writers, held.readers)))
    count = (high - low) // item
    made = Ledger(np.zeros(count, np.int32), np.zeros(count, np.int32))
    known.append((low, high, made))
    return Ledger(*(_like(a, 0, array) for a in (made.writers, made.readers)))


def _like(flat: Counts, offset: int, array: Array) -> Counts:
    strides = [s // array.itemsize * flat.itemsize for s in array.strides]
    return np.lib.stride_tricks.as_strided(flat[offset:], array.shape, strides)
