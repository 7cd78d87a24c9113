"""Reductions: one generic with the reduced axes as reduction dims; extremes' positions: one with two results."""

from collections.abc import Callable

from xdsl.dialects.builtin import AnyFloat, IntegerType, Signedness, f32, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from ....dialects._shape import dtype, element, shape
from ....dialects.graph.reduction import (
    ArgMaxOp,
    ArgMinOp,
    ArgOp,
    ReduceMaxOp,
    ReduceMeanOp,
    ReduceMinOp,
    ReduceOp,
    ReduceProdOp,
    ReduceSumOp,
    highest,
    lowest,
)
from ._body import is_half, widened
from ._build import Body, Build, lowering, signless

Combine = Callable[[Body, SSAValue, SSAValue], SSAValue]


def is_unsigned(kind: Attribute) -> bool:
    """Whether a graph-level element type is an unsigned integer."""
    return isinstance(kind, IntegerType) and kind.signedness.data is Signedness.UNSIGNED


def reduced(op: ReduceOp, b: Build, combine: Combine) -> SSAValue:
    """The op as one reduction. Without axes nothing is combined; of no elements it is the neutral one."""
    kind = element(op.input)
    if not op.dims:
        return b[op.input]
    if 0 in shape(op.input):
        return b.fill(op.neutral(dtype(kind)), shape(op.result), kind)
    found = b.reduce(op.input, op.dims, op.neutral(dtype(kind)), combine)
    return b.reshape(found, shape(op.result))


@lowering(ReduceSumOp)
def reduce_sum(op: ReduceSumOp, b: Build) -> SSAValue:
    """acc + x."""
    return reduced(op, b, lambda t, x, so_far: t.add(so_far, x))


@lowering(ReduceProdOp)
def reduce_prod(op: ReduceProdOp, b: Build) -> SSAValue:
    """acc * x."""
    return reduced(op, b, lambda t, x, so_far: t.mul(so_far, x))


@lowering(ReduceMaxOp)
def reduce_max(op: ReduceMaxOp, b: Build) -> SSAValue:
    """max(acc, x), on bool or."""
    unsigned = is_unsigned(element(op.input))
    if element(op.input) == IntegerType(1):
        return reduced(op, b, lambda t, x, so_far: t.or_(so_far, x))
    return reduced(op, b, lambda t, x, so_far: t.max(so_far, x, unsigned))


@lowering(ReduceMinOp)
def reduce_min(op: ReduceMinOp, b: Build) -> SSAValue:
    """min(acc, x), on bool and."""
    unsigned = is_unsigned(element(op.input))
    if element(op.input) == IntegerType(1):
        return reduced(op, b, lambda t, x, so_far: t.and_(so_far, x))
    return reduced(op, b, lambda t, x, so_far: t.min(so_far, x, unsigned))


@lowering(ReduceMeanOp)
def reduce_mean(op: ReduceMeanOp, b: Build) -> SSAValue:
    """The sum, in f32 for half floats, over the count."""
    kind = element(op.input)
    if not op.dims:
        return b[op.input]
    if 0 in shape(op.input):
        return b.fill(float("nan"), shape(op.result), kind)
    total = b.reduce(op.input, op.dims, 0, lambda t, x, so_far: t.add(so_far, x), f32 if is_half(kind) else None)
    unsigned = is_unsigned(kind)

    def share(t: Body, x: SSAValue) -> SSAValue:
        return t.div(x, t.const(op.count, x.type), unsigned)

    return b.reshape(b.pointwise([total], shape(total), kind, share), shape(op.result))


@lowering(ArgMaxOp, ArgMinOp)
def arg_extreme(op: ArgOp, b: Build) -> SSAValue:
    """Carries the best element and its index; a later one replaces them if better, with `last` if as good."""
    kind, dims, axis = element(op.input), shape(op.input), op.dim
    most = isinstance(op, ArgMaxOp)
    kept = [i for i in range(len(dims)) if i != axis]
    sizes = [dims[i] for i in kept]
    if 0 in sizes:
        return b.empty(shape(op.result), i64)
    onto = AffineMap(len(dims), 0, tuple(map(AffineDimExpr, kept)))
    worst = lowest(dtype(kind)) if most else highest(dtype(kind))
    predicate = ("g" if most else "l") + ("e" if op.last else "t")

    def carry(t: Body, x: SSAValue, best: SSAValue, at: SSAValue) -> tuple[SSAValue, SSAValue]:
        x = t.cast(x, best.type)
        take = t.cmp(predicate, x, best, is_unsigned(kind))
        if isinstance(x.type, AnyFloat):
            fresh = t.cmp("nan", x, x)
            if not op.last:
                fresh = t.and_(fresh, t.cmp("eq", best, best))
            take = t.or_(take, fresh)
        return t.select(take, x, best), t.select(take, t.cast(t.index(axis), i64), at)

    iterators = "".join("r" if i == axis else "p" for i in range(len(dims)))
    outs = [(b.fill(worst, sizes, widened(signless(kind))), onto), (b.fill(0, sizes, i64), onto)]
    made = b.generic([(b[op.input], AffineMap.identity(len(dims)))], outs, iterators, carry)
    assert not isinstance(made, SSAValue)
    return b.reshape(made[1], shape(op.result))
