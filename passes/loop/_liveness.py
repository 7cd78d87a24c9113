"""When each allocation is first and last touched, counting ops in the order in which they stand.

0 alloc %a   1 launch %a   2 scf.for {   3 launch %a, %b   4 launch %b   }   5 launch %c
%a: 1..4 (read in the loop's every round)    %b, allocated in the loop: 3..4    %c: 5..5
"""

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.dialects import func, memref, scf
from xdsl.ir import Operation, SSAValue

LOOPS = (scf.ForOp, scf.WhileOp, scf.ParallelOp)
CASTS = (
    memref.ReinterpretCastOp,
    memref.CastOp,
    memref.SubviewOp,
    memref.ViewOp,
    memref.ExpandShapeOp,
    memref.CollapseShapeOp,
)


@dataclass(frozen=True)
class Life:
    """An allocation and the times of its first and last use, both included."""

    alloc: memref.AllocOp
    first: int
    last: int


def lives(function: func.FuncOp) -> tuple[Life, ...]:
    """The life of each allocation of a function; one that is never used lives where it is made."""
    spans = dict(_spans(function))
    found: list[Life] = []
    for op in spans:
        if isinstance(op, memref.AllocOp):
            times = [_time(user, op, spans) for user in users(op.memref)] or [spans[op]]
            found.append(Life(op, min(t[0] for t in times), max(t[1] for t in times)))
    return tuple(found)


def users(value: SSAValue) -> Iterator[Operation]:
    """The ops that read or write a memref or a view of it; an op that makes a view is none."""
    for use in value.uses:
        if isinstance(use.operation, CASTS):
            yield from users(use.operation.results[0])
        else:
            yield use.operation


def _spans(function: func.FuncOp) -> Iterator[tuple[Operation, tuple[int, int]]]:
    """Each op inside, outer ones first, with the times at which it starts and ends."""
    order = [op for op in function.walk() if op is not function]
    at = {op: time for time, op in enumerate(order)}
    for op in order:
        end = op
        while end.regions and (inner := [b.last_op for r in end.regions for b in r.blocks if b.last_op is not None]):
            end = inner[-1]
        yield op, (at[op], at[end])


def _time(user: Operation, alloc: memref.AllocOp, spans: dict[Operation, tuple[int, int]]) -> tuple[int, int]:
    """When a use may happen: at any time of the outermost loop round it that is not round the allocation."""
    first, last = spans[user]
    around = user.parent_op()
    while around is not None and around in spans and not around.is_ancestor(alloc):
        if isinstance(around, LOOPS):
            first, last = spans[around]
        around = around.parent_op()
    return first, last
