"""Run the rounds of a loop in the opposite order.

    scf.for %i = 0 to 8 { body(%i) }     -->     scf.for %i = 0 to 8 { body(7 - %i) }

`loop-reverse{loop=i}`. Refused where one round reads or writes what another one writes. What it is for: a dependence of
distance (i +1, j -1) becomes one of (i +1, j +1), and then the loops can be exchanged and tiled.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects._report import rewriting
from ._dependence import carried, check, order_of
from ._naming import label, loop_named
from ._numbers import Numbers, rounds
from ._strips import step_of


@dataclass(frozen=True)
class LoopReverse(ModulePass):
    """Options: the loop."""

    name = "loop-reverse"
    loop: str

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        found = loop_named(op, self.loop, self.name)
        what = f"{label(found)} cannot run backwards"
        step_of(self.name, found)
        carried(self.name, what, [found], "keep the value in memory")
        order = order_of(self.name, [found])
        variable = order.nest.variable(found)
        check(self.name, what, order, order.nest.replacing({variable: f"-{variable}"}), str)
        if rewriting(found, "reverse", label(found)):
            reverse(found)


def reverse(op: scf.ForOp) -> None:
    """Let the body see the variable's values from the last one on."""
    step, count, at = step_of("loop-reverse", op), rounds(op), Numbers(op)
    behind = at.over(at.minus(at.minus(op.ub, op.lb), 1), step) if count is None else count - 1
    ends = at.plus(at.plus(op.lb, op.lb), at.times(behind, step))
    variable, first = op.body.block.args[0], op.body.block.first_op
    uses = list(variable.uses)
    if first is None or not uses:
        return
    inside = Numbers(first)
    turned = inside.value(inside.minus(inside.value(ends), variable))
    for use in uses:
        use.operation.operands[use.index] = turned
