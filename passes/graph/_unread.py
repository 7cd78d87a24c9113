"""Ops of several results, some of which nobody reads, as ops that make only the others.

max_pool_indices -> max_pool     top_k of the largest one -> reduce_max or arg_max     if, loop, while -> fewer results

The smallest one stays: to top_k a NaN is greater than any number, to reduce_min and arg_min less.
"""

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from ...dialects._report import rewriting
from ...dialects.graph.control import IfOp, LoopOp, RegionOp, WhileOp
from ...dialects.graph.pool import MaxPoolIndicesOp, MaxPoolOp
from ...dialects.graph.reduction import ArgMaxOp, ReduceMaxOp
from ...dialects.graph.sort import TopKOp


def without_unread(op: Operation) -> bool:
    """Make only what is read of an op's results; whether there was something to leave out. Ops that nothing reads at
    all are not its business."""
    unread = [i for i, result in enumerate(op.results) if not result.uses]
    if not unread or len(unread) == len(op.results):
        return False
    match op:
        case RegionOp():
            return _fewer(op, unread)
        case MaxPoolIndicesOp() if unread == [1] and rewriting(op, "unread-indices"):
            fields = {k: v for k, v in op.properties.items() if k != "column_major"}
            return _instead(op, MaxPoolOp.make(op.x, regions=(), **fields), 0)
        case TopKOp() if op.count == 1 and op.largest and rewriting(op, "unread-of-top"):
            if unread == [0]:
                return _instead(op, ArgMaxOp.make(op.input, axis=op.dim, keepdims=True, last=False), 1)
            return _instead(op, ReduceMaxOp.make(op.input, axes=[op.dim], keepdims=True), 0)
        case _:
            return False


def _instead(op: Operation, new: Operation, result: int) -> bool:
    new.location = op.location
    results: list[SSAValue | None] = [None] * len(op.results)
    results[result] = new.results[0]
    PatternRewriter(op).replace(op, [new], results)
    return True


def _fewer(op: RegionOp, unread: list[int]) -> bool:
    """The op without results that neither its users nor its own rounds need."""
    match op:
        case IfOp():
            inits, first, held = 0, 0, unread
        case LoopOp():
            inits, first = len(op.operands), 0
            held = [i for i in unread if i >= inits or _only_carried(op, i, first)]
        case WhileOp():
            inits, first = len(op.results), 1
            held = [i for i in unread if _only_carried(op, i, first)]
        case _:
            return False
    if not held or not rewriting(op, "unread-results"):
        return False
    before = len(op.operands) - inits
    operands = [v for i, v in enumerate(op.operands) if i < before or i - before not in held]
    for region in op.regions:
        block, end = region.block, region.block.last_op
        assert end is not None
        end.operands = [v for i, v in enumerate(end.operands) if i - first not in held]
        for i in sorted((i for i in held if i < inits), reverse=True):
            block.erase_arg(block.args[i + 1])
    regions = [op.detach_region(region) for region in list(op.regions)]
    kept = [i for i in range(len(op.results)) if i not in held]
    new = type(op).create(
        operands=operands, result_types=[op.results[i].type for i in kept], properties=op.properties, regions=regions
    )
    new.location = op.location
    results: list[SSAValue | None] = [None] * len(op.results)
    for i, result in zip(kept, new.results, strict=True):
        results[i] = result
    PatternRewriter(op).replace(op, [new], results)
    return True


def _only_carried(op: LoopOp | WhileOp, index: int, first: int) -> bool:
    """Whether a carried value goes round unread: its argument has no reader but the yield, at its own place."""
    argument, end = op.body.block.args[index + 1], op.body.block.last_op
    assert end is not None
    return all(use.operation is end and use.index == index + first for use in argument.uses)
