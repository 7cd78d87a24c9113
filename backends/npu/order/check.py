"""The checker: finds what can go wrong in a program, exactly and for all timings, without running it.

for finding in check(program):
    print(finding)      E-RACE mm (9, layer conv1.out: conv1, relu1) and ld.a (12, layer conv2.out: conv2) touch
                        spad:0x0..0x400 in no order; add sig/wait mxu -> lda
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..isa import QUEUES
from ..program import NAME_OF_SPACE, Instruction, Program
from .footprint import SEGMENT
from .legal import Legality, beyond
from .regions import Access, Regions
from .run import Conflict, Semaphoring, Verdict, run
from .touch import Touches, touched

RULES = {
    "E-OOB": "a byte lies outside of its memory or segment",
    "E-RACE": "two accesses, one of them a write, by different queues in no order",
    "E-UNINIT": "a read of bytes that nobody wrote",
    "E-DEADLOCK": "queues wait for each other",
    "E-SEM": "a semaphore used by the wrong queue, or whose count overflows or does not come back",
    "E-ENC": "an instruction or descriptor that the machine does not have",
    "W-DEAD": "results that nobody reads",
    "W-SERIAL": "a wait that stalls more than 5 % of all cycles",
}
NODES = 3
"""So many of a layer's ONNX nodes are told."""
LOADED_ROLES = ("input", "weights", "params", "user")
SERIAL = 0.05


@dataclass(frozen=True)
class Finding:
    """What is wrong, where. Instructions by their place in the text (-1: none); bytes from `start` to before `end` of
    `space`; `edge`: the order that a race lacks, as "mxu -> lda"."""

    rule: str
    message: str
    instruction: int = -1
    other: int = -1
    space: str = ""
    start: int = 0
    end: int = 0
    semaphore: str = ""
    edge: str = ""
    layer: str = ""
    nodes: tuple[str, ...] = ()

    @property
    def is_error(self) -> bool:
        """Whether the program may not run; of compiled programs W-DEAD is an error too."""
        return self.rule.startswith("E-")

    def __str__(self) -> str:
        return f"{self.rule} {self.message}"


def check(program: Program, depth: int | None = None) -> list[Finding]:
    """All findings but W-SERIAL; `depth`: entries of a queue, by default the machine's."""
    return _Check(program).run(depth or program.machine.queue_depth)


def errors(program: Program) -> list[Finding]:
    """Findings that a compiled program must not have: errors, and results that nobody reads."""
    return [f for f in check(program) if f.is_error or f.rule == "W-DEAD"]


def serial(program: Program, times: Sequence[tuple[int, int, int]], last: Sequence[tuple[int, int]]) -> list[Finding]:
    """W-SERIAL: waits that keep an idle queue more than 5 % of all cycles; `times` and `last` of a timeline."""
    told, free = _Check(program), [0] * len(QUEUES)
    found, all_cycles = [], max((visible for _, _, visible in times), default=0)
    for index, (ins, (start, busy, _), (arrived, semaphore)) in enumerate(zip(program.text, times, last, strict=True)):
        if ins.queue < 0:
            continue
        stall = min(arrived, start) - free[ins.queue]
        free[ins.queue] = max(busy, free[ins.queue])
        if semaphore and stall > SERIAL * all_cycles:
            name, share = program.sems[semaphore - 1][0], 100 * stall / all_cycles
            text = f"{told.name(index)} waits {stall} cycles for {name}, {share:.1f} % of all"
            found.append(told.finding("W-SERIAL", text, index, semaphore=name))
    return found


