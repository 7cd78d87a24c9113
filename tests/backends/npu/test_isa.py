"""The instruction set: what is declared fits the encoding, has words and a reference, refuses what it cannot hold."""

from pathlib import Path

import aic
import pytest
from aic.backends.npu.emit.reference import MEANING, reference
from aic.backends.npu.isa import (
    BY_CODE,
    INSTRUCTION,
    KINDS,
    OPCODES,
    EncodeError,
    bf16_bits,
    bf16_value,
    dram,
    float_bits,
    float_value,
    local,
    pack_entry,
    pack_instruction,
    split_mnemonic,
    suffixes_of,
    unpack_entry,
    unpack_instruction,
)
from aic.backends.npu.program import Instruction
from aic.dialects.npu.instruction import OPS

LAYOUT = {
    "dma": "n0:16 n1:16 n2:16 n3:8 g1:32 g2:32 g3:32 l1:20 l2:20 l3:20 fill:8 flags:4 esz:2",
    "gemm": "my:16 mx:16 ay:20 ax:20 nkh:6 nkw:6 nc1:12 skh:20 skw:16 sc1:22 nn:12 kpack:2 klast:9 nlast:9 dtype:4 "
    "bt:1 df:2 bl:1 sb:22 bp:20 za:s8 zb:s8",
    "vec": "ny:16 nx:16 nc1:12 s0y:20 s0x:18 s0c:22 s1y:20 s1x:18 s1c:22 dy:20 dx:18 dc:22 dtype:4 odt:4 axis:2 "
    "clast:9",
    "vec2": "kh:4 kw:4 sy:3 sx:3 pt:4 pl:4 pb:4 pr:4 imm0:32 imm1:32 imm2:32 imm3:32 lut:8 rnd:2 lo:s16 hi:s16 zi:s8 "
    "zm:s8 zo:s8 pm:22",
}
"""The format of the files that there are: it never changes within a major version."""


def test_the_format_stays():
    found = {k.name: " ".join(f"{f.name}:{'s' if f.signed else ''}{f.bits}" for f in k.fields) for k in KINDS.values()}
    assert found == LAYOUT
    assert [k.code for k in KINDS.values()] == [1, 2, 3, 4]
    assert " ".join(f"{f.name}:{f.bits}" for f in INSTRUCTION) == "op:8 w0:6 w1:6 s0:6 s1:6 x:25 y:25 z:25 d:16 f:5"
    codes = {op.name: op.code for op in OPCODES.values()}
    assert codes == {
        **{"ld.a": 1, "ld.w": 2, "ld.p": 3, "st": 4, "fill": 5, "ld.l": 6, "mm": 0x10, "v.rq": 0x20, "v.dw": 0x21},
        **{"v.pool": 0x22, "v.ew": 0x23, "v.act": 0x24, "v.sm": 0x25, "v.ln": 0x26, "v.red": 0x27, "v.cp": 0x28},
        **{"sync": 0x40, "mark": 0x41, "halt": 0x7F},
    }
    assert len(BY_CODE) == len(OPCODES)


def test_entries_leave_room_for_their_kind():
    assert all(sum(f.bits for f in k.fields) <= 252 for k in KINDS.values())
    assert sum(f.bits for f in INSTRUCTION) == 128


def test_every_instruction_has_a_word_and_a_meaning():
    assert set(OPS) == set(OPCODES) == set(MEANING)
    assert [op.name for op in OPS.values()] == [f"npu.{name.replace('.', '_')}" for name in OPCODES]


def test_the_reference_is_up_to_date():
    file = Path(aic.__file__).parent / "docs" / "npu-isa.md"
    assert file.read_text() == reference(), "python -m aic.backends.npu.emit.reference > docs/npu-isa.md"


