"""Ask a question that has the same answer in all rounds of a loop once, before it.

    scf.for %i = 0 to 64 {                    scf.if %c {
      scf.if %c { A } else { B }     -->        scf.for %i = 0 to 64 { A ; C }
      C                                       } else {
    }                                           scf.for %i = 0 to 64 { B ; C } }

`loop-unswitch{loop=i}`: the first scf.if of the body. Rounds run as before, so it is always possible, but where the
answer is made in the loop.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.traits import is_side_effect_free

from ...dialects._refusal import Refused
from ...dialects._report import rewriting
from ._copies import end_with
from ._naming import label, loop_named, nodes


@dataclass(frozen=True)
class LoopUnswitch(ModulePass):
    """Options: the loop."""

    name = "loop-unswitch"
    loop: str

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        found = loop_named(op, self.loop, self.name)
        choice = next((each for each in found.body.block.ops if isinstance(each, scf.IfOp)), None)
        if choice is None:
            raise Refused(f"{self.name}: no scf.if stands in the body of {label(found)}", at=nodes(found))
        if (varying := _varying(choice.cond, found)) is not None:
            lines = [f"its condition depends on {varying}"]
            raise Refused(f"{self.name}: the answer may differ from round to round", lines, at=nodes(choice))
        if rewriting(choice, "unswitch", f"out of {label(found)}"):
            unswitch(found, choice)


def _varying(value: SSAValue, op: scf.ForOp) -> str | None:
    """What a value depends on that is made in a loop other than by computing; None if nothing."""
    owner = value.owner
    if not isinstance(owner, Operation):
        return f"%{value.name_hint or '..'}, which the loop changes" if owner is op.body.block else None
    if not op.is_ancestor(owner):
        return None
    if not is_side_effect_free(owner) or owner.regions:
        return str(owner).splitlines()[0]
    return next((found for v in owner.operands if (found := _varying(v, op)) is not None), None)


def unswitch(op: scf.ForOp, choice: scf.IfOp) -> None:
    """Put an scf.if around two copies of the loop."""
    _hoist(choice.cond, op)
    number = list(op.body.block.ops).index(choice)
    made = scf.IfOp(choice.cond, op.result_types, Region(Block()), Region(Block()))
    made.location = choice.location
    for region, source in ((made.true_region, 0), (made.false_region, 1)):
        copy = op.clone()
        region.block.add_op(copy)
        end_with(region.block, copy.results, op)
        inner = list(copy.body.block.ops)[number]
        _choose(inner, source)
    Rewriter.insert_op(made, InsertPoint.before(op))
    Rewriter.replace_op(op, [], made.results)


def _choose(op: Operation, region: int) -> None:
    """Replace an scf.if by what stands in one of its regions."""
    blocks = list(op.regions[region].blocks)
    inner = list(blocks[0].ops) if blocks else []
    results: list[SSAValue] = []
    for each in inner:
        if isinstance(each, scf.YieldOp):
            results = list(each.operands)
            continue
        each.detach()
        Rewriter.insert_op(each, InsertPoint.before(op))
    for old, new in zip(op.results, results, strict=True):
        old.replace_all_uses_with(new)
    op.detach()
    op.erase(safe_erase=False)


def _hoist(value: SSAValue, op: scf.ForOp) -> None:
    owner = value.owner
    if not isinstance(owner, Operation) or not op.is_ancestor(owner):
        return
    for operand in owner.operands:
        _hoist(operand, op)
    owner.detach()
    Rewriter.insert_op(owner, InsertPoint.before(op))
