"""The best of several plans, judged by the event simulation of the programs they give."""

from collections.abc import Iterator

from ..code import Code
from ..emit.encode import encode
from ..layer import Network
from ..machine import Machine
from ..memory.alloc import AllocError, allocate
from ..order.sync import synchronise
from ..plan.cuts import Cuts
from ..plan.geometry import halos
from ..plan.plan import Plan
from ..plan.run import Facts
from ..plan.search import Knobs, Search
from ..runs import LowerError
from ..sim.event import timeline
from .program import lower_plan

BUDGETS = (1.0, 0.9, 1.2)
"""Parts of SPAD that are planned with: what a plan says it needs is an estimate from above."""
SMALLEST = 0.3
"""The part below which no plan is tried."""


def lower_network(network: Network, machine: Machine, effort: int = 2) -> Code:
    """The code of a network, without addresses, that takes the fewest cycles of those tried; `effort` 0 and 1: the
    first that fits, 3: longer and shorter groups, too. LowerError, or AllocError, if none does."""
    best: tuple[int, Plan] | None = None
    trouble: LowerError | AllocError | None = None
    cuts = Cuts(Facts(network, machine, halos(network)))
    tried = set[object]()
    for knobs in (*variants(effort), *fallbacks()):
        if best is not None and (effort < 2 or knobs.budget < min(BUDGETS)):
            break
        try:
            plan = Search(network, machine, knobs, cuts).plan()
            if plan.signature in tried:
                continue
            tried.add(plan.signature)
            cycles = cycles_of(plan, machine)
        except (LowerError, AllocError) as error:
            trouble = error
            continue
        if best is None or cycles < best[0]:
            best = cycles, plan
    if best is None:
        assert trouble is not None
        raise trouble
    return lower_plan(best[1], machine)


def cycles_of(plan: Plan, machine: Machine) -> int:
    """What a plan takes by the clock; AllocError if its program has no room."""
    trial = lower_plan(plan, machine)
    allocate(trial, machine)
    synchronise(trial, machine)
    return timeline(encode(trial, machine, data=False)).cycles


def variants(effort: int) -> Iterator[Knobs]:
    """Knobs worth trying, the most promising first."""
    yield from (Knobs(budget=budget) for budget in BUDGETS)
    if effort > 2:
        yield from (Knobs(budget=budget, longest=longest) for longest in (24, 1) for budget in BUDGETS)


def fallbacks() -> Iterator[Knobs]:
    """Less and less of SPAD, at last in small groups."""
    budget = min(BUDGETS) * 0.8
    while budget > SMALLEST:
        yield Knobs(budget=budget)
        budget *= 0.8
    yield Knobs(budget=SMALLEST, longest=1)
