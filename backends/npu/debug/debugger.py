"""A program under observation: instruction by instruction in the order in which they start, with breakpoints, watched
bytes, a reference to compare each layer with, and steps backwards.

debugger = Debugger(program, load=lambda sim: sim.segments[0].__setitem__(slice(None), image))
debugger.run()           -> "wmem:0x40 changed"        the reason why it stopped; "the end"
debugger.back(1)

A step back runs the program again from its beginning; values do not depend on time, so it gets there.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from ....dialects.npu._meaning import Numbers
from ..isa import QUEUES
from ..order.regions import Regions
from ..program import Instruction, Program
from ..sim.event import TimingError, timeline
from ..sim.functional import Functional
from ..sim.memory import Memory
from ..sim.tensors import Tensors

Load = Callable[[Functional], None]
Reference = Callable[[str], Numbers | None]
"""The stored numbers [images, rows, columns, channels] that a tensor should have, by its name; None: not known."""
END = "the end"


class DebugError(ValueError):
    """A question that makes no sense for this program."""


@dataclass(frozen=True)
class Difference:
    """The first tensor that is not the reference's: how many of its elements, the first of them, who made that."""

    tensor: str
    layer: str
    count: int
    size: int
    index: tuple[int, ...]
    expected: float
    found: float
    makers: tuple[int, ...]

    def __str__(self) -> str:
        made = ", ".join(map(str, self.makers)) or "nobody"
        return (
            f"{self.tensor} of layer {self.layer} differs in {self.count} of {self.size} elements, first at "
            f"{list(self.index)}: expected {self.expected:g}, found {self.found:g}, made by instruction {made}"
        )


@dataclass
class Watch:
    """Bytes that are looked at after every instruction."""

    memory: str
    at: int
    size: int
    seen: bytes = b""


@dataclass
class Stops:
    """Where to stop: before instructions, before the first instruction of layers, after what uses semaphores."""

    instructions: set[int] = field(default_factory=set)
    layers: set[str] = field(default_factory=set)
    semaphores: set[str] = field(default_factory=set)
    watches: list[Watch] = field(default_factory=list)


