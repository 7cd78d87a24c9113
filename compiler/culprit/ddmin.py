"""Delta debugging: the smallest part of a list that still fails (Zeller and Hildebrandt, Simplifying and isolating
failure-inducing input, IEEE Transactions on Software Engineering 28(2), 2002, algorithm ddmin)."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")


def ddmin(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """A part of `items`, in order, that fails and of which no single item can go. `items` as a whole is known to fail;
    no part is asked about twice."""
    known: dict[tuple[int, ...], bool] = {}

    def failing(chosen: Sequence[int]) -> bool:
        key = tuple(chosen)
        if key not in known:
            known[key] = fails([items[i] for i in key])
        return known[key]

    kept, parts = list(range(len(items))), 2
    while len(kept) > 1:
        parts = min(parts, len(kept))
        edges = [len(kept) * k // parts for k in range(parts + 1)]
        chunks = [kept[a:b] for a, b in pairwise(edges)]
        rests = [[i for i in kept if i not in chunk] for chunk in map(set, chunks)] if parts > 2 else []
        if (found := next((c for c in chunks if failing(c)), None)) is not None:
            kept, parts = found, 2
        elif (found := next((r for r in rests if failing(r)), None)) is not None:
            kept, parts = found, max(parts - 1, 2)
        elif parts == len(kept):
            break
        else:
            parts *= 2
    return [items[i] for i in kept]
