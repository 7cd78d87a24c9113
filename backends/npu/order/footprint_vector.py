"""What the instructions of the vector unit touch, relative to their operands.

Element (y, x, ch) of an operand lies at 16 * (y*oy + x*ox + (ch // W)*oc) + (ch % W)*bytes, W = cols for an operand in
ACC, else the lanes of its type. What is written of a last, partial block goes on to the end of the line.
"""

import numpy as np

from ..cost import VEC_BYTES, ceil
from ..machine import Machine
from ..program import Instruction
from .footprint import ACC, GRANULE, PMEM, SPAD, Fields, Footprint, Part, elements, phase_of, to_line_ends
from .granules import Granules, repeated, span, sweep, union

I32, F32, BF16 = 2, 3, 4


def vector(m: Machine, ins: Instruction, d: Fields) -> Footprint:
    """Any `v.*`."""
    reads: list[Part] = [("x", part)] if (part := source(m, ins, d)) is not None else []
    match ins.name:
        case "v.rq":
            reads += requantisation(m, ins, d)
        case "v.dw":
            reads.append(("y", depthwise_records(m, d)))
        case "v.ew":
            reads.append(("y", first_lanes(m, ins, d) if d["axis"] & 1 else second(m, ins, d, d["dtype"])))
        case "v.sm" if ins.y:
            reads.append(("y", second(m, ins, d, BF16)))
        case "v.ln":
            reads.append(("y", norm_records(m, ins, d)))
        case "v.act" if ins.mode == "lut":
            reads.append(table(d))
        case _:
            pass
    return Footprint(tuple(reads), (("z", destination(m, ins, d)),))


def lanes(m: Machine, dtype: int) -> int:
    """Elements of a type in a line of SPAD."""
    return m.rows // VEC_BYTES[dtype]


def channels(m: Machine, ins: Instruction, d: Fields) -> int:
    """Channels that count: blocks of the lanes of src0's type if src0 is in SPAD, else of the destination's."""
    width = lanes(m, d["dtype" if ins.x >> 22 == SPAD else "odt"])
    return (d["nc1"] - 1) * width + (d["clast"] or width)


def source(m: Machine, ins: Instruction, d: Fields) -> Granules | None:
    """src0; None for windows that lie in the padding."""
    size, count = VEC_BYTES[d["dtype"]], channels(m, ins, d)
    width = m.cols if ins.x >> 22 == ACC else lanes(m, d["dtype"])
    if ins.name == "v.rq" and d["axis"] & 1:  # channels along the rows of ACC, pixels along its columns
        return elements(d["nx"], m.cols, size, d["s0c"], [(count, d["s0x"])])
    if ins.name in ("v.dw", "v.pool"):
        down = taps(d["ny"], d["sy"], d["kh"], d["pt"], d["pb"])
        across = taps(d["nx"], d["sx"], d["kw"], d["pl"], d["pr"])
        if not (len(down.starts) and len(across.starts)):
            return None
        pixel = elements(count, width, size, d["s0c"], [])
        return copies(copies(pixel, across, d["s0x"]), down, d["s0y"])
    return elements(count, width, size, d["s0c"], [(d["ny"], d["s0y"]), (d["nx"], d["s0x"])])


def taps(count: int, stride: int, window: int, before: int, after: int) -> Granules:
    """The rows (columns) of the input that windows read: those not in the padding."""
    rows = sweep(max(window, 1), [(count, stride)])
    last = (count - 1) * stride + window - before - after
    starts, stops = np.clip(rows.starts - before, 0, last), np.clip(rows.stops - before, 0, last)
    return Granules(starts[starts < stops], stops[starts < stops])


def copies(given: Granules, at: Granules, stride: int) -> Granules:
    """The union of copies at every number in `at` times `stride`."""
    runs = zip(at.starts.tolist(), at.stops.tolist(), strict=True)
    return union([repeated(given, stop - start, stride).shifted(start * stride) for start, stop in runs])


def second(m: Machine, ins: Instruction, d: Fields, dtype: int) -> Granules:
    """src1 with the strides of src1."""
    loops = [(d["ny"], d["s1y"]), (d["nx"], d["s1x"])]
    return elements(channels(m, ins, d), lanes(m, dtype), VEC_BYTES[dtype], d["s1c"], loops)


def first_lanes(m: Machine, ins: Instruction, d: Fields) -> Granules:
    """Lane 0 of src1, which serves all lanes of a block."""
    blocks = ceil(channels(m, ins, d), lanes(m, d["dtype"]))
    return sweep(1, [(d["ny"], d["s1y"]), (d["nx"], d["s1x"]), (blocks, d["s1c"])])


def destination(m: Machine, ins: Instruction, d: Fields) -> Granules:
    """The elements written, and the rest of their last line."""
    rows, columns, count = d["ny"], d["nx"], channels(m, ins, d)
    if ins.name == "v.red":
        rows = 1 if d["axis"] >= 2 else rows
        columns = 1 if d["axis"] in (1, 3) else columns
        count = 1 if d["axis"] == 0 else count
    elif ins.name == "v.cp" and ins.mode == "t":
        columns, count = count, columns
    size, width, line = VEC_BYTES[d["odt"]], lanes(m, d["odt"]), m.spad.line // GRANULE
    loops = [(rows, d["dy"]), (columns, d["dx"])]
    full, rest = divmod(count, width)
    parts = [sweep(line, [*loops, (full, d["dc"])])] if full else []
    if rest:
        tail = sweep(ceil(rest * size, GRANULE), loops).shifted(full * d["dc"])
        parts.append(to_line_ends(tail, phase_of(m, ins.z), line))
    return union(parts)


def table(d: Fields) -> Part:
    """A look-up table."""
    return "pmem", span(256 // GRANULE, d["lut"] * 256 // GRANULE)


def requantisation(m: Machine, ins: Instruction, d: Fields) -> list[Part]:
    """What `v.rq` reads beside its sums: records (none for a raw copy), residual, table."""
    count, width, found = channels(m, ins, d), lanes(m, d["odt"]), []
    if ins.res:
        found.append(("y", second(m, ins, d, d["odt"])))
    if d["odt"] not in (I32, F32):
        records = planes(count, width, 12 * width // GRANULE)
        found.append(("y", records) if ins.y >> 22 == PMEM else ("pmem", records.shifted(d["pm"])))
    if ins.act == "lut":
        found.append(table(d))
    return found


def planes(count: int, width: int, step: int) -> Granules:
    """Bias, multiplier and shift of `count` channels, records of `width` channels being `step` granules apart."""
    return elements(count, width, 4, step, [(3, 4 * width // GRANULE)])


def depthwise_records(m: Machine, d: Fields) -> Granules:
    """Weights and planes of each block."""
    width, size = lanes(m, d["dtype"]), 2 if d["dtype"] == BF16 else 1
    count = (d["nc1"] - 1) * width + (d["clast"] or width)
    weights, rest = divmod(d["kh"] * d["kw"] * width * size, GRANULE)
    step = weights + ceil(rest + 12 * width, GRANULE)
    if rest:
        return span(d["nc1"] * step)
    return union([sweep(weights, [(d["nc1"], step)]), planes(count, width, step).shifted(weights)])


def norm_records(m: Machine, ins: Instruction, d: Fields) -> Granules:
    """gamma and beta of each block."""
    width = lanes(m, d["dtype"])
    return elements(channels(m, ins, d), width, 4, 8 * width // GRANULE, [(2, 4 * width // GRANULE)])
