"""Conflicts of SPAD's banks, as cycles by which an instruction takes longer: line i is in bank i modulo the banks, and
a bank serves one line a cycle.

    conflicts(program, machine)[7] -> 96        v.ew, whose two sources begin in one bank

Counted is what an instruction does to itself: of a vector instruction the lines that it reads and writes for the
elements of a cycle, beyond the cycles that it takes for them anyway; of an `mm` with weights in SPAD the lines of the
next tile that come in beside those of A. Two queues that meet in a bank are not counted. No hardware was compared.
"""

import numpy as np

from ..cost import A_BYTES, GEMM_TYPES, VEC_BYTES, Fields, ceil, count, gemm_shape, vpu_busy
from ..machine import Machine
from ..program import Instruction, Program

SPAD, GRANULE = 1, 16
WINDOWS = ("v.dw", "v.pool")


def conflicts(program: Program, machine: Machine | None = None) -> list[int]:
    """Cycles an instruction; 0 where it does not touch SPAD, or does so a line a cycle."""
    m = machine or program.machine
    kept: dict[tuple[object, ...], int] = {}
    found: list[int] = []
    for ins in program.text:
        key = (ins.name, ins.f, ins.d, *(_bank(m, ins, field) for field in "xyz"))
        if key not in kept:
            kept[key] = _conflicts(program, m, ins)
        found.append(kept[key])
    return found


def _bank(m: Machine, ins: Instruction, field: str) -> int:
    """The bank that an operand begins in; -1 if it is not in SPAD."""
    space, byte = ins.local(field)
    return byte // m.spad.line % m.spad.banks if space == SPAD else -1


def _conflicts(program: Program, m: Machine, ins: Instruction) -> int:
    if m.spad.banks < 2:
        return 0
    if ins.name == "mm":
        return _weights(m, ins, program.desc(ins)[1])
    return _vector(m, ins, program.desc(ins)[1]) if ins.name.startswith("v.") else 0


def _weights(m: Machine, ins: Instruction, d: Fields) -> int:
    """Lines of A and of the next tile in one bank in one cycle, tile by tile alike."""
    first, b = _bank(m, ins, "x"), _bank(m, ins, "y")
    if b < 0:
        return 0
    rows, feeds, tiles, _ = gemm_shape(m, d)
    step = max(int(d.get("ax", 0)) * GRANULE // m.spad.line, 1)
    wide = max(m.cols * A_BYTES[GEMM_TYPES[int(d.get("dtype", 0))]] // m.spad.line, 1)
    cycle = np.arange(min(rows, m.rows))
    met = (first + cycle * step) % m.spad.banks == (b + cycle * wide) % m.spad.banks
    return int(met.sum()) * feeds * tiles


def _vector(m: Machine, ins: Instruction, d: Fields) -> int:
    from_acc = ins.x >> 22 != SPAD
    lanes = m.rows // VEC_BYTES[int(d.get("odt" if from_acc else "dtype", 0))]
    lines = [] if from_acc else [_lines(m, ins, d, "x", "s0")]
    if ins.name not in WINDOWS:
        lines += [
            _lines(m, ins, d, field, name) for field, name in (("y", "s1"), ("z", "d")) if _bank(m, ins, field) >= 0
        ]
    if not lines:
        return 0
    together = max(m.vpu.lanes // lanes, 1)
    taps = count(d, "kh", "kw") if ins.name in WINDOWS else 1
    groups = ceil(len(lines[0]), together)
    room = vpu_busy(m, ins.mnemonic, d, from_acc) // groups
    needed = taps * _most(np.stack(lines, 1), together, m.spad.banks)
    return int(np.maximum(needed - max(room, 1), 0).sum())


def _lines(m: Machine, ins: Instruction, d: Fields, field: str, name: str) -> np.ndarray:
    """The line of SPAD of each pixel and channel block, in the order of the elements."""
    c, y, x = (np.arange(count(d, n)) for n in ("nc1", "ny", "nx"))
    strides = (int(d.get(f"{name}{axis}", 0)) for axis in ("c", "y", "x"))
    steps = [a * s for a, s in zip((c, y, x), strides, strict=True)]
    granules = steps[0][:, None, None] + steps[1][None, :, None] + steps[2][None, None, :]
    return ((ins.local(field)[1] + GRANULE * granules) // m.spad.line).reshape(-1)


def _most(lines: np.ndarray, together: int, banks: int) -> np.ndarray:
    """Of so many rows of lines at a time, how many different ones the fullest bank has to serve."""
    groups = ceil(len(lines), together)
    group = np.repeat(np.arange(len(lines)) // together, lines.shape[1])
    pairs = np.unique(np.stack([group, lines.reshape(-1)], 1), axis=0)
    served = np.zeros((groups, banks), np.int64)
    np.add.at(served, (pairs[:, 0], pairs[:, 1] % banks), 1)
    return served.max(1)
