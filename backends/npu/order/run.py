"""One abstract run of a program, which decides for all timings: who touches what in which order, by vector clocks.

Every semaphore has one producer and one consumer queue, so its k-th signal meets its k-th wait whatever the timing, and
any feasible schedule gives the same verdict. A clock says, by queue, how many of its instructions are known to be over.
"""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..isa import QUEUES
from ..program import Program
from .granules import Ints
from .touch import Touches

MOST = 255
"""What a semaphore's counter holds."""
FRESH, LOADED = 1 << 30, -1
"""Who wrote an atom, if no instruction did: nobody, the loader."""
WRITER, ANY = 10, [FRESH] * 5
"""The column of the last writer; what no place is above."""


class Conflict(NamedTuple):
    """An instruction reads or writes `atom`; of a race `other` is not ordered with it, else -1."""

    instruction: int
    other: int
    atom: int


class Semaphoring(NamedTuple):
    """What is wrong with semaphore number `semaphore`: at an instruction, or at the end since that one (-1: none)."""

    instruction: int
    semaphore: int
    text: str


@dataclass(eq=False)
class Verdict:
    """What the run found. `dead`: instructions none of whose writes anybody reads."""

    races: list[Conflict] = field(default_factory=list)
    fresh: list[Conflict] = field(default_factory=list)
    semaphores: list[Semaphoring] = field(default_factory=list)
    stuck: list[int] = field(default_factory=list)
    cycle: list[tuple[int, str]] = field(default_factory=list)
    """Of those who wait for each other: an instruction and for what it waits."""
    dead: list[int] = field(default_factory=list)


def run(program: Program, touches: Touches, loaded: Ints, depth: int) -> Verdict:
    """Run a program whose waits and signals name semaphores that exist; `loaded`: by atom, whether the loader filled
    it; `depth`: entries of a queue."""
    walk = _Walk(program, touches, loaded, depth)
    walk.go()
    return walk.verdict


