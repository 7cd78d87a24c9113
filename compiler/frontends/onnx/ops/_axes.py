"""Axes, shapes and lists of integers as ONNX gives them: by attribute in old opsets, by input in new ones."""

from collections.abc import Sequence

from ..node import Node


def integers(n: Node, index: int) -> tuple[int, ...]:
    """Input `index` as numbers known at compile time."""
    return tuple(int(v) for v in n.constant(index).reshape(-1))


def given(n: Node, name: str, index: int) -> tuple[int, ...] | None:
    """The attribute `name` (in old opsets) or input `index` (in new ones); None if neither is there."""
    if n.present(name):
        return n.ints(name)
    return integers(n, index) if n.has(index) else None


def axis_of(axis: int, rank: int) -> int:
    """An axis in 0..rank-1; ValueError outside."""
    if not -rank <= axis < rank:
        raise ValueError(f"axis: expected a number in [{-rank}, {rank - 1}], found {axis}")
    return axis % rank


def axes_of(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Distinct axes in 0..rank-1; ValueError for one outside or a duplicate."""
    found = tuple(axis_of(axis, rank) for axis in axes)
    if len(set(found)) != len(found):
        raise ValueError(f"axes: expected distinct ones, found duplicates in {list(axes)}")
    return found
