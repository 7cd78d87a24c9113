"""Offsets for buffers that live at known times, so that those alive together do not overlap; and how good they are.

    buffer  bytes  alive        offset            bytes
    a       128    0..2         0                 192 |    c c c
    b       64     1..3         128               128 |  b b b
    c       128    3..4         0                   0 |a a a c c    peak 192 = lower bound

Greedy placement for several reasons, by order (Pisarchyk and Lee, Efficient Memory Management for Deep Neural Net
Inference, 2020) and by lowest floor (Maas et al., TelaMalloc, ASPLOS 2023), then a search among the neighbours of the
best: to find the optimum is NP-hard.
"""

from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

ALIGNMENT = 64
ROUNDS = 100


@dataclass(frozen=True)
class Buffer:
    """`size` bytes, a multiple of the alignment, alive from time `first` to `last`, both included."""

    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Plan:
    """An offset for each buffer, and the end of the last one."""

    offsets: tuple[int, ...]
    peak: int


def aligned(size: int) -> int:
    """The next multiple of the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def lower_bound(buffers: Sequence[Buffer]) -> int:
    """The most bytes alive at one time: no plan has a smaller peak."""
    change: dict[int, int] = {}
    for buffer in buffers:
        change[buffer.first] = change.get(buffer.first, 0) + buffer.size
        change[buffer.last + 1] = change.get(buffer.last + 1, 0) - buffer.size
    alive = most = 0
    for time in sorted(change):
        alive += change[time]
        most = max(most, alive)
    return most


def plan(buffers: Sequence[Buffer]) -> Plan:
    """The best plan found; equal buffers get equal plans whatever the machine."""
    together = neighbours(buffers)
    bound, best = lower_bound(buffers), Plan((0,) * len(buffers), 0)
    for n, urgency in enumerate(urgencies(buffers, together)):
        by_urgency = sorted(range(len(buffers)), key=lambda i: (urgency[i], i))
        for found in (placed(buffers, together, by_urgency), stacked(buffers, together, urgency)):
            if n == 0 or found.peak < best.peak:
                best = found
        if best.peak == bound:
            return best
    return improved(buffers, together, best, bound)


def urgencies(buffers: Sequence[Buffer], together: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """For each of several reasons, how soon each buffer should be placed: the least first."""
    yield [-b.size for b in buffers]
    yield [-b.size * (b.last - b.first + 1) for b in buffers]
    yield [-sum(buffers[j].size for j in others) for others in together]
    yield [b.first - b.last for b in buffers]


def improved(buffers: Sequence[Buffer], together: Sequence[Sequence[int]], best: Plan, bound: int) -> Plan:
    """Place again in the order of the offsets, the highest buffer before some buffer that was in its way, and keep
    what is no worse."""
    draw = Random(0)
    order = sorted(range(len(buffers)), key=lambda i: (best.offsets[i], i))
    current = best
    for _ in range(ROUNDS):
        if best.peak == bound:
            break
        high = next(i for i in order if current.offsets[i] + buffers[i].size == current.peak)
        at, beside = order.index(high), set(together[high])
        before = [place for place, i in enumerate(order[:at]) if i in beside]
        if not before:
            break
        to = draw.choice(before)
        changed = [*order[:to], high, *order[to:at], *order[at + 1 :]]
        found = placed(buffers, together, changed)
        if found.peak <= current.peak:
            order, current = changed, found
        if found.peak < best.peak:
            best = found
    return best


def stacked(buffers: Sequence[Buffer], together: Sequence[Sequence[int]], urgency: Sequence[int]) -> Plan:
    """Grow upwards: always the buffer that can lie lowest on those it lives with, the most urgent of several."""
    floors, offsets, left = [0] * len(buffers), [0] * len(buffers), set(range(len(buffers)))
    peak = 0
    while left:
        i = min(left, key=lambda i: (floors[i], urgency[i], i))
        left.remove(i)
        offsets[i] = floors[i]
        end = offsets[i] + buffers[i].size
        peak = max(peak, end)
        for other in together[i]:
            floors[other] = max(floors[other], end)
    return Plan(tuple(offsets), peak)


def neighbours(buffers: Sequence[Buffer]) -> list[list[int]]:
    """For each buffer the numbers of those that are ever alive with it."""
    return [[j for j, b in enumerate(buffers) if j != i and overlap(a, b)] for i, a in enumerate(buffers)]


def overlap(a: Buffer, b: Buffer) -> bool:
    """Whether two buffers are ever alive together."""
    return a.first <= b.last and b.first <= a.last


def placed(buffers: Sequence[Buffer], together: Sequence[Sequence[int]], order: Sequence[int]) -> Plan:
    """Place the buffers in this order, each in the lowest gap that holds it. `together` are for each buffer those that
    are ever alive with it."""
    offsets = [0] * len(buffers)
    taken: list[list[tuple[int, int]]] = [[] for _ in buffers]
    known, peak = [False] * len(buffers), 0
    for i in order:
        offsets[i] = lowest_gap(taken[i], buffers[i].size)
        known[i] = True
        end = offsets[i] + buffers[i].size
        peak = max(peak, end)
        for other in together[i]:
            if not known[other]:
                insort(taken[other], (offsets[i], end))
    return Plan(tuple(offsets), peak)


def lowest_gap(taken: Sequence[tuple[int, int]], size: int) -> int:
    """Where `size` bytes first fit between these sorted intervals, or above them."""
    top = 0
    for start, end in taken:
        if start - top >= size:
            return top
        top = max(top, end)
    return top