@pytest.mark.parametrize(
    ("mnemonic", "name", "f"),
    [
        ("mm", "mm", 0),
        ("mm.acc", "mm", 1),
        ("v.rq", "v.rq", 0),
        ("v.rq.res.relu", "v.rq", 5),
        ("v.rq.exp", "v.rq", 14),
        ("v.pool.avgp", "v.pool", 2),
        ("v.cp.t", "v.cp", 1),
        ("v.ln.rms", "v.ln", 1),
        ("sync.st", "sync", 4),
        ("mark.lda", "mark", 0),
        ("halt", "halt", 0),
    ],
)
def test_mnemonics(mnemonic: str, name: str, f: int):
    assert split_mnemonic(mnemonic) == (name, f)
    assert name + suffixes_of(name, f) == mnemonic


@pytest.mark.parametrize("mnemonic", ["v.conv", "", "mm.acc.acc", "v.rq.relu.res", "sync", "v.ew", "halt.mxu", "mm."])
def test_mnemonics_that_do_not_exist(mnemonic: str):
    with pytest.raises(ValueError, match=r"expected|there is"):
        split_mnemonic(mnemonic)


@pytest.mark.parametrize(("name", "f"), [("mm", 2), ("v.rq", 16), ("v.pool", 3), ("sync", 5), ("halt", 1)])
def test_suffixes_that_do_not_exist(name: str, f: int):
    with pytest.raises(ValueError, match=f"F = {f}"):
        suffixes_of(name, f)


def test_instructions_tell_their_suffixes_and_places():
    ins = Instruction("v.rq", x=local("acc", 0x4000), f=5)
    assert (ins.res, ins.act, ins.mode, ins.mnemonic, ins.queue) == (True, "relu", "", "v.rq.res.relu", 3)
    assert ins.local("x") == (3, 0x4000) and ins.local("y") == (0, 0)
    assert Instruction("v.ew", f=2).mode == "mul" and Instruction("mm", f=1).acc
    assert (Instruction("sync", f=4).queue, Instruction("halt").queue) == (4, -1)
    load = Instruction("ld.w", y=dram(3, (1 << 45) + 5)[0], z=dram(3, (1 << 45) + 5)[1])
    assert load.dram == (3, (1 << 45) + 5)


def test_what_does_not_fit_is_refused():
    with pytest.raises(EncodeError, match="mx=65536 does not fit 16 bits"):
        pack_entry("gemm", {"mx": 65536})
    with pytest.raises(EncodeError, match="za=-129 does not fit 8 bits"):
        pack_entry("gemm", {"za": -129})
    with pytest.raises(EncodeError, match="multiple of 16"):
        local("spad", 8)
    with pytest.raises(EncodeError, match="below 64 MiB"):
        local("spad", 1 << 26)
    with pytest.raises(EncodeError, match="segment below 16"):
        dram(16, 0)
    with pytest.raises(EncodeError, match="at most two"):
        pack_instruction("mm", waits=(1, 2, 3))
    with pytest.raises(EncodeError, match="beyond the range"):
        float_bits(1e300)


def test_what_means_nothing_is_refused():
    with pytest.raises(EncodeError, match="0x09 is no instruction"):
        unpack_instruction(bytes([9]) + bytes(15))
    with pytest.raises(EncodeError, match="0 is no kind"):
        unpack_entry(bytes(32))
    with pytest.raises(EncodeError, match="n0 of at least 1"):
        unpack_entry(bytes(31) + bytes([1 << 4]))
    with pytest.raises(EncodeError, match="belong to no field"):
        unpack_entry(pack_entry("dma", {})[:31] + bytes([1 << 4 | 1]))
    with pytest.raises(EncodeError, match="dtype=9 is none of i8"):
        unpack_entry(pack_entry("gemm", {"dtype": 9}))


def test_floats_in_fields():
    assert float_bits(1.0) == 0x3F800000 and float_value(0x3F800000) == 1.0
    assert bf16_bits(1.0) == 0x3F80 and bf16_bits(-1.0) & 0xFFFF == 0xBF80
    assert bf16_bits(float("inf")) == 0x7F80 and bf16_value(bf16_bits(float("-inf"))) == float("-inf")
    assert bf16_bits(1.00390625) == 0x3F80 and bf16_bits(1.01171875) == 0x3F82, "ties go to even"
    assert bf16_value(bf16_bits(float("nan"))) != bf16_value(bf16_bits(float("nan")))
