"""The best of several plans, judged by the event simulation of the programs they give."""

from collections.abc import Iterator
from dataclasses import replace

from ..alloc import AllocError, allocate
from ..code import Code
from ..encode import encode
from ..layer import Network
from ..machine import Machine
from ..plan.search import Knobs, Search
from ..runs import LowerError
from ..sim.event import timeline
from ..sync import synchronise
from .program import lower_plan

SMALLEST = 0.3
"""The part of SPAD below which no plan is tried."""


def lower_network(network: Network, machine: Machine, effort: int = 2) -> Code:
    """The code of a network, without addresses, that takes the fewest cycles of those tried; `effort` 0 and 1: the
    first that fits. LowerError, or AllocError, if none does."""
    best: tuple[int, Code] | None = None
    for knobs in variants(machine, effort):
        try:
            code, cycles = attempt(network, machine, knobs)
        except (LowerError, AllocError):
            if best is None and knobs == last_resort(machine):
                raise
            continue
        if best is None or cycles < best[0]:
            best = cycles, code
        if effort < 2:
            break
    assert best is not None
    return best[1]


def attempt(network: Network, machine: Machine, knobs: Knobs) -> tuple[Code, int]:
    """A plan's code and its cycles."""
    plan = Search(network, machine, knobs).plan()
    trial = lower_plan(plan, machine)
    allocate(trial, machine)
    synchronise(trial, machine)
    return lower_plan(plan, machine), timeline(encode(trial, machine, data=False)).cycles


def variants(machine: Machine, effort: int) -> Iterator[Knobs]:
    """Knobs worth trying, the most promising first; then less and less of SPAD."""
    base = Knobs()
    yield base
    if effort >= 2:
        yield replace(base, longest=1)
    budget = base.budget * 0.8
    while budget > SMALLEST:
        if effort < 2:
            yield replace(base, budget=budget)
        budget *= 0.8
    yield last_resort(machine)


def last_resort(machine: Machine) -> Knobs:
    """Small groups in little memory."""
    return Knobs(budget=SMALLEST, longest=1)
