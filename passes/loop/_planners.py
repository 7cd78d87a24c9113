"""Algorithms that give buffers their offsets, by name; `search` of `_arena.py` is never worse than any of them.

first-fit     as they are born, each in the lowest gap that holds it: what an allocator at run time would do
best-fit      the largest first, each in the smallest gap that holds it, then all pushed down as far as they go
              (largest-first, best fit and push-down as in MegEngine's static planner)
free-lists    whole blocks handed on: who dies leaves a block, who is born takes the free one nearest in size, which may
              grow (Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016, section 3; MXNet)
lowest-floor  upwards, always what can lie lowest on those it lives with (Maas et al., TelaMalloc, ASPLOS 2023)
search        the best of all these and of other orders, then a search among its neighbours
"""

from collections.abc import Callable, Mapping, Sequence

from ._arena import Buffer, Plan, neighbours, placed, plan, stacked

FACTOR = 16
"""A free block is taken for a buffer that is at most so many times smaller or larger."""


def first_fit(buffers: Sequence[Buffer]) -> Plan:
    """In order of birth, each in the lowest gap between what is alive then."""
    return placed(buffers, neighbours(buffers), sorted(range(len(buffers)), key=lambda i: (buffers[i].first, i)))


def best_fit(buffers: Sequence[Buffer]) -> Plan:
    """The largest first, each in the smallest gap between those placed that live with it, then pushed down."""
    together = neighbours(buffers)
    offsets: dict[int, int] = {}
    for i in sorted(range(len(buffers)), key=lambda i: (-buffers[i].size, buffers[i].first, i)):
        taken = sorted((offsets[j], offsets[j] + buffers[j].size) for j in together[i] if j in offsets)
        offsets[i] = smallest_gap(taken, buffers[i].size)
    return placed(buffers, together, sorted(offsets, key=lambda i: (offsets[i], i)))


def smallest_gap(taken: Sequence[tuple[int, int]], size: int) -> int:
    """Where the smallest gap that holds `size` bytes begins, between these sorted intervals; else above them."""
    best, top = None, 0
    for start, end in taken:
        gap = start - top
        if gap >= size and (best is None or gap < best[0]):
            best = gap, top
        top = max(top, end)
    return top if best is None else best[1]


def free_lists(buffers: Sequence[Buffer]) -> Plan:
    """Blocks that serve one buffer after another; each is as large as the largest of them."""
    sizes: list[int] = []
    until: list[int] = []
    block_of = [0] * len(buffers)
    for i in sorted(range(len(buffers)), key=lambda i: (buffers[i].first, i)):
        buffer = buffers[i]
        free = [b for b, last in enumerate(until) if last < buffer.first]
        near = [b for b in free if sizes[b] <= FACTOR * buffer.size and buffer.size <= FACTOR * sizes[b]]
        if near:
            block = min(near, key=lambda b: (abs(sizes[b] - buffer.size), b))
            sizes[block], until[block] = max(sizes[block], buffer.size), buffer.last
        else:
            block = len(sizes)
            sizes.append(buffer.size)
            until.append(buffer.last)
        block_of[i] = block
    starts = [sum(sizes[:b]) for b in range(len(sizes))]
    return Plan(tuple(starts[b] for b in block_of), sum(sizes))


def lowest_floor(buffers: Sequence[Buffer]) -> Plan:
    """Upwards from the bottom, of equal floors the largest buffer first."""
    return stacked(buffers, neighbours(buffers), [-b.size for b in buffers])


def search(buffers: Sequence[Buffer]) -> Plan:
    """The best plan found by any means."""
    return min((plan(buffers), *(other(buffers) for other in GREEDY.values())), key=lambda found: found.peak)


GREEDY: Mapping[str, Callable[[Sequence[Buffer]], Plan]] = {
    "first-fit": first_fit,
    "best-fit": best_fit,
    "free-lists": free_lists,
    "lowest-floor": lowest_floor,
}
PLANNERS: Mapping[str, Callable[[Sequence[Buffer]], Plan]] = {"search": search, **GREEDY}
