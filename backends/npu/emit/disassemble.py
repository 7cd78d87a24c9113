"""Programs to canonical text: what has its default value is left out, addresses and strides are in bytes."""

from collections.abc import Iterator, Mapping

import numpy as np

from ..isa import GRANULE, KINDS, OPCODES, READ_ONLY, SEGMENT_ROLES, Field, float_bits, float_value
from ..program import NAME_OF_SPACE, Instruction, Program, SegmentInfo


def disassemble(program: Program) -> str:
    """The text that `assemble` makes the same program from, but for data and debug information; those of marks are
    comments."""
    names = {s.id: s.name for s in program.segments}
    lines = [*map(_segment, program.segments), *map(_semaphore, program.sems), *_descriptors(program)]
    lines += [_instruction(ins, program, names) for ins in program.text]
    return "\n".join(lines) + "\n"


def instruction_text(program: Program, number: int) -> str:
    """One instruction, as `disassemble` has it."""
    return _instruction(program.text[number], program, {s.id: s.name for s in program.segments})


def _segment(s: SegmentInfo) -> str:
    words = [".seg", str(s.id), s.name, str(s.bytes)]
    if s.role != SEGMENT_ROLES[min(s.id, len(SEGMENT_ROLES) - 1)]:
        words.append(s.role)
    if s.writable != (s.role not in READ_ONLY):
        words.append("writable" if s.writable else "readonly")
    return " ".join(words)


def _semaphore(sem: tuple[str, str, str, int]) -> str:
    name, producer, consumer, count = sem
    return f".sem {name} {producer} -> {consumer}" + (f" init {count}" if count else "")


def _descriptors(program: Program) -> Iterator[str]:
    for index, (kind, fields) in enumerate(program.table):
        if kind != "vec2":
            more = program.table[index + 1][1] if kind == "vec" else {}
            yield f".desc {_name(program, index)} {kind} {', '.join(_fields(kind, {**fields, **more}))}"


def _name(program: Program, index: int) -> str:
    return program.names.get(index, f"d{index}")


def _fields(kind: str, values: Mapping[str, int]) -> list[str]:
    """`field=value` of what is not the default; the first field where all are."""
    declared = [f for k in ((kind, "vec2") if kind == "vec" else (kind,)) for f in KINDS[k].fields]
    chosen = [f for f in declared if values[f.name] != f.default] or declared[:1]
    return [f"{f.name}={field_text(f, values[f.name])}" for f in chosen]


def field_text(f: Field, value: int) -> str:
    """A field's value as assembly has it."""
    if f.names:
        return f.names[value]
    if f.unit == "granule":
        return str(value * GRANULE)
    return _float_text(value) if f.unit == "float" else str(value)


def _float_text(bits: int) -> str:
    """A float32 with a point where that gives back the same bits, else the bits as an integer."""
    value = float_value(bits)
    if not 1e-30 < abs(value) < 1e30:
        return str(bits)
    digits, e, exponent = str(np.float32(value)).partition("e")
    text = f"{digits}{'' if '.' in digits else '.'}{e}{exponent}"
    return text if float_bits(float(text)) == bits else str(bits)


def _instruction(ins: Instruction, program: Program, segments: Mapping[int, str]) -> str:
    declared = OPCODES[ins.name]
    operands: list[str] = []
    for at in declared.by_field:
        space, byte = ins.local(at)
        if space:
            operands.append(f"{at}={NAME_OF_SPACE[space]}:{byte:#x}")
    if declared.dram:
        segment, byte = ins.dram
        operands.append(f"g=dram:{segments.get(segment, segment)}+{byte:#x}")
    if declared.kind:
        operands.append(f"d={_name(program, ins.d)}")
    if ins.name == "mark":
        operands.append(f"id={ins.d}")
    text = " ".join(filter(None, (ins.mnemonic, ", ".join(operands))))
    for word, numbers in (("wait", ins.waits), ("sig", ins.signals)):
        if numbers:
            text += f" {word}({', '.join(program.sems[n - 1][0] for n in numbers)})"
    if ins.name == "mark" and ins.d < len(program.marks):
        layer = program.marks[ins.d].layer
        text += f"  ; {''.join(c if c.isprintable() else '?' for c in layer)}"
    return text
