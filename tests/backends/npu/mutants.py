"""Programs with one wait or signal deleted, moved, or of another semaphore; or with another count at the start."""

from collections.abc import Iterator
from copy import copy
from dataclasses import replace

from aic.backends.npu.program import Program

TOKENS = ("waits", "signals")
Mutant = tuple[str, Program]
"""What was done, and the program."""


def mutants(program: Program) -> Iterator[Mutant]:
    """All of a program."""
    for index, ins in enumerate(program.text):
        for kind in TOKENS:
            for nth, semaphore in enumerate(getattr(ins, kind)):
                where = f"{kind[:-1]} {nth} of {ins.mnemonic} ({index})"
                yield f"no {where}", changed(program, index, kind, nth, ())
                for to in neighbours(program, index, kind):
                    moved = changed(program, index, kind, nth, ())
                    moved.text[to] = replace(moved.text[to], **{kind: (*getattr(moved.text[to], kind), semaphore)})
                    yield f"{where} at {to}", moved
                for other in sorted({semaphore % len(program.sems) + 1, alike(program, semaphore, kind)} - {semaphore}):
                    yield f"{where} of semaphore {other}", changed(program, index, kind, nth, (other,))
                yield f"{where} twice", changed(program, index, kind, nth, (semaphore, semaphore))
    for number, (*rest, initial) in enumerate(program.sems):
        mutant = copied(program)
        mutant.sems[number] = (*rest, initial + 1)
        yield f"one more {rest[0]} at the start", mutant


def copied(program: Program) -> Program:
    """With a text and semaphores of its own."""
    made = copy(program)
    made.text, made.sems = list(program.text), list(program.sems)
    return made


def changed(program: Program, index: int, kind: str, nth: int, by: tuple[int, ...]) -> Program:
    """With other tokens in the place of one."""
    mutant = copied(program)
    given = getattr(program.text[index], kind)
    mutant.text[index] = replace(program.text[index], **{kind: (*given[:nth], *by, *given[nth + 1 :])})
    return mutant


def neighbours(program: Program, index: int, kind: str) -> list[int]:
    """The instructions before and after on the same queue."""
    same = [n for n, ins in enumerate(program.text) if ins.queue == program.text[index].queue]
    at = same.index(index)
    return same[max(at - 1, 0) : at] + same[at + 1 : at + 2]


def alike(program: Program, semaphore: int, kind: str) -> int:
    """Another semaphore that this queue may wait for (signal), or the same if there is none."""
    end = 2 if kind == "waits" else 1
    found = [n for n, sem in enumerate(program.sems, 1) if sem[end] == program.sems[semaphore - 1][end]]
    return found[(found.index(semaphore) + 1) % len(found)]
