"""The instruction set's reference, made from its declaration: `python -m aic.backends.npu.emit.reference > FILE`."""

from collections.abc import Iterator

from ....dialects.npu._isa import (
    DESCRIPTORS,
    INSTRUCTION,
    KINDS,
    OPCODES,
    QUEUES,
    READ_ONLY,
    SEGMENT_ROLES,
    SEMAPHORES,
    SPACES,
    Field,
    Kind,
    Opcode,
)

INTRODUCTION = f"""# The instruction set of the NPU

This text is made from the declaration in `dialects/npu/_isa.py` by `python -m aic.backends.npu.emit.reference`.

Five queues run in parallel, each in order: {", ".join(QUEUES)}. An instruction names its operands and a descriptor, a
read-only record of shapes and strides; there are no registers and no branches. Queues wait for each other by at most
{SEMAPHORES} counting semaphores. An instruction starts when it is at the head of its queue, the unit is free and the
semaphores it waits for are above zero, which it then decrements; it signals when its last write is visible.

Local memories: {", ".join(f"{name} {number}" for name, number in SPACES.items())}. A local address is the memory's
number in bits 24 to 22 and a granule of 16 bytes in the bits below. An address in DRAM is a segment in bits 49 to 46
and a byte below, in the fields y and z together. Segments are for {", ".join(SEGMENT_ROLES)}; those for
{", ".join(READ_ONLY)} are read only.

L is the lanes of a line of SPAD, its bytes over those of an element; C the columns of the array. Activations lie as
`[channel block][image][row][column][L]`, accumulators as `[column tile][M][C]`, weights as tiles
`[column tile][kernel row][kernel column][channel block][L][C]`."""

ASSEMBLY = """## Assembly

    .seg 0 A 32768                       ; number, name, bytes [role] [readonly or writable]
    .sem a_full lda -> mxu               ; name, from, to [init COUNT]
    .desc dG gemm mx=64, ax=128, nc1=4   ; name, kind, fields
    .rep 4 i                             ; repeated as text, {..} holds integers, i, + - * / % and parentheses
    mm x=spad:{i * 0x2000}, y=wmem:0, z=acc:0, d=dG wait(a_full)
    .endr
    halt

Addresses and strides are in bytes, here and only here; those that count granules have to be multiples of 16. Operands
are `x y z` (memory:byte), `g` (dram:segment+byte), `d` (a descriptor), `id` (of a mark). A number with a point is a
float32, in `lo` and `hi` a bf16. What is left out is 0, a count 1. A comment begins with `;`."""

MEANING = {
    "ld.a": "For every (i3, i2, i1) a row of n0 bytes from DRAM at g + i1 g1 + i2 g2 + i3 g3 to x + 16 (i1 l1 + i2 l2"
    " + i3 l3). Pad: the local row is continued with `fill` to the next multiple of the memory's line (PMEM: "
    "16). Flip: every byte is xored with 0x80. Transpose: element j of row i1 goes to x + 16 (j l1 + i2 l2 + "
    "i3 l3) + (i1 << esz).",
    "ld.w": "As ld.a.",
    "ld.p": "As ld.a.",
    "st": "As ld.a, from the local memory to DRAM.",
    "fill": "Rows of n0 bytes of `fill`.",
    "ld.l": "As ld.a, with y as the far side.",
    "mm": "For every row m = y mx + x, tile n < nn, column j: C[n][m][j] (+)= the sum over taps (kh, kw), blocks "
    "c1, lanes l of (A - za) (B - zb). A is at x + 16 (y ay + x ax + kh skh + kw skw + c1 sc1); lanes beyond "
    "klast count as 0. With kpack p, feed g holds the first L/p lanes of taps g p to g p + p - 1. B, bl = 0: "
    "tile (n, kt) at y + 16 n sb + kt tile. B, bl = 1: row r, channel ch of activations at y + 16 (r bp + (ch"
    " // LB) sb); B(k, j) is r = k, ch = n C + j, transposed r = n C + j, ch = k. Integers sum up to int32 "
    "modulo 2^32, bf16 to float32.",
    "v.rq": "i32 to i8, u8, i16: add the bias, multiply, round by rnd, add zo, clamp to lo and hi. i32 to bf16: (acc "
    "+ bias) scale. f32 to bf16: act(acc scale + bias). odt i32 or f32: as it is. Records (bias, mult, shift "
    "of L channels) at y, or at pm. `.res`: y is the residual; the sum is requantised with zm, then added by "
    "imm0 to imm2.",
    "v.dw": "acc = the sum over i, j of (src0[y sy + i - pt][x sx + j - pl][ch] - zi) w[i][j][ch], then as v.rq.",
    "v.pool": "max; avg divides by the taps inside, avgp by kh kw: rint((sum - taps zi) imm0 / taps) + zo.",
    "v.ew": "int8 add and sub by rnd (imm0 to imm2), mul (imm0), max, min; bf16 in float32, then rounded. A stride of"
    " 0 repeats.",
    "v.act": "int8 by look-up table; bf16 in float32, then rounded.",
    "v.sm": "v = (q - zi) imm0 or bf16, plus the mask if there is one; e = exp(v - max); e / sum; int8: rint(p imm1) "
    "+ zo.",
    "v.ln": "Mean and variance (ln) or mean square (rms) over channels, eps = imm2, gamma and beta from y; int8 input"
    " times imm0, int8 result times imm1, + zo.",
    "v.red": "sum, mean or max along axis; int8: rint(r imm0) + zo.",
    "v.cp": "By base and strides; imm0 other than 0 rescales.",
    "sync": "Waits and signals like any instruction; it signals when all before it in its queue is visible.",
    "mark": "For reports and debuggers; takes no time.",
    "halt": "Every semaphore has to be back at its first count.",
}
"""What an instruction computes; operands are named by their fields."""


