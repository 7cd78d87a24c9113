"""Bytes of SPAD that are live: from the first write to what is there until the last read of it before the next write.

steps = occupancy(program, times)       steps.peak(0, 3350) -> 61440;  steps.at, steps.bytes: from cycle at[i] on
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..order.granules import Granules, Ints
from ..order.regions import Access, Regions
from ..program import Program
from ..sim.event import Times

SPAD, GRANULE = 1, 16


@dataclass(frozen=True, eq=False)
class Occupancy:
    """`bytes[i]` are live from cycle `at[i]` to `at[i + 1]`."""

    at: Ints
    bytes: Ints

    def peak(self, start: int, end: int) -> int:
        """The most within [start, end)."""
        low = max(int(np.searchsorted(self.at, start, "right")) - 1, 0)
        high = max(int(np.searchsorted(self.at, end, "left")), low + 1)
        return int(self.bytes[low:high].max(initial=0))


def inside(access: Access, size: int) -> Ints:
    """The granules of an access; of a program that is wrong, those that exist."""
    found = access.granules
    if access.stop > size:
        found = Granules(np.minimum(found.starts, size), np.minimum(found.stops, size))
    return found.array()


def occupancy(program: Program, times: Sequence[Times]) -> Occupancy:
    """`times`: (start, busy until, visible) of each instruction."""
    regions, size = Regions(program), program.machine.spad.bytes // GRANULE
    starts, ends = (np.array([time[i] for time in times], np.int64) for i in (0, 1))
    at = np.unique(np.concatenate((starts, ends, [0])))
    born, read = np.full(size, -1), np.full(size, -1)
    change = np.zeros(len(at) + 1, np.int64)

    def bury(where: Ints) -> None:
        """What was read ends its life with the last read."""
        done = where[read[where] >= 0]
        np.add.at(change, born[done], 1)
        np.add.at(change, read[done], -1)
        born[done] = read[done] = -1

    place = {"start": np.searchsorted(at, starts), "end": np.searchsorted(at, ends)}
    for index in np.argsort(starts, kind="stable").tolist():
        reads, writes = regions.of(index)
        for access in reads:
            if access.space == SPAD:
                where = inside(access, size)
                read[where] = np.maximum(read[where], place["end"][index])
        for access in writes:
            if access.space == SPAD:
                where = inside(access, size)
                bury(where)
                born[where[born[where] < 0]] = place["start"][index]
    bury(np.flatnonzero(born >= 0))
    return Occupancy(at, np.cumsum(change[:-1]) * GRANULE)
