"""Branch and bound over canonical placements, as MiniMalloc does (Moffitt, ASPLOS 2023).

In a canonical placement every item lies on another one or on the ground. Items are placed from the bottom up, each on
the floor that those before it make; a branch ends where a section of time cannot hold what is still to come.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .first_fit import ORDERS
from .items import Integers, Items

NODES = 12000
"""Placements tried, about two seconds; counted, so that the outcome does not depend on the machine's speed."""


@dataclass(frozen=True)
class Node:
    """A part of a placement: offsets (-1: not placed), the floor of every section, and the item placed last."""

    offsets: Integers
    floor: Integers
    last: int
    at: int


class Search:
    """A search of items in one order of preference."""

    def __init__(self, items: Items, capacity: int, order: Integers):
        self.items, self.capacity = items, capacity
        self.rank = np.empty(len(items), np.int64)
        self.rank[order] = np.arange(len(items))
        cuts = np.unique(np.concatenate([items.first, items.end]))
        self.first, self.end = np.searchsorted(cuts, items.first), np.searchsorted(cuts, items.end)
        self.sections = len(cuts) - 1
        section = np.arange(self.sections)
        self.lives = (self.first[:, None] <= section) & (section < self.end[:, None])
        self.total = (self.lives * items.size[:, None]).sum(0)

    def run(self, nodes: int) -> Integers | None:
        """Offsets within the capacity; None if there are none, or none was found."""
        root = Node(np.full(len(self.items), -1, np.int64), np.zeros(self.sections, np.int64), -1, 0)
        stack = [self.branches(root)]
        for _ in range(nodes):
            node = next(stack[-1], None)
            while node is None:
                stack.pop()
                if not stack:
                    return None
                node = next(stack[-1], None)
            if (node.offsets >= 0).all():
                return node.offsets
            stack.append(self.branches(node))
        return None

    def branches(self, node: Node) -> Iterator[Node]:
        """The nodes that place one more item, the lowest place first."""
        t, left = self.items, np.flatnonzero(node.offsets < 0)
        ends = np.stack([self.first[left], self.end[left]], 1).reshape(-1)
        ground = np.maximum.reduceat(np.append(node.floor, 0), ends)[::2]
        ground = -(-ground // t.align[left]) * t.align[left]
        if (ground + t.size[left] > self.capacity).any() or not self.possible(node, left, ground):
            return
        able = (ground >= node.at) & (ground < (ground + t.size[left]).min())
        if node.last >= 0:
            able &= (ground > node.at) | (self.rank[left] > self.rank[node.last])
        chosen = np.flatnonzero(able)
        for k in chosen[np.lexsort((self.rank[left[chosen]], ground[chosen]))].tolist():
            item, at = int(left[k]), int(ground[k])
            offsets, floor = node.offsets.copy(), node.floor.copy()
            offsets[item] = at
            floor[self.first[item] : self.end[item]] = at + int(t.size[item])
            yield Node(offsets, floor, item, at)

    def possible(self, node: Node, left: Integers, ground: Integers) -> bool:
        """Whether every section can hold what is left, none of it below the item placed last nor its own ground."""
        lives = self.lives[left]
        rest = (lives * self.items.size[left][:, None]).sum(0)
        low = np.where(lives, np.maximum(ground, node.at)[:, None], self.capacity).min(0)
        return bool((rest + np.where(rest > 0, low, node.floor) <= self.capacity).all())


def search(items: Items, capacity: int, nodes: int = NODES) -> Integers | None:
    """Offsets within the capacity, looked for in the orders of first fit, one after the other; None if not found."""
    for order in ORDERS.values():
        found = Search(items, capacity, order(items)).run(nodes // len(ORDERS))
        if found is not None:
            return found
    return None
