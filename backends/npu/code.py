"""A program on its way: operations on buffers that have a memory but, until `allocate`, no address.

code = Code(machine)
a = code.buffer("spad", 32768, "conv1.x")
code.add("ld.a", x=Ref(a), dram=(segment, 0), desc=("dma", {"n0": 128, "n1": 64, "g1": 128, "l1": 8}), layer=3)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ...dialects._shape import Array

SPACES = {"spad": 1, "wmem": 2, "acc": 3, "pmem": 4}
Fields = Mapping[str, int | float]
"""A descriptor's fields; strides in granules of 16 bytes, DRAM strides in bytes, imm0..imm3 of a float as float."""


@dataclass(eq=False, slots=True)
class Buffer:
    """Bytes of one memory that belong together; live from the first operation that names it to the last."""

    space: str
    bytes: int
    name: str
    align: int
    stream: bool = False
    """Passed through once, load by load; as far away as possible from what was used last."""
    address: int | None = None


@dataclass(frozen=True, slots=True)
class Ref:
    """A place within a buffer, `offset` bytes from its start (a multiple of 16)."""

    buffer: Buffer
    offset: int = 0

    @property
    def address(self) -> int:
        """Bytes from the start of the memory; the buffer has to have been placed."""
        assert self.buffer.address is not None, f"{self.buffer.name} has no address"
        return self.buffer.address + self.offset


@dataclass(eq=False)
class Segment:
    """A part of DRAM: role input, weights, output, params, spill or user."""

    id: int
    name: str
    role: str
    bytes: int = 0
    writable: bool = False
    pieces: list[tuple[int, Callable[[], Array]]] = field(default_factory=list)
    """What the loader finds there: offsets and arrays, made when the program is written."""
    tensors: list[dict[str, object]] = field(default_factory=list)

    def reserve(self, size: int, align: int = 64) -> int:
        """Append `size` bytes; returns their offset."""
        at = -(-self.bytes // align) * align
        self.bytes = at + size
        return at


@dataclass(eq=False, slots=True)
class Op:
    """One instruction: mnemonic with its suffixes (`v.rq.res.relu`), operands, descriptor kind and fields, layer."""

    name: str
    x: Ref | None = None
    y: Ref | None = None
    z: Ref | None = None
    dram: tuple[Segment, int] | None = None
    desc: tuple[str, Fields] | None = None
    layer: int = -1
    pm: Ref | None = None
    """The parameter records of an instruction whose y is something else; becomes the descriptor's `pm`."""
    lut: Ref | None = None
    """A look-up table in PMEM; becomes the descriptor's `lut`."""
    waits: tuple[int, ...] = ()
    signals: tuple[int, ...] = ()
    """Semaphore numbers, from 1, at most two each; set by `npu-sync`."""
    out: tuple[int, ...] = ()
    """What of its layer's tensor it makes: image, row, column and channel of its result's first element, the steps of
    rows and of columns. For debugging only."""


@dataclass
class Mark:
    """What a mark's number stands for in reports: a layer, the ONNX nodes in it, its multiply-accumulates."""

    layer: str
    nodes: tuple[str, ...]
    kind: str
    macs: int
    bytes: int = 0
    """Weights, inputs and outputs, each once."""
    out: str = ""
    """The tensor it makes."""


@dataclass
class Code:
    """Operations in an order that is right when they run one by one."""

    line: dict[str, int]
    """Bytes of a line of each memory."""
    buffers: list[Buffer] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    tensors: list[dict[str, object]] = field(default_factory=list)
    """The layers' tensors: name, shape [images, rows, columns, channels], dtype, scale, zero point; for debuggers."""
    sems: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Name, producer queue, consumer queue, initial count; semaphore n is entry n - 1."""

    def buffer(self, space: str, size: int, name: str, *, stream: bool = False, align: int = 0) -> Buffer:
        """A new buffer of `size` bytes, rounded up to its memory's line (PMEM: 16)."""
        line = align or self.line.get(space, 16)
        made = Buffer(space, -(-size // line) * line, name, line, stream)
        self.buffers.append(made)
        return made

    def add(
        self,
        name: str,
        *,
        x: Ref | None = None,
        y: Ref | None = None,
        z: Ref | None = None,
        dram: tuple[Segment, int] | None = None,
        desc: tuple[str, Fields] | None = None,
        layer: int = -1,
        pm: Ref | None = None,
        lut: Ref | None = None,
    ) -> Op:
        """Append an operation."""
        op = Op(name, x, y, z, dram, desc, layer, pm, lut)
        self.ops.append(op)
        return op
