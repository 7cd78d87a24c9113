"""A loop's rounds shared out: each part of a `loop.parallel` runs its share of them.

scf.for %n = 0 to 768 step 48 { .. }     -->     loop.parallel 2 { ^bb0(%part, %parts):
                                                   scf.for %n = %low to %high step 48 { .. } }
"""

from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import IndexType, MemRefType
from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects import loop
from ._work import trips

SUNK = (arith.ConstantOp, loop.SplatOp, memref.ViewOp)
"""What is made again in a part rather than handed to it."""


def split(op: scf.ForOp, threads: int, private: tuple[memref.AllocaOp | memref.ViewOp, ...]) -> set[SSAValue]:
    """Let each part run its share of a loop's rounds; `private` buffers are each part's own. The arguments that must
    have room for all threads then."""
    rounds, made = trips(op), loop.ParallelOp(threads)
    assert rounds is not None
    made.location = op.location
    Rewriter.insert_op(made, InsertPoint.before(op))
    op.detach()
    block = made.body.block
    block.args[0].name_hint, block.args[1].name_hint = "part", "parts"
    low, high = _bounds(block, rounds)
    step = arith.ConstantOp.from_int_and_width(rounds.step, IndexType())
    block.add_ops([step, op])
    op.operands[0], op.operands[1], op.operands[2] = low, high, step.result
    widened = set[SSAValue]()
    for buffer in private:
        buffer.detach()
        block.insert_op_before(buffer, op)
        if isinstance(buffer, memref.ViewOp):
            widened.add(buffer.source)
            _shift(buffer, block.args[0])
    _sink(made)
    for inner in block.ops:
        inner.location = op.location
    return widened


def _shift(view: memref.ViewOp, part: SSAValue) -> None:
    """Show a part's share of the scratch memory: the same bytes behind those of the parts before."""
    assert isinstance(view.source.type, MemRefType)
    share = arith.ConstantOp.from_int_and_width(view.source.type.get_shape()[0], IndexType())
    start = arith.MuliOp(part, share.result)
    total = arith.AddiOp(start.result, view.byte_shift)
    Rewriter.insert_op([share, start, total], InsertPoint.before(view))
    view.operands[1] = total.result


def _bounds(block: Block, rounds: range) -> tuple[SSAValue, SSAValue]:
    """The first value of a part's rounds, and that behind its last: of round p * count / parts."""

    def number(value: int) -> SSAValue:
        return add(arith.ConstantOp.from_int_and_width(value, IndexType()))

    def add(op: Operation) -> SSAValue:
        block.add_op(op)
        return op.results[0]

    def at(part: SSAValue) -> SSAValue:
        share = add(arith.DivUIOp(add(arith.MuliOp(part, count)), parts))
        return add(arith.AddiOp(add(arith.MuliOp(share, step)), start))

    part, parts = block.args
    count, step, start, one = map(number, (len(rounds), rounds.step, rounds.start, 1))
    return at(part), at(add(arith.AddiOp(part, one)))


def _sink(op: loop.ParallelOp) -> None:
    """Make constants and views again inside, where all can see what they are."""
    block, copies = op.body.block, dict[SSAValue, SSAValue]()
    anchor = block.first_op
    assert anchor is not None

    def inside(value: SSAValue) -> SSAValue:
        owner = value.owner
        if not isinstance(owner, SUNK) or op.is_ancestor(owner):
            return value
        if value not in copies:
            copy = owner.clone({operand: inside(operand) for operand in owner.operands})
            block.insert_op_before(copy, anchor)
            copies[value] = copy.results[0]
        return copies[value]

    for inner in [o for o in op.body.walk() if not isinstance(o, SUNK)]:
        for i, operand in enumerate(inner.operands):
            inner.operands[i] = inside(operand)
