"""The container `.npux`: a program with its machine, its weights and what its numbers stand for, in one file.

header   AICN, major 1, minor 0, machine hash, number of sections, flags 0
table    for each section: kind, CRC-32, offset, size
..       text, desc, sems, segments, data, debug, machine, names; each from a multiple of 64 on

The reader trusts nothing: sizes and sums, then every opcode, index and JSON field; the error says which is wrong.
"""

import os
import struct
import zlib
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import BinaryIO, TypeGuard

import numpy as np

from ....dialects.npu._isa import VECTOR_TYPES
from ..isa import (
    BY_CODE,
    ENTRY_BYTES,
    INSTRUCTION_BYTES,
    KINDS,
    OPCODES,
    SEMAPHORES,
    EncodeError,
    pack_entry,
    pack_instruction,
    suffixes_of,
    unpack_entry,
    unpack_instruction,
)
from ..machine import Machine, MachineError, read_machine
from ..program import Entry, Instruction, Program
from .documents import (
    ContainerError,
    debug_json,
    names_json,
    read_debug,
    read_names,
    read_segments,
    read_sems,
    segments_json,
    write_json,
)

__all__ = ["ContainerError", "npux_bytes", "read_npux", "write_npux"]

MAGIC, MAJOR, MINOR = b"AICN", 1, 0
HEADER, SECTION = struct.Struct("<4sHH16sII"), struct.Struct("<IIQQ")
SECTIONS = {1: "text", 2: "desc", 3: "sems", 4: "segments", 5: "data", 6: "debug", 7: "machine", 8: "names"}
OPTIONAL = {"debug", "names", "data"}
ALIGN = 64
LARGEST = 1 << 32
"""Bytes that a file, or the segments of a program together, may have."""


def write_npux(program: Program, file: str | Path | BinaryIO) -> None:
    """Write a container; the same program is the same bytes. ContainerError if no reader would take it."""
    data = npux_bytes(program)
    if isinstance(file, str | Path):
        Path(file).write_bytes(data)
    else:
        file.write(data)


