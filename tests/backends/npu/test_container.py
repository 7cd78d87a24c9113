"""The container: what its reader refuses, each by name."""

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from aic.backends.npu.code import Mark
from aic.backends.npu.emit.asm import assemble
from aic.backends.npu.emit.container import HEADER, SECTION, SECTIONS, ContainerError, npux_bytes, read_npux, write_npux
from aic.backends.npu.emit.documents import VALUE
from aic.backends.npu.machine import machine_from
from aic.backends.npu.program import Instruction, Program

EDGE = machine_from("edge")
TENSOR = {"name": "x", "offset": 0, "shape": [1, 4, 4, 8], "dtype": "i8", "layout": "nhwc"}
PARTS = {"name": "y", "shape": [1, 1, 8, 64], "dtype": "i8", "pieces": []}
Change = Callable[[bytes], bytes]


def program() -> Program:
    """One of everything."""
    made = assemble((Path(__file__).parent / "example.npuasm").read_text(), EDGE)
    made.segments[1].data = np.arange(8192, dtype=np.int16).view(np.uint8)[:8192]
    made.segments[3].data = np.ones(700, np.uint8)
    made.segments[0].tensors = [dict(TENSOR)]
    made.marks = [Mark("gemm", ("/a", "/b"), "matrix", 100, 200, "y")]
    made.tensors = [{"name": "y", "place": "spad:0x0", "shape": [1, 2], "scale": 0.5, "mark": 0}]
    return made


def sections(data: bytes) -> dict[str, bytes]:
    """The bytes of each section."""
    count = HEADER.unpack_from(data)[4]
    table = SECTION.iter_unpack(data[HEADER.size : HEADER.size + count * SECTION.size])
    return {SECTIONS[kind]: data[at : at + size] for kind, _, at, size in table}


def container(parts: dict[str, bytes], digest: bytes = EDGE.hash) -> bytes:
    """A container of these sections, with sums that are right."""
    at = -(-(HEADER.size + SECTION.size * len(parts)) // 64) * 64
    table, body = b"", b""
    code = {name: number for number, name in SECTIONS.items()}
    start = at
    for name, part in parts.items():
        body += bytes(at - start - len(body)) + part
        table += SECTION.pack(code[name], zlib.crc32(part), at, len(part))
        at = -(-(at + len(part)) // 64) * 64
    head = HEADER.pack(b"AICN", 1, 0, digest, len(parts), 0) + table
    return head + bytes(start - len(head)) + body


def broken(section: str, change: Change) -> str:
    """What is said of a container with a changed section."""
    parts = sections(npux_bytes(program()))
    parts[section] = change(parts[section])
    with pytest.raises(ContainerError) as error:
        read_npux(container(parts))
    return str(error.value)


def in_json(path: tuple[str | int, ...], value: object) -> Change:
    """A JSON section with one value replaced; ... leaves it out."""

    def change(data: bytes) -> bytes:
        document = json.loads(data)
        here = document
        for part in path[:-1]:
            here = here[part]
        if value is ...:
            del here[path[-1]]
        else:
            here[path[-1]] = value
        return json.dumps(document).encode()

    return change


def word(number: int, value: int, at: int = 0, bits: int = 8) -> Change:
    """An instruction with a field replaced."""

    def change(data: bytes) -> bytes:
        old = int.from_bytes(data[16 * number : 16 * number + 16], "little")
        new = old & ~(((1 << bits) - 1) << at) | value << at
        return data[: 16 * number] + new.to_bytes(16, "little") + data[16 * number + 16 :]

    return change


def test_what_was_written_is_read(tmp_path: Path):
    made = program()
    write_npux(made, tmp_path / "p.npux")
    found = read_npux(tmp_path / "p.npux")
    assert found == made
    for ours, theirs in zip(made.segments, found.segments, strict=True):
        assert (ours.data is None) == (theirs.data is None)
        assert ours.data is None or (theirs.data is not None and np.array_equal(ours.data, theirs.data))
    assert npux_bytes(found) == (tmp_path / "p.npux").read_bytes()
    assert container(sections(npux_bytes(made))) == npux_bytes(made)


def test_another_machine_is_refused_unless_forced():
    data, other = npux_bytes(program()), machine_from("edge,queue_depth=8")
    with pytest.raises(ContainerError, match=r"made for another machine \(edge\) than edge"):
        read_npux(data, machine=other)
    assert read_npux(data, machine=other, force=True).machine == other
    assert read_npux(data, machine=machine_from("edge,vpu_op=3.0")).machine.energy["vpu_op"] == 3.0


def test_every_truncation_is_refused():
    data = npux_bytes(program())
    for size in (*range(0, 300), *range(300, len(data), 97), len(data) - 1):
        with pytest.raises(ContainerError, match="truncated"):
            read_npux(data[:size])
    with pytest.raises(ContainerError, match=r"truncated: section names ends at [0-9]+, file has [0-9]+ bytes"):
        read_npux(data[:-1])


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, b"AICM", "magic"),
        (4, struct.pack("<H", 2), "unknown version 2.0"),
        (8, bytes(16), "machine hash 0000"),
        (24, struct.pack("<I", 0), "invalid header: 0 sections"),
        (24, struct.pack("<I", 1 << 31), "invalid header"),
        (28, struct.pack("<I", 1), "flags 0x1"),
        (32, struct.pack("<I", 9), "section 9: of an unknown kind"),
        (32, struct.pack("<I", 2), "section desc: twice"),
        (36, struct.pack("<I", 5), "section text: corrupt, its CRC-32"),
        (40, struct.pack("<Q", 1 << 60), "truncated: section text ends at"),
        (40, struct.pack("<Q", 64), "section text: starts at 64"),
        (40, struct.pack("<Q", 257), "section text: starts at 257"),
        (48, struct.pack("<Q", 1 << 60), "truncated: section text ends at"),
    ],
)
def test_the_header_and_the_table(at: int, value: bytes, message: str):
    data = npux_bytes(program())
    with pytest.raises(ContainerError) as error:
        read_npux(data[:at] + value + data[at + len(value) :])
    assert message in str(error.value)


