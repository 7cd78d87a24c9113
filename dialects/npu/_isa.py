"""The instruction set, declared once: instructions, descriptors, their fields and suffixes, and the names of values.

OPCODES["v.rq"] -> Opcode(0x20, "v.rq", queue=3, ..);  KINDS["gemm"] -> Kind(2, "gemm", (Field("my", 16, ..), ..))

Codec, assembler, disassembler, simulators, checker, the ops of this dialect and the reference text all read this.
"""

from dataclasses import dataclass
from functools import cache, cached_property

SPACES = {"spad": 1, "wmem": 2, "acc": 3, "pmem": 4}
"""Numbers of the local memories in an address; 0 is no operand."""
QUEUES = ("lda", "ldw", "mxu", "vpu", "st")
GRANULE = 16
"""Bytes that a local address counts in."""
SEGMENT_ROLES = ("input", "weights", "output", "params", "spill", "user")
"""What segment n is for; from 5 on all are `user`. Input, weights and params are read only."""
READ_ONLY = ("input", "weights", "params")
SEMAPHORES, SEGMENTS, DESCRIPTORS = 63, 16, 1 << 16

MATRIX_TYPES = ("i8", "i16xi8", "i16", "bf16")
VECTOR_TYPES = ("i8", "i16", "i32", "f32", "bf16", "u8")
DATAFLOWS = ("default", "ws", "os")
ROUNDINGS = ("tflite", "gemmlowp", "ort", "onnx")
ACTIVATIONS = ("", "lut", "relu", "gelu", "silu", "tanh", "sigmoid", "exp")


@dataclass(frozen=True)
class Field:
    """Bits of an instruction or a descriptor. `unit`: `count` (at least 1), `granule` (16 bytes; text gives bytes),
    `float` (bits of a float32 or int32), or plain."""

    name: str
    bits: int
    text: str = ""
    unit: str = ""
    signed: bool = False
    names: tuple[str, ...] = ()
    """Value n is called names[n]."""

    @property
    def low(self) -> int:
        """The least value that its bits hold."""
        return -(1 << self.bits - 1) if self.signed else 0

    @property
    def high(self) -> int:
        """The greatest value that its bits hold."""
        return self.low + (1 << self.bits) - 1

    @property
    def default(self) -> int:
        """The value of a field that nobody sets."""
        return 1 if self.unit == "count" else 0


@dataclass(frozen=True)
class Kind:
    """A kind of descriptor entry: 252 bits of fields, from bit 0 on; the number stands in the top 4 bits."""

    code: int
    name: str
    text: str
    fields: tuple[Field, ...]

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """Its fields."""
        return {f.name: f for f in self.fields}


@dataclass(frozen=True)
class Suffix:
    """Part of the field F, written as a suffix of the mnemonic: choices[n] is value n, "" where nothing is written."""

    name: str
    shift: int
    bits: int
    choices: tuple[str, ...]
    required: bool = False

    def of(self, f: int) -> int:
        """Its value in F."""
        return f >> self.shift & (1 << self.bits) - 1


@dataclass(frozen=True)
class Operand:
    """An operand of an instruction: its field (x, y, z), what it is for, the memories it may lie in."""

    field: str
    role: str
    spaces: tuple[str, ...]
    optional: bool = False


@dataclass(frozen=True)
class Opcode:
    """An instruction: opcode, mnemonic, queue (None: F names it, or none), descriptor, operands, what it does."""

    code: int
    name: str
    queue: int | None
    kind: str
    operands: tuple[Operand, ...]
    text: str
    busy: str
    latency: str
    dram: str = ""
    """`read` or `write`: fields y and z are an address in DRAM."""
    suffixes: tuple[Suffix, ...] = ()

    @cached_property
    def by_field(self) -> dict[str, Operand]:
        """Its operands by field."""
        return {o.field: o for o in self.operands}


