"""Views and copies: reshape, transpose, expand, slice, concat, pad."""

from collections.abc import Sequence
from math import prod

from xdsl.dialects.builtin import IndexType, i1
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineMap

from ....dialects._shape import element, shape
from ....dialects.graph._base import ints
from ....dialects.graph.view import ConcatOp, ExpandOp, PadOp, ReshapeOp, SliceOp, TransposeOp
from ._body import Body
from ._build import Build, lowering
from ._tables import by_tables, extracted


@lowering(ReshapeOp)
def reshape(op: ReshapeOp, b: Build) -> SSAValue:
    """Collapse and expand."""
    return b.reshape(op.x, shape(op.res))


@lowering(TransposeOp)
def transpose(op: TransposeOp, b: Build) -> SSAValue:
    """A linalg.transpose; a reshape where only axes of size 1 move."""
    perm, dims = ints(op.perm), shape(op.x)
    kept = [p for p in perm if dims[p] != 1]
    return b.reshape(op.x, shape(op.res)) if kept == sorted(kept) else b.transpose(op.x, perm)


@lowering(ExpandOp)
def expand(op: ExpandOp, b: Build) -> SSAValue:
    """A pointwise copy; a fill if it is one known number."""
    if (known := b.constant(op.x)) is not None and known.size == 1:
        return b.fill(known.reshape(-1)[0], shape(op.res), element(op.res))
    if prod(shape(op.x)) == prod(shape(op.res)):
        return b.reshape(op.x, shape(op.res))
    return b.copy(b[op.x], shape(op.res))


@lowering(SliceOp)
def slice_(op: SliceOp, b: Build) -> SSAValue:
    """tensor.extract_slice; a pointwise copy where a stride is negative."""
    return b.slice(op.x, ints(op.offsets), ints(op.sizes), ints(op.strides))


@lowering(ConcatOp)
def concat(op: ConcatOp, b: Build) -> SSAValue:
    """tensor.concat."""
    return b.concat(list(op.xs), op.axis.value.data)


@lowering(PadOp)
def pad(op: PadOp, b: Build) -> SSAValue:
    """A tensor.pad of a known value; the modes that repeat elements read them through tables."""
    if op.mode.data != "constant":
        tables = {axis: table[:, None] for axis, table in op.tables().items()}
        return by_tables(b, op.x, shape(op.res), tables, lambda t, read: read({axis: 0 for axis in tables}))
    low, high = ints(op.low), ints(op.high)
    if op.value is None:
        return b.pad(op.x, low, high, 0)
    if (known := b.constant(op.value)) is not None:
        return b.pad(op.x, low, high, known.reshape(-1)[0])
    return _padded(b, b.crop(b[op.x], low, high), b[op.value], [max(n, 0) for n in low], shape(op.res))


def _padded(b: Build, x: SSAValue, value: SSAValue, low: Sequence[int], dims: tuple[int, ...]) -> SSAValue:
    """x padded with a number that is known at run time only: a choice at each element."""
    if 0 in shape(x):
        return b.copy(value, dims)
    rank, index = len(dims), IndexType()

    def body(t: Body, filler: SSAValue, old: SSAValue) -> SSAValue:
        inside, position = t.const(True, i1), list[SSAValue]()
        for axis, (before, size, full) in enumerate(zip(low, shape(x), dims, strict=True)):
            at = t.index(axis)
            if size != full:
                at, zero = t.sub(at, t.const(before, index)), t.const(0, index)
                within = t.and_(t.cmp("ge", at, zero), t.cmp("lt", at, t.const(size, index)))
                inside, at = t.and_(inside, within), t.min(t.max(at, zero), t.const(size - 1, index))
            position.append(at)
        return t.select(inside, extracted(t, x, position), filler)

    out = b.empty(dims, element(x)), AffineMap.identity(rank)
    return b.generic1([(value, AffineMap(rank, 0, ()))], out, "p" * rank, body)
