"""Control flow: scf.if, scf.for and scf.while of the host, on tensors. The round's number is a tensor that is carried
along where the region reads it; a condition is read from its tensor by tensor.extract."""

from collections.abc import Sequence

import numpy as np
from xdsl.dialects import scf
from xdsl.dialects.builtin import IndexType, i64
from xdsl.ir import Block, Region, SSAValue

from ....dialects._shape import element, shape
from ....dialects.graph.control import IfOp, LoopOp, WhileOp
from ._build import Build, lowering
from ._slices import insert_slice


@lowering(IfOp)
def if_(op: IfOp, b: Build) -> Sequence[SSAValue]:
    """A region each."""
    condition = b.host.extract(b[op.condition], [])
    blocks = [Block(), Block()]
    for block, region in zip(blocks, op.regions, strict=True):
        with b.into(block):
            b.add(scf.YieldOp(*b.inline(region.block, [])))
    types = [v.type for v in list(blocks[0].ops)[-1].operands]
    branch = scf.IfOp(condition, types, Region(blocks[0]), Region(blocks[1]))
    b.add(branch)
    return branch.results


def following(b: Build, step: SSAValue) -> SSAValue:
    """The number of the next round."""
    return b.pointwise([step], (), i64, lambda t, n: t.add(n, t.const(1, i64)))


@lowering(LoopOp)
def loop(op: LoopOp, b: Build) -> Sequence[SSAValue]:
    """scan results are filled row by row; without rounds they are empty."""
    steps, count, block = op.steps.value.data, len(op.inits), op.body.block
    counted = bool(block.args[0].uses)
    scans = [b.empty(shape(r), element(r)) for r in op.res[count:]]
    if steps == 0:
        return [*(b[v] for v in op.inits), *scans]
    number = [b.fill(0, (), i64)] if counted else []
    carried = [*number, *(b[v] for v in op.inits), *scans]
    inner = Block(arg_types=[IndexType(), *(v.type for v in carried)])
    with b.into(inner):
        position, *values = inner.args
        step, states = values[: len(number)], values[len(number) : len(number) + count]
        made = b.inline(block, [step[0] if step else position, *states])
        rows: list[SSAValue] = []
        for row, whole in zip(made[count:], values[len(number) + count :], strict=True):
            dims = shape(row)
            rows.append(insert_slice(b, row, whole, [position, *(0 for _ in dims)], [1, *dims]))
        b.add(scf.YieldOp(*(following(b, n) for n in step), *made[:count], *rows))
    host = b.host
    low, high, by = (host.const(n, IndexType()) for n in (0, steps, 1))
    made = scf.ForOp(low, high, by, carried, Region(inner))
    b.add(made)
    return made.results[len(number) :]


@lowering(WhileOp)
def while_(op: WhileOp, b: Build) -> Sequence[SSAValue]:
    """The round's number and the condition are carried beside the values."""
    limit = b.constant(op.limit)
    endless = limit is not None and int(limit) == np.iinfo(np.int64).max
    carried = [b.fill(0, (), i64), b[op.condition], *(b[v] for v in op.inits)]
    types = [v.type for v in carried]
    before, after = Block(arg_types=types), Block(arg_types=types)
    bound = b[op.limit]
    with b.into(before):
        host = b.host
        going = host.extract(before.args[1], [])
        if not endless:
            left = host.cmp("lt", host.extract(before.args[0], []), host.extract(bound, []))
            going = host.and_(going, left)
        b.add(scf.ConditionOp(going, *before.args))
    with b.into(after):
        step, _, *values = after.args
        condition, *values = b.inline(op.body.block, [step, *values])
        b.add(scf.YieldOp(following(b, step), condition, *values))
    made = scf.WhileOp(carried, types, Region(before), Region(after))
    b.add(made)
    return made.results[2:]
