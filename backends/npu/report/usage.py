"""What an instruction takes of each unit: cycles of the array fed and idle, bytes of each memory, vector operations.

usage = Usages(program).of(instruction)        .feed 512  .shift 0  .acc 131072  .spad 65536  .dram 0
"""

from dataclasses import dataclass, field, replace

from ..cost import A_BYTES, GEMM_TYPES, VEC_BYTES, ceil, count, dataflow, dma_cost, elements, gemm_shape, gemm_time
from ..cost import vpu_busy as vector_cycles
from ..machine import Machine
from ..program import Instruction, Program

SPAD, WMEM, ACC = 1, 2, 3
B_BYTES = {"i8": 1, "i16xi8": 1, "i16": 2, "bf16": 2}
LOADS = ("ld.a", "ld.w", "ld.p")


@dataclass(frozen=True, slots=True)
class Usage:
    """Cycles and bytes of one instruction. `feed` + `shift` are the cycles that an `mm` takes the array."""

    feed: int = 0
    """Cycles in which rows enter the array."""
    shift: int = 0
    """Cycles in which the array waits for itself: max(M, R) - M a tile."""
    pre: int = 0
    """Cycles of preload before the first row, hidden where the array was busy."""
    vector: int = 0
    """Cycles of the vector unit."""
    dram: int = 0
    """Bytes moved, in whole bursts."""
    spad: int = 0
    wmem: int = 0
    acc: int = 0
    type: str = ""
    """Of an `mm`: the type of its operands."""


@dataclass(eq=False)
class Usages:
    """Usages of a program's instructions; equal kinds of instruction share one."""

    program: Program
    _found: dict[tuple[object, ...], Usage] = field(default_factory=dict)

    def of(self, ins: Instruction) -> Usage:
        """What an instruction takes."""
        key = (ins.name, ins.f, ins.d, ins.x >> 22, ins.y >> 22 if ins.name[:2] != "ld" else 0)
        if (found := self._found.get(key)) is None:
            found = self._found[key] = usage(self.program, ins)
        return found


def usage(program: Program, ins: Instruction) -> Usage:
    """What an instruction takes; nothing for `sync`, `mark` and `halt`."""
    m = program.machine
    match ins.name:
        case "sync" | "mark" | "halt":
            return Usage()
        case "mm":
            return _product(m, ins, dict(program.desc(ins)[1]))
        case "fill" | "ld.l":
            return _local(ins, dict(program.desc(ins)[1]))
        case "ld.a" | "ld.w" | "ld.p" | "st":
            return _transfer(m, ins, dict(program.desc(ins)[1]))
        case _:
            return _vector(m, ins, dict(program.desc(ins)[1]))


def _product(m: Machine, ins: Instruction, d: dict[str, int]) -> Usage:
    rows, feeds, tiles, lanes = gemm_shape(m, d)
    pre, busy, _ = gemm_time(m, d)
    type, stationary = GEMM_TYPES[d["dtype"]], dataflow(m, d)
    steps = feeds * tiles
    if m.kind == "cube":
        feed = busy
    elif stationary == "os":
        feed = ceil(rows, m.rows) * tiles * lanes
    else:
        feed = steps * rows
    lines = rows * steps * m.rows
    lanes_of_b = m.rows // A_BYTES[type]
    b = steps * lanes_of_b * m.cols * B_BYTES[type]
    out = rows * tiles * m.cols * 4
    passes = 1 if stationary == "os" else feeds
    acc = out * (2 * passes - 1 + ins.acc)
    in_wmem = ins.y >> 22 == WMEM
    feed = min(feed, busy)
    return Usage(feed, busy - feed, pre, spad=lines + (0 if in_wmem else b), wmem=b * in_wmem, acc=acc, type=type)


def _transfer(m: Machine, ins: Instruction, d: dict[str, int]) -> Usage:
    near = _memory(ins.x >> 22, count(d, "n0", "n1", "n2", "n3"))
    return replace(near, dram=dma_cost(d, m.dma.burst)[0])


def _local(ins: Instruction, d: dict[str, int]) -> Usage:
    size = count(d, "n0", "n1", "n2", "n3")
    into = _memory(ins.x >> 22, size)
    return replace(into, spad=into.spad + size) if ins.name == "ld.l" else into


def _memory(space: int, size: int) -> Usage:
    """`size` bytes of a memory whose energy is told; PMEM has none."""
    return Usage(spad=size * (space == SPAD), wmem=size * (space == WMEM), acc=size * (space == ACC))


def _vector(m: Machine, ins: Instruction, d: dict[str, int]) -> Usage:
    from_acc = ins.x >> 22 == ACC
    n = elements(m, d, from_acc)
    source = n * VEC_BYTES[d["dtype"]] * (d["kh"] * d["kw"] if ins.name in ("v.dw", "v.pool") else 1)
    second = n * VEC_BYTES[d["odt"]] if ins.y >> 22 == SPAD else 0
    into = n * VEC_BYTES[d["odt"]]
    cycles = vector_cycles(m, ins.mnemonic, d, from_acc)
    return Usage(vector=cycles, spad=second + into + (0 if from_acc else source), acc=source if from_acc else 0)
