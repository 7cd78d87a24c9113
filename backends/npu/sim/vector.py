"""What all instructions of the vector unit share: where their operands lie, their types, limits and numbers."""

from collections.abc import Mapping

import numpy as np

from ....dialects.npu._isa import VECTOR_TYPES
from ....dialects.npu._meaning import Numbers
from ..isa import bf16_value, float_value
from ..machine import Machine
from ..program import Instruction
from .lanes import ACC, LIMITS, Extent, Target, channels_last, channels_of, stored, walk
from .memory import Fault, Memories, Walk

PMEM = 4
UNLIMITED = (-np.inf, np.inf)


class Vector:
    """An instruction's walks, made once for a descriptor; `run` makes the result from the memories."""

    def __init__(self, machine: Machine, ins: Instruction, fields: Mapping[str, int]):
        self.machine, self.fields = machine, fields
        self.space, self.mode = ins.local("x")[0], ins.mode
        self.dtype, self.odt = VECTOR_TYPES[fields["dtype"]], VECTOR_TYPES[fields["odt"]]
        self.channels = channels_of(fields, machine, self.space)
        self.type = stored(fields["dtype"])
        self.lanes = machine.cols if self.space == ACC else machine.rows // self.type.itemsize
        self.extent = Extent(fields["ny"], fields["nx"], self.channels)
        self.source = self.source_walk()
        self.target = Target(self.result_extent(), fields, machine)
        self.blocks = -(-self.channels // self.lanes)
        self.numbers = (float_value(fields["imm0"]), float_value(fields["imm1"]), float_value(fields["imm2"]))
        self.zeros = (fields["zi"], fields["zm"], fields["zo"])
        self.whole = self.odt in LIMITS
        """The result is integral and quantised."""
        self.prepare()

    def prepare(self) -> None:
        """What an instruction needs besides."""

    def source_extent(self) -> Extent:
        """Rows, columns and channels of src0."""
        return self.extent

    def result_extent(self) -> Extent:
        """Rows, columns and channels of the destination."""
        return self.extent

    def source_walk(self) -> Walk:
        """Where src0 lies."""
        fields = self.fields
        return walk(self.source_extent(), (fields["s0y"], fields["s0x"], fields["s0c"]), self.type, self.lanes)

    def second_walk(self, type: np.dtype[np.generic], extent: Extent) -> Walk:
        """Where src1 lies, of that type and extent."""
        fields = self.fields
        return walk(extent, (fields["s1y"], fields["s1x"], fields["s1c"]), type, self.machine.rows // type.itemsize)

    def run(self, memories: Memories, ins: Instruction) -> None:
        """Read, compute, write."""
        space, base = ins.local("x")
        result = self.result(memories.local[space].view(self.source, base), memories, ins)
        space, base = ins.local("z")
        self.target.put(memories.local[space], base, result)

    def result(self, x: Numbers, memories: Memories, ins: Instruction) -> Numbers:
        """A new array [blocks, rows, columns, lanes of the destination]."""
        raise NotImplementedError

    def limits(self) -> tuple[int, int]:
        """Bounds of an integral result; lo = hi = 0 stand for the type's own."""
        low, high = LIMITS[self.odt]
        lo, hi = self.fields["lo"], self.fields["hi"]
        return (low, high) if lo == hi == 0 else (max(lo, low), min(hi, high))

    def float_limits(self) -> tuple[float, float]:
        """Bounds of a floating result; lo = hi = 0 stand for none."""
        lo, hi = self.fields["lo"], self.fields["hi"]
        return UNLIMITED if lo == hi == 0 else (bf16_value(lo), bf16_value(hi))

    def limited(self, y: Numbers) -> Numbers:
        """A floating result within its bounds."""
        limits = self.float_limits()
        return y if limits == UNLIMITED else np.clip(y, np.float32(limits[0]), np.float32(limits[1]))

    def pixels(self, x: Numbers) -> Numbers:
        """[rows, columns, channels] in float32: (q - zi) * imm0 of a quantised source, else its values."""
        y = channels_last(x, self.channels).astype(np.float32)
        if self.dtype in LIMITS:
            y -= np.float32(self.zeros[0])
            y *= np.float32(self.numbers[0])
        return y

    def refuse(self, wanted: str) -> Fault:
        """What is said of types that an instruction does not do."""
        return Fault(f"expected {wanted}, found {self.dtype} to {self.odt}")
