"""Make in each round of a loop what that round reads, rather than everything before the loop.

    scf.for %p = 0 to 66 {                          scf.for %i = 0 to 64 {
      store f(%p), %t[%p] }                           %e = %i + 3
    scf.for %i = 0 to 64 {                   -->      scf.for %p = %i to %e {
      load %t[%i], %t[%i + 1], %t[%i + 2]               store f(%p), %t[%p] }
      store .., %y[%i] }                              load %t[%i], %t[%i + 1], %t[%i + 2]
                                                      store .., %y[%i] }

`loop-compute-at{producer=p loop=i}`, after Halide's `compute_at` (Ragan-Kelley et al., PLDI 2013). Of the producer's
nested loops, those whose rounds do not depend on each other run over what is needed, a range along each; what two
rounds need is made twice. Refused where that could change a number: if the consumer writes what the producer reads, if
the producer adds to what was there, or if a round that is no longer run made what others read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.traits import is_side_effect_free

from ...dialects._refusal import Refused
from ...dialects._report import rewriting
from ._bands import between
from ._dependence import Dependence, Order, carried, order_of
from ._naming import label, loops_named, nodes
from ._needed import Needed, Span
from ._numbers import Number, Numbers, known
from ._work import constant


@dataclass(frozen=True)
class LoopComputeAt(ModulePass):
    """Options: the producer's outermost loop; the loop, behind it, that is to make what it needs itself."""

    name = "loop-compute-at"
    producer: str
    loop: str

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        first, at = loops_named(op, (self.producer, self.loop), self.name, least=2)
        users = loops_down_to(at, first)
        what = f"{label(first)} cannot be computed at {label(at)}"
        passed = between(self.name, what, first, users[0])
        carried(self.name, what, [first], "keep the value in memory")
        order = order_of(self.name, [first, *passed, users[0]])
        band = self._band(what, order, first, users)
        needed = Needed(order, band, users)
        self._check(what, needed)
        spans = needed.spans(self.name)
        told = ", ".join(f"{s.high - s.low + 1} rounds of {label(b)}" for s, b in zip(spans, band, strict=True))
        if rewriting(first, "compute-at", f"{label(first)} in {label(at)}, at most {told}"):
            for each in passed:
                each.detach()
                Rewriter.insert_op(each, InsertPoint.before(first))
            compute_at(band, users, spans)

    def _band(self, what: str, order: Order, first: scf.ForOp, users: Sequence[scf.ForOp]) -> list[scf.ForOp]:
        """The producer's loops, as deep as rounds do not depend on each other; Refused if there are none."""
        band = nested(first)
        if constant(first.step) != 1:
            do = f"do it before {label(first)} is divided"
            raise Refused(f"{self.name}: expected steps of 1 in {label(first)}", at=nodes(first), do=do)
        while (found := Needed(order, band, users).crossing()) is not None and len(band) > 1:
            band.pop()
        if found is not None:
            self._refuse(f"{what}: its rounds need each other", found)
        return band

    def _check(self, what: str, needed: Needed) -> None:
        if (found := needed.overwritten()) is not None:
            self._refuse(f"{what}: a dependence forbids it", found)
        if (found := needed.beside()) is not None:
            self._refuse(f"{what}: what it makes is read outside of that loop, too", found)
        first = needed.band[0]
        if needed.updates():
            line = "it adds to what was there: once more would be once too often"
            raise Refused(f"{self.name}: {what}", [line], at=nodes(first), do="let it write a first value, too")
        if not needed.is_whole() and (seen := needed.shown()):
            names = ", ".join(f"%{v.name_hint or '..'} : {v.type}" for v in seen)
            line = f"not all of its rounds are needed there, and {names} may be read elsewhere"
            raise Refused(
                f"{self.name}: {what}", [line], at=nodes(first), do="let it write a buffer of the kernel's own"
            )

    def _refuse(self, what: str, found: Dependence) -> None:
        ends = (found.first.statement.op, found.second.statement.op)
        raise Refused(f"{self.name}: {what}", found.told(), at=nodes(*ends))


def loops_down_to(at: scf.ForOp, producer: scf.ForOp) -> list[scf.ForOp]:
    """The loops from the one that stands beside the producer to `at`."""
    found: list[Operation] = [at]
    while found[-1].parent is not producer.parent and (outer := found[-1].parent_op()) is not None:
        found.append(outer)
    if found[-1].parent is not producer.parent:
        told = f"{label(at)} does not stand behind {label(producer)}, or in a loop behind it"
        raise Refused(f"loop-compute-at: {told}", at=nodes(producer, at))
    return [op for op in reversed(found) if isinstance(op, scf.ForOp)]


def nested(op: scf.ForOp) -> list[scf.ForOp]:
    """The loops that stand in each other with nothing but computation of numbers between, of steps of 1."""
    found = [op]
    while True:
        body = [b for b in found[-1].body.block.ops if not isinstance(b, scf.YieldOp)]
        busy = [b for b in body if b.regions or not is_side_effect_free(b)]
        inner = busy[0] if len(busy) == 1 else None
        if not isinstance(inner, scf.ForOp) or inner.iter_args or constant(inner.step) != 1:
            return found
        found.append(inner)


def compute_at(band: Sequence[scf.ForOp], users: Sequence[scf.ForOp], spans: Sequence[Span]) -> None:
    """Move the band into the innermost of the users, and run it over the spans only."""
    place = users[-1].body.block.first_op
    assert place is not None
    band[0].detach()
    Rewriter.insert_op(band[0], InsertPoint.before(place))
    variables = [each.body.block.args[0] for each in users]
    for op, span in zip(band, spans, strict=True):
        at = Numbers(op)
        centre = _sum(at, span.slopes, variables)
        low, high = at.plus(centre, span.low), at.plus(centre, span.high + 1)
        start, end = known(op.lb), known(op.ub)
        if start is None or span.first < start:
            low = at.greatest(op.lb, low)
        if end is None or span.last >= end:
            high = at.least(op.ub, high)
        op.operands[0], op.operands[1] = at.value(low), at.value(high)


def _sum(at: Numbers, slopes: Sequence[int], variables: Sequence[SSAValue]) -> Number:
    total: Number = 0
    for slope, variable in zip(slopes, variables, strict=True):
        if slope:
            total = at.plus(total, at.times(variable, slope))
    return total
