"""Which generics of a block become one kernel: greedily, in program order, each joins the kernels that it reads.

    contraction, window      opens a kernel; takes pointwise readers over the space of its result (epilogues), and
                             pointwise ops that feed only them
    pointwise, reduction     joins the pointwise and row kernels that it reads at the same place; pulls no op into a
                             contraction's loops

Legal means convex: no path leaves a kernel and comes back. Cost: a search between the two kernels for each join.
"""

from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from xdsl.ir import Block, Operation, SSAValue

from ...dialects._generic import Generic, generic
from ...dialects._xdsl import GenericOp
from ._space import Dims, Member, Space, agrees, space_of, unified

LARGEST = 128
"""Members of a kernel: looking at one more takes as long as there are."""


@dataclass(eq=False)
class Group:
    """The members of one kernel and their places in the block, ascending; `space` is None if nothing may join."""

    members: list[Member]
    places: list[int]
    space: Space | None
    captured: set[SSAValue]
    is_gather: bool

    @property
    def ops(self) -> list[GenericOp]:
        """The generics, in program order."""
        return [member.generic.op for member in self.members]

    def reads_elements_of(self, other: "Group") -> bool:
        """Whether a body here looks up elements of a result of the other kernel."""
        return bool(self.captured) and any(r in self.captured for op in other.ops for r in op.results)


class Dependences:
    """The ops of a block, by position, with an edge wherever one reads another's result, if only deep inside it."""

    def __init__(self, block: Block):
        self.ops = list(block.ops)
        self.position: dict[Operation | Block, int] = {op: i for i, op in enumerate(self.ops)}
        self.before: list[list[int]] = [[] for _ in self.ops]
        self.after: list[list[int]] = [[] for _ in self.ops]
        for i, op in enumerate(self.ops):
            reads = {inner.owner for part in op.walk() for inner in part.operands if inner.owner in self.position}
            self.before[i] = sorted(self.position[owner] for owner in reads if owner is not op)
            for j in self.before[i]:
                self.after[j].append(i)


