"""Layers that run in the same step take turns, so that array and vector unit always have something to do.

depthwise   dw 0   dw 1   dw 2                   dw 0   mm 0   rq 0   dw 1   mm 1   rq 1   dw 2   mm 2   rq 2
conv        mm 0   rq 0   mm 1   rq 1   ...  -->

Queues are in order: were the depthwise layer to come first as a whole, results would wait in ACC for the vector unit,
and with ACC full the array for them. Each layer advances in proportion to its time; what holds a part of ACC is not
interrupted.
"""

from collections.abc import Iterator, Sequence

from ..code import Op
from ..cost import gemm_time, vpu_busy
from ..machine import Machine

Unit = tuple[float, list[Op]]
"""Cycles, and operations that stay together."""


def interleaved(layers: Sequence[Sequence[Op]], machine: Machine) -> list[Op]:
    """The operations of layers that do not depend on each other, each layer's in order."""
    found: list[tuple[float, int, list[Op]]] = []
    for number, ops in enumerate(layers):
        units = list(_units(ops, machine))
        total = sum(cycles for cycles, _ in units) or 1.0
        before = 0.0
        for cycles, unit in units:
            found.append(((before + cycles / 2) / total, number, unit))
            before += cycles
    found.sort(key=lambda one: one[:2])
    return [op for _, _, unit in found for op in unit]


def _units(ops: Sequence[Op], machine: Machine) -> Iterator[Unit]:
    """Runs of operations that end when all of ACC that they filled has been read."""
    last = {
        id(ref.buffer): at for at, op in enumerate(ops) for ref in (op.x, op.z) if ref and ref.buffer.space == "acc"
    }
    unit: list[Op] = []
    cycles, open_until = 0.0, -1
    for at, op in enumerate(ops):
        unit.append(op)
        cycles += _cycles(op, machine)
        if op.z is not None and op.z.buffer.space == "acc":
            open_until = max(open_until, last[id(op.z.buffer)])
        if at >= open_until and op.name.startswith(("v.", "st")) and not _stores(ops, at + 1):
            yield cycles, unit
            unit, cycles = [], 0.0
    if unit:
        yield cycles, unit


def _stores(ops: Sequence[Op], at: int) -> bool:
    """Whether a result goes to DRAM next."""
    return at < len(ops) and ops[at].name == "st"


def _cycles(op: Op, machine: Machine) -> float:
    fields = op.desc[1] if op.desc is not None else {}
    if op.name.startswith("mm"):
        return gemm_time(machine, fields)[1]
    if op.name.startswith("v."):
        return vpu_busy(machine, op.name, fields)
    return 0
