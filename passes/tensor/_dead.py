"""Erases ops that nothing reads.

%e = tensor.empty()
%0 = linalg.generic ins(%x) outs(%e) {..}     // no use        -->     nothing
"""

from xdsl.dialects.linalg.abstract_ops import LinalgStructuredOperation
from xdsl.ir import Block, Operation, SSAValue
from xdsl.transforms.dead_code_elimination import would_be_trivially_dead

from ...dialects.kernel import LaunchOp


def erase_dead(block: Block) -> None:
    """Erase what is unused in a block and in the blocks inside it, from the last op to the first."""
    for op in reversed(list(block.ops)):
        if is_dead(op):
            op.detach()
            op.erase()
        elif not isinstance(op, LinalgStructuredOperation):
            for region in op.regions:
                for inner in region.blocks:
                    erase_dead(inner)


def is_dead(op: Operation) -> bool:
    """Whether an op has results, none of them used, and does nothing else. On tensors linalg and launches do not."""
    if not op.results or any(result.first_use is not None for result in op.results):
        return False
    return isinstance(op, LinalgStructuredOperation | LaunchOp) or would_be_trivially_dead(op)


def readers(value: SSAValue) -> list[Operation]:
    """The ops that use a value, once for each use, without those whose results plainly nothing reads in the end."""
    return [use.operation for use in value.uses if _is_live(use.operation, within=6)]


def _is_live(op: Operation, within: int) -> bool:
    """Whether an op is of use, or so many readers away from being of none that it is not worth finding out."""
    if within == 0 or not (isinstance(op, LinalgStructuredOperation | LaunchOp) or would_be_trivially_dead(op)):
        return True
    return any(_is_live(use.operation, within - 1) for result in op.results for use in result.uses)
