"""Buffers as rectangles of time and bytes, what any placement needs at least, and whether a placement is one.

bytes |    +-------+            items first, end (one past the last operation), size; an offset for each
      | +--+--+    |
      | |     +----+            bound: the greatest sum of sizes at any time
      +-------------------- operations
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Items:
    """Rectangles, one an element: live in [first, end), `size` bytes, at a multiple of `align`."""

    first: Integers
    end: Integers
    size: Integers
    align: Integers

    @classmethod
    def of(cls, rows: Sequence[tuple[int, int, int, int]]) -> "Items":
        """Items from (first, end, size, align)."""
        columns = np.array(rows, np.int64).reshape(-1, 4).T
        return cls(*columns)

    def __len__(self) -> int:
        return len(self.first)

    def only(self, index: Integers) -> "Items":
        """Some of the items."""
        return Items(self.first[index], self.end[index], self.size[index], self.align[index])

    def since(self, first: Integers) -> "Items":
        """The same items, live from earlier on."""
        return Items(first, self.end, self.size, self.align)


def load(items: Items) -> tuple[Integers, Integers]:
    """The times at which something begins, and the bytes that live then."""
    times = np.unique(items.first)
    change = np.zeros(len(times) + 1, np.int64)
    np.add.at(change, np.searchsorted(times, items.first), items.size)
    np.subtract.at(change, np.searchsorted(times, items.end), items.size)
    return times, np.cumsum(change)[:-1]


def bound(items: Items) -> int:
    """Bytes that no placement can do without."""
    return int(load(items)[1].max(initial=0))


def peak(items: Items, offsets: Integers) -> int:
    """Bytes that a placement takes."""
    return int((offsets + items.size).max(initial=0))


def clashes(items: Items, offsets: Integers) -> Iterator[tuple[int, int]]:
    """Pairs of items that share a byte at some time, none if and only if there are none; and (i, i) for an item below 0
    or not aligned. In order of time every item is held against its neighbours among those that live."""
    live: list[tuple[int, int]] = []
    ends: list[tuple[int, int, int]] = []
    rows = [values.tolist() for values in (items.first, items.end, items.size, items.align, offsets)]
    for i in np.argsort(items.first, kind="stable").tolist():
        first, end, size, align, at = (row[i] for row in rows)
        if at < 0 or at % align:
            yield i, i
        while ends and ends[0][0] <= first:
            _, *gone = heappop(ends)
            del live[bisect_left(live, (gone[0], gone[1]))]
        if not size:
            continue
        k = bisect_left(live, (at, i))
        for other, j in live[max(k - 1, 0) : k + 1]:
            if other < at + size and at < other + rows[2][j]:
                yield min(i, j), max(i, j)
        live.insert(k, (at, i))
        heappush(ends, (end, at, i))


def parts(items: Items) -> Iterator[Integers]:
    """Indices of items in groups of which none lives together with another: each can be placed by itself."""
    order = np.argsort(items.first, kind="stable")
    if not len(order):
        return
    reach = np.maximum.accumulate(items.end[order])
    yield from np.split(order, np.flatnonzero(items.first[order][1:] >= reach[:-1]) + 1)
