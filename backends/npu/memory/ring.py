"""Buffers that data streams through: each where nothing has been for longest, so that loads can run ahead.

capacity of three     w0 w1 w2    then w3 where w0 was, w4 where w1 was: the load of w3 waits for what used w0, while
                                  w1 and w2 are in use or on their way
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import numpy as np

from .first_fit import aligned
from .items import Flags, Integers, Items

Spans = list[tuple[int, int]]
"""(first byte, one after the last)."""


@dataclass(eq=False)
class Skyline:
    """By byte of a memory the time at which its latest user ends, -1 for none: `until[i]` from `starts[i]` to
    `starts[i + 1]`."""

    starts: list[int]
    until: list[int]

    @classmethod
    def empty(cls, capacity: int) -> "Skyline":
        """Of a memory that nobody has used."""
        return cls([0, capacity], [-1])

    @property
    def capacity(self) -> int:
        """Bytes of the memory."""
        return self.starts[-1]

    def copy(self) -> "Skyline":
        """The same as it is now."""
        return Skyline(self.starts.copy(), self.until.copy())

    def settle(self, items: Items, offsets: Integers) -> None:
        """Placed items have been used, one after the other."""
        order = np.argsort(items.first, kind="stable")
        columns = (values[order].tolist() for values in (offsets, offsets + items.size, items.end))
        for low, high, end in zip(*columns, strict=True):
            self.use(low, high, end)

    def use(self, low: int, high: int, end: int) -> None:
        """Bytes low to high have a user until `end`."""
        if low == high:
            return
        i, j = bisect_right(self.starts, low) - 1, bisect_left(self.starts, high)
        before, after = self.starts[i] < low, self.starts[j] > high
        until = [self.until[i]] * before + [end] + [self.until[j - 1]] * after
        self.starts[i:j] = [self.starts[i]] * before + [low] + [high] * after
        self.until[i:j] = until

    def lowest(self, size: int, align: int, since: int, blocked: Spans) -> int | None:
        """The lowest place for `size` bytes without a user after `since`, and apart from what is blocked."""
        at = -1
        for start, stop, until in zip(self.starts, self.starts[1:], self.until, strict=False):
            if until > since:
                at = -1
                continue
            at = aligned(start, align) if at < 0 else at
            while stop - at >= size:
                hit = next((high for low, high in blocked if low < at + size and at < high), None)
                if hit is None:
                    return at
                at = aligned(hit, align)
        return None

    def oldest(self, size: int, align: int, since: int, now: int, blocked: Spans) -> int | None:
        """The lowest place unused since `since`, else the one unused for longest; None if none is free now."""
        if (at := self.lowest(size, align, since, blocked)) is not None:
            return at
        best = self.lowest(size, align, now, blocked)
        if best is None:
            return None
        times = sorted({until for until in self.until if since < until < now})
        low, high = 0, len(times)
        while low < high:
            middle = (low + high) // 2
            if (at := self.lowest(size, align, times[middle], blocked)) is None:
                low = middle + 1
            else:
                best, high = at, middle
        return best


def stream(items: Items, fixed: Integers, since: Integers, past: Skyline, repairs: int) -> Integers | None:
    """Place what streams, in order of time, around what is placed in `fixed` (-1: streams), in a memory with a past.
    An item avoids places that were in use after its time of `since`; among those that are left it takes the lowest,
    else the one unused for longest. Where one has no room, those that live with it are packed from the bottom, or more
    and more around it, and all is done again, `repairs` times at most; None if that was not enough."""
    free, packed = fixed < 0, np.zeros(len(items), np.bool_)
    for _ in range(repairs):
        offsets, stuck = _attempt(items, fixed, np.where(packed, items.first, since), past.copy())
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


def _attempt(items: Items, fixed: Integers, since: Integers, skyline: Skyline) -> tuple[Integers, int | None]:
    """Offsets, and the first item that has no room."""
    offsets = fixed.copy()
    order = np.flatnonzero(fixed < 0)
    order = order[np.lexsort((-items.size[order], items.first[order]))]
    stay = np.flatnonzero(fixed >= 0)
    stay = stay[np.argsort(items.first[stay], kind="stable")]
    begins, ends = items.first[stay].tolist(), items.end[stay].tolist()
    spans: Spans = list(zip(fixed[stay].tolist(), (fixed + items.size)[stay].tolist(), strict=True))
    rows = (items.first, items.end, items.size, items.align, since)
    done = 0
    for item, first, end, size, align, wanted in zip(order.tolist(), *(r[order].tolist() for r in rows), strict=True):
        now = bisect_right(begins, first)
        for i in range(done, now):
            skyline.use(*spans[i], ends[i])
        done = now
        blocked = spans[now : bisect_left(begins, end)]
        at = skyline.oldest(size, align, wanted, first, blocked)
        if at is None:
            return offsets, item
        skyline.use(at, at + size, end)
        offsets[item] = at
    return offsets, None
