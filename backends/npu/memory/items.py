"""Buffers as rectangles of time and bytes, what any placement needs at least, and whether a placement is one.

bytes |    +-------+            items first, end (one past the last operation), size; an offset for each
      | +--+--+    |
      | |     +----+            bound: the greatest sum of sizes at any time
      +-------------------- operations
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
    """Pairs of items that share a byte at some time; and (i, i) for an item below 0 or not aligned."""
    for i in range(len(items)):
        if offsets[i] < 0 or offsets[i] % items.align[i]:
            yield i, i
        later = slice(i + 1, None)
        time = (items.first[later] < items.end[i]) & (items.first[i] < items.end[later])
        place = (offsets[later] < offsets[i] + items.size[i]) & (offsets[i] < offsets[later] + items.size[later])
        for j in np.flatnonzero(time & place & (items.size[later] > 0) & (items.size[i] > 0)):
            yield i, i + 1 + int(j)


def parts(items: Items) -> Iterator[Integers]:
    """Indices of items in groups of which none lives together with another: each can be placed by itself."""
    order = np.argsort(items.first, kind="stable")
    if not len(order):
        return
    reach = np.maximum.accumulate(items.end[order])
    yield from np.split(order, np.flatnonzero(items.first[order][1:] >= reach[:-1]) + 1)
