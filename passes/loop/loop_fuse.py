"""Make one loop of two neighbours, the second one so many rounds behind the first.

    scf.for %i = 0 to 64 { store f(%i), %a[%i] }                          scf.for %i_first = 0 to 1 { store .. %a[0] }
    scf.for %j = 0 to 63 { load %a[%j + 1] ; store .. %b[%j] }   -->      scf.for %i = 1 to 64 {
                                                                            store f(%i), %a[%i]
                                                                            load %a[%i] ; store .. %b[%i - 1] }

`loop-fuse{loops=i,j shift=1}`. With shift s, round r of the second loop runs behind round r + s of the first; the
rounds that have no partner get loops of their own. Refused where the second loop would read or write an element before
the first one has: here with shift 0, as round r reads what round r + 1 makes. Then the least legal shift is named.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects._refusal import Refused
from ...dialects._report import rewriting
from ._affine import form
from ._bands import between
from ._copies import copy_body
from ._dependence import Order, carried, check, order_of
from ._naming import function_of, label, loops_named, name_after, nodes
from ._numbers import Numbers, rounds
from ._statements import Statement, Times
from ._strips import step_of

SHIFTS = 16
"""Shifts that are tried for a way out."""


@dataclass(frozen=True)
class LoopFuse(ModulePass):
    """Options: the two loops, in the order of the text; rounds by which the second one is late."""

    name = "loop-fuse"
    loops: tuple[str, ...]
    shift: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        found = loops_named(op, self.loops, self.name, least=2)
        first, second = found[0], found[1]
        what = f"{label(first)} and {label(second)} cannot be fused"
        passed = between(self.name, what, first, second) if len(found) == 2 else []
        if len(found) != 2 or self._step(first) != self._step(second):
            raise Refused(f"{self.name}: expected two loops of the same step", at=nodes(*found))
        carried(self.name, what, [first, second], "keep the value in memory")
        self._check_rounds(first, second)
        order = order_of(self.name, [first, *passed, second])
        times = shifted(order, first, second, self.shift)
        check(self.name, what, order, times, lambda: self._way_out(order, first, second))
        told = f" {self.shift} rounds later" if self.shift else ""
        if rewriting(first, "fuse", f"{label(first)} with {label(second)}{told}"):
            for each in passed:
                each.detach()
                Rewriter.insert_op(each, InsertPoint.before(first))
            fuse(first, second, self.shift)

    def _step(self, op: scf.ForOp) -> int:
        return step_of(self.name, op)

    def _check_rounds(self, first: scf.ForOp, second: scf.ForOp) -> None:
        """Refused if there are no rounds to pair, or if it is not known which."""
        a, b = rounds(first), rounds(second)
        same = (first.lb, first.ub) == (second.lb, second.ub)
        if (a is None or b is None or ahead(first, second) is None) and (self.shift or not same):
            do = "fuse loops of the same bounds, without a shift"
            raise Refused(f"{self.name}: how many rounds the loops have is not known", at=nodes(first, second), do=do)
        if a is not None and b is not None and not -b < self.shift < max(a, 1):
            told = f"no rounds to pair with shift={self.shift}: {label(first)} has {a}, {label(second)} {b}"
            raise Refused(f"{self.name}: {told}", at=nodes(first, second))

    def _way_out(self, order: Order, first: scf.ForOp, second: scf.ForOp) -> str:
        most = min(SHIFTS, (rounds(first) or 1) - 1)
        for shift in range(self.shift + 1, most + 1):
            if order.broken(shifted(order, first, second, shift)) is None:
                return f"{self.name}{{loops={','.join(self.loops)} shift={shift}}}"
        return ""


def shifted(order: Order, first: scf.ForOp, second: scf.ForOp, shift: int) -> Times:
    """Round r + shift of the first loop with round r of the second one behind it."""
    nest = order.nest

    def times(statement: Statement) -> list[str]:
        around = statement.loops[0]
        start = nest.lower(around).text(nest.variables)
        turn = f"floor(({nest.variable(around)} - ({start}))/{step_of('loop-fuse', around)})"
        late = around is second
        return [f"{turn} + {shift}" if late else turn, "1" if late else "0", *nest.time(statement)[2:]]

    return times


def ahead(first: scf.ForOp, second: scf.ForOp) -> int | None:
    """How far behind the first loop's start the second one's lies, if that is known."""
    apart = form(second.lb).plus(form(first.lb), -1)
    return None if apart.terms else apart.constant


def fuse(first: scf.ForOp, second: scf.ForOp, shift: int) -> None:
    """Replace the two loops."""
    a, b, step = rounds(first), rounds(second), step_of("loop-fuse", first)
    offset = ahead(first, second)
    if a is not None and b is not None and offset is not None:
        low, high = max(0, shift), min(a, b + shift)
        for op, begin, end in ((first, 0, low), (second, 0, low - shift)):
            _some(op, begin, end, "first", first)
        for op, begin, end in ((second, high - shift, b), (first, high, a)):
            _some(op, begin, end, "rest", second.next_op or second)
        at, start = Numbers(first), first.lb
        first.operands[0], first.operands[1] = (at.value(at.plus(start, n * step)) for n in (low, high))
    last = first.body.block.last_op
    assert last is not None
    inside = Numbers(last)
    index = inside.plus(first.body.block.args[0], (offset or 0) - shift * step)
    copy_body(second, last, [inside.value(index)])
    Rewriter.erase_op(second)


def _some(op: scf.ForOp, begin: int, end: int, suffix: str, before: Operation) -> None:
    """Some rounds of a loop, in a loop of their own."""
    if begin >= end:
        return
    step = step_of("loop-fuse", op)
    made = op.clone()
    Rewriter.insert_op(made, InsertPoint.before(before))
    at = Numbers(made)
    made.operands[0], made.operands[1] = (at.value(at.plus(op.lb, n * step)) for n in (begin, end))
    name_after(made, op, suffix, function_of(op) or op)