class Debugger:
    """`done` instructions of `order` have run; the next is `next`."""

    def __init__(
        self,
        program: Program,
        load: Load | None = None,
        reference: Reference | None = None,
        tolerance: float = 0.0,
    ):
        self.program, self.load, self.reference, self.tolerance = program, load, reference, tolerance
        self.order, self.times = started(program)
        self.stops, self.layer_of, self.regions = Stops(), program.layers(), Regions(program)
        self.done, self.difference = 0, None
        self.sim, self.tensors = self._fresh()

    def _fresh(self) -> tuple[Functional, Tensors]:
        sim = Functional(self.program)
        if self.load is not None:
            self.load(sim)
        return sim, Tensors(sim)

    @property
    def next(self) -> int | None:
        """The number of the instruction that runs next; None at the end."""
        return self.order[self.done] if self.done < len(self.order) else None

    def instruction(self, number: int) -> Instruction:
        """An instruction; DebugError."""
        if not 0 <= number < len(self.program.text):
            raise DebugError(f"no instruction {number}; there are {len(self.program.text)}")
        return self.program.text[number]

    def layer(self, number: int) -> str:
        """The name of an instruction's layer; "" before the first mark."""
        mark = self.layer_of[number]
        return self.program.marks[mark].layer if 0 <= mark < len(self.program.marks) else ""

    def step(self) -> str:
        """Execute the next instruction; why to stop, "" if there is no reason. SimulationError."""
        number = self.next
        if number is None:
            return END
        self.sim.step(number)
        self.done += 1
        return self._changed() or self._semaphore(number) or self._compared(self.tensors.after(number))

    def run(self) -> str:
        """Execute until there is a reason to stop, at least one instruction; the reason. SimulationError."""
        while not (reason := self.step()):
            if (number := self.next) is not None and (reason := self._before(number)):
                return reason
        return reason

    def back(self, count: int = 1) -> None:
        """Undo that many steps; nothing that would stop on the way does."""
        target = max(self.done - count, 0)
        self.sim, self.tensors = self._fresh()
        self.difference = None
        for number in self.order[:target]:
            self.sim.step(number)
            self.tensors.after(number)
        self.done = target
        self._changed()

    def _before(self, number: int) -> str:
        if number in self.stops.instructions:
            return f"instruction {number}"
        layer = self.layer(number)
        begins = layer in self.stops.layers and all(self.layer(n) != layer for n in self.order[: self.done])
        return f"layer {layer}" if begins else ""

    def _changed(self) -> str:
        reason = ""
        for watch in self.stops.watches:
            now = self.memory(watch.memory).data[watch.at : watch.at + watch.size].tobytes()
            if now != watch.seen:
                reason = reason or f"{watch.memory}:{watch.at:#x} changed"
                watch.seen = now
        return reason

    def _semaphore(self, number: int) -> str:
        ins, sems = self.instruction(number), self.program.sems
        names = [sems[n - 1][0] for n in (*ins.waits, *ins.signals)]
        used = next((n for n in names if n in self.stops.semaphores), None)
        return f"semaphore {used}" if used else ""

    def _compared(self, name: str) -> str:
        expected = self.reference(name) if name and self.reference is not None else None
        if expected is None:
            return ""
        found = self.tensors[name]
        if expected.shape != found.shape:
            raise DebugError(f"{name}: expected a reference of shape {list(found.shape)}, found {list(expected.shape)}")
        off = np.abs(found.astype(np.float64) - expected.astype(np.float64))
        wrong = ~(off <= self.tolerance * _unit(expected))
        if not wrong.any():
            return ""
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        layer = next((m.layer for m in self.program.marks if m.out == name), "")
        makers = tuple(self.tensors.makers(name, index))
        count, size = int(wrong.sum()), found.size
        values = float(expected[index]), float(found[index])
        self.difference = Difference(name, layer, count, size, index, *values, makers)
        return str(self.difference)

    def memory(self, name: str) -> Memory:
        """A local memory, or a segment of DRAM, by name; DebugError."""
        if (found := self.sim.spaces.get(name)) is None:
            raise DebugError(f"no memory {name!r}; there is {', '.join(self.sim.spaces)}")
        return found

    def watch(self, name: str, at: int, size: int) -> None:
        """Stop when these bytes change; DebugError."""
        memory = self.memory(name)
        if size < 1 or not 0 <= at <= memory.size - size:
            raise DebugError(f"{name}:{at:#x}+{size}: there are {memory.size:#x} bytes")
        self.stops.watches.append(Watch(name, at, size, memory.data[at : at + size].tobytes()))

    def counts(self) -> list[int]:
        """What each semaphore stands at, in the order of the program's."""
        found = [init for _, _, _, init in self.program.sems]
        for number in self.order[: self.done]:
            ins = self.program.text[number]
            for n in ins.waits:
                found[n - 1] -= 1
            for n in ins.signals:
                found[n - 1] += 1
        return found

    def heads(self) -> dict[str, int | None]:
        """The instruction that runs next on each queue."""
        found: dict[str, int | None] = dict.fromkeys(QUEUES)
        for number in reversed(self.order[self.done :]):
            queue = self.program.text[number].queue
            if queue >= 0:
                found[QUEUES[queue]] = number
        return found

    def writer(self, space: int, granules: Iterable[int], until: int | None = None) -> int | None:
        """The last executed instruction that wrote one of these granules of a memory (1 to 4, 16 + n for segment n);
        `until`: before that instruction ran."""
        wanted = np.fromiter(granules, np.int64)
        past = self.order[: self.done if until is None else self.order.index(until)]
        for number in reversed(past):
            for access in self.regions.of(number)[1]:
                if access.space == space and np.isin(wanted, access.granules.array()).any():
                    return number
        return None

    def sources(self, number: int) -> list[int]:
        """The instructions that wrote what an instruction reads, the last one for each operand."""
        found = [self.writer(a.space, a.granules.array(), number) for a in self.regions.of(number)[0]]
        return sorted({n for n in found if n is not None})


def _unit(expected: Numbers) -> float:
    """What a tolerance counts in: steps of integers, the largest magnitude of floats."""
    return 1.0 if expected.dtype.kind in "iu" else float(np.abs(expected.astype(np.float64)).max(initial=0.0))


def started(program: Program) -> tuple[list[int], list[int]]:
    """Instructions in the order in which they start, and when each does; in program order, without times, where the
    program comes to a stop."""
    numbers = list(range(len(program.text)))
    try:
        times = [start for start, _, _ in timeline(program).times]
    except TimingError:
        return numbers, []
    return sorted(numbers, key=lambda n: times[n]), times
