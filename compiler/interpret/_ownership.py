"""Which tensors may be updated in place, so that a loop that inserts n elements takes n steps and not n copies.

A tensor's storage is private if it comes from tensor.insert, tensor.empty or a loop that carries such a tensor; an op
may overwrite it if it is the last reader, and runs once for each time the tensor is made.
"""

from xdsl.dialects import scf, tensor
from xdsl.ir import Block, BlockArgument, Operation, OpResult, SSAValue

READS = (tensor.ExtractOp, tensor.DimOp)


def owned(value: SSAValue, reader: Operation) -> bool:
    """Whether nothing but `value` names its storage, and nothing reads it after `reader`."""
    return _private(value, set()) and _last(value, reader)


def _last(value: SSAValue, reader: Operation) -> bool:
    users = [use.operation for use in value.uses]
    others = [op for op in users if op is not reader]
    home = value.owner if isinstance(value.owner, Block) else value.owner.parent_block()
    path = _path(reader, home)
    if len(others) != len(users) - 1 or not all(isinstance(op, scf.IfOp) for op in path[:-1]):
        return False
    return all(_is_over(_path(op, home), path) for op in others)


def _path(op: Operation | None, home: Block | None) -> list[Operation]:
    """The ops around `op`, outermost first, from the one in block `home` down to `op` itself."""
    path: list[Operation] = []
    while op is not None:
        path.insert(0, op)
        if op.parent is home:
            break
        op = op.parent_op()
    return path


def _is_over(other: list[Operation], reader: list[Operation]) -> bool:
    """Whether the other use only reads and comes earlier, or lies in the other branch of a conditional."""
    for a, b in zip(other, reader, strict=False):
        if a is not b:
            if a.parent is not b.parent:
                return True
            return isinstance(other[-1], READS) and a.is_before_in_block(b)
    return False


def _private(value: SSAValue, assumed: set[SSAValue]) -> bool:
    """By induction over loops: a carried tensor is private if what is yielded in its place is."""
    if value in assumed:
        return True
    match value:
        case OpResult(op=tensor.InsertOp() | tensor.InsertSliceOp() | tensor.EmptyOp()):
            return True
        case OpResult(op=scf.ForOp() as loop, index=i):
            return _carried(loop.body.block.args[i + 1], loop.body.block.last_op, i, assumed)
        case OpResult(op=scf.IfOp() as branch, index=i):
            ends = [r.block.last_op for r in branch.regions if r.blocks]
            return all(end is not None and _given(end.operands[i], end, assumed) for end in ends)
        case BlockArgument(index=i) if isinstance(loop := value.block.parent_op(), scf.ForOp) and i > 0:
            return _carried(value, loop.body.block.last_op, i - 1, assumed)
        case _:
            return False


def _carried(arg: SSAValue, end: Operation | None, index: int, assumed: set[SSAValue]) -> bool:
    return end is not None and _given(end.operands[index], end, assumed | {arg})


def _given(value: SSAValue, end: Operation, assumed: set[SSAValue]) -> bool:
    return _private(value, assumed) and _last(value, end)
