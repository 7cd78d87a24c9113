"""What the event simulation has to know of an instruction: cycles, or bytes, and which earlier one it has to see.

v.rq    Pace(pre=0, busy=32, done=40, after=17)      touches what instruction 17 of its queue wrote
ld.a    Transfer(bytes=8192, runs=1)
"""

from dataclasses import dataclass, replace

from ..cost import dma_cost, gemm_time, local_lines, vpu_busy
from ..isa import EncodeError
from ..machine import Machine
from ..order.footprint import ACC, SEGMENT, WMEM
from ..order.legal import Legality
from ..order.regions import Regions
from ..program import Instruction, Program
from .banks import conflicts


@dataclass(frozen=True, slots=True)
class Pace:
    """`pre`: cycles from the last token to the start; then until the unit is free and until the result is visible.
    `after`: the instruction that has to be visible before, or -1."""

    pre: int
    busy: int
    done: int
    after: int = -1


@dataclass(frozen=True, slots=True)
class Transfer:
    """Bytes that move, rounded to bursts, and the runs of bytes they are made of."""

    bytes: int
    runs: int
    least: int
    """Cycles if it had the port to itself."""
    pre: int = 0
    after: int = -1


NOTHING = Pace(0, 0, 0)


def paces(program: Program, m: Machine, *, banked: bool = False) -> list[Pace | Transfer]:
    """One an instruction, without `halt`; `banked`: longer by the conflicts of SPAD's banks. EncodeError for
    one that the machine does not have."""
    legality = Legality(program)
    kept: dict[tuple[str, int, int, int], Pace | Transfer] = {}
    found: list[Pace | Transfer] = []
    for number, ins in enumerate(program.text):
        if ins.name == "halt":
            continue
        key = (ins.name, ins.f, ins.d, ins.x >> 22)
        if (made := kept.get(key)) is None:
            if wrong := legality.descriptor(ins):
                raise EncodeError(f"instruction {number} ({ins.mnemonic}): {wrong}")
            made = kept[key] = pace(program, m, ins)
        found.append(made)
    if banked:
        found = [_longer(p, more) for p, more in zip(found, conflicts(program, m), strict=False)]
    _hazards(program, m, found)
    return found


def _longer(pace: Pace | Transfer, more: int) -> Pace | Transfer:
    return replace(pace, busy=pace.busy + more, done=pace.done + more) if isinstance(pace, Pace) and more else pace


def pace(program: Program, m: Machine, ins: Instruction) -> Pace | Transfer:
    """Of an instruction by itself."""
    if ins.name in ("sync", "mark"):
        return NOTHING
    fields = program.desc(ins)[1]
    match ins.name:
        case "mm":
            return Pace(*gemm_time(m, fields))
        case "fill" | "ld.l":
            line = {ACC: m.acc.line, WMEM: m.wmem.line}.get(ins.x >> 22, m.spad.line)
            busy = local_lines(fields, line)
            return Pace(0, busy, busy + (1 if ins.name == "fill" else 4))
        case "ld.a" | "ld.w" | "ld.p" | "st":
            size, runs = dma_cost(fields, m.dma.burst)
            queue = {"ld.a": "lda", "st": "st"}.get(ins.name, "ldw")
            return Transfer(size, runs, int(size / m.port_of(queue)[1]) + runs * m.dma.row_overhead)
        case _:
            busy = vpu_busy(m, ins.mnemonic, fields, ins.x >> 22 == ACC)
            return Pace(0, busy, busy + m.vpu.startup)


def _hazards(program: Program, m: Machine, found: list[Pace | Transfer]) -> None:
    """Rule 4 of the queues: `v.*`, `ld.l` and `fill` that touch what an earlier instruction of their queue wrote start
    when that is visible. Looked for among those that can still be under way."""
    regions = Regions(program)
    before: list[list[int]] = [[] for _ in range(5)]
    for index, ins in enumerate(program.text[: len(found)]):
        queue = before[ins.queue]
        made = found[index]
        if isinstance(made, Pace) and (ins.name[0] == "v" or ins.name in ("fill", "ld.l")):
            elapsed, reach = 0, max(m.vpu.startup, 1) if ins.name[0] == "v" else m.latency + 4
            for other in reversed(queue):
                if _touches(regions, index, other):
                    found[index] = replace(made, after=other)
                    break
                pace = found[other]
                elapsed += pace.least if isinstance(pace, Transfer) else pace.busy
                if elapsed >= reach:
                    break
        if ins.name not in ("sync", "mark"):
            queue.append(index)


def _touches(regions: Regions, index: int, other: int) -> bool:
    """Whether an instruction reads or writes what another one wrote to a local memory."""
    reads, writes = regions.of(index)
    return any(a.meets(b) for b in regions.of(other)[1] if b.space < SEGMENT for a in (*reads, *writes))
