"""Offsets for buffers that live at known times, so that those alive together do not overlap; and how good they are.

    buffer  bytes  alive        offset            bytes
    a       128    0..2         0                 192 |    c c c
    b       64     1..3         128               128 |  b b b
    c       128    3..4         0                   0 |a a a c c    peak 192 = lower bound

Greedy placement in several orders, the best of which is improved by placing first what stuck out (dynamic storage
allocation is NP-hard; cf. Pisarchyk and Lee, Efficient Memory Management for Deep Neural Net Inference, 2020).
"""

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass

ALIGNMENT = 64
ROUNDS = 200


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
    bound = lower_bound(buffers)
    together = [[j for j, b in enumerate(buffers) if j != i and overlap(a, b)] for i, a in enumerate(buffers)]
    best: Plan | None = None
    best_order: list[int] = []
    for key in ORDERS:
        order = sorted(range(len(buffers)), key=lambda i: (key(buffers[i]), i))
        for best_fit in (False, True):
            found = placed(buffers, together, order, best_fit)
            if best is None or found.peak < best.peak:
                best, best_order = found, order
            if best.peak == bound:
                return best
    assert best is not None
    return improved(buffers, together, best, best_order, bound)


def improved(
    buffers: Sequence[Buffer], together: Sequence[Sequence[int]], best: Plan, order: list[int], bound: int
) -> Plan:
    """Again and again with the buffers that reach highest moved to the front of the order."""
    for _ in range(ROUNDS):
        current = placed(buffers, together, order, False)
        if current.peak < best.peak:
            best = current
        if best.peak == bound:
            break
        top = [i for i in order if current.offsets[i] + buffers[i].size == current.peak]
        at = order.index(top[0])
        if at == 0:
            break
        moved = [i for i in order[:at] if overlap(buffers[i], buffers[top[0]])][-1:]
        front = order.index(moved[0]) if moved else 0
        order = [*order[:front], *top, *(i for i in order[front:] if i not in top)]
    return best


def overlap(a: Buffer, b: Buffer) -> bool:
    """Whether two buffers are ever alive together."""
    return a.first <= b.last and b.first <= a.last


def placed(buffers: Sequence[Buffer], together: Sequence[Sequence[int]], order: Sequence[int], best_fit: bool) -> Plan:
    """Place the buffers in this order, each in the lowest gap that holds it, or in the tightest. `together` are for
    each buffer those that are ever alive with it."""
    offsets = [0] * len(buffers)
    taken: list[list[tuple[int, int]]] = [[] for _ in buffers]
    known, peak = [False] * len(buffers), 0
    for i in order:
        offsets[i] = gap(taken[i], buffers[i].size, best_fit)
        known[i] = True
        end = offsets[i] + buffers[i].size
        peak = max(peak, end)
        for other in together[i]:
            if not known[other]:
                insort(taken[other], (offsets[i], end))
    return Plan(tuple(offsets), peak)


def gap(taken: Sequence[tuple[int, int]], size: int, best_fit: bool) -> int:
    """Where `size` bytes fit between these sorted intervals: the lowest place, or the one with the least to spare."""
    top, found, spare = 0, None, 0
    for start, end in taken:
        if start - top >= size and (found is None or start - top - size < spare):
            found, spare = top, start - top - size
            if not best_fit:
                return top
        top = max(top, end)
    return top if found is None else found


ORDERS: tuple[Callable[[Buffer], tuple[int, ...]], ...] = (
    lambda b: (-b.size, b.first - b.last),
    lambda b: (-b.size * (b.last - b.first + 1),),
    lambda b: (b.first - b.last, -b.size),
    lambda b: (b.first, -b.size),
    lambda b: (-b.last, -b.size),
)
