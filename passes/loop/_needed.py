"""Which rounds of a producer's loops one round of a consumer needs, by isl.

for %p { store f(%p), %t[%p] }            spans of p:  slopes (2,)  low -1  high 1
for %i { .. load %t[2 %i - 1], %t[2 %i], %t[2 %i + 1] }           2 i - 1 <= p <= 2 i + 1
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xdsl.dialects import scf
from xdsl.ir import SSAValue

from ...dialects._refusal import Refused
from ._dependence import Dependence, Order
from ._naming import label, nodes
from ._statements import MADE, Statement


@dataclass(frozen=True)
class Span:
    """The rounds along one loop: `low` to `high` from the sum of `slopes` times the consumer's variables; `first` and
    `last` over all rounds of the consumer."""

    slopes: tuple[int, ...]
    low: int
    high: int
    first: int
    last: int


class Needed:
    """The rounds of `band`, nested loops of a producer, for each round of `users`, nested loops behind it."""

    def __init__(self, order: Order, band: Sequence[scf.ForOp], users: Sequence[scf.ForOp]):
        self.order, self.isl, self.band, self.users = order, order.isl, band, users
        statements = order.nest.statements
        self.makers = [s for s in statements if s.loops[0] is band[0]]
        self.readers = [s for s in statements if users[-1] in s.loops]
        self.others = [s for s in statements if s.loops[0] is users[0] and s not in self.readers]
        self.rounds = self._rounds("P", self.makers, band)
        made = order.writes.intersect_domain(self._of(self.makers)).reverse()
        turns = self._rounds("C", self.readers, users).reverse()
        self.pairs = turns.apply_range(order.reads).apply_range(made).apply_range(self.rounds)

    def _rounds(self, name: str, statements: Sequence[Statement], loops: Sequence[scf.ForOp]) -> Any:
        nest = self.order.nest
        place = f"{name}[{', '.join(map(nest.variable, loops))}]"
        texts = [f"{nest.point(s)} -> {place}" for s in statements]
        return self.isl.UnionMap(nest.isl("; ".join(texts))).intersect_domain(self.order.domain)

    def _of(self, statements: Sequence[Statement]) -> Any:
        nest = self.order.nest
        return self.isl.UnionSet(nest.isl("; ".join(map(nest.point, statements)))).intersect(self.order.domain)

    def crossing(self) -> Dependence | None:
        """A dependence between two rounds of the band: they cannot be made apart from each other."""
        same = self.rounds.apply_range(self.rounds.reverse())
        makers = self._of(self.makers)
        pairs = self.isl.UnionMap.from_domain_and_range(makers, makers).subtract(same)
        return self.order.first_of(pairs.intersect(self.order.before()))

    def overwritten(self) -> Dependence | None:
        """A dependence by which the consumer, or what is beside it, writes what the producer touches."""
        users = self._of([*self.readers, *self.others])
        pairs = self.isl.UnionMap.from_domain_and_range(self._of(self.makers), users)
        return self.order.first_of(pairs, [(False, True), (True, True)])

    def beside(self) -> Dependence | None:
        """A dependence by which the consumer's nest, outside of its loop, reads what the producer makes."""
        pairs = self.isl.UnionMap.from_domain_and_range(self._of(self.makers), self._of(self.others))
        return self.order.first_of(pairs, [(True, False)])

    def updates(self) -> bool:
        """Whether the producer reads of what it writes an element that it has not written before."""
        makers = self._of(self.makers)
        written = self.order.writes.intersect_domain(makers)
        sure = self.order.writes.intersect_domain(self._of([s for s in self.makers if s.is_sure]))
        reads = self.order.reads.intersect_domain(makers).intersect_range(written.range())
        known = self.order.before().reverse().apply_range(sure)
        return not reads.subtract(known).is_empty()

    def is_whole(self) -> bool:
        """Whether each round of the producer is needed by some round of the consumer."""
        return self.rounds.range().subtract(self.pairs.range()).is_empty()

    def shown(self) -> list[SSAValue]:
        """The buffers that the producer writes and something else may see."""
        block = self.band[0].parent
        ends = (self.band[0], self.users[-1])
        found: list[SSAValue] = []
        for buffer in {a.buffer for s in self.makers for a in s.accesses if a.writes}:
            own = isinstance(buffer.owner, MADE) and buffer.owner.parent is block
            if not own or not all(any(e.is_ancestor(use.operation) for e in ends) for use in buffer.uses):
                found.append(buffer)
        return found

    def spans(self, step: str) -> list[Span]:
        """The rounds along each loop of the band; Refused if their number has no bound."""
        maps = self.pairs.get_map_list()
        if maps.n_map() == 0:
            told = f"{label(self.users[-1])} reads nothing that {label(self.band[0])} makes"
            raise Refused(f"{step}: {told}", at=nodes(self.band[0], self.users[-1]))
        return [self._span(step, maps.get_at(0), d) for d in range(len(self.band))]

    def _span(self, step: str, pairs: Any, dim: int) -> Span:
        found = [s for slopes in self._slopes(pairs, dim) if (s := self._along(pairs, dim, slopes)) is not None]
        if not found:
            told = f"how many rounds of {label(self.band[dim])} one of {label(self.users[-1])} needs has no bound"
            raise Refused(f"{step}: {told}", at=nodes(self.band[0], self.users[-1]))
        return min(found, key=lambda s: s.high - s.low)

    def _slopes(self, pairs: Any, dim: int) -> set[tuple[int, ...]]:
        """By how much the first and the last round move with each variable of the consumer, in each piece of them."""
        found = {(0,) * len(self.users)}
        for ends in (pairs.dim_min(dim), pairs.dim_max(dim)):
            for _, piece in ends.get_pieces():
                values = [piece.get_coefficient_val(self.isl.dim_type.in_, j) for j in range(len(self.users))]
                if all(v.is_int() for v in values):
                    found.add(tuple(v.to_python() for v in values))
        return found

    def _along(self, pairs: Any, dim: int, slopes: Sequence[int]) -> Span | None:
        """The least span of these slopes; None if there is none."""
        users, band = [f"c{j}" for j in range(len(self.users))], [f"p{d}" for d in range(len(self.band))]
        centre = " + ".join(["0", *(f"{a} * {c}" for a, c in zip(slopes, users, strict=True))])
        place = f"[C[{', '.join(users)}] -> P[{', '.join(band)}]]"
        apart = self._ends(pairs, f"{place} -> [{band[dim]} - ({centre})]")
        around = self._ends(pairs, f"{place} -> [{centre}]")
        if apart is None or around is None:
            return None
        return Span(tuple(slopes), *apart, around[0] + apart[0], around[1] + apart[1])

    def _ends(self, pairs: Any, text: str) -> tuple[int, int] | None:
        values = pairs.wrap().apply(self.isl.Map(self.order.nest.isl(text)))
        ends = values.dim_min_val(0), values.dim_max_val(0)
        return (ends[0].to_python(), ends[1].to_python()) if all(e.is_int() for e in ends) else None
