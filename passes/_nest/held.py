"""The sums of a panel between two chunks of a reduction: in memory, where all rows find theirs again.

for panel { sums = init; for chunk of k { for rows { c.. = sums; for k of chunk { c.. += .. }; sums = c.. } }; finish }
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.ir import SSAValue

from ...dialects._access import Access
from ...dialects._stages import Member
from .body import Point
from .scope import Base, Code

Slot = tuple[Member, int, Point]
"""A sum of a tile: reducer, number of its result, place."""


@dataclass(frozen=True)
class Held:
    """Their addresses, by result of the reducers in order."""

    places: Sequence[Access] = ()

    def put(self, code: Code, bases: dict[int, Base], slots: Sequence[Slot], sums: Sequence[SSAValue]) -> None:
        """Store the sums of a tile."""
        for i, ((_, _, point), total) in enumerate(zip(slots, sums, strict=True)):
            access = self.places[i % len(self.places)]
            code.store(total, access, *code.address(access, bases, point.offsets), 1)

    def take(self, code: Code, bases: dict[int, Base], slots: Sequence[Slot]) -> list[SSAValue]:
        """Load the sums of a tile."""
        found: list[SSAValue] = []
        for i, (_, _, point) in enumerate(slots):
            access = self.places[i % len(self.places)]
            found.append(code.load_here(access, *code.address(access, bases, point.offsets), point.lanes))
        return found