def reference() -> str:
    """The reference as Markdown."""
    parts = [INTRODUCTION, _word(), _table_of_instructions(), *map(_instruction, OPCODES.values()), _descriptors()]
    return "\n\n".join([*parts, *map(_kind, KINDS.values()), ASSEMBLY]) + "\n"


def _rows(titles: str, rows: list[list[str]]) -> str:
    heads = titles.split("|")
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)


def _bits(fields: tuple[Field, ...]) -> Iterator[tuple[Field, str]]:
    at = 0
    for field in fields:
        yield field, str(at) if field.bits == 1 else f"{at + field.bits - 1}..{at}"
        at += field.bits


def _word() -> str:
    rows = [[f"`{field.name}`", bits, field.text] for field, bits in _bits(INSTRUCTION)]
    return "## The word\n\n128 bits, little-endian, one format for all.\n\n" + _rows("field|bits|meaning", rows)


def _table_of_instructions() -> str:
    rows = [
        [f"{op.code:#04x}", f"`{op.name}`", _queue(op), op.kind or "none", op.busy, op.latency]
        for op in OPCODES.values()
    ]
    note = "Busy: cycles its unit is taken; latency: cycles from then until the result is visible. n = ny nx nc1 L."
    titles = "code|mnemonic|queue|descriptor|busy|latency"
    return f"## Instructions\n\n{note}\n\n{_rows(titles, rows)}"


def _queue(op: Opcode) -> str:
    if op.queue is not None:
        return QUEUES[op.queue]
    return "named" if op.suffixes else "none"


def _instruction(op: Opcode) -> str:
    names = [o.field for o in op.operands] + (["g"] if op.dram else []) + (["d"] if op.kind else [])
    names += ["id"] if op.name == "mark" else []
    lines = [f"### `{op.name}`", f"{op.text[0].upper()}{op.text[1:]}. {MEANING[op.name]}"]
    operands = [f"{o.field}, {o.role}: {' or '.join(o.spaces)}{' or none' if o.optional else ''}" for o in op.operands]
    operands += [f"g: DRAM, {'read' if op.dram == 'read' else 'written'}"] if op.dram else []
    lines += ["Operands: " + "; ".join(operands) + "."] if operands else []
    for s in op.suffixes:
        words = ", ".join(f"`.{c}` {n}" for n, c in enumerate(s.choices) if c)
        at = f"bit {s.shift}" if s.bits == 1 else f"bits {s.shift + s.bits - 1} to {s.shift}"
        lines.append(f"Suffix {s.name}, F {at}{'' if s.required else ', may be left out'}: {words}.")
    return "\n\n".join(lines)


def _descriptors() -> str:
    text = (
        f"A table of at most {DESCRIPTORS} entries of 256 bits; the kind is in the top 4 bits. A `vec` is followed by "
        "its `vec2`, and an instruction names the first. Counts are at least 1; strides count granules of 16 bytes, "
        "unless they say bytes."
    )
    return f"## Descriptors\n\n{text}"


def _kind(kind: Kind) -> str:
    rows = [[f"`{field.name}`", bits, _meaning(field)] for field, bits in _bits(kind.fields)]
    return f"### {kind.code}: `{kind.name}`, {kind.text}\n\n" + _rows("field|bits|meaning", rows)


def _meaning(field: Field) -> str:
    values = ", ".join(f"{n} {name}" for n, name in enumerate(field.names))
    signed = "signed" if field.signed else ""
    return "; ".join(part for part in (field.text, values, signed) if part)


if __name__ == "__main__":
    print(reference(), end="")
