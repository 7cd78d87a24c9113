"""Which instruction waits for which: the k-th signal of a semaphore meets its k-th wait, whatever the timing.

tokens(program)     [Token(semaphore=1, producer=4, consumer=5), ..]     producer -1: there from the start
dispatched(program, starts)     the cycle in which each instruction enters its queue
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import NamedTuple

from ..program import Program


class Token(NamedTuple):
    """Producer and consumer by their place in the text."""

    semaphore: int
    producer: int
    consumer: int


def tokens(program: Program) -> list[Token]:
    """Every wait with its signal, in the order of the text of the waits."""
    sent: defaultdict[int, deque[int]] = defaultdict(deque)
    for number, (_, _, _, initial) in enumerate(program.sems, 1):
        sent[number].extend([-1] * initial)
    for index, ins in enumerate(program.text):
        for semaphore in ins.signals:
            sent[semaphore].append(index)
    return [
        Token(semaphore, sent[semaphore].popleft(), index)
        for index, ins in enumerate(program.text)
        for semaphore in ins.waits
    ]


def dispatched(program: Program, starts: Sequence[int]) -> list[int]:
    """Dispatch in program order, so many a cycle, into queues of so many entries; an entry is free when its
    instruction starts."""
    width, depth = program.machine.dispatch_per_cycle, program.machine.queue_depth
    entered: defaultdict[int, list[int]] = defaultdict(list)
    found: list[int] = []
    for index, ins in enumerate(program.text):
        queue = entered[ins.queue]
        at = found[-1] if found else 0
        if index >= width:
            at = max(at, found[index - width] + 1)
        if len(queue) >= depth:
            at = max(at, starts[queue[-depth]])
        queue.append(index)
        found.append(at)
    return found
