"""Sets of granules (16 bytes of a memory) as sorted runs, exact and quick: a strided access is never widened.

sweep(2, [(3, 4)])              {0 1, 4 5, 8 9}    runs 0..2, 4..6, 8..10
atoms([{0..8}, {4..6}])         {0..4, 6..8} is atom 0 and {4..6} atom 1: the first set is [0, 1], the second [1]

Atoms are the coarsest parts of which every given set is a union. Who works on atoms instead of granules gets the same
answers from arrays that are a hundred times shorter.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
LARGEST = 1 << 22
"""Granules that a local memory has at most."""


@dataclass(frozen=True, eq=False, slots=True)
class Granules:
    """Disjoint runs `starts[i] <= g < stops[i]` that do not touch, in ascending order."""

    starts: Ints
    stops: Ints

    @property
    def end(self) -> int:
        """One more than the last granule."""
        return int(self.stops[-1])

    def shifted(self, by: int) -> "Granules":
        """The same set, `by` granules further."""
        return Granules(self.starts + by, self.stops + by) if by else self

    def array(self) -> Ints:
        """All granules, ascending."""
        return ranges(self.starts, self.stops)

    def overlap(self, other: "Granules") -> tuple[int, int]:
        """The first run of granules that both have; (0, 0) if there is none."""
        at = np.searchsorted(other.stops, self.starts, "right")
        for start, stop, k in zip(self.starts.tolist(), self.stops.tolist(), at.tolist(), strict=True):
            if k < len(other.starts) and other.starts[k] < stop:
                return max(start, int(other.starts[k])), min(stop, int(other.stops[k]))
        return 0, 0


def span(length: int, start: int = 0) -> Granules:
    """One run."""
    return Granules(np.array([start]), np.array([start + length]))


def ranges(starts: Ints, stops: Ints) -> Ints:
    """The integers of all half-open ranges, one range after the other."""
    lengths = stops - starts
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(stops - ends, lengths)


def merged(starts: Ints, stops: Ints) -> Granules:
    """The union of any runs."""
    order = np.argsort(starts, kind="stable")
    starts, stops = starts[order], np.maximum.accumulate(stops[order])
    apart = starts[1:] > stops[:-1]
    return Granules(starts[np.concatenate(([True], apart))], stops[np.concatenate((apart, [True]))])


def union(sets: Sequence[Granules]) -> Granules:
    """What is in any of some sets."""
    if len(sets) == 1:
        return sets[0]
    return merged(np.concatenate([s.starts for s in sets]), np.concatenate([s.stops for s in sets]))


def repeated(given: Granules, count: int, stride: int, most: int = LARGEST) -> Granules:
    """The union of `count` copies, each `stride` granules after the one before; one run where it is longer than `most`,
    for which no memory is large enough."""
    if count == 1 or stride == 0:
        return given
    first = int(given.starts[0])
    extent, reach = given.end - first, (count - 1) * stride
    if reach + extent > most:
        return span(reach + extent, first)
    if len(given.starts) == 1 and stride <= extent:
        return Granules(given.starts, given.stops + reach)
    if stride <= extent:  # half of the copies twice: never more runs at a time than there are at the end
        half = repeated(given, count - count // 2, stride, most)
        return union([half, half.shifted(count // 2 * stride)])
    steps = np.arange(count)[:, None] * stride
    return Granules((given.starts + steps).reshape(-1), (given.stops + steps).reshape(-1))


def sweep(length: int, loops: Iterable[tuple[int, int]], most: int = LARGEST) -> Granules:
    """`length` granules at every point of a loop nest of (count, stride); see `repeated`."""
    found = span(length)
    for count, stride in sorted(loops, key=lambda loop: loop[1]):
        found = repeated(found, count, stride, most)
    return found


@dataclass(frozen=True, eq=False)
class Atoms:
    """A partition: `of[i]` are the atoms of set i, ascending; `first[a]` is the first granule of atom a."""

    of: list[Ints]
    first: Ints

    @property
    def count(self) -> int:
        """How many atoms there are."""
        return len(self.first)


def atoms(sets: Sequence[Granules], bases: Sequence[int]) -> Atoms:
    """The coarsest partition of which every set, its base further, is a union of parts. Granules in the same sets are
    told by the exclusive or of a random number for each of these sets."""
    if not sets:
        return Atoms([], np.zeros(0, np.int64))
    runs = np.array([len(s.starts) for s in sets])
    shift = np.array(bases, np.int64).repeat(runs)
    starts, stops = (np.concatenate(part) + shift for part in zip(*((s.starts, s.stops) for s in sets), strict=True))
    edges, where = np.unique(np.concatenate((starts, stops)), return_inverse=True)
    first, last = where[: len(starts)], where[len(starts) :]
    names = np.random.default_rng(0).integers(1, 1 << 63, len(sets), np.uint64).repeat(runs)
    change = np.zeros(len(edges), np.uint64)
    np.bitwise_xor.at(change, first, names)
    np.bitwise_xor.at(change, last, names)
    names_of, where = np.unique(np.bitwise_xor.accumulate(change), return_index=True)
    leaders = np.sort(where[names_of != 0])  # the first piece of each atom; 0 are granules in no set
    low, high = np.searchsorted(leaders, first), np.searchsorted(leaders, last)
    flat = ranges(low, high)
    ends = np.cumsum(np.add.reduceat(high - low, np.cumsum(runs) - runs))
    return Atoms(np.split(flat, ends[:-1]), edges[leaders])
