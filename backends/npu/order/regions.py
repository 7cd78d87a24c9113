"""What every instruction of a program reads and writes, to the granule of 16 bytes.

regions = Regions(program)
regions.of(5)            -> reads (Access(space=1, ..), ..), writes (..); spaces 1 to 4, 16 + n for segment n
accesses(program, 5)     -> the same as (space, array of granules)

A region is made once for a descriptor and a kind of instruction, relative to the operands, and then only moved.
"""

from dataclasses import dataclass, field

from ..isa import GRANULE, OPCODES
from ..program import Instruction, Program
from .footprint import NOTHING, PMEM, SEGMENT, Footprint, of_bytes, phase_of, product, transfer
from .footprint_vector import vector
from .granules import Granules, Ints


@dataclass(frozen=True, eq=False, slots=True)
class Access:
    """A memory (1 to 4; 16 + n is segment n) and what is touched of it: `part`, `base` granules further. `end`: one
    more than its last byte."""

    space: int
    part: Granules
    base: int
    end: int

    @property
    def granules(self) -> Granules:
        """What is touched, from the memory's start."""
        return self.part.shifted(self.base)

    def meets(self, other: "Access") -> bool:
        """Whether the two have a granule in common."""
        if self.space != other.space or self.start >= other.stop or other.start >= self.stop:
            return False
        return self.granules.overlap(other.granules) != (0, 0)

    @property
    def start(self) -> int:
        """The first granule."""
        return self.base + int(self.part.starts[0])

    @property
    def stop(self) -> int:
        """One more than the last granule."""
        return self.base + self.part.end


Accesses = tuple[tuple[Access, ...], tuple[Access, ...]]
"""Reads and writes."""


@dataclass(eq=False)
class Regions:
    """The accesses of a program's instructions, kept once made: equal accesses are one object."""

    program: Program
    _footprints: dict[tuple[str | int, ...], Footprint] = field(default_factory=dict)
    _moved: dict[tuple[int, int, int], Access] = field(default_factory=dict)
    _found: dict[tuple[str | int, ...], Accesses] = field(default_factory=dict)

    def of(self, index: int) -> Accesses:
        """Reads and writes of instruction `index`."""
        ins = self.program.text[index]
        key = (ins.name, ins.f, ins.d, ins.x, ins.y, ins.z)
        if (found := self._found.get(key)) is not None:
            return found
        made = self.footprint(ins)
        reads = [self._move(ins, at, part) for at, part in made.reads]
        writes = [self._move(ins, at, part) for at, part in made.writes]
        if made.far is not None:
            (writes if ins.name == "st" else reads).append(self._far(ins, made.far))
        found = self._found[key] = tuple(reads), tuple(writes)
        return found

    def footprint(self, ins: Instruction) -> Footprint:
        """The regions of an instruction relative to its operands."""
        declared, m = OPCODES[ins.name], self.program.machine
        at = ins.z if declared.kind == "vec" else ins.x  # what is filled up to the end of a line
        phase = phase_of(m, at) if declared.kind != "gemm" else 0
        key = (ins.name, ins.f, ins.d, ins.x >> 22, 0 if declared.dram else ins.y >> 22, phase)
        if (found := self._footprints.get(key)) is None:
            found = self._footprints[key] = self._make(ins)
        return found

    def _make(self, ins: Instruction) -> Footprint:
        if not (kind := OPCODES[ins.name].kind):
            return NOTHING
        make = {"dma": transfer, "gemm": product, "vec": vector}[kind]
        return make(self.program.machine, ins, self.program.desc(ins)[1])

    def _move(self, ins: Instruction, at: str, part: Granules) -> Access:
        place: int = PMEM << 22 if at == "pmem" else getattr(ins, at)
        key = (id(part), place, 0)
        if (found := self._moved.get(key)) is None:
            base = place & (1 << 22) - 1
            found = self._moved[key] = Access(place >> 22, part, base, (base + part.end) * GRANULE)
        return found

    def _far(self, ins: Instruction, far: Granules) -> Access:
        key = (id(far), ins.y, ins.z)
        if (found := self._moved.get(key)) is None:
            segment, byte = ins.dram
            found = self._moved[key] = Access(SEGMENT + segment, of_bytes(far, byte), 0, far.end + byte)
        return found


def accesses(program: Program, index: int) -> tuple[list[tuple[int, Ints]], list[tuple[int, Ints]]]:
    """(space, granules) that instruction `index` reads, and writes."""
    reads, writes = Regions(program).of(index)
    return [(a.space, a.granules.array()) for a in reads], [(a.space, a.granules.array()) for a in writes]
