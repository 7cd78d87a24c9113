"""Waits and signals for operations in an order that is right when they run one by one.

    ld.a x=spad:0                  ld.a x=spad:0 sig(lda_mxu)
    mm x=spad:0, z=acc:0      -->  mm x=spad:0, z=acc:0 wait(lda_mxu) sig(mxu_vpu, mxu_lda)
    v.rq x=acc:0                   v.rq x=acc:0 wait(mxu_vpu)
    ld.a x=spad:0                  ld.a x=spad:0 wait(mxu_lda)

Dependences are found by address, those that other tokens already imply are dropped. One semaphore for each ordered pair
of queues is enough: after dropping, the tokens of a pair come in the same order on both sides. What a dropped token
would have waited for, the in-order queue has waited for already, so nothing overlaps less.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..code import Code, Op
from ..emit.encode import encode
from ..isa import QUEUES
from ..machine import Machine
from .granules import Ints
from .regions import Regions
from .touch import Touches, touched
from .unread import unread

INLINE = 2
"""Waits, and signals, that an instruction holds."""
MOST, RUN_AHEAD = 255, 100
"""What a counter holds; how many tokens a producer may be ahead of what it knows to be taken when it begins to ask."""
Pair = tuple[int, int]
Clock = tuple[int, int, int, int, int]
Need = list[int]
"""By queue the place, from 1, of the latest of its operations that has to be over; 0 for none."""


@dataclass(frozen=True)
class Tokens:
    """By operation the pairs (producer, consumer) whose semaphores it waits for and signals; at most four each."""

    waits: list[list[Pair]]
    signals: list[list[Pair]]
    pairs: list[Pair]


@dataclass(eq=False)
class _Traffic:
    """The tokens of a pair so far: the consumer's operations that wait, and their places."""

    waiters: list[int] = field(default_factory=list)
    took: list[int] = field(default_factory=list)
    known: int = 0


class _Overflow(Exception):
    """More tokens than a counter holds: operation `at` has to wait for `place` of `queue`."""

    def __init__(self, at: int, queue: int, place: int):
        super().__init__(f"operation {at} has to wait for place {place} of queue {queue}")
        self.at, self.queue, self.place = at, queue, place


def synchronise(code: Code, machine: Machine) -> None:
    """Give a placed code its semaphores, waits and signals, and the `sync` operations that hold what does not fit.
    Those that it had are replaced; what nobody reads is dropped."""
    code.ops, code.sems = [op for op in code.ops if not op.name.startswith("sync.")], []
    for op in code.ops:
        op.waits = op.signals = ()
    program = encode(code, machine, marks=False, data=False)
    queues, touches = [ins.queue for ins in program.text if ins.queue >= 0], touched(Regions(program))
    if gone := unread(program.text, [op.layer for op in code.ops], touches):
        kept = [index for index in range(len(queues)) if index not in gone]
        code.ops, queues = [code.ops[i] for i in kept], [queues[i] for i in kept]
        touches = replace(touches, reads=[touches.reads[i] for i in kept], writes=[touches.writes[i] for i in kept])
    placed = tokens(queues, touches)
    code.sems = [(f"{QUEUES[p]}_{QUEUES[q]}", QUEUES[p], QUEUES[q], 0) for p, q in placed.pairs]
    number = {pair: n for n, pair in enumerate(placed.pairs, 1)}
    ops: list[Op] = []
    for op, queue, waits, signals in zip(code.ops, queues, placed.waits, placed.signals, strict=True):
        taken, sent = ([number[pair] for pair in pairs] for pairs in (waits, signals))
        name = f"sync.{QUEUES[queue]}"
        if early := taken[:-INLINE]:
            ops.append(Op(name, layer=op.layer, waits=tuple(early)))
        op.waits, op.signals = tuple(taken[-INLINE:]), tuple(sent[:INLINE])
        ops.append(op)
        if late := sent[INLINE:]:
            ops.append(Op(name, layer=op.layer, signals=tuple(late)))
    code.ops = ops


