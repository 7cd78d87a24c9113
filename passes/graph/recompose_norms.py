"""Normalisations of a last dimension that a model spells out become one op.

    %m = graph.reduce_mean (graph.pow %x, 2)
    %r = graph.reciprocal (graph.sqrt (graph.add %m, %e))     -->     %y = graph.rms_norm %x, %g {epsilon = e}
    %y = graph.mul (graph.mul %x, %r), %g

    %d = graph.sub %x, (graph.reduce_mean %x)
    %v = graph.reduce_mean (graph.mul %d, %d)                 -->     %y = graph.layer_norm %x, %g, %b {epsilon = e}
    %y = graph.add (graph.mul (graph.div %d, (graph.sqrt (graph.add %v, %e))), %g), %b

The square may be a power or a product, the quotient a division or a product with a reciprocal; g and b may be absent.
After fold-constants, because the numbers must be constants.
"""

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter

from ...dialects._location import fused
from ...dialects._report import rewriting
from ...dialects._shape import dtype, shape
from ...dialects.graph._pointwise import BinaryOp
from ...dialects.graph.elementwise import AddOp, DivOp, MulOp, PowOp, ReciprocalOp, SqrtOp, SubOp
from ...dialects.graph.normalization import LayerNormOp, RmsNormOp
from ...dialects.graph.reduction import ReduceMeanOp
from ...dialects.graph.weight import ConstantOp, WeightOp, constant_array
from ._made import Made


@dataclass(frozen=True)
class RecomposeNorms(ModulePass):
    """The ops in between stay where others use them; dead ones are left to dce."""

    name = "recompose-norms"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for inner in list(op.walk()):
            if isinstance(inner, DivOp | MulOp) and inner.parent is not None and (found := spelled(inner)) is not None:
                recompose(inner, found)


@dataclass(frozen=True)
class Spelled:
    """x normalised over its last dimension, less its mean or not, and epsilon; the ops that spell it."""

    x: SSAValue
    centred: bool
    epsilon: float
    ops: tuple[Operation, ...]


def spelled(op: DivOp | MulOp) -> Spelled | None:
    """What a quotient by a root mean square is."""
    if (parts := quotient(op)) is None:
        return None
    value, root = parts
    if not isinstance(sum := root.x.owner, AddOp):
        return None
    for mean, number in ((sum.lhs.owner, sum.rhs), (sum.rhs.owner, sum.lhs)):
        epsilon = constant_array(number)
        if epsilon is None or epsilon.size != 1 or not isinstance(mean, ReduceMeanOp) or not over_last(mean):
            continue
        if (base := squared(mean.input)) is None or base is not value:
            continue
        difference = value.owner
        ops = (op, root, sum, mean)
        if isinstance(difference, SubOp) and is_mean(difference.rhs, difference.lhs):
            return Spelled(difference.lhs, True, float(epsilon.reshape(()).astype(np.float64)), (*ops, difference))
        return Spelled(value, False, float(epsilon.reshape(()).astype(np.float64)), ops)
    return None


def quotient(op: DivOp | MulOp) -> tuple[SSAValue, SqrtOp] | None:
    """v and the root of v / root, v * (1 / root)."""
    if isinstance(op, DivOp):
        return (op.lhs, op.rhs.owner) if isinstance(op.rhs.owner, SqrtOp) else None
    for value, other in ((op.lhs, op.rhs), (op.rhs, op.lhs)):
        match other.owner:
            case ReciprocalOp() as inverse if isinstance(inverse.x.owner, SqrtOp):
                return value, inverse.x.owner
            case DivOp() as inverse if is_number(inverse.lhs, 1.0) and isinstance(inverse.rhs.owner, SqrtOp):
                return value, inverse.rhs.owner
            case _:
                continue
    return None


def squared(value: SSAValue) -> SSAValue | None:
    """v of v * v or v ^ 2."""
    match value.owner:
        case MulOp() as op if op.lhs is op.rhs:
            return op.lhs
        case PowOp() as op if is_number(op.rhs, 2.0):
            return op.lhs
        case _:
            return None


def over_last(op: ReduceMeanOp) -> bool:
    """Whether a mean is one for each row, which it keeps as a column."""
    return op.dims == (len(shape(op.input)) - 1,) and bool(op.keepdims)


def is_mean(value: SSAValue, of: SSAValue) -> bool:
    """Whether the value is the mean of each row of another."""
    return isinstance(op := value.owner, ReduceMeanOp) and op.input is of and over_last(op)


def is_number(value: SSAValue, number: float) -> bool:
    """Whether the value is one known number."""
    array = constant_array(value)
    return array is not None and array.size == 1 and float(array.reshape(()).astype(np.float64)) == number


def recompose(op: DivOp | MulOp, found: Spelled) -> None:
    """Put a norm in place of the last op of its spelling, with the factor and offset that follow."""
    if not rewriting(op, "layer-norm" if found.centred else "rms-norm"):
        return
    last, ops = op.results[0], list(found.ops)
    scale, last, factor = follower(last, MulOp, shape(found.x)[-1])
    bias, last, offset = follower(last, AddOp, shape(found.x)[-1]) if found.centred else (None, last, None)
    ops += [o for o in (factor, offset) if o is not None]
    new = Made(fused(o.location for o in ops))
    if scale is None:
        scale = new.number(np.ones(1, dtype(found.x.type)))
    fields = {"axis": -1, "epsilon": found.epsilon}
    if found.centred:
        new(LayerNormOp, found.x, scale, bias, **fields)
    else:
        new(RmsNormOp, found.x, scale, **fields)
    end = last.owner
    assert isinstance(end, Operation)
    PatternRewriter(end).replace(end, new.ops, [new.ops[-1].results[0]])


def follower(value: SSAValue, kind: type[BinaryOp], columns: int) -> tuple[SSAValue | None, SSAValue, Operation | None]:
    """The known row that the value alone is multiplied by, or added to, the result and the op; else None, the value."""
    users = [use.operation for use in value.uses]
    if len(users) != 1 or not isinstance(op := users[0], kind) or op.res.type != value.type:
        return None, value, None
    other = op.rhs if op.lhs is value else op.lhs
    row = isinstance(other.owner, ConstantOp | WeightOp) and shape(other) in ((), (1,), (columns,))
    return (other, op.res, op) if row else (None, value, None)