@dataclass
class Grouping:
    """Groups of the generics of a block; every other op is a unit of its own."""

    deps: Dependences
    of: dict[int, Group]

    def joins(self, place: int) -> None:
        """Merge the generic there with every kernel it reads that will have it, roots and late ones first."""
        position = self.deps.position
        read = [position[v.owner] for v in self.deps.ops[place].operands if v.owner in position]
        sources = {id(g): g for i in read if (g := self.of.get(i)) is not None}
        for source in sorted(sources.values(), key=_preference, reverse=True):
            if not self._starts_reduction(place, source):
                self.merge(source, self.of[place])

    def _starts_reduction(self, place: int, source: Group) -> bool:
        """Whether a pointwise op only prepares reductions of a root's result that is stored anyway (the squares of a
        norm): it costs less in their kernel than another result does in the root's."""
        if source.space is None or not source.space.rooted:
            return False
        readers = [self.deps.ops[j] for j in self.deps.after[place]]
        reduces = all(isinstance(r, GenericOp) and generic(r).is_reduction for r in readers)
        others = {j for i in source.places if i in self.deps.before[place] for j in self.deps.after[i]}
        return reduces and bool(readers) and not others <= {place, *source.places}

    def merge(self, source: Group, reader: Group) -> bool:
        """Make one kernel of a kernel and one that reads it, if one can hold both. Whether it did."""
        if source is reader or len(source.members) + len(reader.members) > LARGEST:
            return False
        if (found := self._compatible(source, reader)) is None or self.are_apart(source, reader):
            return False
        self.unite(source, reader, found)
        return True

    def are_apart(self, first: Group, second: Group) -> bool:
        """Whether a path leads from one through another unit to the other: then they cannot be one kernel."""
        return self._detour(first, second) or self._detour(second, first)

    def unite(self, source: Group, reader: Group, found: tuple[Space, Dims, Dims]) -> None:
        """Make one kernel of two, in a space in which both lie."""
        space, first, second = found
        members = [m.moved(first) for m in source.members] + [m.moved(second) for m in reader.members]
        by_place = sorted(zip(source.places + reader.places, members, strict=True), key=lambda pair: pair[0])
        places, members = [i for i, _ in by_place], [m for _, m in by_place]
        gather = source.is_gather or reader.is_gather
        merged = Group(members, places, space, source.captured | reader.captured, gather)
        self.of.update(dict.fromkeys(places, merged))

    def _compatible(self, source: Group, reader: Group) -> tuple[Space, Dims, Dims] | None:
        if source.space is None or reader.space is None:
            return None
        if source.reads_elements_of(reader) or reader.reads_elements_of(source):
            return None
        if source.space.rooted or reader.space.rooted:
            if source.is_gather or reader.is_gather or source.space.rooted == reader.space.rooted:
                return None
            if source.space.kept is not None or reader.space.kept is not None:
                return None
        if reader.space.rooted and not self._feeds_only(source, reader):
            return None
        for space, first, second in unified(source.space, reader.space):
            sources, readers = [m.moved(first) for m in source.members], [m.moved(second) for m in reader.members]
            if agrees(sources, readers) and agrees(readers, sources):
                return space, first, second
        return None

    def _feeds_only(self, source: Group, reader: Group) -> bool:
        """Whether a kernel is of use to the reader alone, so that nothing else has to wait for the reader's root."""
        inside = {*source.places, *reader.places}
        return all(j in inside for i in source.places for j in self.deps.after[i])

    def _detour(self, source: Group, reader: Group) -> bool:
        """Whether a path leads from the source through another unit to the reader."""
        goal, last = set(reader.places), reader.places[-1]
        seen = set(source.places)
        todo = [j for i in source.places for j in self.deps.after[i] if j not in goal]
        while todo:
            i = todo.pop()
            if i in seen:
                continue
            unit = group.places if (group := self.of.get(i)) is not None else [i]
            seen.update(unit)
            if unit[0] >= last:
                continue
            for following in (self.deps.after[u] for u in unit):
                if not goal.isdisjoint(following):
                    return True
                todo += following
        return False

    def sequence(self) -> list[Group | Operation]:
        """The units in an order that respects the dependences, each as near as may be to its last op's old place."""
        order: list[Group | Operation] = []
        unit = [self.of.get(i) or op for i, op in enumerate(self.deps.ops)]
        last: dict[Group | Operation, int] = {u: i for i, u in enumerate(unit)}
        waits: dict[Group | Operation, set[Group | Operation]] = {u: set() for u in last}
        frees: dict[Group | Operation, set[Group | Operation]] = {u: set() for u in last}
        for i, before in enumerate(self.deps.before):
            for j in before:
                if unit[i] is not unit[j]:
                    waits[unit[i]].add(unit[j])
                    frees[unit[j]].add(unit[i])
        ready = [i for u, i in last.items() if not waits[u]]
        heapify(ready)
        while ready:
            done = unit[heappop(ready)]
            order.append(done)
            for u in frees[done]:
                waits[u].remove(done)
                if not waits[u]:
                    heappush(ready, last[u])
        assert len(order) == len(last), "a kernel that is not convex"
        return order


def apart(block: Block) -> Grouping:
    """A kernel for each generic."""
    deps = Dependences(block)
    return Grouping(deps, {i: _alone(generic(op), i) for i, op in enumerate(deps.ops) if isinstance(op, GenericOp)})


def greedy(block: Block) -> Grouping:
    """Each generic in program order joins the kernels that it reads."""
    grouping = apart(block)
    for i in sorted(grouping.of):
        grouping.joins(i)
    return grouping


def _preference(group: Group) -> tuple[bool, int]:
    return group.space is not None and group.space.rooted, group.places[-1]


def _alone(view: Generic, place: int) -> Group:
    found = space_of(view)
    space, member = found or (None, Member(view, tuple(range(len(view.sizes)))))
    return Group([member], [place], space, set(view.captures), view.is_gather)
