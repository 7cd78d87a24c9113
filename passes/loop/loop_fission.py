"""Split a loop in two: the first writes of its body in one, the others in one behind it.

    scf.for %i = 0 to 64 {                    scf.for %i = 0 to 64 {
      %x = load %a[%i]                          %x = load %a[%i]
      store f(%x), %b[%i]            -->        store f(%x), %b[%i] }
      store g(%x), %c[%i]                     scf.for %i_then = 0 to 64 {
    }                                           %x = load %a[%i]
                                                store g(%x), %c[%i] }

`loop-fission{loop=i after=1}`: after the first op of the body that writes, a loop in it counting as one. What the
second loop needs of the first one's numbers it loads and computes again. Refused where a later round of the first loop
touches what an earlier one of the second does, and where what is needed again is no number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects._refusal import Refused
from ...dialects._report import rewriting
from ._copies import is_repeatable, sweep
from ._dependence import carried, check, order_of
from ._naming import function_of, label, loop_named, name_after, nodes
from ._statements import Nest, Statement, Times


@dataclass(frozen=True)
class LoopFission(ModulePass):
    """Options: the loop; how many of its body's writing ops stay in the first one."""

    name = "loop-fission"
    loop: str
    after: int = 1

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        found = loop_named(op, self.loop, self.name)
        what = f"{label(found)} cannot be split"
        carried(self.name, what, [found], "keep the value in memory")
        order = order_of(self.name, [found])
        first = self._first_part(found, order.nest)
        again = needed_again(found, first)
        if wrong := [each for each in again if not is_repeatable(each)]:
            line = f"the second loop would need what {str(wrong[0]).splitlines()[0]} makes"
            raise Refused(f"{self.name}: {what}", [line], at=nodes(wrong[0]), do="keep the value in a buffer")
        do = "split elsewhere, or not at all: the two belong together"
        for early in (first, [each for each in first if each not in again]):
            check(self.name, what, order, _split(order.nest, early), lambda: do)
        if rewriting(found, "split", f"{label(found)} after {self.after} of its writes"):
            split(found, first)

    def _first_part(self, op: scf.ForOp, nest: Nest) -> list[Operation]:
        """The ops of the body that go first."""
        body = list(op.body.block.ops)[:-1]
        stores = [s.op for s in nest.statements if any(a.writes for a in s.accesses)]
        writers = [each for each in body if any(each.is_ancestor(store) for store in stores)]
        if not 0 < self.after < len(writers):
            told = f"{label(op)} has {len(writers)} ops that write, found after={self.after}"
            do = "" if len(writers) < 2 else f"{self.name}{{loop={self.loop} after=1}}"
            raise Refused(f"{self.name}: expected a place between two of its writes: {told}", at=nodes(op), do=do)
        return body[: body.index(writers[self.after - 1]) + 1]


def needed_again(op: scf.ForOp, first: Sequence[Operation]) -> list[Operation]:
    """The ops of the first part whose values the rest needs, however indirectly."""
    found: list[Operation] = []
    wanted = [inner for each in op.body.block.ops if each not in first for inner in each.walk()]
    while wanted:
        for value in wanted.pop().operands:
            owner = value.owner
            if isinstance(owner, Operation) and owner in first and owner not in found:
                found.append(owner)
                wanted += owner.walk()
    return found


def _split(nest: Nest, early: Sequence[Operation]) -> Times:
    """Statements in the ops of `early` first, all rounds of them, then the others."""

    def times(statement: Statement) -> list[str]:
        late = not any(each.is_ancestor(statement.op) for each in early)
        return ["1" if late else "0", *nest.time(statement)]

    return times


def split(op: scf.ForOp, first: Sequence[Operation]) -> None:
    """Let a second loop do what is not in the first part."""
    count = len(first)
    second = op.clone()
    Rewriter.insert_op(second, InsertPoint.after(op))
    name_after(second, op, "then", function_of(op) or op)
    for each in reversed(list(op.body.block.ops)[count:-1]):
        Rewriter.erase_op(each)
    for each in list(second.body.block.ops)[:count]:
        if not is_repeatable(each):
            each.detach()
            each.erase(safe_erase=False)
    for each in (op, second):
        sweep(each.body.block.ops)
