"""A kernel's memory as views: neighbouring axes that every access walks as one are one dimension of the view.

    memref<1x64x56x56, strided<[200704, 1, 3584, 64]>> at (n, c, h, w) = digits of one axis X      view [200704] at r
    the same at (n, k % 64, oh + kh, ow + kw)                                                      view [56, 56, 64]

Which axes can be joined is known when all accesses have been seen: a kernel is lowered twice, first as a trial.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Attribute, BlockArgument, SSAValue

from ....dialects._layout import strides_of
from ....dialects._shape import shape
from ....dialects.tile.view import ViewType
from .axis import Form

Index = Form | SSAValue
"""Where along an axis: a form, or a number that was computed."""


@dataclass
class Seen:
    """How an argument is read or written: its axes of more than one index, from wide to narrow, which of all are ever
    elsewhere than at 0 (one of a single index may be, beside a border), and which pairs are walked apart."""

    order: tuple[int, ...]
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    moved: set[int] = field(default_factory=set[int])
    apart: set[int] = field(default_factory=set[int])
    """Axes that may not be joined with the next narrower one."""


class Views:
    """What is known of the arguments; `groups` of a trial say which axes are joined."""

    def __init__(self, args: Sequence[BlockArgument], trial: "Views | None" = None):
        self.seen = {arg.index: _seen(arg.type) for arg in args if isinstance(arg.type, MemRefType)}
        self.groups = trial.joined() if trial is not None else None
        self.others: dict[int, float] = dict(trial.others) if trial is not None else {}
        """By argument what stands for elements left out, where a reduction takes them in as they are; else 0."""

    def joined(self) -> dict[int, tuple[tuple[int, ...], ...]]:
        """By argument its axes in groups, each a dimension of the view."""
        return {arg: _groups(seen) for arg, seen in self.seen.items()}

    def type(self, arg: int, element: Attribute, align: int) -> ViewType:
        """The type of an argument's view."""
        seen = self.seen[arg]
        sizes, strides = list[int](), list[int]()
        for group in self._groups(arg):
            size = 1
            for a in group:
                size *= seen.sizes[a]
            sizes.append(size)
            strides.append(seen.strides[group[-1]])
        return ViewType.of(element, sizes, strides, align) if sizes else ViewType.of(element, [1], [1], align)

    def indices(self, arg: int, indices: Sequence[Index]) -> list[tuple[Index, int]]:
        """The index into each dimension of the view, with its size."""
        seen = self.seen[arg]
        self._note(seen, indices)
        found: list[tuple[Index, int]] = []
        for first, *rest in self._groups(arg):
            index, size = indices[first], seen.sizes[first]
            for a in rest:
                joined = _join(index, indices[a], seen.sizes[a])
                assert joined is not None, "a pair that the trial saw walked as one"
                index, size = joined, size * seen.sizes[a]
            found.append((index, size))
        return found or [(Form(), 1)]

    def _groups(self, arg: int) -> tuple[tuple[int, ...], ...]:
        if self.groups is None:
            return tuple((a,) for a in range(len(self.seen[arg].sizes)))
        return self.groups[arg]

    def _note(self, seen: Seen, indices: Sequence[Index]) -> None:
        seen.moved |= {a for a, index in enumerate(indices) if index != Form()}
        for outer, inner in pairwise(seen.order):
            if _join(indices[outer], indices[inner], seen.sizes[inner]) is None:
                seen.apart.add(outer)


def _seen(type: MemRefType[Attribute]) -> Seen:
    sizes, found = shape(type), strides_of(type)
    if found is None:
        raise ValueError(f"expected a layout of strides, found {type}")
    order = tuple(sorted(range(len(sizes)), key=lambda a: (-found[1][a], a)))
    wide = tuple(a for a in order if sizes[a] > 1)
    seen = Seen(wide, sizes, found[1])
    for outer, inner in pairwise(wide):
        if found[1][outer] != sizes[inner] * found[1][inner]:
            seen.apart.add(outer)
    return seen


def _groups(seen: Seen) -> tuple[tuple[int, ...], ...]:
    groups: list[list[int]] = []
    for a in seen.order:
        if groups and groups[-1][-1] not in seen.apart:
            groups[-1].append(a)
        else:
            groups.append([a])
    groups += [[a] for a in sorted(seen.moved) if seen.sizes[a] == 1]
    return tuple(map(tuple, groups))


def _join(outer: Index, inner: Index, size: int) -> Form | None:
    """The index into an axis of both, if the two are digits that follow one another; None if not."""
    if not isinstance(outer, Form) or not isinstance(inner, Form):
        return None
    if outer == inner == Form():
        return outer
    high, low = outer.digit, inner.digit
    if high is None or low is None or high.axis != low.axis or low.modulus != size:
        return None
    if high.divisor != low.divisor * size:
        return None
    modulus = None if high.modulus is None else high.modulus * size
    return Form(((1, replace(low, modulus=modulus)),))


def alignments(offsets: Mapping[int, Sequence[int | None]], bytes: Mapping[int, int]) -> dict[int, int]:
    """By argument the bytes that its base is surely a multiple of, at most 16; None: an offset unknown as yet."""
    found: dict[int, int] = {}
    for arg, starts in offsets.items():
        align = 16
        for start in starts:
            at = bytes[arg] if start is None else start * bytes[arg]
            while at % align:
                align //= 2
        found[arg] = align
    return found
