"""Random programs come back from text, from a container and from words; they are well formed, and compute nothing."""

import io
from collections.abc import Iterator
from itertools import product

import pytest
from aic.backends.npu.code import Mark
from aic.backends.npu.emit.asm import assemble, disassemble
from aic.backends.npu.emit.container import ContainerError, npux_bytes, read_npux, write_npux
from aic.backends.npu.isa import (
    KINDS,
    OPCODES,
    QUEUES,
    Field,
    Opcode,
    pack_entry,
    pack_instruction,
    unpack_entry,
    unpack_instruction,
)
from aic.backends.npu.machine import Machine, machine_from
from aic.backends.npu.program import Entry, Instruction, Program, SegmentInfo
from hypothesis import given, settings
from hypothesis import strategies as st

EDGE = machine_from("edge")
ROLES = {"input": False, "output": True, "user": True}


def field_values(field: Field) -> st.SearchStrategy[int]:
    """Any value that the field may have."""
    low = 1 if field.unit == "count" else field.low
    return st.integers(low, min(field.high, len(field.names) - 1) if field.names else field.high)


def entries(kind: str) -> st.SearchStrategy[Entry]:
    """Any descriptor entry of a kind."""
    return st.fixed_dictionaries({f.name: field_values(f) for f in KINDS[kind].fields}).map(lambda v: (kind, v))


def choices(declared: Opcode) -> Iterator[tuple[int, ...]]:
    """Every combination of suffixes."""
    return product(*(range(len(suffix.choices)) for suffix in declared.suffixes))


@st.composite
def instructions(draw: st.DrawFn, table: list[Entry], sems: int, name: str = "") -> Instruction:
    """Any instruction, of that name if it is given, whose descriptor is in the table."""
    kinds = {kind for kind, _ in table} | {""}
    names = [o.name for o in OPCODES.values() if o.kind in kinds and o.name != "halt"]
    declared = OPCODES[name or draw(st.sampled_from(names))]
    f = 0
    for suffix in declared.suffixes:
        f |= draw(st.integers(0, len(suffix.choices) - 1)) << suffix.shift
    tokens = st.lists(st.integers(1, sems), max_size=2).map(tuple) if sems else st.just(())
    made = Instruction(declared.name, f=f, waits=draw(tokens), signals=draw(tokens))
    for at in declared.by_field:
        setattr(made, at, draw(st.integers(1, 4)) << 22 | draw(st.integers(0, (1 << 22) - 1)))
    if declared.dram:
        made.y, made.z = (
            draw(st.integers(0, 2)) << 21 | draw(st.integers(0, (1 << 21) - 1)),
            draw(st.integers(0, 1 << 24)),
        )
    if declared.kind:
        made.d = draw(st.sampled_from([n for n, (kind, _) in enumerate(table) if kind == declared.kind]))
    if declared.name == "mark":
        made.d = draw(st.integers(0, 2))
    return made


@st.composite
def programs(draw: st.DrawFn, machine: Machine) -> Program:
    """A program of some instructions, descriptors and semaphores."""
    table: list[Entry] = []
    for kind in draw(st.lists(st.sampled_from(["dma", "gemm", "vec"]), max_size=4)):
        table.append(draw(entries(kind)))
        if kind == "vec":
            table.append(draw(entries("vec2")))
    pairs = [(p, c) for p in QUEUES for c in QUEUES if p != c]
    chosen = draw(st.lists(st.tuples(st.sampled_from(pairs), st.integers(0, 255)), max_size=5))
    sems = [(f"s{n}", p, c, init) for n, ((p, c), init) in enumerate(chosen)]
    text = draw(st.lists(instructions(table, len(sems)), max_size=6))
    segments = [
        SegmentInfo(n, f"{role}{n}", role, draw(st.integers(0, 1 << 20)), writable)
        for n, (role, writable) in enumerate(ROLES.items())
    ]
    return Program(machine, [*text, Instruction("halt")], table, sems, segments)


MARKS = [Mark(f"layer{n}", ("a", "b/c"), "matrix", 5 * n, 7, "t") for n in range(3)]


@settings(max_examples=60, deadline=None)
@given(programs(EDGE))
def test_text(program: Program):
    assert assemble(disassemble(program), EDGE) == program


@settings(max_examples=60, deadline=None)
@given(programs(EDGE))
def test_container(program: Program):
    program.marks = MARKS
    program.names = {0: "first"} if program.table else {}
    data = npux_bytes(program)
    assert read_npux(data) == program
    assert npux_bytes(read_npux(data)) == data
    write_npux(program, file := io.BytesIO())
    assert file.getvalue() == data


@settings(max_examples=150, deadline=None)
@given(programs(EDGE), st.data())
def test_a_container_of_other_bytes_is_refused_or_read(program: Program, data: st.DataObject):
    program.marks = MARKS
    good = bytearray(npux_bytes(program))
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, len(good) - 1), st.integers(0, 255)), min_size=1)):
        good[at] = byte
    good = good[: data.draw(st.integers(0, len(good)))] if data.draw(st.booleans()) else good
    try:
        read_npux(bytes(good))
    except ContainerError as error:
        assert str(error)


@given(st.sampled_from(sorted(KINDS)).flatmap(entries))
def test_entries(entry: Entry):
    kind, values = entry
    assert unpack_entry(pack_entry(kind, values)) == (kind, values)


@given(
    st.sampled_from(sorted(OPCODES)), *([st.integers(0, (1 << 25) - 1)] * 3), st.integers(0, 65535), st.integers(0, 31)
)
def test_words(name: str, x: int, y: int, z: int, d: int, f: int):
    word = pack_instruction(name, x=x, y=y, z=z, d=d, f=f, waits=(1, 63), signals=(62,))
    expected = {"op": OPCODES[name].code, "w0": 1, "w1": 63, "s0": 62, "s1": 0, "x": x, "y": y, "z": z, "d": d, "f": f}
    assert len(word) == 16 and unpack_instruction(word) == expected


MNEMONICS = [
    (name, f)
    for name, declared in OPCODES.items()
    for f in {sum(v << s.shift for v, s in zip(vs, declared.suffixes, strict=True)) for vs in choices(declared)}
]


@pytest.mark.parametrize(("name", "f"), MNEMONICS)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_every_mnemonic_comes_back_from_words_text_and_container(name: str, f: int, data: st.DataObject):
    kind = OPCODES[name].kind
    table = [data.draw(entries(k)) for k in ((kind, "vec2") if kind == "vec" else (kind,))] if kind else []
    sems = [("s0", "lda", "mxu", 0), ("s1", "st", "vpu", 255)]
    made = Instruction("halt")
    if name != "halt":
        made = data.draw(instructions(table, len(sems), name))
        made.f = f
    segments = [SegmentInfo(n, f"{role}{n}", role, 4096, writable) for n, (role, writable) in enumerate(ROLES.items())]
    text = [made] if name == "halt" else [made, Instruction("halt")]
    program = Program(EDGE, text, table, sems, segments)
    assert assemble(disassemble(program), EDGE) == program
    assert read_npux(npux_bytes(program)) == program
    assert program.text[0].mnemonic.startswith(name)


def test_the_mnemonics_are_all():
    assert {name for name, _ in MNEMONICS} == set(OPCODES) and len(set(MNEMONICS)) == len(MNEMONICS) > 50
