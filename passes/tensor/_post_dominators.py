"""Groups by post-dominators, as TVM's FuseOps makes them (Chen et al., OSDI 2018, section 3; Relay's fuse_ops.cc).

    %0 = conv    %1 = exp %0    %2 = neg %0    %3 = add %1, %2        %3 post-dominates %0: on all its paths
-->
    one group {%0, %1, %2, %3}, which gives %3 alone

From each op to its immediate post-dominator, all ops between join if their classes allow: an out-fusable op takes
elementwise and broadcast ones; those join anything but opaque ones through injective ones; injective ops, in a second
round, each other. So a group has one result; what another kernel reads is never made in the middle of one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xdsl.ir import Block

from ...dialects.graph._base import Fusion
from ._classes import RANK, class_of, edge_class
from ._grouping import Dependences, Grouping, apart

BROADCAST, INJECTIVE = RANK[Fusion.BROADCAST], RANK[Fusion.INJECTIVE]
REDUCTION, CONTRACTION = RANK[Fusion.REDUCTION], RANK[Fusion.CONTRACTION]


@dataclass(frozen=True)
class Node:
    """The immediate post-dominator of an op, how many lead from there to the end, and the class of what lies between,
    the least fusable edge."""

    parent: int | None
    depth: int
    between: int


@dataclass
class Sets:
    """Disjoint sets of ops, each with the class of its least fusable member (Tarjan 1975, path halving)."""

    parent: list[int]
    rank: list[int]

    def root(self, i: int) -> int:
        """The one that stands for the set."""
        while self.parent[i] != i:
            self.parent[i] = i = self.parent[self.parent[i]]
        return i

    def unite(self, i: int, into: int) -> None:
        """One set of two; the second one's root stands for it."""
        child, root = self.root(i), self.root(into)
        if child != root:
            self.parent[child] = root
            self.rank[root] = max(self.rank[root], self.rank[child])


def by_post_dominators(block: Block) -> Grouping:
    """The groups of a block."""
    grouping = apart(block)
    ranks = [RANK[class_of(op)] for op in grouping.deps.ops]
    fusion = _Fusion(grouping, tree(grouping.deps), Sets(list(range(len(ranks))), list(ranks)), ranks)
    for injective in (False, True):
        for i in sorted(grouping.of):
            fusion.visit(i, injective)
    return grouping


def tree(deps: Dependences) -> list[Node]:
    """The tree of post-dominators: an op's parent is the nearest op that all paths from it to an end lead through."""
    nodes: list[Node] = [Node(None, 0, 0)] * len(deps.ops)
    for i in reversed(range(len(deps.ops))):
        between, parent = 0, deps.after[i][0] if deps.after[i] else None
        for j in deps.after[i]:
            between = max(between, RANK[edge_class(deps.ops[i], deps.ops[j])])
            parent, passed = _meeting(nodes, parent, j)
            between = max(between, passed)
        nodes[i] = Node(parent, 1 if parent is None else nodes[parent].depth + 1, between)
    return nodes


def _meeting(nodes: Sequence[Node], first: int | None, second: int | None) -> tuple[int | None, int]:
    """The least common ancestor, and the class of what lies between."""
    between = 0
    while first != second:
        if first is None or second is None:
            return None, between
        deep, other = (first, second) if nodes[first].depth >= nodes[second].depth else (second, first)
        between = max(between, nodes[deep].between)
        first, second = nodes[deep].parent, other
    return first, between


@dataclass
class _Fusion:
    """`ranks` are the ops' own classes."""

    grouping: Grouping
    tree: list[Node]
    sets: Sets
    ranks: list[int]

    def visit(self, i: int, injective: bool) -> None:
        """Join an op with its post-dominator and all between, if classes and kernels allow."""
        node, sets = self.tree[i], self.sets
        if node.parent is None or sets.root(i) == sets.root(node.parent):
            return
        rank = sets.rank[i]
        if rank == CONTRACTION and not injective and node.between == 0:
            self._fuse(i, node.parent, lambda kind, _: kind <= BROADCAST)
        elif rank <= BROADCAST and node.between <= REDUCTION:
            self._fuse(i, node.parent, lambda kind, at_end: kind <= (CONTRACTION if at_end else INJECTIVE))
        elif rank == INJECTIVE and injective:
            self._fuse(i, node.parent, lambda kind, _: kind <= INJECTIVE)

    def _fuse(self, start: int, end: int, allowed: Callable[[int, bool], bool]) -> None:
        path = between(self.grouping.deps, start, end)
        if not all(allowed(self.sets.rank[self.sets.root(i)], i == end) for i in path if i != start):
            return
        held = dict(self.grouping.of)
        for i in reversed(path[:-1]):
            mine, theirs = self.grouping.of[i], self.grouping.of[end]
            if mine is not theirs and not self.grouping.merge(mine, theirs):
                self.grouping.of = held
                return
        for i in path:
            self.sets.unite(i, end)


def between(deps: Dependences, start: int, end: int) -> list[int]:
    """The ops on paths from an op to one that post-dominates it, both included, in program order."""
    found, todo = {start, end}, list(deps.after[start])
    while todo:
        if (i := todo.pop()) not in found:
            found.add(i)
            todo += deps.after[i]
    return sorted(found)
