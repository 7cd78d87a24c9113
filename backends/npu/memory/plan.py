"""One memory's placement: what lives long first, around it what streams, and a search where that does not fit."""

from collections.abc import Iterator

import numpy as np

from .first_fit import ORDERS, best_first_fit, first_fit
from .items import Flags, Integers, Items, bound, parts, peak
from .ring import Skyline, stream
from .search import search
from .solver import solve

EFFORT = 20000
"""Items placed, in all repairs of what streams."""


def place(items: Items, streams: Flags, since: Integers, capacity: int) -> tuple[Integers | None, set[str]]:
    """Offsets within the capacity and how they were found; None if no way was found. `streams`: which items stream;
    `since`: the time since when the place of each of those should have been free."""
    offsets, ways = np.full(len(items), -1, np.int64), set[str]()
    past = Skyline.empty(capacity)
    for part in parts(items):
        own = items.only(part)
        found, way = _part(own, streams[part], since[part], past)
        if found is None:
            return None, {way}
        offsets[part] = found
        ways.add(way)
        past.settle(own, found)
    return offsets, ways


def _part(items: Items, streams: Flags, since: Integers, past: Skyline) -> tuple[Integers | None, str]:
    """Offsets of items that live when all of the past is over, and how they were found."""
    capacity = past.capacity
    if bound(items) > capacity:
        return None, "bound"
    repairs = min(48, max(6, EFFORT // len(items)))
    for fixed, name in _around(items, ~streams, capacity):
        found = stream(items, fixed, since, past, repairs)
        if found is not None:
            return found, name
    found, name = best_first_fit(items)
    if peak(items, found) <= capacity:
        return found, f"first fit by {name}"
    if (found := search(items, capacity)) is not None:
        return found, "search"
    return solve(items, capacity), "solver"


def _around(items: Items, long: Flags, capacity: int) -> Iterator[tuple[Integers, str]]:
    """Placements of what lives long, -1 for the rest; the lowest first."""
    kept = items.only(np.flatnonzero(long))
    found = [(first_fit(kept, order(kept)), f"first fit by {name}") for name, order in ORDERS.items()]
    for placed, name in sorted(found, key=lambda f: peak(kept, f[0])):
        if peak(kept, placed) <= capacity:
            offsets = np.full(len(items), -1, np.int64)
            offsets[long] = placed
            yield offsets, name
        if not len(kept):
            return
