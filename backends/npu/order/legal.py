"""What an instruction must be by itself, before anything about order: fields in range, operands and types that exist.

Legality(program).wrong(5)    "" or, for example, "st writes segment 0 (A), which is read only"
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..cost import PAD, TRANSPOSE, VEC_BYTES, elements
from ..isa import GRANULE, KINDS, OPCODES, QUEUES
from ..machine import Machine
from ..program import NAME_OF_SPACE, Instruction, Program
from .footprint import A_BYTES, ACC, B_BYTES, SEGMENT

MATRIX_TYPES = KINDS["gemm"].by_name["dtype"].names
DATAFLOWS = KINDS["gemm"].by_name["df"].names
MOST = 1 << 26
"""Bytes that a transfer moves at most: the largest memory."""
I32, QUANTISED, ORT = 2, (0, 1, 5), 2
"""Numbers of vector types: sums; i8, i16, u8; and of a rounding."""
Fields = dict[str, int]


@dataclass(eq=False)
class Legality:
    """Judges a program's instructions; those that differ only in addresses once."""

    program: Program
    _judged: dict[tuple[str | int, ...], str] = field(default_factory=dict)

    def wrong(self, index: int) -> str:
        """What is wrong with instruction `index`, "" for nothing."""
        ins = self.program.text[index]
        if ins.name not in OPCODES:
            return f"no instruction {ins.name!r}"
        if ins.name == "halt":
            if ins.waits or ins.signals:
                return "halt is in no queue: it neither waits nor signals"
            return "" if index == len(self.program.text) - 1 else "halt before the end"
        if not 0 <= ins.queue < len(QUEUES):
            return f"no queue {ins.f}"
        if bad := [s for s in (*ins.waits, *ins.signals) if not 1 <= s <= len(self.program.sems)]:
            return f"no semaphore {bad[0]}; there are {len(self.program.sems)}"
        if not OPCODES[ins.name].kind:
            return ""
        declared = OPCODES[ins.name]
        near = (ins.x >> 22,) if declared.dram else (ins.x >> 22, ins.y >> 22, ins.z >> 22)
        key = (ins.name, ins.f, ins.d, *near)
        if (found := self._judged.get(key)) is None:
            found = self._judged[key] = self.operands(ins) or self.descriptor(ins)
        return found or (self.far(ins) if declared.dram else "")

    def operands(self, ins: Instruction) -> str:
        """Memories that local operands lie in."""
        for at, operand in OPCODES[ins.name].by_field.items():
            space, _ = ins.local(at)
            if space == 0 and operand.optional:
                continue
            if NAME_OF_SPACE.get(space) not in operand.spaces:
                return f"{at} is in {NAME_OF_SPACE.get(space, 'no memory')}, expected {' or '.join(operand.spaces)}"
        return ""

    def descriptor(self, ins: Instruction) -> str:
        """What is wrong with its descriptor, if it has one, and what it makes of its operands."""
        kind = OPCODES[ins.name].kind
        return next(self._descriptor(ins, kind), "") if kind else ""

    def _descriptor(self, ins: Instruction, kind: str) -> Iterator[str]:
        table = self.program.table
        kinds = ("vec", "vec2") if kind == "vec" else (kind,)
        for offset, expected in enumerate(kinds):
            found = table[ins.d + offset][0] if ins.d + offset < len(table) else "none"
            if found != expected:
                yield f"descriptor {ins.d + offset} is of kind {found}, expected {expected}"
                return
        fields = dict(self.program.desc(ins)[1])
        for name in kinds:
            for f in KINDS[name].fields:
                low = 1 if f.unit == "count" else f.low
                if not low <= fields[f.name] <= f.high:
                    yield f"{f.name}={fields[f.name]}, expected {low} to {f.high}"
                if f.names and fields[f.name] >= len(f.names):
                    yield f"{f.name}={fields[f.name]}, expected one of {', '.join(f.names)}"
        rules = {"dma": transfer, "gemm": product, "vec": vector}[kind]
        yield from rules(self.program.machine, ins, fields)

    def far(self, ins: Instruction) -> str:
        """The place in DRAM."""
        number, byte = ins.dram
        segment = next((s for s in self.program.segments if s.id == number), None)
        if segment is None:
            return f"no segment {number}"
        if ins.name == "st" and not segment.writable:
            return f"writes segment {number} ({segment.name}), which is read only"
        d = self.program.desc(ins)[1]
        steps = [byte, d["n0"], *(d[f"g{i}"] for i in (1, 2, 3) if d[f"n{i}"] > 1)]
        if segment.writable and any(step % GRANULE for step in steps):
            return f"rows in segment {number} ({segment.name}) are not multiples of {GRANULE} bytes"
        return ""


def transfer(m: Machine, ins: Instruction, d: Fields) -> Iterator[str]:
    """DMA, `fill`, `ld.l`."""
    rows = d["n1"] * d["n2"] * d["n3"]
    if rows > MOST // GRANULE or rows * d["n0"] > MOST:
        yield f"{rows} rows of {d['n0']} bytes, expected at most {MOST // GRANULE} rows and {MOST} bytes"
    if ins.name in ("st", "fill") and d["n0"] % GRANULE:
        yield f"rows of {d['n0']} bytes, expected a multiple of {GRANULE}"
    if ins.name == "st" and d["flags"] & TRANSPOSE:
        yield "a store does not transpose"
    if d["n0"] % GRANULE and not d["flags"] & (PAD | TRANSPOSE):
        yield f"rows of {d['n0']} bytes without pad, expected a multiple of {GRANULE}"
    if d["flags"] & TRANSPOSE and d["n0"] >> d["esz"] << d["esz"] != d["n0"]:
        yield f"rows of {d['n0']} bytes do not hold elements of {1 << d['esz']}"


