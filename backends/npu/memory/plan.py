"""One memory's placement: what lives long first, around it what streams, and a search where that does not fit."""

from collections.abc import Iterator

import numpy as np

from .first_fit import ORDERS, best_first_fit, first_fit
from .items import Flags, Integers, Items, bound, parts, peak
from .ring import RECENT, stream
from .search import search
from .solver import solve

EFFORT = 20000
"""Items placed, in all repairs of what streams."""


def place(items: Items, streams: Flags, since: Integers, capacity: int) -> tuple[Integers | None, set[str]]:
    """Offsets within the capacity and how they were found; None if no way was found. `streams`: which items stream;
    `since`: the time since when the place of each of those should have been free."""
    offsets, ways = np.full(len(items), -1, np.int64), set[str]()
    done = np.zeros(0, np.int64)
    for part in parts(items):
        recent = done[np.argsort(-items.end[done], kind="stable")[:RECENT]]
        both = np.concatenate([part, recent])
        found, way = _part(items.only(both), len(part), streams[both], since[both], offsets[both], capacity)
        if found is None:
            return None, {way}
        offsets[part] = found
        ways.add(way)
        done = both
    return offsets, ways


def _part(
    items: Items, count: int, streams: Flags, since: Integers, offsets: Integers, capacity: int
) -> tuple[Integers | None, str]:
    """Offsets of the first `count` items; the others lie where they lie and are dead."""
    own = items.only(np.arange(count))
    if bound(own) > capacity:
        return None, "bound"
    repairs = min(48, max(6, EFFORT // count))
    for fixed, name in _around(own, ~streams[:count], capacity):
        found = stream(items, np.concatenate([fixed, offsets[count:]]), since, capacity, repairs)
        if found is not None:
            return found[:count], name
    found, name = best_first_fit(own)
    if peak(own, found) <= capacity:
        return found, f"first fit by {name}"
    if (found := search(own, capacity)) is not None:
        return found, "search"
    return solve(own, capacity), "solver"


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
