"""What transfers do to memories: `ld.a ld.w ld.p st fill ld.l`, four nested loops over rows of bytes."""

from collections.abc import Mapping

import numpy as np

from ....dialects.npu._meaning import Numbers
from ..machine import Machine
from ..program import Instruction
from .memory import Fault, Memories, Memory, Walk, grid

BYTE = np.dtype(np.uint8)
TRANSPOSE, FLIP, PAD = 1, 2, 8
FLIPPED = np.uint8(0x80)


class Transfer:
    """The loops of one descriptor: a walk on the far side (DRAM, or SPAD of `ld.l`) and one on the local side."""

    def __init__(self, machine: Machine, ins: Instruction, fields: Mapping[str, int]):
        del machine
        n0, n1, n2, n3 = (fields[f"n{i}"] for i in range(4))
        near = tuple(16 * fields[f"l{i}"] for i in (3, 2, 1))
        self.name, self.flags, self.fill = ins.name, fields["flags"], fields["fill"]
        far = (fields["g3"], fields["g2"], fields["g1"])
        self.far = Walk.of((n3, n2, n1, n0), (*far, 1), BYTE)
        self.near = Walk.of((n3, n2, n1, n0), (*near, 1), BYTE)
        self.ends = grid((n3, n2, n1), near) + n0
        """Where local rows end, from the base."""
        if self.flags & TRANSPOSE:
            size = 1 << fields["esz"]
            count = n0 >> fields["esz"]
            self.far = Walk.of((n3, n2, n1, count, size), (*far, size, 1), BYTE)
            self.near = Walk.of((n3, n2, n1, count, size), (near[0], near[1], size, near[2], 1), BYTE)
            self.ends = grid((n3, n2, count), near) + n1 * size

    def run(self, memories: Memories, ins: Instruction) -> None:
        """Move the bytes."""
        space, base = ins.local("x")
        local = memories.local[space]
        if self.name == "fill":
            local.target(self.near, base)[...] = self.fill
            return
        if self.name == "st":
            segment, byte = ins.dram
            copied(segment_of(memories, segment).target(self.far, byte), local.view(self.near, base), self.flags)
            return
        if self.name == "ld.l":
            origin, byte = ins.local("y")
            source = memories.local[origin].view(self.far, byte)
            source = np.array(source) if origin == space else source
        else:
            segment, byte = ins.dram
            source = segment_of(memories, segment).view(self.far, byte)
        if self.flags & PAD:
            local.fill_tails(base + self.ends, bytes([self.fill]))
        copied(local.target(self.near, base), source, self.flags)


def segment_of(memories: Memories, number: int) -> Memory:
    """A segment of DRAM; Fault where the program has none of that number."""
    if number not in memories.segments:
        raise Fault(f"segment {number}: the program has {sorted(memories.segments)}")
    return memories.segments[number]


def copied(target: Numbers, source: Numbers, flags: int) -> None:
    """Copy, with the top bits flipped if asked."""
    if flags & FLIP:
        np.bitwise_xor(source, FLIPPED, out=target)
    else:
        target[...] = source
