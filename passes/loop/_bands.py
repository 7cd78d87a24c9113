"""Loops that stand in each other with nothing between: what reorders them may take them as one space of rounds.

scf.for %i {                              scf.for %i {
  %o = arith.muli %i, %c8                   scf.for %j {
  scf.for %j { .. %o .. }       -->           %o = arith.muli %i, %c8
}                                             .. %o .. } }
"""

from collections.abc import Sequence
from itertools import pairwise

from xdsl.dialects import scf
from xdsl.ir import Operation, SSAValue
from xdsl.traits import is_side_effect_free

from ...dialects._refusal import Refused
from ._naming import around, label, nodes


def band_of(step: str, loops: Sequence[scf.ForOp]) -> list[scf.ForOp]:
    """The loops from the outermost to the innermost of these, outermost first; Refused if they are not nested, or
    anything but computation of numbers stands between them."""
    inner = max(loops, key=_depth)
    found: list[Operation] = [inner]
    outer = min(loops, key=_depth)
    found += [] if inner is outer else around(inner, outer)
    band = [op for op in reversed(found) if isinstance(op, scf.ForOp)]
    if len(band) != len(found) or any(each not in band for each in loops):
        names = ", ".join(map(label, loops))
        raise Refused(f"{step}: {names} do not stand in each other, loop in loop", at=nodes(*loops))
    for above, below in pairwise(band):
        _check_between(step, above, below)
    return band


def _depth(op: Operation) -> int:
    return 0 if (parent := op.parent_op()) is None else 1 + _depth(parent)


def _check_between(step: str, above: scf.ForOp, below: scf.ForOp) -> None:
    for op in above.body.block.ops:
        if op is below or isinstance(op, scf.YieldOp) or (is_side_effect_free(op) and not op.regions):
            continue
        raise Refused(
            f"{step}: {label(above)} and {label(below)} are not perfectly nested",
            [f"between them stands {str(op).splitlines()[0]}"],
            at=nodes(op),
            do=f"move it into a loop of its own first: loop-fission{{loop={label(above)}}}",
        )


def check_box(step: str, band: Sequence[scf.ForOp], why: str) -> None:
    """Refused if the bounds of a loop of the band depend on another one's variable."""
    for each in band:
        for bound in (each.lb, each.ub, each.step):
            for other in band:
                if other is not each and _depends(bound, other):
                    line = f"a bound of {label(each)} depends on %{label(other)}: {why}"
                    raise Refused(f"{step}: the rounds of {label(each)} differ", [line], at=nodes(each))


def _depends(value: SSAValue, loop: scf.ForOp) -> bool:
    if value is loop.body.block.args[0]:
        return True
    return isinstance(op := value.owner, Operation) and any(_depends(v, loop) for v in op.operands)


def straighten(band: Sequence[scf.ForOp]) -> None:
    """Put the numbers computed between the loops where they are needed: those of bounds before the band, which is a
    box, and the others into the innermost body."""
    for each in band[1:]:
        for bound in (each.lb, each.ub, each.step):
            _hoist(bound, band[0])
    last = band[-1].body.block
    for above, below in reversed(list(pairwise(band))):
        for op in reversed(list(above.body.block.ops)):
            if op is below or isinstance(op, scf.YieldOp):
                continue
            op.detach()
            if (first := last.first_op) is not None:
                last.insert_op_before(op, first)


def _hoist(value: SSAValue, before: scf.ForOp) -> None:
    op = value.owner
    if not isinstance(op, Operation) or not before.is_ancestor(op):
        return
    for operand in op.operands:
        _hoist(operand, before)
    op.detach()
    block = before.parent_block()
    assert block is not None
    block.insert_op_before(op, before)


def between(step: str, what: str, first: scf.ForOp, second: scf.ForOp) -> list[Operation]:
    """The ops from one loop to the next, which may stand before both; Refused if they may not."""
    found: list[Operation] = []
    op = first.next_op
    while op is not None and op is not second:
        if not is_side_effect_free(op) or op.regions or any(v.owner is first for v in op.operands):
            raise Refused(f"{step}: {what}", [f"between them stands {str(op).splitlines()[0]}"], at=nodes(op))
        found.append(op)
        op = op.next_op
    if op is None:
        raise Refused(f"{step}: {what}: expected them in one block, in this order", at=nodes(first, second))
    return found
