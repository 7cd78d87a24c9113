"""Kernels of several results, as XLA's multi-output fusion makes them: what reads the same operand reads it once.

    %0 = launch @k0(%x)     %1 = launch @k1(%x, %y)        -->        %0, %1 = launch @k0(%x, %y)

After the greedy groups, which already give the results of a producer that others read too. Siblings become one where no
path leads from one to the other, neither holds a contraction, and they read an operand of the size of a kernel's whole
space at the same place.
"""

from collections.abc import Iterator
from itertools import combinations

from xdsl.ir import Block, SSAValue

from ...dialects._shape import shape
from ._grouping import LARGEST, Group, Grouping, greedy
from ._space import Dims, Space, unified

Joint = tuple[Space, Dims, Dims]


def with_siblings(block: Block) -> Grouping:
    """The greedy groups of a block, then siblings together, then what now can join those."""
    grouping = greedy(block)
    while _joined(grouping):
        for i in sorted(grouping.of):
            grouping.joins(i)
    return grouping


def _joined(grouping: Grouping) -> bool:
    """Whether siblings became one kernel."""
    changed = False
    for places in _shared(grouping).values():
        for i, j in combinations(places, 2):
            changed |= _join(grouping, grouping.of[i], grouping.of[j])
    return changed


def _shared(grouping: Grouping) -> dict[SSAValue, list[int]]:
    """Values that several generics read -> where those are."""
    found: dict[SSAValue, list[int]] = {}
    for i in sorted(grouping.of):
        for value in dict.fromkeys(grouping.deps.ops[i].operands):
            found.setdefault(value, []).append(i)
    return {value: places for value, places in found.items() if len(places) > 1}


def _join(grouping: Grouping, first: Group, second: Group) -> bool:
    if first is second or len(first.members) + len(second.members) > LARGEST or first.space is None:
        return False
    if second.space is None or first.space.rooted or second.space.rooted or _touch(grouping, first, second):
        return False
    if (found := next(_together(first, second), None)) is None or grouping.are_apart(first, second):
        return False
    grouping.unite(first, second, found)
    return True


def _touch(grouping: Grouping, first: Group, second: Group) -> bool:
    """Whether one reads the other: then greed has refused them."""
    after, mine, theirs = grouping.deps.after, set(first.places), set(second.places)
    return any(j in theirs for i in mine for j in after[i]) or any(j in mine for i in theirs for j in after[i])


def _together(first: Group, second: Group) -> Iterator[Joint]:
    """Spaces in which both read an operand of the whole space at the same place."""
    assert first.space is not None and second.space is not None
    swapped = ((space, a, b) for space, b, a in unified(second.space, first.space))
    for space, a, b in (*unified(first.space, second.space), *swapped):
        mine = {(x.value, m.moved(a).axes(x)) for m in first.members for x in m.generic.inputs}
        theirs = {(x.value, m.moved(b).axes(x)) for m in second.members for x in m.generic.inputs}
        if any(_is_whole(value, axes, space) for value, axes in mine & theirs):
            yield space, a, b


def _is_whole(value: SSAValue, axes: tuple[int | None, ...], space: Space) -> bool:
    return -1 not in axes and {d for d, n in enumerate(space.sizes) if n != 1} <= {
        d for d, n in zip(axes, shape(value), strict=True) if d is not None and n != 1
    }
