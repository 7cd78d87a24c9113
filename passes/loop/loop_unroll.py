"""Do several rounds of a loop in one, and those that are left over in a loop behind it.

    scf.for %i = 0 to 10 { body(%i) }     -->     scf.for %i = 0 to 8 step 4 {
                                                    body(%i) ; body(%i + 1) ; body(%i + 2) ; body(%i + 3) }
                                                  scf.for %i_rest = 8 to 10 { body(%i_rest) }

`loop-unroll{loop=i factor=4}`. Rounds run in their old order, so it is always possible; values handed from round to
round are handed on. Without a factor: all rounds if that makes 64 ops at most, else 8, 4 or 2 of them that do, the
first that leaves none over if there is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects._refusal import Refused
from ...dialects._report import missed, rewriting
from ._copies import copy_body, end_with
from ._naming import function_of, label, loop_named, name_after
from ._numbers import Number, Numbers, rounds, whole_rounds
from ._strips import step_of

OPS = 64
"""Ops that an unrolled body may have if nobody asked for a factor."""


@dataclass(frozen=True)
class LoopUnroll(ModulePass):
    """Options: the loop; how many rounds become one, 0 to let the size of the body decide."""

    name = "loop-unroll"
    loop: str
    factor: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        found = loop_named(op, self.loop, self.name)
        step_of(self.name, found)
        if self.factor < 0:
            raise Refused(f"{self.name}: expected a factor above 0, or 0 for one by size, found {self.factor}")
        if (factor := self.factor or factor_for(found)) == 1:
            missed(found, "unroll", f"the body has more than {OPS // 2} ops")
            return
        if rewriting(found, "unroll", f"{label(found)} by {factor}"):
            unroll(found, factor)


def factor_for(op: scf.ForOp) -> int:
    """The factor by the size of the body."""
    size, count = max(1, sum(1 for _ in op.body.walk()) - 1), rounds(op)
    if count is not None and count * size <= OPS:
        return max(count, 1)
    fitting = [f for f in (8, 4, 2) if f * size <= OPS]
    return next((f for f in fitting if count is not None and count % f == 0), max(fitting, default=1))


def unroll(op: scf.ForOp, factor: int) -> None:
    """Replace a loop of a constant step."""
    step, count, at = step_of("loop-unroll", op), rounds(op), Numbers(op)
    carried: list[SSAValue] = list(op.iter_args)
    if count is not None and count <= factor:
        for i in range(count):
            carried = copy_body(op, op, [at.value(at.plus(op.lb, i * step)), *carried])
        Rewriter.replace_op(op, [], carried)
        return
    over = count is None or count % factor > 0
    middle = whole_rounds(at, op, factor) if over else op.ub
    main = _loop(op, factor, step, carried, (op.lb, middle))
    carried = list(main.results)
    if over:
        rest = _loop(op, 1, step, carried, (middle, op.ub))
        carried = list(rest.results)
        name_after(rest, op, "rest", function_of(op) or op)
    Rewriter.replace_op(op, [], carried)


def _loop(
    op: scf.ForOp, factor: int, step: int, carried: Sequence[SSAValue], bounds: tuple[Number, Number]
) -> scf.ForOp:
    """A loop before `op` that does `factor` rounds of it in one."""
    at = Numbers(op)
    block = Block(arg_types=op.body.block.arg_types)
    low, high, wide = (at.value(n) for n in (*bounds, factor * step))
    made = scf.ForOp(low, high, wide, carried, Region(block))
    made.location = op.location
    Rewriter.insert_op(made, InsertPoint.before(op))
    for new, old in zip(block.args, op.body.block.args, strict=True):
        new.name_hint = old.name_hint
    handed: list[SSAValue] = list(block.args[1:])
    last = end_with(block, handed, op)
    for i in range(factor):
        inside = Numbers(last)
        handed = copy_body(op, last, [inside.value(inside.plus(block.args[0], i * step)), *handed])
    end_with(block, handed, op)
    return made
