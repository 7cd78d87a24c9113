"""Whether a nest may run in another order: its dependences, by isl, and the first one that the order would break.

    scf.for %i { %v = load %a[%i + 1] ; store %v, %a[%i] }      anti dependence: round i reads what round i + 1 writes
    reversed                                                    broken: round i + 1 would write before i has read

A dependence is a pair of accesses to one element, one of them a write, of which one runs before the other. An order
that runs each pair as before computes the same bits (Feautrier; isl: Verdoolaege, ICMS 2010).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from xdsl.dialects import scf
from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Attribute, Operation, SSAValue

from ...dialects._layout import row_major, strides_of
from ...dialects._refusal import Refused
from ._naming import label, nodes
from ._statements import Nest, NotAffine, Statement, Times, nest_of

KINDS = {(True, False): "flow", (False, True): "anti", (True, True): "output"}
"""(whether the first one writes, whether the second one does) -> the dependence's name."""


@dataclass(frozen=True)
class End:
    """One side of a dependence: the statement and its round, the values of its loops' variables."""

    statement: Statement
    round: tuple[int, ...]

    def __str__(self) -> str:
        pairs = zip(self.statement.loops, self.round, strict=True)
        told = ", ".join(f"{label(each)} = {value}" for each, value in pairs)
        unsure = "" if self.statement.is_sure else ", if its condition holds"
        origin = nodes(self.statement.op)
        text = str(self.statement.op).split(" : ")[0]
        return f"{text}{f'  ({origin})' if origin else ''}  in round ({told}){unsure}"


@dataclass(frozen=True)
class Dependence:
    """The second end touches the element after the first one."""

    kind: str
    buffer: SSAValue
    element: int
    first: End
    second: End

    def told(self) -> list[str]:
        """The dependence as lines for a person."""
        type = self.buffer.type
        name = f"%{self.buffer.name_hint}" if self.buffer.name_hint else "a buffer"
        lines = [
            f"{self.kind} dependence through {name} : {type}, {_place(type, self.element)}",
            f"first   {self.first}",
            f"then    {self.second}",
        ]
        shared = [a for a, b in zip(self.first.statement.loops, self.second.statement.loops, strict=False) if a is b]
        if shared:
            steps = zip(shared, self.first.round, self.second.round, strict=False)
            lines.append(f"distance  {', '.join(f'{label(a)} {y - x:+}' for a, x, y in steps)}")
        return lines