INSTRUCTION = (
    Field("op", 8, "opcode"),
    Field("w0", 6, "semaphore waited for, 0 for none"),
    Field("w1", 6, "another"),
    Field("s0", 6, "semaphore signalled, 0 for none"),
    Field("s1", 6, "another"),
    Field("x", 25, "local address: memory in bits 24 to 22, granule of 16 bytes below"),
    Field("y", 25, "local address; of a DRAM address: segment in bits 24 to 21, byte / 2^25 below"),
    Field("z", 25, "local address; of a DRAM address: byte modulo 2^25"),
    Field("d", 16, "index of the descriptor; the number of a mark"),
    Field("f", 5, "suffixes of the mnemonic"),
)


def _counts(names: str, bits: int, text: str) -> tuple[Field, ...]:
    return tuple(Field(n, bits, text, "count") for n in names.split())


def _steps(names: str, bits: int, text: str) -> tuple[Field, ...]:
    return tuple(Field(n, bits, text, "granule") for n in names.split())


_DMA = (
    *_counts("n0", 16, "bytes of a row"),
    *_counts("n1", 16, "rows"),
    *_counts("n2", 16, "planes"),
    *_counts("n3", 8, "volumes"),
    *(Field(n, 32, f"bytes from {t} to {t} on the far side") for n, t in (("g1", "row"), ("g2", "plane"))),
    Field("g3", 32, "bytes from volume to volume on the far side"),
    *_steps("l1", 20, "local stride of rows"),
    *_steps("l2", 20, "local stride of planes"),
    *_steps("l3", 20, "local stride of volumes"),
    Field("fill", 8, "the byte of `fill`, and of what pads a row"),
    Field("flags", 4, "1 transpose, 2 flip (xor 0x80), 8 pad rows to a line"),
    Field("esz", 2, "log2 of the bytes of an element, for transpose"),
)
_GEMM = (
    *_counts("my", 16, "rows of output pixels; M = my * mx"),
    *_counts("mx", 16, "pixels of such a row"),
    *_steps("ay", 20, "stride of A from output row to row"),
    *_steps("ax", 20, "stride of A from output pixel to pixel"),
    *_counts("nkh", 6, "kernel rows summed over"),
    *_counts("nkw", 6, "kernel columns summed over"),
    *_counts("nc1", 12, "channel blocks summed over"),
    *_steps("skh", 20, "stride of A from kernel row to row"),
    *_steps("skw", 16, "stride of A from kernel column to column"),
    *_steps("sc1", 22, "stride of A from channel block to block"),
    *_counts("nn", 12, "column tiles of C"),
    Field("kpack", 2, "1, 2, 4 taps share a feed (then nc1 = 1)"),
    Field("klast", 9, "lanes that count in the last channel block of a tap; 0 for all"),
    Field("nlast", 9, "columns that count in the last tile; 0 for all"),
    Field("dtype", 4, "types of A and B", names=MATRIX_TYPES),
    Field("bt", 1, "B is transposed (bl = 1 only)"),
    Field("df", 2, "dataflow", names=DATAFLOWS),
    Field("bl", 1, "layout of B: 0 packed tiles, 1 as activations"),
    *_steps("sb", 22, "stride of B from tile to tile (0: contiguous); bl = 1: from channel block to block"),
    *_steps("bp", 20, "bl = 1: stride of B from row to row"),
    Field("za", 8, "zero point subtracted from A", signed=True),
    Field("zb", 8, "zero point subtracted from B", signed=True),
)
_VEC = (
    *_counts("ny", 16, "rows"),
    *_counts("nx", 16, "columns"),
    *_counts("nc1", 12, "blocks of L channels"),
    *_steps("s0y", 20, "stride of src0 from row to row"),
    *_steps("s0x", 18, "stride of src0 from column to column"),
    *_steps("s0c", 22, "stride of src0 from channel block to block"),
    *_steps("s1y", 20, "stride of src1 from row to row"),
    *_steps("s1x", 18, "stride of src1 from column to column"),
    *_steps("s1c", 22, "stride of src1 from channel block to block"),
    *_steps("dy", 20, "stride of the destination from row to row"),
    *_steps("dx", 18, "stride of the destination from column to column"),
    *_steps("dc", 22, "stride of the destination from channel block to block"),
    Field("dtype", 4, "type of src0", names=VECTOR_TYPES),
    Field("odt", 4, "type of the destination; u8 is stored with its top bit flipped", names=VECTOR_TYPES),
    Field(
        "axis",
        2,
        "v.rq: 1 channels along rows, 2 residual first; v.ew: 1 lane 0 of src1 for all; v.red: 0 c, 1 x, 2 y, 3 both",
    ),
    Field("clast", 9, "channels that count in the last block; 0 for all"),
)
_VEC2 = (
    Field("kh", 4, "rows of the window"),
    Field("kw", 4, "columns of the window"),
    Field("sy", 3, "stride of the window in rows"),
    Field("sx", 3, "stride of the window in columns"),
    Field("pt", 4, "rows of padding above"),
    Field("pl", 4, "columns of padding to the left"),
    Field("pb", 4, "rows of padding below"),
    Field("pr", 4, "columns of padding to the right"),
    *(Field(f"imm{n}", 32, "a number of the instruction", "float") for n in range(4)),
    Field("lut", 8, "look-up table, at PMEM 256 * lut"),
    Field("rnd", 2, "rounding of a requantisation", names=ROUNDINGS),
    Field("lo", 16, "least result; bits of a bf16 where results are floating", signed=True),
    Field("hi", 16, "greatest result, likewise", signed=True),
    Field("zi", 8, "zero point of src0, or of the residual", signed=True),
    Field("zm", 8, "zero point before the residual is added, or of src1", signed=True),
    Field("zo", 8, "zero point of the destination", signed=True),
    *_steps("pm", 22, "parameter records in PMEM, where y is something else"),
)
KINDS = {
    k.name: k
    for k in (
        Kind(1, "dma", "a transfer: up to four nested loops over rows of bytes", _DMA),
        Kind(2, "gemm", "a product: how A, B and C are walked", _GEMM),
        Kind(3, "vec", "a vector operation: extents, strides and types", _VEC),
        Kind(4, "vec2", "the entry after a vec: window, numbers, zero points", _VEC2),
    )
}
"""Descriptor entries; a `vec` is always followed by its `vec2`, and the two are written as one."""