def tokens(queues: Sequence[int], touches: Touches) -> Tokens:
    """The tokens of operations on these queues with these accesses."""
    forced: dict[int, Need] = {}
    while True:
        try:
            return _Placing(queues, forced).run(touches)
        except _Overflow as found:
            need = forced.setdefault(found.at, [0] * 5)
            need[found.queue] = max(need[found.queue], found.place)


@dataclass(eq=False)
class _Placing:
    """One walk over the operations. A clock says, by queue, how many of its operations are known to be over."""

    queues: Sequence[int]
    forced: dict[int, Need]
    order: list[list[int]] = field(default_factory=lambda: [[] for _ in QUEUES])
    clock: list[list[int]] = field(default_factory=lambda: [[0] * 5 for _ in QUEUES])
    at_end: list[Clock] = field(default_factory=list)
    traffic: dict[Pair, _Traffic] = field(default_factory=dict)

    def run(self, touches: Touches) -> Tokens:
        """The tokens; _Overflow if a counter could not hold them."""
        last = np.zeros((touches.count, 10), np.int32)  # by atom: place of the last write, then read, of each queue
        size = len(self.queues)
        placed = Tokens([[] for _ in range(size)], [[] for _ in range(size)], [])
        for index, queue in enumerate(self.queues):
            reads, writes = touches.reads[index], touches.writes[index]
            for producer, earlier in self.kept(queue, self.needed(index, queue, last, reads, writes)):
                pair = producer, queue
                placed.signals[earlier].append(pair)
                placed.waits[index].append(pair)
                self.count(pair, earlier, index)
                self.clock[queue] = list(map(max, self.clock[queue], self.at_end[earlier]))
            self.order[queue].append(index)
            place = self.clock[queue][queue] = len(self.order[queue])
            self.at_end.append(tuple(self.clock[queue]))  # pyright: ignore[reportArgumentType]
            last[reads, 5 + queue] = place
            last[writes, queue] = place
        placed.pairs.extend(sorted(self.traffic))
        return placed

    def needed(self, index: int, queue: int, last: "np.ndarray", reads: Ints, writes: Ints) -> Need:
        """What has to be over before an operation starts: writes of what it touches, reads of what it writes."""
        need = list(self.forced.get(index, (0,) * 5))
        if len(reads):
            need = list(map(max, need, last[reads, :5].max(axis=0).tolist()))
        if len(writes):
            before = last[writes].max(axis=0).tolist()
            need = list(map(max, need, before[:5], before[5:]))
        return self.paced(queue, need)

    def paced(self, producer: int, need: Need) -> Need:
        """A producer far ahead of what it knows its consumers to have taken waits for one of them: a back edge."""
        for consumer in range(5):
            if (pair := self.traffic.get((producer, consumer))) and len(pair.took) - pair.known > 2 * RUN_AHEAD:
                pair.known = bisect_right(pair.took, self.clock[producer][consumer])
                if len(pair.took) - pair.known > 2 * RUN_AHEAD:
                    need[consumer] = max(need[consumer], pair.took[-RUN_AHEAD])
        return need

    def kept(self, queue: int, need: Need) -> list[tuple[int, int]]:
        """Producers and operations to wait for: those not known to be over, nor implied by another of them."""
        clock = self.clock[queue]
        new = [(p, self.order[p][n - 1]) for p, n in enumerate(need) if p != queue and n > clock[p]]
        return [(p, j) for p, j in new if not any(r != p and self.at_end[k][p] >= need[p] for r, k in new)]

    def count(self, pair: Pair, earlier: int, index: int) -> None:
        """A token more. When its producer signals, the tokens not known to be taken must fit the counter; if too many
        are taken only later in the program, the first who takes one waits for this producer instead."""
        producer, consumer = pair
        found = self.traffic.setdefault(pair, _Traffic())
        found.waiters.append(index)
        found.took.append(len(self.order[consumer]) + 1)
        if len(found.took) <= MOST:
            return
        if len(found.took) - bisect_right(found.took, self.at_end[earlier][consumer]) <= MOST:
            return
        at = found.waiters[bisect_right(found.waiters, earlier)]
        before = bisect_right(self.order[producer], at)
        raise _Overflow(at, producer, max(self.at_end[earlier][producer], before - RUN_AHEAD))
