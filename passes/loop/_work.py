"""What a loop costs, roughly: processor cycles by the ops that it runs, and by the memory that it streams.

scf.for %k = 0 to 768 { 2 loads, splat, mulf, addf }     768 * (2 * 0.5 + 0 + 0.5 + 0.5)
"""

from math import prod

from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import IntegerAttr, MemRefType, VectorType
from xdsl.ir import Block, Operation, SSAValue

from ...dialects import loop
from ...dialects._shape import dtype

STREAM = 8
"""Bytes a cycle of what is read or written but once: past the caches of a core."""
ACCESS = 0.5
FREE = (arith.ConstantOp, loop.SplatOp, memref.ViewOp, memref.AllocaOp, scf.YieldOp)
SLOW = {"math": 20.0, "divf": 8.0, "divsi": 20.0, "divui": 20.0, "remsi": 20.0, "remui": 20.0}
"""Cycles of a vector, or of a scalar, by the op's dialect or name."""


def trips(op: scf.ForOp) -> range | None:
    """The values of a loop's variable, if its bounds are constants."""
    bounds = [constant(value) for value in (op.lb, op.ub, op.step)]
    low, high, by = bounds
    return None if low is None or high is None or by is None or by <= 0 else range(low, high, by)


def constant(value: SSAValue) -> int | None:
    """The number, if it is a constant."""
    if isinstance(value.owner, arith.ConstantOp) and isinstance(value.owner.value, IntegerAttr):
        return value.owner.value.value.data
    return None


def cycles(op: Operation, around: tuple[scf.ForOp, ...] = ()) -> float:
    """What an op costs, `around` the loops that it stands in from the one of interest inwards. Loops of unknown length
    count as one round."""
    match op:
        case scf.ForOp():
            found = trips(op)
            return (1 if found is None else len(found)) * block_cycles(op.body.block, (*around, op))
        case loop.LoadOp() | loop.StoreOp():
            return _access(op, around)
        case _ if op.regions:
            return sum(block_cycles(b, around) for r in op.regions for b in r.blocks)
        case _ if isinstance(op, FREE):
            return 0.0
        case _:
            dialect, _, name = op.name.partition(".")
            return SLOW.get(dialect, SLOW.get(name, ACCESS))


def block_cycles(block: Block, around: tuple[scf.ForOp, ...]) -> float:
    """What a block's ops cost once."""
    return sum(cycles(op, around) for op in block.ops)


def _access(op: loop.LoadOp | loop.StoreOp, around: tuple[scf.ForOp, ...]) -> float:
    value = op.res if isinstance(op, loop.LoadOp) else op.value
    lanes = prod(value.type.get_shape()) if isinstance(value.type, VectorType) else 1
    cost = ACCESS * (lanes if op.step != 1 else 1)
    walked = {index for coefficient, index in op.terms if coefficient}
    if not around or not all(each.body.block.args[0] in walked for each in around) or _is_local(op.memref):
        return cost
    assert isinstance(op.memref.type, MemRefType)
    return max(cost, lanes * dtype(op.memref.type).itemsize / STREAM)


def _is_local(buffer: SSAValue) -> bool:
    return isinstance(buffer.owner, memref.AllocaOp)
