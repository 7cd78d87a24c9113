"""The groups of fusion against brute force on small graphs: convex, in an order that respects reads, and none left
apart that one kernel could be; by post-dominators, of one result each."""

from collections.abc import Callable
from itertools import combinations
from random import Random

import pytest
from aic.dialects._generic import generic
from aic.passes.tensor._grouping import Dependences, Group, Grouping, greedy
from aic.passes.tensor._moves import generalize
from aic.passes.tensor._post_dominators import between, by_post_dominators, tree
from aic.passes.tensor._siblings import with_siblings
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.ir import Block, Operation
from xdsl.ir.affine import AffineMap

from .programs import Program

Reads = dict[Operation, set[Operation]]
Strategy = Callable[[Block], Grouping]


def units(program: Program, strategy: Strategy) -> tuple[list[list[Operation]], Reads]:
    """The ops of each unit in order, and what each op reads, if only deep inside it."""
    generalize(program.block)
    ops = list(program.block.ops)
    reads = {op: {v.owner for part in op.walk() for v in part.operands if v.owner in ops} - {op} for op in ops}
    return [list(u.ops) if isinstance(u, Group) else [u] for u in strategy(program.block).sequence()], reads


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


def post_dominators(op: Operation, reads: Reads) -> set[Operation]:
    """The ops without which no path leads from this one to an end."""
    ends = {end for end in reads if not any(end in read for read in reads.values())}
    found: set[Operation] = set()
    for other in reached({op}, reads) - {op}:
        rest = {o: read - {other} for o, read in reads.items() if o is not other}
        if not (reached({op}, rest) - {other}) & (ends - {other}):
            found.add(other)
    return found


@pytest.mark.parametrize("strategy", [greedy, by_post_dominators, with_siblings])
@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 14))
def test_groups_are_convex_and_in_order(strategy: Strategy, random: Random, steps: int) -> None:
    order, reads = units(Program(random, steps), strategy)
    done: set[Operation] = set()
    for unit in order:
        assert is_convex(set(unit), reads)
        assert all(reads[op] <= done | set(unit) for op in unit)
        done |= set(unit)
    assert len(done) == sum(map(len, order)) == len(reads)


@pytest.mark.parametrize("strategy", [greedy, with_siblings])
@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 14))
def test_what_could_be_one_kernel_is(strategy: Strategy, random: Random, steps: int) -> None:
    order, reads = units(Program(random, steps), strategy)
    for first, second in combinations(order, 2):
        if is_alike(first, second):
            assert not is_convex({*first, *second}, reads)


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 12))
def test_the_tree_is_that_of_post_dominators(random: Random, steps: int) -> None:
    program = Program(random, steps)
    _, reads = units(program, greedy)
    deps = Dependences(program.block)
    nodes = tree(deps)
    for i, op in enumerate(deps.ops):
        wanted = post_dominators(op, reads)
        chain: set[Operation] = set()
        at = nodes[i].parent
        while at is not None:
            chain.add(deps.ops[at])
            at = nodes[at].parent
        assert chain == wanted
        if (end := nodes[i].parent) is not None:
            paths = reached({op}, reads) & {o for o in reads if deps.ops[end] in reached({o}, reads)}
            assert {deps.ops[j] for j in between(deps, i, end)} == paths


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 14))
def test_groups_by_post_dominators_have_one_result(random: Random, steps: int) -> None:
    order, reads = units(Program(random, steps), by_post_dominators)
    for unit in order:
        *inner, last = unit
        assert all(last in post_dominators(op, reads) for op in inner)
        assert not any(op in read for op in inner for o, read in reads.items() if o not in unit)


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 14))
def test_all_that_a_kernel_alone_reads_is_in_it(random: Random, steps: int) -> None:
    order, reads = units(Program(random, steps), by_post_dominators)
    for first, second in combinations(order, 2):
        if is_alike(first, second):
            assert any(first[-1] in read for op, read in reads.items() if op not in second)
