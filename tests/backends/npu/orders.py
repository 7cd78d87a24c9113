"""What tokens order, found by another way than the checker's: sets of instructions that are over, and legal runs.

order = Order(program, conflicts(program))
order.stuck        instructions that never start
order.unordered    pairs that touch the same bytes, one of them writing, in no order
"""

from collections import deque
from collections.abc import Iterator

import numpy as np
from aic.backends.npu.isa import QUEUES
from aic.backends.npu.order.regions import accesses
from aic.backends.npu.program import Program

Pairs = np.ndarray
"""A square matrix of truths: instruction by instruction."""


def conflicts(program: Program) -> Pairs:
    """Instructions of different queues that touch a granule of a memory in common, one of them writing it."""
    touched: list[list[set[tuple[int, int]]]] = [[], []]
    for index in range(len(program.text)):
        for found, part in zip(touched, accesses(program, index), strict=True):
            found.append({(space, g) for space, granules in part for g in granules.tolist()})
    every = {place: n for n, place in enumerate(set().union(*touched[0], *touched[1]))}
    read, written = np.zeros((2, len(program.text), len(every)), np.float32)
    for table, sets in ((read, touched[0]), (written, touched[1])):
        for index, places in enumerate(sets):
            table[index, [every[place] for place in places]] = 1
    both = written @ np.maximum(read, written).T > 0
    queues = np.array([ins.queue for ins in program.text])
    return (both | both.T) & (queues[:, None] != queues[None])


class Machine:
    """Queues and counts of a program on its way; `able` are the queues whose head can start."""

    def __init__(self, program: Program, depth: int):
        self.text = [ins for ins in program.text if ins.queue >= 0]
        self.depth, self.sent, self.inside = depth, 0, [0] * len(QUEUES)
        self.heads: list[deque[int]] = [deque() for _ in QUEUES]
        self.tokens = [deque()] + [deque([-1] * initial) for *_, initial in program.sems]
        self.enter()

    def enter(self) -> None:
        """Into the queues, in the order of the text."""
        while self.sent < len(self.text) and len(self.heads[self.text[self.sent].queue]) < self.depth:
            self.heads[self.text[self.sent].queue].append(self.sent)
            self.sent += 1

    def able(self) -> list[int]:
        def free(index: int) -> bool:
            waits = self.text[index].waits
            return all(len(self.tokens[w]) >= waits.count(w) for w in waits)

        return [queue for queue, head in enumerate(self.heads) if head and free(head[0])]

    def start(self, queue: int) -> tuple[int, list[int]]:
        """The head of a queue, and who sent what it waited for (-1: nobody)."""
        index = self.heads[queue].popleft()
        senders = [self.tokens[w].popleft() for w in self.text[index].waits]
        for s in self.text[index].signals:
            self.tokens[s].append(index)
        self.enter()
        return index, senders


class Order:
    """`before[i, j]`: instruction j is over when i starts, whatever the times."""

    def __init__(self, program: Program, conflict: Pairs):
        machine = Machine(program, program.machine.queue_depth)
        size = len(program.text)
        over, last = [0] * size, [0] * len(QUEUES)
        while able := machine.able():
            index, senders = machine.start(able[0])
            known = last[able[0]]
            for sender in senders:
                known |= 0 if sender < 0 else over[sender] | 1 << sender
            over[index], last[able[0]] = known, known | 1 << index
        self.stuck = [index for head in machine.heads for index in head]
        self.left = [len(t) - s[3] for t, s in zip(machine.tokens[1:], program.sems, strict=True)]
        width = -(-size // 8)
        rows = np.array([np.frombuffer(bits.to_bytes(width, "little"), np.uint8) for bits in over])
        self.before = np.unpackbits(rows, axis=1, bitorder="little")[:, :size].astype(bool) & conflict
        self.unordered = np.argwhere(np.triu(conflict & ~self.before & ~self.before.T)).tolist()


def legal_order(program: Program, seed: int) -> Iterator[int]:
    """The instructions in an order that queues and tokens allow: a queue runs as far as it comes, another one follows,
    or all take turns."""
    rng = np.random.default_rng(seed)
    machine = Machine(program, program.machine.queue_depth)
    rank, keep = rng.permutation(len(QUEUES)), float(rng.choice([0.0, 0.5, 0.9, 1.0]))
    while able := machine.able():
        if rng.random() > keep:
            rank = rng.permutation(len(QUEUES))
        yield machine.start(min(able, key=rank.__getitem__))[0]