@dataclass(eq=False)
class _Walk:
    program: Program
    touches: Touches
    loaded: Ints
    depth: int
    verdict: Verdict = field(default_factory=Verdict)

    def __post_init__(self) -> None:
        sems = self.program.sems
        self.code = [(ins.queue, ins.waits, ins.signals) for ins in self.program.text if ins.queue >= 0]
        self.order: list[list[int]] = [[] for _ in QUEUES]
        for index, (queue, _, _) in enumerate(self.code):
            self.order[queue].append(index)
        self.head, self.inside, self.next = [0] * 5, [0] * 5, 0
        self.clock = [[0] * 5 for _ in QUEUES]
        # by atom: the place of the last write, then of the last read, of each queue; the last writer
        self.last = np.zeros((self.touches.count, 11), np.int32)
        self.last[:, WRITER] = np.where(self.loaded, LOADED, FRESH)
        self.used = np.zeros(len(self.program.text) + 1, bool)  # the last stands for LOADED
        self.tokens: list[deque[list[int]]] = [deque()] + [deque([[0] * 5] * init) for _, _, _, init in sems]
        self.sent = [0] + [init for _, _, _, init in sems]
        self.took: list[list[int]] = [[] for _ in self.tokens]
        self.ends = [(-1, -1)] + [(QUEUES.index(p), QUEUES.index(c)) for _, p, c, _ in sems]

    def go(self) -> None:
        """Every queue as far as it comes, until none moves."""
        self.dispatch()
        moved = True
        while moved:
            moved = False
            for queue in range(5):
                while (index := self.able(queue)) >= 0:
                    self.step(queue, index)
                    moved = True
        self.close()

    def dispatch(self) -> None:
        """In program order, while the queue of the next instruction has room."""
        at, inside, code = self.next, self.inside, self.code
        while at < len(code) and inside[code[at][0]] < self.depth:
            inside[code[at][0]] += 1
            at += 1
        self.next = at

    def able(self, queue: int) -> int:
        """The head of a queue if it can start, else -1."""
        order, head = self.order[queue], self.head[queue]
        if head == len(order) or (index := order[head]) >= self.next:
            return -1
        waits = self.code[index][1]
        return index if all(len(self.tokens[w]) >= waits.count(w) for w in waits) else -1

    def step(self, queue: int, index: int) -> None:
        """The head of a queue runs."""
        _, waits, signals = self.code[index]
        clock = self.clock[queue]
        self.head[queue] += 1
        self.inside[queue] -= 1
        clock[queue] += 1
        for semaphore in waits:
            if self.ends[semaphore][1] != queue:
                self.verdict.semaphores.append(Semaphoring(index, semaphore, "not its consumer queue"))
            clock[:] = map(max, clock, self.tokens[semaphore].popleft())
            self.took[semaphore].append(clock[queue])
        self.touch(index, queue, clock)
        for semaphore in signals:
            self.signal(index, queue, semaphore, clock)
        if self.next < len(self.code) and self.code[self.next][0] == queue:
            self.dispatch()

    def signal(self, index: int, queue: int, semaphore: int, clock: list[int]) -> None:
        """Send a token; waits of the consumer that are not known to be over may come later."""
        producer, consumer = self.ends[semaphore]
        if producer != queue:
            self.verdict.semaphores.append(Semaphoring(index, semaphore, "not its producer queue"))
        self.sent[semaphore] += 1
        self.tokens[semaphore].append(list(clock))
        if self.sent[semaphore] > MOST:
            known = bisect_right(self.took[semaphore], clock[consumer])
            if self.sent[semaphore] - known > MOST:
                text = f"{self.sent[semaphore] - known} tokens may be outstanding, {MOST} fit"
                self.verdict.semaphores.append(Semaphoring(index, semaphore, text))

    def touch(self, index: int, queue: int, clock: list[int]) -> None:
        """Compare an instruction's accesses with who touched the same before."""
        reads, writes = self.touches.reads[index], self.touches.writes[index]
        last = self.last
        if len(reads):
            before = last[reads]
            seen = before > [*clock, *ANY, FRESH - 1]
            writers = before[:, WRITER]
            if seen.any():
                self.race(index, reads, seen[:, :WRITER])
                if (fresh := reads[seen[:, WRITER]]).size:
                    self.verdict.fresh.append(Conflict(index, -1, int(fresh[0])))
                    writers = writers[writers != FRESH]
            self.used[writers] = True
            last[reads, 5 + queue] = clock[queue]
        if len(writes):
            seen = last[writes] > [*clock, *clock, FRESH]
            if seen.any():
                self.race(index, writes, seen)
            last[writes, queue] = clock[queue]
            last[writes, WRITER] = index

    def race(self, index: int, atoms: Ints, seen: "np.ndarray") -> None:
        """One conflict for every queue that is not ordered before."""
        for column in np.flatnonzero(seen.any(axis=0)).tolist():
            atom = int(atoms[seen[:, column]][0])
            other = self.order[column % 5][int(self.last[atom, column]) - 1]
            conflict = Conflict(index, other, atom)
            if all(c[:2] != conflict[:2] for c in self.verdict.races[-5:]):
                self.verdict.races.append(conflict)

    def close(self) -> None:
        """What is left: blocked queues, or counts that are not the initial ones; writes that nobody read."""
        found = self.verdict
        found.stuck = sorted(o[h] for o, h in zip(self.order, self.head, strict=True) if h < len(o))
        if found.stuck:
            found.cycle = self.wait_cycle()
            return
        for number, (_, _, _, initial) in enumerate(self.program.sems, 1):
            if (count := len(self.tokens[number])) != initial:
                users = [i for i, (_, w, s) in enumerate(self.code) if number in (*w, *s)]
                text = f"{count} at halt, {initial} at the start"
                found.semaphores.append(Semaphoring(users[-1] if users else -1, number, text))
        local = self.touches.spaces < 16
        for index, writes in enumerate(self.touches.writes):
            if len(writes) and not self.used[index] and local[writes].all():
                found.dead.append(index)

    def wait_cycle(self) -> list[tuple[int, str]]:
        """Who waits for whom, from one blocked queue on until somebody comes again."""
        queue = next(q for q in range(5) if self.head[q] < len(self.order[q]))
        seen: list[int] = []
        told: list[tuple[int, str]] = []
        while queue not in seen:
            seen.append(queue)
            index = self.order[queue][self.head[queue]]
            if index >= self.next:
                queue = self.code[self.next][0]
                told.append((index, f"is not dispatched: queue {QUEUES[queue]} is full"))
                continue
            waits = self.code[index][1]
            blocked = next(w for w in waits if len(self.tokens[w]) < waits.count(w))
            name, producer, consumer, _ = self.program.sems[blocked - 1]
            queue, wait = self.ends[blocked][0], f"waits for {name} ({producer} -> {consumer})"
            if not any(blocked in self.code[i][2] for i in self.order[queue][self.head[queue] :]):
                told.append((index, f"{wait}, which {producer} does not signal any more; add sig"))
                break
            told.append((index, wait))
        return told