_SRC = Operand("x", "source", ("spad", "acc"))
_OUT = Operand("z", "destination", ("spad",))


def _load(code: int, name: str, queue: int, spaces: tuple[str, ...], text: str) -> Opcode:
    operands = (Operand("x", "destination", spaces),)
    busy, latency = "transfer at the port's share + runs * row_overhead", "dram.latency"
    return Opcode(code, name, queue, "dma", operands, text, busy, latency, "read")


def _vector(code: int, name: str, text: str, busy: str, *more: Operand | Suffix) -> Opcode:
    """An instruction of the vector unit: from x, with or without y, to z."""
    second = (o for o in more if isinstance(o, Operand))
    suffixes = tuple(s for s in more if isinstance(s, Suffix))
    return Opcode(code, name, 3, "vec", (_SRC, *second, _OUT), text, busy, "startup", suffixes=suffixes)


def _mode(*choices: str, required: bool = True) -> Suffix:
    return Suffix("mode", 0, 5, choices, required)


def _flow(code: int, name: str, text: str) -> Opcode:
    return Opcode(code, name, None, "", (), text, "0", "0", suffixes=(Suffix("queue", 0, 5, QUEUES, True),))


def _opcodes() -> tuple[Opcode, ...]:
    pmem, either = ("pmem",), ("spad", "pmem")
    records = Operand("y", "records or residual", ("pmem", "spad"), True)
    destination = Operand("x", "destination", ("spad", "acc"))
    inside = (Operand("x", "destination", ("spad", "wmem")), Operand("y", "source", ("spad",)))
    mm = (Operand("x", "A", ("spad",)), Operand("y", "B", ("wmem", "spad")), Operand("z", "C", ("acc",)))
    acc, res, act = Suffix("acc", 0, 1, ("", "acc")), Suffix("res", 0, 1, ("", "res")), Suffix("act", 1, 4, ACTIVATIONS)
    return (
        _load(0x01, "ld.a", 0, ("spad",), "load activations"),
        _load(0x02, "ld.w", 1, ("wmem", "spad"), "load weights"),
        _load(0x03, "ld.p", 1, pmem, "load parameters"),
        Opcode(0x04, "st", 4, "dma", (_SRC,), "store", "as ld.a", "dram.latency", "write"),
        Opcode(0x05, "fill", 0, "dma", (destination,), "fill rows with one byte", "destination lines", "1"),
        Opcode(0x06, "ld.l", 0, "dma", inside, "copy within the core", "destination lines", "4"),
        Opcode(0x10, "mm", 2, "gemm", mm, "product; .acc adds to what C holds", "array", "array", suffixes=(acc,)),
        _vector(
            0x20, "v.rq", "sums to activations: bias, scale, residual", "n / lanes; .res 2n / lanes", records, res, act
        ),
        _vector(
            *(0x21, "v.dw", "depthwise convolution, requantised", "n (kh kw + mac) / (lanes mac)"),
            Operand("y", "depthwise records", pmem),
        ),
        _vector(0x22, "v.pool", "pooling over windows", "n kh kw / lanes", _mode("max", "avg", "avgp")),
        _vector(
            *(0x23, "v.ew", "element by element", "n / lanes"),
            *(Operand("y", "second source", either), _mode("add", "sub", "mul", "max", "min")),
        ),
        _vector(0x24, "v.act", "an activation", "n / lanes for lut and relu, else 4n / lanes", _mode(*ACTIVATIONS[1:])),
        _vector(
            *(0x25, "v.sm", "softmax over channels", "6n / lanes + ny nx log2(lanes)"),
            Operand("y", "mask", either, True),
        ),
        _vector(
            *(0x26, "v.ln", "normalisation over channels", "4n / lanes + ny nx (log2(lanes) + 16)"),
            *(Operand("y", "norm records", pmem), _mode("ln", "rms", required=False)),
        ),
        _vector(0x27, "v.red", "reduction by axis", "n / lanes + log2(lanes)", _mode("sum", "mean", "max")),
        _vector(0x28, "v.cp", "copy; .t swaps columns and channels", "n / lanes", _mode("cp", "t", required=False)),
        _flow(0x40, "sync", "more waits and signals than an instruction holds"),
        _flow(0x41, "mark", "here begins the layer whose number is d"),
        Opcode(0x7F, "halt", None, "", (), "the end; all queues drain", "0", "0"),
    )


