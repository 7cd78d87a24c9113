"""Values are computed again rather than kept, until the arena fits a budget.

    kernel.launch @k0(%x, %a)                        kernel.launch @k0(%x, %a)
    kernel.launch @k1(%a, %b)                        kernel.launch @k1(%a, %b)
    ...                                -->           ...                              %a takes no room here
    kernel.launch @k9(%a, %z, %y)                    %again = memref.alloc()
                                                     kernel.launch @k0(%x, %again)
                                                     kernel.launch @k9(%again, %z, %y)

Of the values that lie idle where most is alive, always the one that frees most above the budget for the launches that
it costs (after Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016, and the greedy choice of Dynamic
Tensor Rematerialization, Kirisame et al., ICLR 2021). `budget` is in bytes; 0 does nothing. Before plan-memory.
"""

from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import MemRefType, ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from ...dialects import kernel
from ...dialects._report import rewriting
from ...dialects._shape import dtype
from ._accesses import Effects, effects
from ._again import Again, Host, Root, root, steps
from ._arena import Buffer, aligned, plan
from ._liveness import CASTS

ROUNDS = 64


@dataclass(frozen=True)
class Rematerialize(ModulePass):
    """PassFailedException if no way within the budget is found: it names the smallest arena that was."""

    name = "rematerialize"

    budget: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        known = {o.sym_name.data: effects(o) for o in op.ops if isinstance(o, kernel.FuncOp)}
        for function in op.ops:
            if self.budget and isinstance(function, func.FuncOp) and not function.is_declaration:
                self.shrink(function, known)

    def shrink(self, function: func.FuncOp, known: dict[str, Effects]) -> None:
        """Compute values again until the function's allocations fit."""
        limit, smallest = self.budget, 0
        for _ in range(ROUNDS):
            host = Host(steps(function, known), sizes(function))
            found = host.buffers()
            peak = plan(found).peak
            smallest = min(smallest or peak, peak)
            if peak <= self.budget:
                return
            limit = min(limit, self.budget - (peak - max(alive(found).values(), default=0)))
            if (best := choice(host, found, limit)) is None:
                break
            if not rewriting(best_op(host, best), "rematerialize"):
                return
            carry_out(host, best)
        raise PassFailedException(
            f"rematerialize: expected an arena of at most {self.budget} bytes, found no way below {smallest}"
        )


def sizes(function: func.FuncOp) -> dict[Root, int]:
    """The bytes of each allocation; one inside a loop or branch is touched by that op alone."""
    found: dict[Root, int] = {}
    for op in function.body.walk():
        if isinstance(op, memref.AllocOp) and isinstance(type := op.memref.type, MemRefType):
            found[op.memref] = aligned(prod(type.get_shape()) * dtype(type).itemsize)
    return found


def best_op(host: Host, chosen: Again) -> Operation:
    """The op before which things are computed again."""
    return host.steps[chosen.gap.after].op


def alive(buffers: list[Buffer]) -> dict[int, int]:
    """Bytes alive from each time at which that changes."""
    change: dict[int, int] = {}
    for buffer in buffers:
        change[buffer.first] = change.get(buffer.first, 0) + buffer.size
        change[buffer.last + 1] = change.get(buffer.last + 1, 0) - buffer.size
    total, found = 0, dict[int, int]()
    for time in sorted(change):
        total += change[time]
        found[time] = total
    return found


def excess(buffers: list[Buffer], limit: int) -> tuple[int, int]:
    """Bytes above a limit: at the worst time, and over all times at which something changes."""
    above = [max(0, size - limit) for size in alive(buffers).values()]
    return max(above, default=0), sum(above)


def choice(host: Host, now: list[Buffer], limit: int) -> Again | None:
    """What frees most above the limit for the launches that it costs; None if nothing helps."""
    most = max(alive(now).values(), default=0)
    peaks = [n for n in range(len(host.steps)) if sum(host.sizes[v] for v in live(host, n)) == most]
    before, best = excess(now, limit), None
    for gap in dict.fromkeys(gap for time in (peaks[0], peaks[-1]) for gap in host.gaps(time)):
        if (way := host.again(gap)) is None:
            continue
        after = excess(host.buffers(way), limit)
        if after < before:
            gain = ((before[0] - after[0]) / len(way.numbers), before[1] - after[1])
            best = max(best, (gain, way), key=lambda found: found[0]) if best is not None else (gain, way)
    return None if best is None else best[1]


def live(host: Host, number: int) -> list[Root]:
    """The allocations alive at a step."""
    return [v for v, at in host.touches.items() if at[0] <= number <= at[-1]]


def carry_out(host: Host, chosen: Again) -> None:
    """Put the launches in, on fresh allocations, and let what follows read these."""
    place = best_op(host, chosen)
    views: dict[SSAValue, SSAValue] = {}
    for value in sorted(chosen.fresh, key=lambda v: host.touches[v][0]):
        alloc = value.owner
        assert isinstance(alloc, memref.AllocOp)
        fresh = alloc.clone()
        fresh.memref.name_hint = value.name_hint
        Rewriter.insert_op(fresh, InsertPoint.before(place))
        views[value] = fresh.memref
    for number in chosen.numbers:
        copy = host.steps[number].op.clone()
        copy.operands = [view(v, views, place) for v in copy.operands]
        Rewriter.insert_op(copy, InsertPoint.before(place))
    for step in host.steps[chosen.gap.after :]:
        for op in step.op.walk():
            for index, value in enumerate(op.operands):
                if isinstance(value.type, MemRefType) and root(value) is chosen.gap.value:
                    op.operands[index] = view(value, views, place)


def view(value: SSAValue, views: dict[SSAValue, SSAValue], place: Operation) -> SSAValue:
    """The view of a fresh allocation that corresponds to one of the old; other values as they are."""
    if value in views or not isinstance(op := value.owner, CASTS):
        return views.get(value, value)
    below = view(op.operands[0], views, place)
    if below is op.operands[0]:
        return value
    copy = op.clone()
    copy.operands[0] = below
    Rewriter.insert_op(copy, InsertPoint.before(place))
    views[value] = copy.results[0]
    return views[value]