def _place(type: Attribute, element: int) -> str:
    """An element by its subscripts, or by its number where they cannot be told."""
    if not isinstance(type, MemRefType):
        return f"element {element}"
    shape, found = type.get_shape(), strides_of(type)
    if found is None or found[1] != row_major(shape) or -1 in shape or 0 in shape:
        return f"element {element}"
    digits = [element // s % n if s else 0 for s, n in zip(found[1], shape, strict=True)]
    return f"element [{', '.join(map(str, digits))}]"


class Order:
    """The dependences of a nest in the order in which it stands."""

    def __init__(self, nest: Nest):
        import islpy as isl

        self.nest, self.isl = nest, isl
        self.width = max((len(nest.time(s)) for s in nest.statements), default=1)
        self.domain = isl.UnionSet(nest.isl("; ".join(f"{nest.point(s)} : {nest.domain(s)}" for s in nest.statements)))
        self.reads, self.writes = (self._relation(w) for w in (False, True))
        self.now = self._schedule(nest.time)

    def _relation(self, writes: bool) -> Any:
        pairs = [(s, a) for s in self.nest.statements for a in s.accesses if a.writes is writes]
        whole = self.isl.UnionMap(self.nest.isl("; ".join(self.nest.touched(s, a) for s, a in pairs)))
        return whole.intersect_domain(self.domain)

    def _schedule(self, times: Times) -> Any:
        rows = {s: times(s) for s in self.nest.statements}
        width = max([self.width, *map(len, rows.values())])
        texts = [f"{self.nest.point(s)} -> [{', '.join([*r, *['0'] * (width - len(r))])}]" for s, r in rows.items()]
        if width > self.width:
            self.width = width
            self.now = self._schedule(self.nest.time)
        return self.isl.UnionMap(self.nest.isl("; ".join(texts))).intersect_domain(self.domain)

    def broken(self, times: Times) -> Dependence | None:
        """The first dependence whose second end would run before the first one, or together with it; None if each
        runs as before."""
        if not self.nest.statements:
            return None
        then = self._schedule(times)
        return self.first_of(then.lex_ge_union_map(then).intersect(self.before()))

    def before(self) -> Any:
        """The pairs of rounds of which the one runs before the other."""
        return self.now.lex_lt_union_map(self.now)

    def first_of(self, pairs: Any, kinds: Sequence[tuple[bool, bool]] = tuple(KINDS)) -> Dependence | None:
        """The first dependence of these kinds whose ends are among the pairs of rounds."""
        for first, second in kinds:
            kind = KINDS[first, second]
            ends = (self.writes if first else self.reads, self.writes if second else self.reads)
            bad = ends[0].apply_range(ends[1].reverse()).intersect(pairs)
            if not bad.is_empty():
                return self._shown(kind, bad, *ends)
        return None

    def _shown(self, kind: str, bad: Any, first: Any, second: Any) -> Dependence:
        isl, known = self.isl, {s.name: s for s in self.nest.statements}
        one_case = isl.Set.from_point(bad.params().sample_point())
        listed = bad.intersect_params(one_case).get_map_list()
        maps = [m for i in range(listed.n_map()) if not (m := listed.get_at(i)).is_empty()]
        ends = [tuple(known[m.get_tuple_name(k)] for k in (isl.dim_type.in_, isl.dim_type.out)) for m in maps]
        ranks = [tuple(self.nest.statements.index(e) for e in pair) for pair in ends]
        at = min(range(len(maps)), key=ranks.__getitem__)
        a, b = ends[at]
        points = self._first_point(maps[at].wrap())
        x, y = points[: len(a.loops)], points[len(a.loops) :]
        shared = self._at(a, x).apply(first).intersect(self._at(b, y).apply(second)).intersect_params(one_case)
        cell = shared.get_set_list().get_at(0)
        buffers = {name: value for value, name in self.nest.buffers.items()}
        element = self._first_point(cell)[-1]
        return Dependence(kind, buffers[cell.get_tuple_name()], element, End(a, x), End(b, y))

    def _first_point(self, found: Any) -> tuple[int, ...]:
        """The least point of a bounded set, number by number: isl's `lexmin` finds none in some sets of tiles."""
        dims, values = self.isl.dim_type.set, list[int]()
        for i in range(found.dim(dims)):
            least = found.dim_min_val(i)
            found = found.fix_val(dims, i, least)
            values.append(int(least.to_python()))
        return tuple(values)

    def _at(self, statement: Statement, values: Sequence[int]) -> Any:
        return self.isl.UnionSet(self.nest.isl(f"{statement.name}[{', '.join(map(str, values))}]"))


def order_of(step: str, ops: Sequence[Operation]) -> Order:
    """The order of neighbouring ops; Refused if it cannot be told."""
    try:
        return Order(nest_of(ops))
    except NotAffine as error:
        raise Refused(
            f"{step}: whether the order may change is not known",
            [str(error), f"at {str(error.op).splitlines()[0]}"],
            at=nodes(error.op),
        ) from error


def check(step: str, what: str, order: Order, times: Times, way_out: Callable[[], str]) -> None:
    """Refused, with the dependence and the way out, if statements may not run at these times."""
    if (found := order.broken(times)) is not None:
        ends = (found.first.statement.op, found.second.statement.op)
        raise Refused(f"{step}: {what}: a dependence forbids it", found.told(), at=nodes(*ends), do=way_out())


def carried(step: str, what: str, loops: Sequence[scf.ForOp], do: str) -> None:
    """Refused if one of these loops hands values from round to round."""
    for each in loops:
        if each.iter_args:
            named = ", ".join(f"%{v.name_hint or '..'} : {v.type}" for v in each.body.block.args[1:])
            lines = [f"flow dependence through a value: each round of {label(each)} hands {named} to the next"]
            lines.append(f"distance  {label(each)} +1 round")
            raise Refused(f"{step}: {what}: a dependence forbids it", lines, at=nodes(each), do=do)
