"""First fit: items in some order, each at the lowest place that is free as long as it lives."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .items import Integers, Items, peak

Order = Callable[[Items], Integers]
ORDERS: dict[str, Order] = {
    "size": lambda t: np.argsort(-t.size, kind="stable"),
    "area": lambda t: np.argsort(-t.size * (t.end - t.first), kind="stable"),
    "length": lambda t: np.lexsort((-t.size, t.first - t.end)),
    "start": lambda t: np.lexsort((-t.size, t.first)),
}


def aligned(at: int, align: int) -> int:
    """`at` or the next multiple of `align`."""
    return -(-at // align) * align


@dataclass
class Shelf:
    """A placement in the making: `offsets` is -1 where nothing is placed yet."""

    items: Items
    offsets: Integers = field(init=False)

    def __post_init__(self) -> None:
        self.offsets = np.full(len(self.items), -1, np.int64)

    def occupied(self, first: int, end: int) -> Integers:
        """Placed items that live at some time in [first, end)."""
        t = self.items
        return np.flatnonzero((self.offsets >= 0) & (t.first < end) & (first < t.end))

    def gaps(self, first: int, end: int, capacity: int) -> list[tuple[int, int]]:
        """(start, end) of what is free through all of [first, end), from the bottom up."""
        used = self.occupied(first, end)
        starts = self.offsets[used]
        order = np.argsort(starts, kind="stable")
        starts = starts[order]
        tops = np.maximum.accumulate(starts + self.items.size[used][order])
        floors, ceilings = np.append(0, tops), np.append(starts, capacity)
        free = ceilings > floors
        return list(zip(floors[free].tolist(), ceilings[free].tolist(), strict=True))

    def lowest(self, item: int, capacity: int) -> int | None:
        """The lowest place for an item, if there is one."""
        t = self.items
        size, align = int(t.size[item]), int(t.align[item])
        for low, high in self.gaps(int(t.first[item]), int(t.end[item]), capacity):
            at = aligned(low, align)
            if high - at >= size:
                return at
        return None


def first_fit(items: Items, order: Integers) -> Integers:
    """Offsets, however high they become."""
    shelf = Shelf(items)
    endless = int(items.size.sum() + items.align.sum())
    for item in order.tolist():
        at = shelf.lowest(item, endless)
        assert at is not None
        shelf.offsets[item] = at
    return shelf.offsets


def best_first_fit(items: Items) -> tuple[Integers, str]:
    """The lowest of the placements in the four orders, and the order's name."""
    tries = ((first_fit(items, order(items)), name) for name, order in ORDERS.items())
    return min(tries, key=lambda found: peak(items, found[0]))
