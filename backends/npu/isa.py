"""The codec: instructions and descriptors as bytes, little-endian, after the declaration in dialects/npu/_isa.py.

pack_instruction("mm", x=local("spad", 0), y=local("wmem", 0), z=local("acc", 0), d=3) -> 16 bytes
pack_entry("dma", {"n0": 128, "l1": 8}) -> 32 bytes
"""

import struct
from collections.abc import Mapping, Sequence

from ...dialects.npu._isa import (
    BY_CODE,
    DESCRIPTORS,
    GRANULE,
    INSTRUCTION,
    KINDS,
    OPCODES,
    QUEUES,
    READ_ONLY,
    SEGMENT_ROLES,
    SEGMENTS,
    SEMAPHORES,
    SPACES,
    Field,
    Kind,
    Opcode,
    split_mnemonic,
    suffixes_of,
)

__all__ = [
    "BY_CODE",
    "DESCRIPTORS",
    "GRANULE",
    "INSTRUCTION",
    "KINDS",
    "OPCODES",
    "QUEUES",
    "READ_ONLY",
    "SEGMENTS",
    "SEGMENT_ROLES",
    "SEMAPHORES",
    "SPACES",
    "EncodeError",
    "Field",
    "Kind",
    "Opcode",
    "bf16_bits",
    "bf16_value",
    "dram",
    "float_bits",
    "float_value",
    "local",
    "pack_entry",
    "pack_instruction",
    "split_mnemonic",
    "suffixes_of",
    "unpack_entry",
    "unpack_instruction",
]

INSTRUCTION_BYTES, ENTRY_BYTES = 16, 32
KIND_SHIFT = 252
KIND_OF_CODE = {k.code: k for k in KINDS.values()}


class EncodeError(ValueError):
    """A field that does not fit its bits, or an address that is not aligned."""


def local(space: str, byte: int) -> int:
    """The field of a local address; EncodeError unless it is a multiple of 16 within 64 MiB."""
    if byte % GRANULE or not 0 <= byte < 1 << 26:
        raise EncodeError(f"E-ENC {space}:{byte:#x}: expected a multiple of {GRANULE} below 64 MiB")
    return SPACES[space] << 22 | byte >> 4


def dram(segment: int, byte: int) -> tuple[int, int]:
    """The fields y and z of an address in DRAM."""
    if not 0 <= segment < 16 or not 0 <= byte < 1 << 46:
        raise EncodeError(f"E-ENC dram:{segment}+{byte}: expected a segment below 16 and a byte below 2^46")
    return segment << 21 | byte >> 25, byte & 0x1FFFFFF


def pack(fields: Sequence[Field], values: Mapping[str, int]) -> int:
    """The fields side by side, from bit 0 on; missing ones have their default. EncodeError names what does not fit."""
    word = at = 0
    for field in fields:
        value = values.get(field.name, field.default)
        if not field.low <= value <= field.high:
            raise EncodeError(f"E-ENC {field.name}={value} does not fit {field.bits} bits")
        word |= (value & (1 << field.bits) - 1) << at
        at += field.bits
    return word


def unpack(fields: Sequence[Field], word: int) -> dict[str, int]:
    """What `pack` was given."""
    found: dict[str, int] = {}
    for field in fields:
        value = word & (1 << field.bits) - 1
        found[field.name] = value - (1 << field.bits) if field.signed and value >> field.bits - 1 else value
        word >>= field.bits
    return found


def pack_instruction(
    name: str,
    *,
    x: int = 0,
    y: int = 0,
    z: int = 0,
    d: int = 0,
    f: int = 0,
    waits: Sequence[int] = (),
    signals: Sequence[int] = (),
) -> bytes:
    """The 16 bytes of an instruction."""
    w0, w1 = (*waits, 0, 0)[:2]
    s0, s1 = (*signals, 0, 0)[:2]
    if len(waits) > 2 or len(signals) > 2:
        raise EncodeError(f"E-ENC {name}: expected at most two waits and two signals")
    values = dict(op=OPCODES[name].code, w0=w0, w1=w1, s0=s0, s1=s1, x=x, y=y, z=z, d=d, f=f)
    return pack(INSTRUCTION, values).to_bytes(INSTRUCTION_BYTES, "little")


def unpack_instruction(data: bytes) -> dict[str, int]:
    """The fields of 16 bytes; EncodeError where there is no such opcode."""
    found = unpack(INSTRUCTION, int.from_bytes(data, "little"))
    if found["op"] not in BY_CODE:
        raise EncodeError(f"E-ENC opcode {found['op']:#04x} is no instruction")
    return found


def pack_entry(kind: str, values: Mapping[str, int]) -> bytes:
    """The 32 bytes of a descriptor entry: `dma`, `gemm`, `vec` or `vec2`."""
    entry = KINDS[kind]
    return (pack(entry.fields, values) | entry.code << KIND_SHIFT).to_bytes(ENTRY_BYTES, "little")


def unpack_entry(data: bytes) -> tuple[str, dict[str, int]]:
    """Kind and fields of 32 bytes; EncodeError where the kind, a count or an unused bit is not as it has to be."""
    word = int.from_bytes(data, "little")
    kind = KIND_OF_CODE.get(word >> KIND_SHIFT)
    if kind is None:
        raise EncodeError(f"E-ENC {word >> KIND_SHIFT} is no kind of descriptor")
    used = sum(field.bits for field in kind.fields)
    if (word & (1 << KIND_SHIFT) - 1) >> used:
        raise EncodeError(f"E-ENC {kind.name}: bits that belong to no field are set")
    found = unpack(kind.fields, word)
    for field in kind.fields:
        if field.unit == "count" and found[field.name] == 0:
            raise EncodeError(f"E-ENC {kind.name}: expected {field.name} of at least 1, found 0")
        if field.names and found[field.name] >= len(field.names):
            raise EncodeError(
                f"E-ENC {kind.name}: {field.name}={found[field.name]} is none of {', '.join(field.names)}"
            )
    return kind.name, found


def float_bits(value: float) -> int:
    """The bits of a float32, as imm0 to imm3 hold them; EncodeError beyond its range."""
    try:
        return int.from_bytes(struct.pack("<f", value), "little")
    except OverflowError:
        raise EncodeError(f"E-ENC {value} is beyond the range of a float32") from None


def float_value(bits: int) -> float:
    """The float32 of these bits."""
    return struct.unpack("<f", bits.to_bytes(4, "little"))[0]


def bf16_bits(value: float) -> int:
    """The bits of a bf16, rounded to nearest even, as the signed number that lo and hi hold."""
    bits = float_bits(value)
    if value != value:
        return 0x7FC0
    bits = bits + 0x7FFF + (bits >> 16 & 1) >> 16
    return bits - (bits >> 15 << 16)


def bf16_value(bits: int) -> float:
    """The number whose bf16 bits lo or hi hold."""
    return float_value((bits & 0xFFFF) << 16)
