"""Buffers that data streams through: each where nothing has been for longest, so that loads can run ahead.

capacity of three     w0 w1 w2    then w3 where w0 was, w4 where w1 was: the load of w3 waits for what used w0, while
                                  w1 and w2 are in use or on their way
"""

import numpy as np

from .first_fit import Shelf, aligned
from .items import Flags, Integers, Items

RECENT = 256
"""How many earlier items are looked at, from the latest on."""


def stream(items: Items, fixed: Integers, since: Integers, capacity: int, repairs: int) -> Integers | None:
    """Place what streams, in order of time, around what is placed in `fixed` (-1: streams). An item avoids places that
    were in use after its time of `since`; among those that are left it takes the lowest, else the one unused for
    longest. Where one has no room, those that live with it are packed from the bottom, or more and more around it, and
    all is done again, `repairs` times at most; None if that was not enough."""
    order = np.flatnonzero(fixed < 0)
    order = order[np.lexsort((-items.size[order], items.first[order]))].tolist()
    free, packed = fixed < 0, np.zeros(len(items), np.bool_)
    for _ in range(repairs):
        offsets, stuck = _attempt(items, fixed, order, since, packed, capacity)
        if stuck is None:
            return offsets
        around = _around(items, stuck, free & ~packed)
        if not around.any():
            return None
        packed |= around
    return None


def _around(items: Items, item: int, free: Flags) -> Flags:
    """What is free and lives with an item, or else near it: twice as near as the nearest, or nothing."""
    distance = np.maximum(items.first - items.end[item] + 1, items.first[item] - items.end + 1)
    near = distance[free].min(initial=np.iinfo(np.int64).max)
    return free & (distance <= max(0, 2 * int(near)))


def since(items: Items, streams: Flags, kinds: Integers, ahead: int) -> Integers:
    """For each item the time from which on its place should have been free: when the `ahead`-th item that streams
    before it, of its kind, began."""
    before: dict[int, list[int]] = {}
    found = items.first.copy()
    for item in np.flatnonzero(streams)[np.argsort(items.first[streams], kind="stable")].tolist():
        known = before.setdefault(int(kinds[item]), [])
        if ahead:
            found[item] = known[-ahead] if len(known) >= ahead else -1
        known.append(int(items.first[item]))
    return found


def _attempt(
    items: Items, fixed: Integers, order: list[int], since: Integers, packed: Flags, capacity: int
) -> tuple[Integers, int | None]:
    """Offsets, and the first item that has no room."""
    shelf = Shelf(items)
    shelf.offsets[:] = fixed
    for item in order:
        at = shelf.lowest(item, capacity) if packed[item] else _oldest(shelf, item, int(since[item]), capacity)
        if at is None:
            return shelf.offsets, item
        shelf.offsets[item] = at
    return shelf.offsets, None


def _oldest(shelf: Shelf, item: int, since: int, capacity: int) -> int | None:
    """The lowest place unused since `since`, else the one unused for longest."""
    t = shelf.items
    first, end, size, align = (int(v[item]) for v in (t.first, t.end, t.size, t.align))
    gaps = [(aligned(low, align), high) for low, high in shelf.gaps(first, end, capacity)]
    gaps = [(low, high) for low, high in gaps if high - low >= size]
    if not gaps:
        return None
    past = np.flatnonzero((shelf.offsets >= 0) & (t.end <= first))
    past = past[np.argsort(-t.end[past], kind="stable")[:RECENT]]
    lows, highs, ends = shelf.offsets[past], shelf.offsets[past] + t.size[past], t.end[past]
    tops = np.unique([aligned(int(top), align) for top in highs])
    places: list[int] = []
    for low, high in gaps:
        inside = tops[(tops > low) & (tops + size <= high)]
        places += [low, *inside.tolist(), (high - size) // align * align]
    at = np.unique(places)
    touched = (lows[None] < at[:, None] + size) & (at[:, None] < highs[None])
    used = np.where(touched, ends[None], -1).max(1, initial=-1)
    good = np.flatnonzero(used <= since)
    return int(at[good[0]] if len(good) else at[np.argmin(used)])
