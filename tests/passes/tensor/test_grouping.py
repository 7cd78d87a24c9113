"""The groups of fusion against brute force on small graphs: convex, in an order that respects reads, and none left
apart that one kernel could be."""

from itertools import combinations
from random import Random

from aic.passes.tensor._generic import generic
from aic.passes.tensor._grouping import Group, grouped
from aic.passes.tensor._moves import generalize
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.ir import Operation
from xdsl.ir.affine import AffineMap

from .programs import Program

Reads = dict[Operation, set[Operation]]


def units(program: Program) -> tuple[list[list[Operation]], Reads]:
    """The ops of each unit in order, and what each op reads, if only deep inside it."""
    generalize(program.block)
    ops = list(program.block.ops)
    reads = {op: {v.owner for part in op.walk() for v in part.operands if v.owner in ops} - {op} for op in ops}
    return [list(u.ops) if isinstance(u, Group) else [u] for u in grouped(program.block)], reads


def reached(start: set[Operation], reads: Reads) -> set[Operation]:
    """All that some ops lead to, themselves too: the fixpoint, step by step."""
    found = set(start)
    while more := {op for op, read in reads.items() if read & found} - found:
        found |= more
    return found


def is_convex(unit: set[Operation], reads: Reads) -> bool:
    """Whether no path leaves the unit and comes back."""
    outside = reached(unit, reads) - unit
    return not any(reads[op] & reached({o}, reads) for op in unit for o in outside)


def is_alike(first: list[Operation], second: list[Operation]) -> bool:
    """Whether two units are pointwise generics over the same dims, and the second reads the first as it lies."""
    views = [generic(op) if op.name == "linalg.generic" else None for op in (*first, *second)]
    if any(v is None or not v.is_pointwise or v.is_gather or v.sizes != views[0].sizes for v in views):
        return False
    made = {result for op in first for result in op.results}
    same = AffineMap.identity(len(views[0].sizes))
    read = [access for view in views[len(first) :] for access in view.inputs if access.value in made]
    return bool(read) and all(access.map == same for access in read)


@settings(max_examples=80, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 14))
def test_groups_are_convex_and_in_order(random: Random, steps: int) -> None:
    order, reads = units(Program(random, steps))
    done: set[Operation] = set()
    for unit in order:
        assert is_convex(set(unit), reads)
        assert all(reads[op] <= done | set(unit) for op in unit)
        done |= set(unit)
    assert len(done) == sum(map(len, order)) == len(reads)


@settings(max_examples=80, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 14))
def test_what_could_be_one_kernel_is(random: Random, steps: int) -> None:
    order, reads = units(Program(random, steps))
    for first, second in combinations(order, 2):
        if is_alike(first, second):
            assert not is_convex({*first, *second}, reads)
