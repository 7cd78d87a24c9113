"""Event simulation: five in-order queues, semaphores, a dispatcher, transfers that share DRAM ports fairly.

found = timeline(program)
found.times[5]      -> (776, 1288, 1350): start, busy until, result visible
found.last[5]       -> (744, 1): when the last token that it took arrived, and the semaphore's number (0, 0 for none)
found.dram          -> [(4.0, (25.6, 0.0, 0.0)), ..]: from then on bytes per cycle of the flows of lda, ldw, st

All times are integers but those of flows. A transfer is a flow on its queue's port; the flows of a port share its bytes
per cycle equally at every moment.
"""

from dataclasses import dataclass, field
from math import ceil, inf

from ..isa import QUEUES
from ..machine import Machine
from ..program import Program
from .banks import conflicts
from .pace import Pace, Transfer, paces

FLOWS = ("lda", "ldw", "st")
FLOW_QUEUES = tuple(QUEUES.index(name) for name in FLOWS)
Times = tuple[int, int, int]


class TimingError(ValueError):
    """A program that comes to a stop before its end; names the instructions that wait for ever."""


@dataclass(frozen=True)
class Timeline:
    """When every instruction of a program ran. `halt` runs when all the others are visible."""

    times: list[Times]
    last: list[tuple[int, int]]
    dram: list[tuple[float, tuple[float, float, float]]]
    conflicts: int | None = None
    """Cycles that instructions took longer for the banks of SPAD; None where they were not counted."""

    @property
    def cycles(self) -> int:
        """Until the last result is visible."""
        return max((visible for _, _, visible in self.times), default=0)


def timeline(program: Program, machine: Machine | None = None, *, banked: bool = False) -> Timeline:
    """Run a program's clock, on `machine` instead of its own if given; `banked`: with conflicts of SPAD's banks.
    TimingError if it comes to a stop, EncodeError for an instruction that the program's machine does not have."""
    m = machine or program.machine
    run = _Run(program, m, paces(program, m, banked=banked))
    run.go()
    return Timeline(run.times(), run.last, run.dram, sum(conflicts(program, m)) if banked else None)


@dataclass(eq=False)
class _Flow:
    """A transfer under way; what was left of it when its speed last changed."""

    index: int
    left: float
    port: int
    since: float
    speed: float = 0.0