def product(m: Machine, ins: Instruction, d: Fields) -> Iterator[str]:
    """`mm`."""
    dtype = MATRIX_TYPES[d["dtype"]]
    if dtype not in m.dtypes:
        yield f"type {dtype}, the machine has {', '.join(m.dtypes)}"
    if d["df"] and DATAFLOWS[d["df"]] not in m.dataflow:
        yield f"dataflow {DATAFLOWS[d['df']]}, the machine has {', '.join(m.dataflow) or 'its own'}"
    share, lanes = 1 << d["kpack"], m.rows // A_BYTES[d["dtype"]]
    if share > m.feeder_groups or (share > 1 and d["nc1"] > 1):
        yield f"{share} taps share a feed, with {d['nc1']} channel blocks; at most {m.feeder_groups}, with 1"
    if d["klast"] > lanes // share or d["nlast"] > m.cols:
        yield f"klast={d['klast']}, nlast={d['nlast']}, expected at most {lanes // share} and {m.cols}"
    depth = d["nkh"] * d["nkw"] * ((d["nc1"] - 1) * lanes + (d["klast"] or lanes // share))
    weights = ((d["nn"] - 1) * m.cols + (d["nlast"] or m.cols)) * depth * B_BYTES[d["dtype"]]
    if depth * A_BYTES[d["dtype"]] > m.spad.bytes or weights > max(m.wmem.bytes, m.spad.bytes):
        yield f"sums of {depth} products with {weights} bytes of B: more than the memories have"
    if d["bl"] and (d["nkh"] > 1 or d["nkw"] > 1 or share > 1):
        yield "B in the layout of activations takes no kernel"
    if d["bt"] and not d["bl"]:
        yield "packed tiles are not transposed"


def vector(m: Machine, ins: Instruction, d: Fields) -> Iterator[str]:
    """`v.*`."""
    from_acc = ins.x >> 22 == ACC
    if (count := elements(m, d, from_acc)) > m.spad.bytes:
        yield f"{count} elements, SPAD has {m.spad.bytes} bytes"
    if d["clast"] > m.rows // VEC_BYTES[d["odt" if from_acc else "dtype"]]:
        yield f"clast={d['clast']}, expected at most the lanes of a line"
    if from_acc and VEC_BYTES[d["dtype"]] != 4:
        yield "sums are i32 or f32"
    if ins.name in ("v.dw", "v.pool"):
        high = (d["ny"] - 1) * d["sy"] + d["kh"] - d["pt"] - d["pb"]
        wide = (d["nx"] - 1) * d["sx"] + d["kw"] - d["pl"] - d["pr"]
        if min(d["kh"], d["kw"], d["sy"], d["sx"], high, wide) < 1:
            yield f"a window of {d['kh']} x {d['kw']} by {d['sy']} x {d['sx']} over {high} x {wide} pixels"
    if ins.name == "v.rq" and d["axis"] & 1 and d["ny"] > 1:
        yield f"channels along rows with ny={d['ny']}, expected 1"
    if wanted := refused(ins, d):
        names = KINDS["vec"].by_name["dtype"].names
        yield f"{names[d['dtype']]} to {names[d['odt']]}, expected {wanted}"


def refused(ins: Instruction, d: Fields) -> str:
    """The types that a vector instruction takes, where it has others; "" where it has those."""
    whole, made_whole, mode = d["dtype"] in QUANTISED, d["odt"] in QUANTISED, ins.mode
    match ins.name:
        case "v.ew" if whole != made_whole or d["dtype"] == I32:
            return "sources and result integral, or sources and result floating"
        case "v.ew" if whole and mode in ("add", "sub") and d["rnd"] < ORT:
            return "a sum rounded as ort or onnx"
        case "v.act" if whole != made_whole or (whole != (mode == "lut") and not (whole and mode == "relu")):
            return "lut or relu from integral to integral, or a function from floating to floating"
        case "v.cp" if not d["imm0"] and VEC_BYTES[d["dtype"]] != VEC_BYTES[d["odt"]]:
            return "types of one size, or a scale (imm0)"
        case "v.rq" if made_whole and d["dtype"] == I32 and ins.res and d["rnd"] < ORT:
            return "a sum rounded as ort or onnx"
        case "v.rq" if made_whole and d["dtype"] == I32 and ins.act not in ("", "lut", "relu"):
            return f"a floating result of {ins.act}"
        case _:
            return ""


def beyond(program: Program, space: int) -> tuple[str, int]:
    """A space's name, and its bytes."""
    if space >= SEGMENT:
        segment = program.segment(space - SEGMENT)
        return f"dram:{segment.name}", segment.bytes
    name = NAME_OF_SPACE[space]
    return name, program.machine.memory(name).bytes
