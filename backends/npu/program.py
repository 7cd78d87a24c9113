"""A program as the machine runs it: instructions with addresses, a table of descriptors, semaphores, segments of DRAM.

program.text[5] -> Instruction("mm", x=.., d=3, waits=(2,), signals=(5, 8));  program.desc(program.text[5])
    -> ("gemm", {"my": 1, "mx": 64, ..})
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...dialects._shape import Array
from .code import Mark
from .isa import GRANULE, OPCODES, QUEUES, SPACES, suffixes_of
from .machine import Machine

NAME_OF_SPACE = {number: name for name, number in SPACES.items()}


@dataclass(slots=True)
class Instruction:
    """One instruction: base mnemonic (`mm`, `v.rq`), the encoded fields, numbers of semaphores from 1."""

    name: str
    x: int = 0
    y: int = 0
    z: int = 0
    d: int = 0
    f: int = 0
    waits: tuple[int, ...] = ()
    signals: tuple[int, ...] = ()

    @property
    def queue(self) -> int:
        """0 lda, 1 ldw, 2 mxu, 3 vpu, 4 st; -1 for halt."""
        queue = OPCODES[self.name].queue
        if queue is not None:
            return queue
        return -1 if self.name == "halt" else self.f

    @property
    def mnemonic(self) -> str:
        """The name with its suffixes."""
        return self.name + suffixes_of(self.name, self.f)

    @property
    def acc(self) -> bool:
        """`mm` adds to what its block holds."""
        return self.name == "mm" and bool(self.f & 1)

    @property
    def res(self) -> bool:
        """`v.rq` adds a residual."""
        return self.name == "v.rq" and bool(self.f & 1)

    @property
    def act(self) -> str:
        """The activation of a `v.rq`: "" for none."""
        return self.suffix("act")

    @property
    def mode(self) -> str:
        """What a `v.pool v.ew v.act v.ln v.red v.cp` does: `avg`, `add`, ..; "" for the others."""
        return self.suffix("mode")

    def suffix(self, name: str) -> str:
        """The suffix of that name (acc, res, act, mode, queue); "" if it has none."""
        for suffix in OPCODES[self.name].suffixes:
            if suffix.name == name:
                return suffix.choices[suffix.of(self.f)]
        return ""

    def local(self, field: str) -> tuple[int, int]:
        """Number of the memory (0: no operand) and byte address of x, y or z."""
        value: int = getattr(self, field)
        return value >> 22, (value & (1 << 22) - 1) * GRANULE

    @property
    def dram(self) -> tuple[int, int]:
        """Segment and byte of the operand in DRAM."""
        return self.y >> 21, (self.y & (1 << 21) - 1) << 25 | self.z


@dataclass
class SegmentInfo:
    """A part of DRAM; `data` is what the loader puts there (uint8), None for what starts empty."""

    id: int
    name: str
    role: str
    bytes: int
    writable: bool
    data: Array | None = field(default=None, compare=False)
    tensors: list[dict[str, object]] = field(default_factory=list)


Entry = tuple[str, Mapping[str, int]]


@dataclass
class Program:
    """What a container holds. `table` has an element an entry, a `vec` followed by its `vec2`."""

    machine: Machine
    text: list[Instruction] = field(default_factory=list)
    table: list[Entry] = field(default_factory=list)
    sems: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Name, producer queue, consumer queue, initial count; semaphore n is element n - 1."""
    segments: list[SegmentInfo] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    tensors: list[dict[str, object]] = field(default_factory=list)
    """The layers' tensors: name, shape [images, rows, columns, channels], dtype, scale, zero_point; `pieces`: number of
    each instruction that makes a part, image, row, column, channel of its first element, steps of rows and columns;
    `values`: ONNX nodes whose results stand in it, and where."""
    names: dict[int, str] = field(default_factory=dict)
    """Names of descriptors, by index."""
    _merged: dict[int, Entry] = field(default_factory=dict, repr=False, compare=False)

    def desc(self, instruction: Instruction) -> Entry:
        """Kind (dma, gemm, vec) and fields of the descriptor; those of a vec and its vec2 in one."""
        found = self._merged.get(instruction.d)
        if found is None:
            kind, fields = self.table[instruction.d]
            more = self.table[instruction.d + 1][1] if kind == "vec" else {}
            found = self._merged[instruction.d] = (kind, {**fields, **more})
        return found

    def segment(self, id: int) -> SegmentInfo:
        """The segment of that number; KeyError."""
        for segment in self.segments:
            if segment.id == id:
                return segment
        raise KeyError(id)

    def layers(self) -> list[int]:
        """For each instruction the number of the last mark on its queue before it, -1 for none."""
        now, found = [-1] * (len(QUEUES) + 1), []
        for ins in self.text:
            if ins.name == "mark":
                now[ins.queue] = ins.d
            found.append(now[ins.queue])
        return found