def npux_bytes(program: Program) -> bytes:
    """The bytes of a container; ContainerError if no reader would take them."""
    _check(program)
    try:
        parts = _parts(program)
    except EncodeError as error:
        raise ContainerError(str(error)) from None
    _documents(Program(program.machine, table=program.table), parts)
    table, body = bytearray(), bytearray()
    at = start = -(-(HEADER.size + SECTION.size * len(parts)) // ALIGN) * ALIGN
    for code, name in SECTIONS.items():
        if name in parts:
            body += bytes(at - start - len(body)) + parts[name]
            table += SECTION.pack(code, zlib.crc32(parts[name]), at, len(parts[name]))
            at = -(-(at + len(parts[name])) // ALIGN) * ALIGN
    head = HEADER.pack(MAGIC, MAJOR, MINOR, program.machine.hash, len(parts), 0) + table
    return b"".join((head, bytes(start - len(head)), body))


def _parts(program: Program) -> dict[str, bytes]:
    text = (
        pack_instruction(i.name, x=i.x, y=i.y, z=i.z, d=i.d, f=i.f, waits=i.waits, signals=i.signals)
        for i in program.text
    )
    segments, data = segments_json(program.segments, ALIGN)
    parts = {
        "text": b"".join(text),
        "desc": b"".join(pack_entry(kind, fields) for kind, fields in program.table),
        "sems": write_json([list(sem) for sem in program.sems]),
        "segments": write_json(segments),
        "data": data,
        "debug": write_json(debug_json(program)),
        "machine": program.machine.text.encode(),
        "names": write_json(names_json(program)),
    }
    empty = {"data": not data, "debug": not program.marks and not program.tensors, "names": not program.names}
    return {name: part for name, part in parts.items() if not empty.get(name)}


def read_npux(source: str | Path | bytes, *, machine: Machine | None = None, force: bool = False) -> Program:
    """The program in a container; ContainerError says what is wrong with it. It is refused where it was made for
    another machine than `machine`, unless `force`."""
    data = source if isinstance(source, bytes) else _file(Path(source))
    parts, digest = _sections(memoryview(data))
    try:
        made_for = read_machine(str(parts["machine"], "utf8"))
    except (MachineError, UnicodeDecodeError) as error:
        raise ContainerError(f"section machine: {error}") from None
    if made_for.hash != digest:
        raise ContainerError(f"header: machine hash {digest.hex()}, but section machine has {made_for.hash.hex()}")
    if machine is not None and machine.hash != made_for.hash and not force:
        raise ContainerError(f"made for another machine ({made_for.name}) than {machine.name}; --force reads it still")
    program = Program(made_for if machine is None else machine)
    program.table = _table(parts["desc"])
    program.text = _text(parts["text"])
    _documents(program, parts)
    _check(program)
    return program


def _documents(program: Program, parts: Mapping[str, bytes | memoryview]) -> None:
    """Read the JSON sections into a program."""
    program.sems = read_sems(bytes(parts["sems"]))
    program.segments = read_segments(bytes(parts["segments"]), np.frombuffer(parts.get("data", b""), np.uint8))
    if "debug" in parts:
        program.marks, program.tensors = read_debug(bytes(parts["debug"]))
    if "names" in parts:
        program.names = read_names(bytes(parts["names"]), len(program.table))


def _file(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise ContainerError(f"{path}: not a regular file" if path.exists() else f"{path}: no such file")
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > LARGEST:
                raise ContainerError(f"{path}: larger than {LARGEST} bytes")
            return file.read()
    except OSError as error:
        raise ContainerError(f"{path}: {error.strerror}") from None


def _sections(data: memoryview) -> tuple[Mapping[str, memoryview], bytes]:
    """The bytes of each section and the machine's hash, after the header and the sums were checked."""
    if len(data) < HEADER.size:
        raise ContainerError(f"truncated: the header has {HEADER.size} bytes, the file {len(data)}")
    magic, major, minor, digest, count, flags = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise ContainerError(f"not an .npux file: expected magic {MAGIC!r}, found {magic!r}")
    if major != MAJOR:
        raise ContainerError(f"unknown version {major}.{minor}: expected {MAJOR}")
    if flags or not 0 < count <= 64:
        raise ContainerError(f"invalid header: {count} sections, flags {flags:#x}")
    end = HEADER.size + count * SECTION.size
    if len(data) < end:
        raise ContainerError(f"truncated: the table of sections ends at {end}, file has {len(data)} bytes")
    found: dict[str, memoryview] = {}
    for kind, crc, at, size in sorted(SECTION.iter_unpack(data[HEADER.size : end]), key=lambda s: s[2]):
        name = SECTIONS.get(kind, str(kind))
        if name in found or (kind not in SECTIONS and minor == MINOR):
            raise ContainerError(f"section {name}: {'twice' if name in found else 'of an unknown kind'}")
        if at + size > len(data):
            raise ContainerError(f"truncated: section {name} ends at {at + size}, file has {len(data)} bytes")
        if at % ALIGN or at < end:
            raise ContainerError(f"section {name}: starts at {at}; expected a multiple of {ALIGN} from {end} on")
        found[name], end = data[at : at + size], at + size
        if zlib.crc32(found[name]) != crc:
            raise ContainerError(f"section {name}: corrupt, its CRC-32 is not {crc:#010x}")
    if missing := [n for n in SECTIONS.values() if n not in found and n not in OPTIONAL]:
        raise ContainerError(f"invalid: section {missing[0]} is missing")
    return found, digest


def _table(data: memoryview) -> list[Entry]:
    if len(data) % ENTRY_BYTES or len(data) // ENTRY_BYTES > 1 << 16:
        raise ContainerError(
            f"section desc: size {len(data)} is no number of entries of {ENTRY_BYTES} bytes up to 65536"
        )
    found: list[Entry] = []
    for at in range(0, len(data), ENTRY_BYTES):
        try:
            found.append(unpack_entry(bytes(data[at : at + ENTRY_BYTES])))
        except EncodeError as error:
            raise ContainerError(f"descriptor {at // ENTRY_BYTES}: {error}") from None
    return found


def _text(data: memoryview) -> list[Instruction]:
    if len(data) % INSTRUCTION_BYTES:
        raise ContainerError(f"section text: size {len(data)} is no multiple of {INSTRUCTION_BYTES}")
    found: list[Instruction] = []
    for at in range(0, len(data), INSTRUCTION_BYTES):
        try:
            v = unpack_instruction(bytes(data[at : at + INSTRUCTION_BYTES]))
        except EncodeError as error:
            raise ContainerError(f"instruction {at // INSTRUCTION_BYTES}: {error}") from None
        waits, signals = (tuple(s for s in (v[f"{c}0"], v[f"{c}1"]) if s) for c in "ws")
        found.append(Instruction(BY_CODE[v["op"]].name, v["x"], v["y"], v["z"], v["d"], v["f"], waits, signals))
    return found


def _check(program: Program) -> None:
    """ContainerError where an index leads nowhere, a field is set that means nothing, or the end is missing."""
    kinds = [kind for kind, _ in program.table]
    for number, (kind, after) in enumerate(zip(kinds, [*kinds[1:], ""], strict=False)):
        if (kind == "vec") != (after == "vec2"):
            raise ContainerError(f"descriptor {number}: {kind} followed by {after or 'nothing'}")
    if kinds[:1] == ["vec2"]:
        raise ContainerError("descriptor 0: vec2 without a vec before it")
    if len(program.sems) > SEMAPHORES:
        raise ContainerError(f"section sems: {len(program.sems)} semaphores; expected at most {SEMAPHORES}")
    for number, ins in enumerate(program.text):
        if problem := _problem(ins, program, kinds):
            raise ContainerError(f"instruction {number} ({ins.name}): {problem}")
    for tensor in program.tensors:
        if "pieces" in tensor and (problem := _part(tensor, program)):
            raise ContainerError(f"section debug: tensor {str(tensor['name'])[:60]!r}: {problem}")
    ends = [number for number, ins in enumerate(program.text) if ins.name == "halt"]
    if ends != [len(program.text) - 1]:
        raise ContainerError(f"invalid text: expected one halt, at the end; found {ends[:3] or 'none'}")


def _problem(ins: Instruction, program: Program, kinds: list[str]) -> str:
    declared = OPCODES[ins.name]
    try:
        suffixes_of(ins.name, ins.f)
    except ValueError as error:
        return str(error)
    for sem in (*ins.waits, *ins.signals):
        if not 0 < sem <= len(program.sems):
            return f"semaphore {sem}, but there are {len(program.sems)}"
    if ins.name == "halt" and (ins.waits or ins.signals):
        return "it is in no queue, and neither waits nor signals"
    for at in ("x", "y", "z"):
        space, byte = ins.local(at)
        if declared.dram and at != "x":
            continue
        operand = declared.by_field.get(at)
        if operand is None and (space or byte):
            return f"field {at} is set, which has no meaning"
        if operand is not None and not operand.optional and space == 0:
            return f"{at} is missing: the {operand.role}"
        if space > 4 or (space == 0 and byte):
            return f"{at} lies in memory {space}; expected 1 to 4"
    if declared.dram and ins.dram[0] not in {s.id for s in program.segments}:
        return f"DRAM segment {ins.dram[0]} does not exist"
    if declared.kind in KINDS:
        if ins.d >= len(kinds):
            return f"descriptor {ins.d}, but there are {len(kinds)}"
        if kinds[ins.d] != declared.kind:
            return f"descriptor {ins.d} is of kind {kinds[ins.d]}; expected {declared.kind}"
    elif ins.name == "mark" and program.marks and ins.d >= len(program.marks):
        return f"mark {ins.d}, but there are {len(program.marks)}"
    elif ins.name != "mark" and ins.d:
        return "field d is set, which has no meaning"
    return ""


def _part(tensor: Mapping[str, object], program: Program) -> str:
    """What is wrong with a tensor that is put together from pieces: instruction, four places in it, two steps."""
    shape, pieces = tensor.get("shape"), tensor["pieces"]
    if not _wholes(shape, 4) or min(shape) < 1 or prod(shape) > LARGEST:
        return f"shape {str(shape)[:60]}, expected four extents"
    if tensor.get("dtype") not in VECTOR_TYPES:
        return f"expected a type of {', '.join(VECTOR_TYPES)}"
    if not isinstance(pieces, list):
        return "expected a list of pieces"
    for piece in pieces:
        inside = _wholes(piece, 7) and all(0 <= at < n for at, n in zip(piece[1:5], shape, strict=True))
        if not inside or min(piece[5:]) < 1:
            return f"piece {str(piece)[:60]}, expected an instruction, four places within {shape} and two steps"
        if not (0 <= piece[0] < len(program.text) and program.text[piece[0]].name.startswith("v.")):
            return f"piece of instruction {piece[0]}, which is none of v.*"
    return ""


def _wholes(value: object, count: int) -> TypeGuard[list[int]]:
    return isinstance(value, list) and len(value) == count and all(type(v) is int for v in value)
