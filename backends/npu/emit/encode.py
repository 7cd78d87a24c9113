"""From placed code to a program: operands as fields, descriptors in a table without doubles, marks, halt.

    Op("v.rq.relu", x=Ref(acc), y=Ref(pmem), z=Ref(spad), desc=("vec", {"nx": 64, "imm0": 0.5, ..}), layer=3)
-->
    mark.vpu id=3
    v.rq.relu x=acc:0x4000, y=pmem:0, z=spad:0x8000, d=d7
    ..
    halt
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..code import Code, Fields, Op, Ref, Segment
from ..isa import DESCRIPTORS, KINDS, OPCODES, EncodeError, bf16_bits, dram, float_bits, local, split_mnemonic
from ..machine import Machine
from ..program import Entry, Instruction, Program, SegmentInfo

BF16 = KINDS["vec"].by_name["odt"].names.index("bf16")
DEFAULTS = {kind.name: {f.name: f.default for f in kind.fields} for kind in KINDS.values()}
DEFAULTS["vec"] |= DEFAULTS["vec2"]
Index = dict[tuple[str, tuple[tuple[str, int], ...]], int]


def encode(code: Code, machine: Machine, *, marks: bool = True, data: bool = True) -> Program:
    """The program of `code`, whose buffers have addresses. Without `marks`, instruction i is operation i; without
    `data`, segments hold nothing. EncodeError names the operation and what does not fit."""
    program = Program(machine, sems=list(code.sems), marks=list(code.marks))
    program.segments = [_segment(s, data) for s in code.segments]
    table, last, made = _Table(), [-1] * 5, {}
    for number, op in enumerate(code.ops):
        try:
            ins = _instruction(op, table)
        except EncodeError as error:
            raise EncodeError(f"operation {number} ({op.name}, layer {op.layer}): {error}") from None
        if marks and op.layer >= 0 and last[ins.queue] != op.layer:
            last[ins.queue] = op.layer
            program.text.append(Instruction("mark", d=op.layer, f=ins.queue))
        if op.out and 0 <= op.layer < len(code.marks):
            made.setdefault(code.marks[op.layer].out, []).append([len(program.text), *op.out])
        program.text.append(ins)
    program.text.append(Instruction("halt"))
    program.tensors = [tensor | {"pieces": made.get(str(tensor["name"]), [])} for tensor in code.tensors]
    program.table = table.entries
    return program


def _segment(segment: Segment, data: bool) -> SegmentInfo:
    made = SegmentInfo(segment.id, segment.name, segment.role, segment.bytes, segment.writable)
    made.tensors = list(segment.tensors)
    if data and segment.pieces:
        made.data = np.zeros(segment.bytes, np.uint8)
        for at, read in segment.pieces:
            piece = np.ascontiguousarray(read()).reshape(-1).view(np.uint8)
            made.data[at : at + piece.size] = piece
    return made


@dataclass
class _Table:
    """Descriptor entries, equal ones once."""

    entries: list[Entry] = field(default_factory=list)
    found: Index = field(default_factory=dict)
    quick: Index = field(default_factory=dict)
    """By the fields as they come, in any order."""

    def index(self, kind: str, fields: Mapping[str, int]) -> int:
        """Where a descriptor stands in the table."""
        quick = kind, tuple(fields.items())
        if (at := self.quick.get(quick)) is None:
            at = self.quick[quick] = self.add(kind, fields)
        return at

    def add(self, kind: str, fields: Mapping[str, int]) -> int:
        """The index of a descriptor whose fields have not come in this order yet."""
        defaults = DEFAULTS[kind]
        key = (kind, tuple(sorted(item for item in fields.items() if defaults.get(item[0]) != item[1])))
        if (at := self.found.get(key)) is not None:
            return at
        kinds = (kind, "vec2") if kind == "vec" else (kind,)
        made = [_entry(k, fields) for k in kinds]
        if unknown := fields.keys() - {name for _, entry in made for name in entry}:
            raise EncodeError(f"E-ENC a {kind} descriptor has no field {', '.join(sorted(unknown))}")
        at = self.found[key] = len(self.entries)
        if at + len(made) > DESCRIPTORS:
            raise EncodeError(f"E-ENC more than {DESCRIPTORS} descriptors")
        self.entries += made
        return at


def _entry(kind: str, fields: Mapping[str, int]) -> Entry:
    """The fields of an entry with its defaults, each within its bits."""
    made: dict[str, int] = {}
    for declared in KINDS[kind].fields:
        value = made[declared.name] = fields.get(declared.name, declared.default)
        least = 1 if declared.unit == "count" else declared.low
        if not least <= value <= declared.high:
            raise EncodeError(f"E-ENC {declared.name}={value}: expected {least} to {declared.high}")
    return kind, made


def _instruction(op: Op, table: _Table) -> Instruction:
    name, f = mnemonic_parts(op.name)
    declared = OPCODES[name]
    ins = Instruction(name, f=f, waits=op.waits, signals=op.signals)
    if len(op.waits) > 2 or len(op.signals) > 2:
        raise EncodeError("expected at most two waits and two signals; more go into a sync")
    for at in ("x", "y", "z"):
        ref: Ref | None = getattr(op, at)
        operand = declared.by_field.get(at)
        if ref is not None:
            if operand is None or ref.buffer.space not in operand.spaces:
                allowed = "no operand" if operand is None else " or ".join(operand.spaces)
                raise EncodeError(f"E-ENC {at} in {ref.buffer.space}: expected {allowed}")
            setattr(ins, at, local(ref.buffer.space, ref.address))
        elif operand is not None and not operand.optional:
            raise EncodeError(f"E-ENC {at} is missing: the {operand.role}")
    if (op.dram is None) == bool(declared.dram):
        raise EncodeError("E-ENC expected a place in DRAM" if declared.dram else "E-ENC takes no place in DRAM")
    if op.dram is not None:
        ins.y, ins.z = dram(op.dram[0].id, op.dram[1])
    kind = "" if op.desc is None else op.desc[0]
    if kind != declared.kind:
        raise EncodeError(f"E-ENC expected a descriptor of kind {declared.kind or 'none'}, found {kind or 'none'}")
    if op.desc is not None:
        ins.d = table.index(kind, descriptor(op))
    return ins


_MNEMONICS: dict[str, tuple[str, int]] = {}


def mnemonic_parts(mnemonic: str) -> tuple[str, int]:
    """Base name and F of a mnemonic; EncodeError."""
    found = _MNEMONICS.get(mnemonic)
    if found is None:
        try:
            found = _MNEMONICS[mnemonic] = split_mnemonic(mnemonic)
        except ValueError as error:
            raise EncodeError(f"E-ENC {error}") from None
    return found


def descriptor(op: Op) -> dict[str, int]:
    """The fields of an operation's descriptor as integers: floats as bits, `pm` and `lut` from where they lie."""
    fields: Fields = {} if op.desc is None else op.desc[1]
    found = {name: value if type(value) is int else _bits(name, value, fields) for name, value in fields.items()}
    if op.pm is not None:
        found["pm"] = op.pm.address // 16
    if op.lut is not None:
        if op.lut.address % 256:
            raise EncodeError(f"E-ENC look-up table at pmem:{op.lut.address:#x}: expected a multiple of 256")
        found["lut"] = op.lut.address // 256
    return found


def _bits(name: str, value: int | float, fields: Fields) -> int:
    """A float as its field holds it: imm0 to imm3 float32, lo and hi of bf16 results bf16."""
    if isinstance(value, float | np.floating):
        if name.startswith("imm"):
            return float_bits(float(value))
        if name in ("lo", "hi") and fields.get("odt") == BF16:
            return bf16_bits(float(value))
        if int(value) != value:
            raise EncodeError(f"E-ENC {name}={value}: expected an integer")
    return int(value)