OPCODES = {o.name: o for o in _opcodes()}
BY_CODE = {o.code: o for o in OPCODES.values()}


def suffixes_of(name: str, f: int) -> str:
    """The suffixes that F stands for, as `.res.relu`; ValueError where it stands for none."""
    text, rest = "", f
    for suffix in OPCODES[name].suffixes:
        value = suffix.of(f)
        rest &= ~(value << suffix.shift)
        if value >= len(suffix.choices):
            raise ValueError(f"{name}: F = {f} names no {suffix.name}; expected one of {_offered(suffix)}")
        text += f".{suffix.choices[value]}" if suffix.choices[value] else ""
    if rest:
        raise ValueError(f"{name}: F = {f} has bits that mean nothing")
    return text


@cache
def split_mnemonic(text: str) -> tuple[str, int]:
    """Base name and F of a mnemonic with its suffixes: `v.rq.res.relu` -> ("v.rq", 5); ValueError."""
    words = text.split(".")
    name = next((n for n in (".".join(words[:2]), words[0]) if n in OPCODES), None)
    if name is None:
        raise ValueError(f"no instruction {text!r}; there is: {', '.join(OPCODES)}")
    rest, f = words[len(name.split(".")) :], 0
    for suffix in OPCODES[name].suffixes:
        if rest and rest[0] in suffix.choices and rest[0]:
            f |= suffix.choices.index(rest.pop(0)) << suffix.shift
        elif suffix.required:
            raise ValueError(f"{text}: expected {name} with one of {_offered(suffix)}")
    if rest:
        offered = "; ".join(_offered(s) for s in OPCODES[name].suffixes) or "none"
        raise ValueError(f"{text}: {name} has no suffix .{rest[0]}; expected {offered}")
    return name, f


def _offered(suffix: Suffix) -> str:
    return " ".join(f".{c}" for c in suffix.choices if c)