@dataclass(eq=False)
class _Check:
    program: Program
    found: list[Finding] = field(default_factory=list)
    _layers: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        spaces = [*NAME_OF_SPACE, *(SEGMENT + s.id for s in self.program.segments)]
        self.sizes = {space: beyond(self.program, space)[1] for space in spaces}

    def run(self, depth: int) -> list[Finding]:
        """Each instruction by itself; then, if the text can be run at all, their order."""
        legality, regions = Legality(self.program), Regions(self.program)
        for index in range(len(self.program.text)):
            if wrong := legality.wrong(index):
                self.add("E-ENC", f"{self.name(index)}: {wrong}", index)
            else:
                self.bounds(index, regions)
        if not self.program.text or self.program.text[-1].name != "halt":
            self.add("E-ENC", "the program does not end with halt")
        self.semaphores()
        if any(f.rule == "E-ENC" for f in self.found):
            return self.found
        touches = touched(regions)
        verdict = run(self.program, touches, self.loaded(touches), depth)
        self.tell(verdict, touches, regions)
        return self.found

    def bounds(self, index: int, regions: Regions) -> None:
        """E-OOB."""
        for access in (a for part in regions.of(index) for a in part):
            if access.end > self.sizes[access.space]:
                name, size = beyond(self.program, access.space)
                text = f"{self.name(index)} goes to {name}:{access.end:#x} of {size:#x}"
                self.add("E-OOB", text, index, space=name, start=size, end=access.end)

    def semaphores(self) -> None:
        """Queues and counts of the declarations."""
        for name, producer, consumer, initial in self.program.sems:
            if producer not in QUEUES or consumer not in QUEUES or not 0 <= initial <= 255:
                text = f"semaphore {name} {producer} -> {consumer} init {initial}: no such queue, or not 0 to 255"
                self.add("E-ENC", text, semaphore=name)

    def loaded(self, touches: Touches) -> "np.ndarray":
        """By atom, whether it is in a segment that the loader fills."""
        spaces = [SEGMENT + s.id for s in self.program.segments if s.data is not None or s.role in LOADED_ROLES]
        return np.isin(touches.spaces, np.array(spaces, np.int64))

    def tell(self, verdict: Verdict, touches: Touches, regions: Regions) -> None:
        """A verdict as findings."""
        for conflict in verdict.races:
            self.race(conflict, touches, regions)
        for index, _, atom in verdict.fresh:
            name, start, end = self.place(touches, atom, regions.of(index)[0], regions.of(index)[0])
            text = f"{self.name(index)} reads {name}:{start:#x}, which nobody wrote"
            self.add("E-UNINIT", text, index, space=name, start=start, end=end)
        for wrong in verdict.semaphores:
            self.semaphore(wrong)
        if verdict.stuck:
            text = "; ".join(f"{self.name(index)} {waits}" for index, waits in verdict.cycle)
            self.add("E-DEADLOCK", text, verdict.cycle[0][0], other=verdict.cycle[-1][0])
        for index in verdict.dead:
            access = regions.of(index)[1][0]
            name, start = beyond(self.program, access.space)[0], access.start * 16
            text = f"{self.name(index)} writes {name}:{start:#x}..{access.end:#x}, of which nobody reads a byte"
            self.add("W-DEAD", text, index, space=name, start=start, end=access.end)

    def race(self, conflict: Conflict, touches: Touches, regions: Regions) -> None:
        """E-RACE; the order that lacks is that of the text."""
        index, other = max(conflict[:2]), min(conflict[:2])
        mine, theirs = ([a for part in regions.of(i) for a in part] for i in (index, other))
        name, start, end = self.place(touches, conflict.atom, mine, theirs)
        first, then = (QUEUES[self.program.text[i].queue] for i in (other, index))
        both = f"{self.name(other)} and {self.name(index)}"
        text = f"{both} touch {name}:{start:#x}..{end:#x} in no order; add sig/wait {first} -> {then}"
        self.add("E-RACE", text, index, other=other, space=name, start=start, end=end, edge=f"{first} -> {then}")

    def place(
        self, touches: Touches, atom: int, mine: Sequence[Access], theirs: Sequence[Access]
    ) -> tuple[str, int, int]:
        """The memory of an atom, and from its first byte on what both have."""
        space, byte = touches.place(atom)
        start = byte // 16
        ends = [
            int(g.stops[np.searchsorted(g.starts, start, "right") - 1])
            for part in (mine, theirs)
            for g in (a.granules for a in part if a.space == space)
        ]
        return beyond(self.program, space)[0], byte, 16 * min((e for e in ends if e > start), default=start + 1)

    def semaphore(self, wrong: Semaphoring) -> None:
        """E-SEM."""
        name, producer, consumer, _ = self.program.sems[wrong.semaphore - 1]
        where = "" if wrong.instruction < 0 else f" at {self.name(wrong.instruction)}"
        edge = f"{producer} -> {consumer}"
        self.add("E-SEM", f"{name} ({edge}){where}: {wrong.text}", wrong.instruction, semaphore=name, edge=edge)

    def name(self, index: int) -> str:
        """An instruction as a person finds it: its number, layer and the first of the layer's ONNX nodes."""
        number, where = self.mark(index), ""
        if 0 <= number < len(self.program.marks):
            mark = self.program.marks[number]
            nodes = ", ".join((*mark.nodes[:NODES], *(("..",) if len(mark.nodes) > NODES else ())))
            where = f", layer {mark.layer}{': ' if nodes else ''}{nodes}"
        return f"{mnemonic(self.program.text[index])} ({index}{where})"

    def layer(self, index: int) -> str:
        """The layer of an instruction."""
        number = self.mark(index)
        return self.program.marks[number].layer if 0 <= number < len(self.program.marks) else ""

    def mark(self, index: int) -> int:
        """The number of an instruction's mark."""
        if not self._layers:
            self._layers = self.program.layers()
        return self._layers[index] if index >= 0 else -1

    def finding(self, rule: str, message: str, index: int = -1, **more: object) -> Finding:
        """A finding with the layer of its instruction."""
        number = self.mark(index)
        nodes = self.program.marks[number].nodes if 0 <= number < len(self.program.marks) else ()
        return Finding(rule, message, index, layer=self.layer(index), nodes=nodes, **more)  # pyright: ignore[reportArgumentType]

    def add(self, rule: str, message: str, index: int = -1, **more: object) -> None:
        """Keep a finding."""
        self.found.append(self.finding(rule, message, index, **more))


def mnemonic(ins: Instruction) -> str:
    """The mnemonic, of whatever stands in the text."""
    try:
        return ins.mnemonic
    except (KeyError, ValueError):
        return ins.name
