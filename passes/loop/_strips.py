"""A band of loops cut in tiles: a loop over the tiles for each, around all of them, and what is left of each tile.

scf.for %i = 0 to 10 { body }      -->     scf.for %i_o = 0 to 10 step 4 {
                                             %end = min(%i_o + 4, 10)
                                             scf.for %i = %i_o to %end { body } }
"""

from collections.abc import Sequence

from xdsl.dialects import scf
from xdsl.dialects.builtin import IndexType
from xdsl.ir import Block, Region
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects._refusal import Refused
from ._naming import function_of, label, name_after, nodes
from ._numbers import Numbers, rounds
from ._work import constant


def step_of(step: str, op: scf.ForOp) -> int:
    """A loop's step; Refused if it is not known."""
    if (found := constant(op.step)) is None or found < 1:
        raise Refused(f"{step}: {label(op)}: expected a constant step above 0", at=nodes(op))
    return found


def cut(step: str, band: Sequence[scf.ForOp], sizes: Sequence[int]) -> None:
    """Let loops over tiles of so many rounds go around the band, which is a box without anything between its loops."""
    bodies: list[Block] = []
    root = function_of(band[0]) or band[0]
    for each, size in zip(band, sizes, strict=True):
        at = Numbers(band[0])
        wide = at.value(step_of(step, each) * size)
        block = Block(arg_types=[IndexType()])
        outer = scf.ForOp(each.lb, each.ub, wide, [], Region(block))
        outer.location = each.location
        Rewriter.insert_op(outer, InsertPoint.before(band[0]))
        band[0].detach()
        end = scf.YieldOp()
        end.location = each.location
        block.add_ops([band[0], end])
        name_after(outer, each, "o", root)
        bodies.append(block)
    for each, size, block in zip(band, sizes, bodies, strict=True):
        at = Numbers(band[0])
        start, count = block.args[0], rounds(each)
        end = at.plus(start, step_of(step, each) * size)
        whole = count is not None and count % size == 0
        each.operands[0], each.operands[1] = start, at.value(end if whole else at.least(end, each.ub))
