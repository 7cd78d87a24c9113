"""Bodies of loops written again, and what is left over swept up."""

from collections.abc import Iterable, Sequence

from xdsl.dialects import memref, scf
from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.traits import is_side_effect_free

from ...dialects import loop


def copy_body(op: scf.ForOp, before: Operation, arguments: Sequence[SSAValue]) -> list[SSAValue]:
    """Write a loop's body before an op, for these arguments; what it yields."""
    values: dict[SSAValue, SSAValue] = dict(zip(op.body.block.args, arguments, strict=True))
    for inner in op.body.block.ops:
        if isinstance(inner, scf.YieldOp):
            return [values.get(v, v) for v in inner.operands]
        Rewriter.insert_op(inner.clone(values), InsertPoint.before(before))
    raise ValueError("expected a yield at the end of a loop")


def end_with(block: Block, values: Sequence[SSAValue], like: Operation) -> Operation:
    """Let a block yield these values, and nothing that it yielded before."""
    if isinstance(old := block.last_op, scf.YieldOp):
        Rewriter.erase_op(old)
    made = scf.YieldOp(*values)
    made.location = like.location
    block.add_op(made)
    return made


def is_repeatable(op: Operation) -> bool:
    """Whether an op may run twice, or not at all, but for what it reads: it computes, or loads."""
    return not op.regions and (is_side_effect_free(op) or isinstance(op, memref.LoadOp | loop.LoadOp))


def sweep(ops: Iterable[Operation]) -> None:
    """Erase those of the ops, given in order, that only make what nobody reads."""
    for op in reversed(list(ops)):
        if is_repeatable(op) and op.results and not any(result.uses for result in op.results):
            Rewriter.erase_op(op)
