"""From code to programs: marks, descriptors without doubles, numbers as their fields hold them, refusals."""

import numpy as np
import pytest
from aic.backends.npu.code import Code, Mark, Op, Ref, Segment
from aic.backends.npu.emit.encode import encode
from aic.backends.npu.isa import EncodeError, bf16_value, float_value
from aic.backends.npu.machine import machine_from

EDGE = machine_from("edge")


@pytest.fixture
def code() -> Code:
    """Buffers at the start of each memory, and a segment."""
    made = Code(dict(EDGE.line))
    for space in ("spad", "wmem", "acc", "pmem"):
        made.buffer(space, 4096, space).address = 0
    made.segments.append(Segment(1, "weights", "weights", 256))
    made.marks = [Mark(f"layer{n}", (), "matrix", 0) for n in range(3)]
    return made


def ref(code: Code, space: str, offset: int = 0) -> Ref:
    return Ref(next(b for b in code.buffers if b.space == space), offset)


def product(code: Code, layer: int = -1, **fields: int) -> Op:
    x, y, z = (ref(code, space) for space in ("spad", "wmem", "acc"))
    return code.add("mm", x=x, y=y, z=z, desc=("gemm", fields), layer=layer)


def load(code: Code, layer: int = -1, **fields: int) -> Op:
    return code.add("ld.w", x=ref(code, "wmem"), dram=(code.segments[0], 64), desc=("dma", fields), layer=layer)


def test_marks_stand_where_a_layer_begins_on_a_queue(code: Code):
    for layer in (0, 0, 1, 0):
        load(code, layer)
    product(code, 0)
    product(code, -1)
    product(code, 2)
    program = encode(code, EDGE)
    found = [f"{i.mnemonic} {i.d}" if i.name == "mark" else i.name for i in program.text]
    assert found == [
        *("mark.ldw 0", "ld.w", "ld.w", "mark.ldw 1", "ld.w", "mark.ldw 0", "ld.w"),
        *("mark.mxu 0", "mm", "mm", "mark.mxu 2", "mm", "halt"),
    ]
    assert program.layers() == [0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 2, 2, -1]
    assert [m.layer for m in program.marks] == ["layer0", "layer1", "layer2"]
    assert [i.name for i in encode(code, EDGE, marks=False).text] == [o.name for o in code.ops] + ["halt"]


def test_equal_descriptors_are_one(code: Code):
    product(code, mx=4)
    product(code, mx=4, my=1, klast=0)
    product(code, mx=5)
    code.add("v.cp", x=ref(code, "spad"), z=ref(code, "spad"), desc=("vec", {"nx": 4}))
    code.add("v.cp", x=ref(code, "spad"), z=ref(code, "spad"), desc=("vec", {"nx": 4, "imm0": 0}))
    program = encode(code, EDGE)
    assert [i.d for i in program.text[:-1]] == [0, 0, 1, 2, 2]
    assert [kind for kind, _ in program.table] == ["gemm", "gemm", "vec", "vec2"]
    assert program.desc(program.text[0])[1]["my"] == 1


def test_numbers_as_their_fields_hold_them(code: Code):
    fields = {"imm0": 0.5, "imm1": np.float32(1.5), "imm2": 7, "lo": -1.0, "hi": float("inf"), "odt": 4, "zo": 3.0}
    a = ref(code, "spad")
    code.add(
        "v.rq", x=ref(code, "acc"), z=a, pm=ref(code, "pmem", 512), lut=ref(code, "pmem", 256), desc=("vec", fields)
    )
    code.add("v.rq", x=ref(code, "acc"), z=a, desc=("vec", {"lo": -128.0, "hi": 127.0}))
    program = encode(code, EDGE)
    _, found = program.desc(program.text[0])
    assert [float_value(found[f"imm{n}"]) for n in (0, 1)] == [0.5, 1.5] and found["imm2"] == 7
    assert (bf16_value(found["lo"]), bf16_value(found["hi"])) == (-1.0, float("inf"))
    assert (found["pm"], found["lut"], found["zo"]) == (32, 1, 3)
    _, found = program.desc(program.text[1])
    assert (found["lo"], found["hi"]) == (-128, 127)


def test_segments_hold_their_pieces(code: Code):
    (segment,) = code.segments
    segment.pieces += [(0, lambda: np.array([1, 2], np.int16)), (8, lambda: np.ones((2, 2), np.int8))]
    found = encode(code, EDGE).segments[0]
    assert found.data is not None and found.data.dtype == np.uint8 and found.data.size == 256
    assert found.data[:13].tolist() == [1, 0, 2, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0]
    assert encode(code, EDGE, data=False).segments[0].data is None


def test_operands_become_fields(code: Code):
    load(code, n0=64).signals = (1, 2)
    code.sems = [("a", "ldw", "mxu", 0), ("b", "ldw", "vpu", 0)]
    ins = encode(code, EDGE).text[0]
    assert ins.local("x") == (2, 0) and ins.dram == (1, 64) and ins.signals == (1, 2)


def wrong_space(code: Code) -> None:
    product(code).x = ref(code, "acc")


def no_operand(code: Code) -> None:
    product(code).z = None


def too_many(code: Code) -> None:
    code.add("v.pool.max", x=ref(code, "spad"), y=ref(code, "spad"), z=ref(code, "spad"), desc=("vec", {}))


def no_dram(code: Code) -> None:
    load(code).dram = None


def dram_too(code: Code) -> None:
    product(code).dram = (code.segments[0], 0)


def other_kind(code: Code) -> None:
    product(code).desc = ("dma", {})


def no_kind(code: Code) -> None:
    product(code).desc = None


def no_field(code: Code) -> None:
    product(code, n0=3)


def too_wide(code: Code) -> None:
    product(code, mx=1 << 16)


def no_count(code: Code) -> None:
    product(code, mx=0)


def no_instruction(code: Code) -> None:
    product(code).name = "mmm"


def crooked_table(code: Code) -> None:
    code.add("v.act.lut", x=ref(code, "spad"), z=ref(code, "spad"), lut=ref(code, "pmem", 16), desc=("vec", {}))


def three_waits(code: Code) -> None:
    product(code).waits = (1, 2, 3)


def half(code: Code) -> None:
    product(code).desc = ("gemm", {"mx": 2.5})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (wrong_space, "operation 0 (mm, layer -1): E-ENC x in acc: expected spad"),
        (no_operand, "z is missing: the C"),
        (too_many, "y in spad: expected no operand"),
        (no_dram, "expected a place in DRAM"),
        (dram_too, "takes no place in DRAM"),
        (other_kind, "expected a descriptor of kind gemm, found dma"),
        (no_kind, "expected a descriptor of kind gemm, found none"),
        (no_field, "no field n0"),
        (too_wide, "mx=65536: expected 1 to 65535"),
        (no_count, "mx=0: expected 1 to 65535"),
        (no_instruction, "no instruction 'mmm'"),
        (crooked_table, "expected a multiple of 256"),
        (three_waits, "at most two waits"),
        (half, "mx=2.5: expected an integer"),
    ],
)
def test_what_cannot_be_encoded(code: Code, make, message: str):
    make(code)
    with pytest.raises(EncodeError) as error:
        encode(code, EDGE)
    assert message in str(error.value)