@dataclass(eq=False)
class _Run:
    program: Program
    m: Machine
    pace: list[Pace | Transfer]
    last: list[tuple[int, int]] = field(default_factory=list)
    dram: list[tuple[float, tuple[float, float, float]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        text = self.program.text
        self.code = [(ins.queue, ins.waits, ins.signals) for ins in text if ins.queue >= 0]
        size = len(self.code)
        self.order: list[list[int]] = [[] for _ in QUEUES]
        self.slot = [-1] * size
        for index, (queue, _, _) in enumerate(self.code):
            entered = self.order[queue]
            if len(entered) >= self.m.queue_depth:
                self.slot[index] = entered[-self.m.queue_depth]
            entered.append(index)
        self.start, self.busy, self.seen, self.entered = ([-1] * size for _ in range(4))
        self.last = [(0, 0)] * len(text)
        self.head, self.free, self.visible = [0] * 5, [0] * 5, [0] * 5
        self.ready: list[float] = [inf] * 5
        self.arrivals: list[list[int]] = [[]] + [[0] * initial for _, _, _, initial in self.program.sems]
        self.taken = [0] * len(self.arrivals)
        self.consumer = [-1] + [QUEUES.index(c) for _, _, c, _ in self.program.sems]
        self.ports = [p.bytes_per_cycle for p in self.m.ports]
        self.port_of = [next(i for i, p in enumerate(self.m.ports) if name in p.queues) for name in FLOWS]
        self.flows: dict[int, _Flow] = {}
        self.dispatched = 0

    def go(self) -> None:
        """Until nothing can start any more."""
        ready = self.ready
        self.dispatch()
        while True:
            time, queue = ready[0], 0
            for other in (1, 2, 3, 4):
                if ready[other] < time:
                    time, queue = ready[other], other
            if self.flows:
                end, first = min((f.since + f.left / f.speed, q) for q, f in self.flows.items())
                if end <= time:
                    self.end_flow(first, end)
                    continue
            if time == inf:
                break
            self.begin(queue, int(time))
        if stuck := [o[h] for o, h in zip(self.order, self.head, strict=True) if h < len(o)]:
            names = ", ".join(f"{i} ({self.program.text[i].name})" for i in sorted(stuck))
            raise TimingError(f"the program comes to a stop: instructions {names} wait for ever")

    def dispatch(self) -> None:
        """In program order, while the queue of the next instruction has room."""
        at, width, slot, start, entered = (
            self.dispatched,
            self.m.dispatch_per_cycle,
            self.slot,
            self.start,
            self.entered,
        )
        size = len(slot)
        while at < size:
            gives = slot[at]
            if gives >= 0 and start[gives] < 0:
                break
            when = entered[at - 1] if at else 0
            if at >= width and entered[at - width] + 1 > when:
                when = entered[at - width] + 1
            if gives >= 0 and start[gives] > when:
                when = start[gives]
            entered[at] = when
            queue = self.code[at][0]
            at += 1
            self.dispatched = at
            if self.order[queue][self.head[queue]] == at - 1:
                self.look(queue)

    def look(self, queue: int) -> None:
        """When the head of a queue can start, under what is known now."""
        self.ready[queue] = inf
        if self.head[queue] >= len(self.order[queue]) or queue in self.flows:
            return
        index = self.order[queue][self.head[queue]]
        time, arrived, pace = self.entered[index], (0, 0), self.pace[index]
        if time < 0:
            return
        waits = self.code[index][1]
        for nth, semaphore in enumerate(waits):
            at = self.taken[semaphore] + waits[:nth].count(semaphore)
            if at >= len(self.arrivals[semaphore]):
                return
            arrived = max(arrived, (self.arrivals[semaphore][at], semaphore))
        self.last[index] = arrived
        time = max(time, arrived[0]) + pace.pre
        if pace.after >= 0 and self.seen[pace.after] > time:
            time = self.seen[pace.after]
        self.ready[queue] = max(time, self.free[queue])

    def begin(self, queue: int, time: int) -> None:
        """The head of a queue starts."""
        index = self.order[queue][self.head[queue]]
        pace = self.pace[index]
        self.head[queue] += 1
        self.start[index] = time
        for semaphore in self.code[index][1]:
            self.taken[semaphore] += 1
        if isinstance(pace, Transfer):
            self.flows[queue] = _Flow(index, pace.bytes, self.port_of[FLOW_QUEUES.index(queue)], time)
            self.ready[queue] = inf
            self.share(time)
        else:
            self.finish(index, queue, time + pace.busy, time + pace.done)
        if self.dispatched < len(self.slot) and self.slot[self.dispatched] == index:
            self.dispatch()

    def finish(self, index: int, queue: int, busy: int, visible: int) -> None:
        """The unit is free at `busy`; results become visible in order."""
        self.free[queue] = self.busy[index] = busy
        self.visible[queue] = self.seen[index] = visible = max(visible, self.visible[queue])
        for semaphore in self.code[index][2]:
            self.arrivals[semaphore].append(visible)
            if (consumer := self.consumer[semaphore]) != queue:
                self.look(consumer)
        self.look(queue)

    def end_flow(self, queue: int, end: float) -> None:
        """A transfer has moved its last byte."""
        flow = self.flows.pop(queue)
        pace = self.pace[flow.index]
        assert isinstance(pace, Transfer)
        busy = ceil(end - 1e-6) + pace.runs * self.m.dma.row_overhead
        self.share(end)
        self.finish(flow.index, queue, busy, busy + self.m.latency)

    def share(self, now: float) -> None:
        """Flows have come or gone: every flow gets its part of its port."""
        ports = [f.port for f in self.flows.values()]
        for flow in self.flows.values():
            flow.left -= (now - flow.since) * flow.speed
            flow.since, flow.speed = now, self.ports[flow.port] / ports.count(flow.port)
        speeds = {q: f.speed for q, f in self.flows.items()}
        lda, ldw, st = (speeds.get(q, 0.0) for q in FLOW_QUEUES)
        self.dram.append((now, (lda, ldw, st)))

    def times(self) -> list[Times]:
        """Of all instructions, `halt` too."""
        found = list(zip(self.start, self.busy, self.seen, strict=True))
        end = max(self.seen, default=0)
        return found + [(end, end, end)] * (len(self.program.text) - len(found))
