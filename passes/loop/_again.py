"""What it would take to compute an allocation's content again, after a time in which nobody reads it.

0 launch w(x) -> %a    1 launch r(%a)    ...    8 launch s(%a)
gap of %a: 1..8      again before 8: launch w(x) -> %a'; s reads %a'; in between %a takes no room

The host's ops are counted in the order in which they stand. Only launches are done again, and only where all that they
read is still what it was: a function's argument, a weight, an allocation that nobody has written since, or one that is
computed again itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from xdsl.dialects import func, memref
from xdsl.ir import BlockArgument, Operation, SSAValue

from ...dialects import kernel
from ._accesses import Effects, touched
from ._arena import Buffer
from ._liveness import CASTS

Root = SSAValue
"""An allocation or an argument of the function, whatever view of it is used."""
MOST = 16
"""Launches that are done again for one allocation at most."""


def root(value: SSAValue) -> Root:
    """What a memref is a view of."""
    while isinstance(value.owner, CASTS):
        value = value.owner.operands[0]
    return value


@dataclass(frozen=True)
class Step:
    """An op of the host that touches memory: what it reads and writes."""

    op: Operation
    reads: frozenset[Root]
    writes: frozenset[Root]

    @property
    def roots(self) -> frozenset[Root]:
        """All that it touches."""
        return self.reads | self.writes


def steps(function: func.FuncOp, known: Mapping[str, Effects]) -> list[Step]:
    """The steps of a function's block; what an op with regions touches inside it both reads and writes."""
    found: list[Step] = []
    for op in function.body.block.ops:
        if op.regions:
            inside = frozenset(root(v) for inner in op.walk() for v in inner.operands)
            found.append(Step(op, inside, inside))
            continue
        reads, writes = (frozenset(root(v) for v in side) for side in touched(op, dict(known)))
        if isinstance(op, kernel.LaunchOp):
            reads |= frozenset(root(v) for v in op.arguments) - writes
        if reads or writes:
            found.append(Step(op, reads, writes))
    return found


@dataclass(frozen=True)
class Gap:
    """Between steps `before` and `after`, two touches of an allocation that follow one another."""

    value: Root
    before: int
    after: int


@dataclass(frozen=True)
class Again:
    """Steps to be done again, in order, before step `gap.after`; all that they write is written afresh."""

    gap: Gap
    numbers: tuple[int, ...]
    fresh: frozenset[Root]


@dataclass
class Host:
    """The steps of a function, and when each allocation is touched."""

    steps: Sequence[Step]
    sizes: Mapping[Root, int]
    touches: dict[Root, list[int]] = field(default_factory=dict[Root, list[int]])

    def __post_init__(self) -> None:
        for number, step in enumerate(self.steps):
            for value in step.roots:
                if value in self.sizes:
                    self.touches.setdefault(value, []).append(number)

    def writers(self, value: Root, until: int) -> list[int]:
        """The steps before `until` that write a value."""
        return [n for n in range(until) if value in self.steps[n].writes]

    def gaps(self, time: int) -> list[Gap]:
        """The allocations that lie idle at a time, the largest first."""
        found: list[Gap] = []
        for value, at in self.touches.items():
            before = [n for n in at if n < time]
            after = [n for n in at if n > time]
            if before and after and time not in at:
                found.append(Gap(value, before[-1], after[0]))
        return sorted(found, key=lambda gap: (-self.sizes[gap.value], gap.before))

    def again(self, gap: Gap) -> Again | None:
        """How to have the content of a value again after a gap; None if there is no way."""
        chosen: set[int] = set()
        waiting = self.writers(gap.value, gap.before + 1)
        while waiting:
            number = waiting.pop()
            if number in chosen:
                continue
            step = self.steps[number]
            if not isinstance(step.op, kernel.LaunchOp) or not step.writes <= self.sizes.keys() or len(chosen) >= MOST:
                return None
            chosen.add(number)
            for value in step.reads:
                if not self.lasts(value, number, gap.after):
                    waiting += self.writers(value, number)
        numbers = tuple(sorted(chosen))
        fresh = frozenset(value for n in numbers for value in self.steps[n].writes)
        return Again(gap, numbers, fresh) if self.holds(numbers, fresh, gap) else None

    def lasts(self, value: Root, number: int, after: int) -> bool:
        """Whether what a step read of a value is there as it was at a later step, without being kept for it."""
        if value not in self.sizes:
            return isinstance(value, BlockArgument) or not isinstance(value.owner, memref.AllocOp)
        unchanged = not any(value in self.steps[n].writes for n in range(number, after))
        return unchanged and self.touches[value][-1] >= after

    def holds(self, numbers: Sequence[int], fresh: Iterable[Root], gap: Gap) -> bool:
        """Whether each step to be done again finds what it found: its own fresh values whole, the others unchanged."""
        own = set(fresh)
        for number in numbers:
            for value in self.steps[number].reads:
                written = self.writers(value, number if value in own else gap.after)
                if value in own and not set(written) <= set(numbers):
                    return False
                if value not in own and (
                    not self.lasts(value, number, gap.after) or (written and value not in self.sizes)
                ):
                    return False
        return gap.value in own

    def buffers(self, plan: Again | None = None) -> list[Buffer]:
        """When each allocation lives, were `plan` carried out; times are multiples of `MOST` + 2 a step."""
        scale = MOST + 2
        if plan is None:
            return [Buffer(self.sizes[v], at[0] * scale, at[-1] * scale) for v, at in self.touches.items()]
        start = plan.gap.after * scale - len(plan.numbers) - 1
        when = {number: start + i for i, number in enumerate(plan.numbers)}
        found: list[Buffer] = []
        for value, at in self.touches.items():
            redone = [when[n] for n in plan.numbers if value in self.steps[n].roots]
            if value in plan.fresh:
                later = [n * scale for n in at if n >= plan.gap.after] if value is plan.gap.value else []
                kept = [n * scale for n in at if n * scale not in later]
                found += [Buffer(self.sizes[value], min(t), max(t)) for t in (kept, [*redone, *later]) if t]
            else:
                times = [*(n * scale for n in at), *redone]
                found.append(Buffer(self.sizes[value], min(times), max(times)))
        return found
