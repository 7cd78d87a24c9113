"""A program's accesses as numbers of atoms: parts of the memories that every instruction touches as a whole or not.

touches = touched(Regions(program))
touches.reads[5], touches.writes[5]     arrays of atoms;     touches.place(7)  -> (space, byte) where atom 7 begins

Only what instructions can disturb is in it: local memories, and segments that are written.
"""

from dataclasses import dataclass

import numpy as np

from .footprint import GRANULE, SEGMENT
from .granules import Ints, atoms
from .regions import Access, Regions

SPACE_SHIFT = 44
NONE: Ints = np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Touches:
    """What each instruction reads (an atom may come twice) and writes; `first`: the place of each atom."""

    reads: list[Ints]
    writes: list[Ints]
    first: Ints

    @property
    def count(self) -> int:
        """How many atoms there are."""
        return len(self.first)

    @property
    def spaces(self) -> Ints:
        """The space of every atom."""
        return self.first >> SPACE_SHIFT

    def place(self, atom: int) -> tuple[int, int]:
        """Space and byte where an atom begins."""
        return int(self.first[atom]) >> SPACE_SHIFT, (int(self.first[atom]) & (1 << SPACE_SHIFT) - 1) * GRANULE


def touched(regions: Regions) -> Touches:
    """The accesses of all instructions of a program."""
    program = regions.program
    writable = {SEGMENT + s.id for s in program.segments if s.writable}
    numbers: dict[int, int] = {}
    sets: list[Access] = []

    def number(access: Access) -> int:
        if (found := numbers.get(id(access))) is None:
            found = numbers[id(access)] = len(sets)
            sets.append(access)
        return found

    def tracked(accesses: tuple[Access, ...]) -> tuple[int, ...]:
        return tuple([number(a) for a in accesses if a.space < SEGMENT or a.space in writable])

    pairs = [tuple(map(tracked, regions.of(index))) for index in range(len(program.text))]
    parts = atoms([a.part for a in sets], [(a.space << SPACE_SHIFT) + a.base for a in sets])
    joined: dict[tuple[int, ...], Ints] = {(): NONE}

    def of(names: tuple[int, ...]) -> Ints:
        if (found := joined.get(names)) is None:
            found = joined[names] = (
                parts.of[names[0]] if len(names) == 1 else np.concatenate([parts.of[n] for n in names])
            )
        return found

    return Touches([of(reads) for reads, _ in pairs], [of(writes) for _, writes in pairs], parts.first)
