"""What a descriptor makes an instruction touch, relative to its operands: transfers and products of matrices.

Everything is exact: lanes beyond klast, rows beyond K, columns beyond N are not read; strided rows stay apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ..cost import PAD, TRANSPOSE, ceil
from ..machine import Machine
from ..program import Instruction
from .granules import Granules, merged, span, sweep, union

SPAD, WMEM, ACC, PMEM, SEGMENT = 1, 2, 3, 4, 16
"""Spaces of an access; segment n of DRAM is 16 + n."""
GRANULE, LARGEST_SEGMENT = 16, 1 << 32
A_BYTES = (1, 2, 2, 2)
B_BYTES = (1, 1, 2, 2)
"""Bytes of an element of A and B by a gemm descriptor's `dtype`."""
Fields = Mapping[str, int]
Part = tuple[str, Granules]
"""An operand ("x", "y", "z"; "pmem": PMEM from its start) and granules relative to it."""


@dataclass(frozen=True, eq=False)
class Footprint:
    """Relative regions of an instruction. `far`: of a transfer, the bytes of DRAM as runs relative to its address."""

    reads: tuple[Part, ...]
    writes: tuple[Part, ...]
    far: Granules | None = None


NOTHING = Footprint((), ())


def of_bytes(runs: Granules, base: int = 0) -> Granules:
    """The granules that runs of bytes touch, `base` bytes further."""
    return merged((runs.starts + base) // GRANULE, -(-(runs.stops + base) // GRANULE))


def transfer(m: Machine, ins: Instruction, d: Fields) -> Footprint:
    """DMA, `fill` and `ld.l`."""
    outer = [(d["n2"], d["l2"]), (d["n3"], d["l3"])]
    if d["flags"] & TRANSPOSE and ins.name != "st":
        row, loops = d["n1"] << d["esz"], [(d["n0"] >> d["esz"], d["l1"]), *outer]
    else:
        row, loops = d["n0"], [(d["n1"], d["l1"]), *outer]
    rows = sweep(ceil(row, GRANULE), loops)
    near = ("x", to_line_ends(rows, phase_of(m, ins.x), line_of(m, ins.x >> 22)) if padded(ins, d) else rows)
    if ins.name == "fill":
        return Footprint((), (near,))
    far = sweep(d["n0"], [(d["n1"], d["g1"]), (d["n2"], d["g2"]), (d["n3"], d["g3"])], LARGEST_SEGMENT)
    match ins.name:
        case "ld.l":
            return Footprint((("y", of_bytes(far)),), (near,))
        case "st":
            return Footprint((near,), (), far)
        case _:
            return Footprint((), (near,), far)


def padded(ins: Instruction, d: Fields) -> bool:
    """Whether a transfer goes on to the ends of its local lines."""
    return bool(d["flags"] & PAD) and ins.name.startswith("ld.")


def line_of(m: Machine, space: int) -> int:
    """Granules in a line of a memory."""
    return {SPAD: m.spad.line, WMEM: m.wmem.line, ACC: m.acc.line}.get(space, GRANULE) // GRANULE


def phase_of(m: Machine, operand: int) -> int:
    """How many granules after the beginning of a line an operand begins."""
    return (operand & (1 << 22) - 1) % line_of(m, operand >> 22)


def to_line_ends(given: Granules, phase: int, line: int) -> Granules:
    """Every run continued to the end of a line of `line` granules; the set begins `phase` after the start of one."""
    return merged(given.starts, -(-(given.stops + phase) // line) * line - phase) if line > 1 else given


def product(m: Machine, ins: Instruction, d: Fields) -> Footprint:
    """`mm`: lanes of A that count, rows and tiles of B that meet them, the whole block of C."""
    size, share = A_BYTES[d["dtype"]], 1 << d["kpack"]
    last = d["klast"] or m.rows // size // share
    pixels = [(d["my"], d["ay"]), (d["mx"], d["ax"]), (d["nkh"], d["skh"]), (d["nkw"], d["skw"])]
    a = sweep(ceil(last * size, GRANULE), pixels).shifted((d["nc1"] - 1) * d["sc1"])
    if d["nc1"] > 1:
        a = union([sweep(m.rows // GRANULE, [*pixels, (d["nc1"] - 1, d["sc1"])]), a])
    c = ("z", span(d["nn"] * d["my"] * d["mx"] * m.cols * 4 // GRANULE))
    b = activations_as_b(m, d) if d["bl"] else tiles_as_b(m, d)
    return Footprint((("x", a), ("y", b), c) if ins.f & 1 else (("x", a), ("y", b)), (c,))


def tiles_as_b(m: Machine, d: Fields) -> Granules:
    """Packed tiles: of the last block of each tap the rows within klast; whole lines."""
    lanes, row = m.rows // A_BYTES[d["dtype"]], m.cols * B_BYTES[d["dtype"]] // GRANULE
    taps, share = d["nkh"] * d["nkw"], 1 << d["kpack"]
    if share > 1:
        rows, step, tiles = d["klast"] or lanes // share, lanes // share, ceil(taps, share)
    else:
        rows, step, tiles = (d["nc1"] - 1) * lanes + (d["klast"] or lanes), d["nc1"] * lanes, taps * d["nc1"]
    return sweep(rows * row, [(taps, step * row), (d["nn"], d["sb"] or tiles * lanes * row)])


def activations_as_b(m: Machine, d: Fields) -> Granules:
    """A matrix of activations: rows and channels within K and N."""
    lanes, size = m.rows // A_BYTES[d["dtype"]], B_BYTES[d["dtype"]]
    k = (d["nc1"] - 1) * lanes + (d["klast"] or lanes)
    n = (d["nn"] - 1) * m.cols + (d["nlast"] or m.cols)
    rows, channels = (n, k) if d["bt"] else (k, n)
    return elements(channels, m.rows // size, size, d["sb"], [(rows, d["bp"])])


def elements(channels: int, width: int, size: int, step: int, loops: list[tuple[int, int]]) -> Granules:
    """`channels` elements of `size` bytes in blocks of `width`, `step` granules apart, at every point of the loops."""
    full, rest = divmod(channels, width)
    parts = [sweep(width * size // GRANULE, [*loops, (full, step)])] if full else []
    if rest:
        parts.append(sweep(ceil(rest * size, GRANULE), loops).shifted(full * step))
    return union(parts)
