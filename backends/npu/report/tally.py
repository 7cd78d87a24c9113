"""What the instructions of a layer come to: time on each queue, bytes of each memory, energy.

tallies(program, times, layers)[3].queues    busy cycles of LDA, LDW, MXU, VPU, ST in layer 3
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..code import Mark
from ..machine import Machine
from ..order.granules import Granules, union
from ..order.regions import Regions
from ..program import Instruction, Program
from ..sim.event import Times
from .stalls import MXU, VPU
from .usage import LOADS, Usage, Usages

SEGMENT, GRANULE = 16, 16
SILENT = ("sync", "mark", "halt")
"""Instructions that belong to no layer."""


@dataclass
class Tally:
    """A layer; `ports` are bytes by port to DRAM, `bytes` those of local memories whose energy is told."""

    first: int = -1
    last: int = 0
    queues: list[int] = field(default_factory=lambda: [0] * 5)
    shift: int = 0
    read: int = 0
    written: int = 0
    ports: dict[str, int] = field(default_factory=dict[str, int])
    bytes: dict[str, int] = field(default_factory=lambda: {"spad": 0, "wmem": 0, "acc": 0})
    type: str = ""
    """Of its products; "" if it has none."""
    products: list[Instruction] = field(default_factory=list[Instruction])

    def add(self, ins: Instruction, usage: Usage, time: tuple[int, int, int], port: str) -> None:
        """One more instruction, with its (start, busy until, visible)."""
        start, until, visible = time
        self.first = start if self.first < 0 else min(self.first, start)
        self.last = max(self.last, visible)
        self.queues[ins.queue] += until - start
        self.shift += usage.shift
        self.type = usage.type or self.type
        for name in self.bytes:
            self.bytes[name] += getattr(usage, name)
        if usage.dram:
            self.ports[port] = self.ports.get(port, 0) + usage.dram
            if ins.name in LOADS:
                self.read += usage.dram
            else:
                self.written += usage.dram
        if ins.name == "mm":
            self.products.append(ins)

    @property
    def moved(self) -> int:
        """Bytes to and from DRAM."""
        return self.read + self.written

    def dram_cycles(self, machine: Machine) -> int:
        """Cycles that its transfers take their busiest port."""
        across = {port.name: port.bytes_per_cycle for port in machine.ports}
        return max((round(size / across[port]) for port, size in self.ports.items()), default=0)

    def energy(self, machine: Machine, macs: int) -> float:
        """Microjoules."""
        cost = machine.energy
        total = self.moved * cost["dram_byte"] + self.queues[3] * machine.vpu.lanes * cost["vpu_op"]
        total += sum(size * cost[f"{memory}_byte"] for memory, size in self.bytes.items())
        return (total + (macs * cost[f"mac_{self.type}"] if self.type else 0.0)) / 1e6


def tallies(program: Program, times: Sequence[Times], layers: Sequence[int]) -> dict[int, Tally]:
    """By layer; -1 is what stands before the first mark."""
    usages, found = Usages(program), dict[int, Tally]()
    ports = {queue: program.machine.port_of(name)[0] for queue, name in ((0, "lda"), (1, "ldw"), (4, "st"))}
    for ins, time, number in zip(program.text, times, layers, strict=True):
        if ins.name not in SILENT:
            found.setdefault(number, Tally()).add(ins, usages.of(ins), time, ports.get(ins.queue, ""))
    return found


def bytes_once(program: Program, layers: Sequence[int]) -> dict[int, int]:
    """Bytes of DRAM that a layer touches, each once: weights, and what of inputs and outputs does not stay in SPAD."""
    regions, parts = Regions(program), dict[tuple[int, int], list[Granules]]()
    for index, number in enumerate(layers):
        if program.text[index].name in (*LOADS, "st"):
            for access in (*regions.of(index)[0], *regions.of(index)[1]):
                if access.space >= SEGMENT:
                    parts.setdefault((number, access.space), []).append(access.granules)
    found: dict[int, int] = {}
    for (number, _), sets in parts.items():
        whole = union(sets)
        found[number] = found.get(number, 0) + int((whole.stops - whole.starts).sum()) * GRANULE
    return found


@dataclass(frozen=True)
class ArrayTime:
    """When the array is busy."""

    starts: np.ndarray
    stops: np.ndarray

    @classmethod
    def of(cls, program: Program, times: Sequence[Times]) -> "ArrayTime":
        """Of a program."""
        busy = [t[:2] for ins, t in zip(program.text, times, strict=True) if ins.queue == MXU and ins.name == "mm"]
        both = np.array(busy or [(0, 0)], np.int64)
        return cls(both[:, 0], both[:, 1])

    def within(self, start: int, stop: int) -> int:
        """Busy cycles in [start, stop)."""
        inside = np.minimum(self.stops, stop) - np.maximum(self.starts, start)
        return int(inside[inside > 0].sum())


def groups(program: Program) -> dict[int, int]:
    """The first layer of the group that each layer runs in: layers that take turns on the array or the vector unit, as
    those of a cascade by strips do, are one group."""
    found: dict[int, int] = {}
    for queue in (MXU, VPU):
        marks = [ins.d for ins in program.text if ins.name == "mark" and ins.queue == queue]
        last = {number: at for at, number in enumerate(marks)}
        leader, until = -1, -1
        for at, number in enumerate(marks):
            if at > until:
                leader = number
            until = max(until, last[number])
            found[number] = min(found.get(number, leader), leader)
    return {number: _root(found, number) for number in found}


def _root(found: dict[int, int], number: int) -> int:
    while (parent := found.get(number, number)) != number:
        number = parent
    return number


def mark_of(program: Program, number: int) -> Mark:
    """The mark of a layer; of what stands before the first, one without a name."""
    return program.marks[number] if 0 <= number < len(program.marks) else Mark("(none)", (), "", 0)