def test_sections_that_must_not_miss():
    for name in ("text", "desc", "sems", "segments", "machine"):
        parts = sections(npux_bytes(program()))
        del parts[name]
        with pytest.raises(ContainerError, match=f"section {name} is missing"):
            read_npux(container(parts))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data + b"x", "section text: size"),
        (lambda data: b"", "expected one halt, at the end; found none"),
        (lambda data: data + data[-16:], "expected one halt"),
        (lambda data: data[:-16] + word(0, 1, 8, 6)(data[-16:]), "halt): it is in no queue"),
        (word(0, 0x99), "instruction 0: E-ENC opcode 0x99"),
        (word(0, 9, 8, 6), "instruction 0 (ld.w): semaphore 9, but there are 8"),
        (word(0, 63, 20, 6), "semaphore 63"),
        (word(0, 5, 123, 5), "instruction 0 (ld.w): ld.w: F = 5"),
        (word(0, 99, 107, 16), "descriptor 99, but there are 7"),
        (word(0, 4, 107, 16), "descriptor 4 is of kind gemm; expected dma"),
        (word(0, 6, 107, 16), "descriptor 6 is of kind vec2"),
        (word(0, 7 << 22, 32, 25), "x lies in memory 7"),
        (word(0, 1, 32, 25), "x is missing: the destination"),
        (word(5, 1, 57, 25), "instruction 5 (mm): y is missing: the B"),
        (word(6, 1, 57, 25), "instruction 6 (v.rq): y lies in memory 0"),
        (word(0, 9 << 21, 57, 25), "DRAM segment 9 does not exist"),
        (word(2, 1, 32, 25), "instruction 2 (sync): field x is set"),
        (word(2, 1, 107, 16), "instruction 2 (sync): field d is set"),
        (word(2, 0x41), "instruction 2 (mark): F"),
    ],
)
def test_text(change: Change, message: str):
    if message.endswith("(mark): F"):
        change, message = (lambda data: word(2, 3, 107, 16)(word(2, 0x41)(data))), "mark 3, but there are 1"
    assert message in broken("text", change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data + b"x", "section desc: size"),
        (lambda data: bytes(32) + data[32:], "descriptor 0: E-ENC 0 is no kind"),
        (lambda data: data[:-32], "descriptor 5: vec followed by nothing"),
        (lambda data: data[-32:] + data, "vec2"),
        (lambda data: data[:31] + b"\x1f" + data[32:], "descriptor 0: E-ENC dma: bits that belong to no field"),
        (lambda data: bytes(2) + data[2:], "descriptor 0: E-ENC dma: expected n0 of at least 1"),
    ],
)
def test_descriptors(change: Change, message: str):
    assert message in broken("desc", change)


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("sems", lambda data: b"[", "section sems: invalid JSON"),
        ("sems", lambda data: b"[" * 100000, "section sems: invalid JSON"),
        ("sems", lambda data: b"\xff", "section sems: invalid JSON"),
        ("sems", lambda data: b"[NaN]", "NaN is no number"),
        ("sems", lambda data: b"{}", "section sems: expected a list"),
        ("sems", in_json((0,), ["a", "lda"]), "semaphore 1: expected [name"),
        ("sems", in_json((0, 1), "dma"), "semaphore 1: expected [name"),
        ("sems", in_json((0, 0), "a b"), "semaphore 1: expected a name"),
        ("sems", in_json((1, 0), "a_full"), "semaphore 2: the name a_full is taken"),
        ("sems", in_json((0, 3), 256), "semaphore 1: expected an integer from 0 to 255"),
        ("sems", in_json((0, 3), True), "semaphore 1: expected an integer"),
        ("sems", in_json((0, 3), 10**400), "semaphore 1: expected an integer"),
        ("segments", in_json((0, "id"), 16), "id: expected an integer from 0 to 15"),
        ("segments", in_json((0, "id"), ...), "segment entry 0: expected a table of id"),
        ("segments", in_json((1, "id"), 0), "segment 0: its number or name"),
        ("segments", in_json((0, "name"), "../x"), "segment 0: name: expected a name"),
        ("segments", in_json((0, "role"), "cache"), "segment 0: expected a role"),
        ("segments", in_json((0, "role"), ["input"]), "segment 0: expected a role"),
        ("segments", in_json((0, "writable"), True), "segment 0: input with writable"),
        ("segments", in_json((0, "bytes"), -1), "segment 0: bytes: expected an integer"),
        ("segments", in_json((0, "bytes"), 1 << 60), "segment 0: bytes: expected an integer"),
        ("segments", in_json((0, "bytes"), 1 << 32), "the segments have more than"),
        ("segments", in_json((1, "data", "offset"), 1 << 40), "segment 1: data offset"),
        ("segments", in_json((1, "data", "size"), 8193), "segment 1: data size"),
        ("segments", in_json((3, "data", "offset"), 8800), "segment 3: data ends at 9500, section data has 8892"),
        ("segments", in_json((1, "data"), [1, 2]), "segment 1: data: expected a table of offset, size"),
        ("segments", in_json((0, "tensors"), {}), "segment 0: tensors: expected a list"),
        ("segments", in_json((0, "tensors", 0, "dtype"), "f8"), "segment 0: tensor x: expected a type"),
        ("segments", in_json((0, "tensors", 0, "offset"), 1 << 40), "segment 0: tensor x"),
        ("debug", in_json(("marks",), 3), "section debug: marks: expected a list"),
        ("debug", in_json(("marks", 0, "id"), 1), "mark 0: id"),
        ("debug", in_json(("marks", 0, "nodes", 0), 1), "mark 0: node: expected a text"),
        ("debug", in_json(("marks", 0, "macs"), -1), "mark 0: macs"),
        ("debug", in_json(("tensors", 0, "name"), ...), "section debug: tensor: name"),
        ("debug", in_json(("tensors", 0, "shape"), {}), "tensor y: expected numbers"),
        ("debug", in_json(("tensors", 0, "values"), [{"node": "n"}]), "tensor y: value: expected a table of node"),
        ("debug", in_json(("tensors", 0, "values"), [{key: {} for key in VALUE}]), "tensor y: expected numbers"),
        ("debug", in_json(("tensors", 0, "pieces"), []), "tensor 'y': shape [1, 2], expected four extents"),
        ("debug", in_json(("tensors", 0), {**PARTS, "dtype": "i64"}), "tensor 'y': expected a type of i8"),
        ("debug", in_json(("tensors", 0), {**PARTS, "pieces": 5}), "tensor 'y': expected a list of pieces"),
        ("debug", in_json(("tensors", 0), {**PARTS, "pieces": [[6, 0, 0, 8, 0, 1, 1]]}), "four places within [1, 1, 8"),
        (
            "debug",
            in_json(("tensors", 0), {**PARTS, "pieces": [[0, 0, 0, 0, 0, 1, 1]]}),
            "instruction 0, which is none",
        ),
        ("machine", lambda data: data.replace(b"rows = 32", b"rows = 24"), "section machine: machine: array.rows = 24"),
        ("machine", lambda data: data.replace(b"depth = 64", b"depth = 32"), "header: machine hash"),
        ("machine", lambda data: b"\xff", "section machine"),
        ("names", in_json(("99",), "x"), "section names: no descriptor '99'"),
        ("names", in_json(("00",), "x"), "section names: no descriptor '00'"),
        ("names", in_json(("0",), "a b"), "section names: expected a name"),
        ("names", in_json(("0",), "dB"), "section names: a name is given twice"),
    ],
)
def test_documents(section: str, change: Change, message: str):
    assert message in broken(section, change)


def test_what_no_reader_takes_is_not_written(tmp_path: Path):
    for wrong, message in (
        (Program(EDGE), "expected one halt"),
        (Program(EDGE, [Instruction("mm"), Instruction("halt")]), "x is missing: the A"),
        (Program(EDGE, [Instruction("halt", x=1 << 30)]), "x"),
        (Program(EDGE, [Instruction("halt")], sems=[("a b", "lda", "mxu", 0)]), "expected a name"),
        (Program(EDGE, [Instruction("halt")], table=[("dma", {"n0": 1 << 20})]), "n0=1048576 does not fit"),
    ):
        with pytest.raises(ContainerError, match=message):
            write_npux(wrong, tmp_path / "p.npux")
    assert not (tmp_path / "p.npux").exists()


def test_what_is_no_file(tmp_path: Path):
    with pytest.raises(ContainerError, match="no such file"):
        read_npux(tmp_path / "none")
    with pytest.raises(ContainerError, match="not a regular file"):
        read_npux(tmp_path)
