"""Exchange two loops of a perfect nest.

    scf.for %i = 0 to 64 {                    scf.for %j = 0 to 32 {
      scf.for %j = 0 to 32 {          -->       scf.for %i = 0 to 64 {
        .. %b[64 * %j + %i] ..                    .. %b[64 * %j + %i] ..

`loop-interchange{loops=i,j}`; loops between the two stay where they are. Refused where a dependence would run backwards
(distance i +1, j -1), where a loop hands values from round to round, and where the bounds of one depend on the other.
Every element is written by the same statements in the same order, so results are the same bit for bit.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects._report import rewriting
from ._bands import band_of, check_box, straighten
from ._dependence import Order, carried, check, order_of
from ._naming import label, loops_named


@dataclass(frozen=True)
class LoopInterchange(ModulePass):
    """Options: the two loops."""

    name = "loop-interchange"
    loops: tuple[str, ...]

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        named = loops_named(op, self.loops, self.name, least=2)
        band = band_of(self.name, named)
        outer, inner = band[0], band[-1]
        what = f"{label(outer)} and {label(inner)} cannot be exchanged"
        carried(self.name, what, band, "keep the sum in memory, or exchange loops outside of it")
        check_box(self.name, band, "their order is fixed")
        order = order_of(self.name, [outer])
        first, second = order.nest.variable(outer), order.nest.variable(inner)
        swapped = order.nest.replacing({first: second, second: first})
        check(self.name, what, order, swapped, lambda: way_out(order, outer, inner))
        if rewriting(outer, "interchange", f"{label(outer)} with {label(inner)}"):
            straighten(band)
            exchange(outer, inner)


def way_out(order: Order, outer: scf.ForOp, inner: scf.ForOp) -> str:
    """What makes the exchange legal, if turning the inner loop round does."""
    first, second = order.nest.variable(outer), order.nest.variable(inner)
    turned = order.nest.replacing({second: f"-{second}"})
    both = order.nest.replacing({first: f"-{second}", second: first})
    if order.broken(turned) is not None or order.broken(both) is not None:
        return ""
    return f"loop-reverse{{loop={label(inner)}}},loop-interchange{{loops={label(outer)},{label(inner)}}}"


def exchange(first: scf.ForOp, second: scf.ForOp) -> None:
    """Let each of two loops run the other one's rounds, and its body use the other one's variable."""
    for i in range(3):
        first.operands[i], second.operands[i] = second.operands[i], first.operands[i]
    x, y = first.body.block.args[0], second.body.block.args[0]
    uses = [(use.operation, use.index, other) for value, other in ((x, y), (y, x)) for use in list(value.uses)]
    for user, index, other in uses:
        user.operands[index] = other
    x.name_hint, y.name_hint = y.name_hint, x.name_hint
    first.location, second.location = second.location, first.location
