"""A part of a value, and the parts of an op's operands that it is computed from.

%s = graph.slice (graph.add %x, %b)    -->    %s = graph.add (graph.slice %x), (graph.slice %b)
"""

from collections.abc import Sequence
from math import prod

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from ...dialects._report import rewriting
from ...dialects._shape import shape
from ...dialects.graph._base import GraphOp, ints
from ...dialects.graph._pointwise import PointwiseOp
from ...dialects.graph.contraction import MatmulOp
from ...dialects.graph.normalization import TrailingNormOp
from ...dialects.graph.softmax import SoftmaxOp
from ...dialects.graph.view import ReshapeOp, SliceOp, TransposeOp

Cut = tuple[tuple[int, int, int], ...]
"""Offset, size and stride along each dimension."""


def cut_of(op: SliceOp) -> Cut:
    """What a slice takes."""
    return tuple(zip(ints(op.offsets), ints(op.sizes), ints(op.strides), strict=True))


def raised(op: SliceOp) -> list[SliceOp]:
    """Put a slice before the op that makes its operand, which goes if nobody else reads it; the new slices."""
    source, cut = op.x.owner, cut_of(op)
    if not isinstance(source, GraphOp) or (cuts := operand_cuts(source, cut)) is None:
        return []
    if not rewriting(op, f"before-{source.name.removeprefix('graph.')}"):
        return []
    new: list[Operation] = []
    slices: list[SliceOp] = []
    operands: list[SSAValue] = []
    for value, part in zip(source.operands, cuts, strict=True):
        if part is not None and part != whole(shape(value)):
            offsets, sizes, strides = zip(*part, strict=True)
            new.append(made := SliceOp.make(value, offsets=offsets, sizes=sizes, strides=strides))
            made.location = op.location
            slices.append(made)
            value = made.res
        operands.append(value)
    if isinstance(source, ReshapeOp):
        last = ReshapeOp.make(operands[0], shape=shape(op.res))
    else:
        last = type(source).create(operands=operands, result_types=op.result_types, properties=dict(source.properties))
    last.location = source.location
    PatternRewriter(op).replace(op, [*new, last])
    if not any(result.uses for result in source.results):
        PatternRewriter(source).erase(source)
    return slices


def whole(dims: Sequence[int]) -> Cut:
    """All of a value."""
    return tuple((0, n, 1) for n in dims)


def operand_cuts(op: GraphOp, cut: Cut) -> list[Cut | None] | None:
    """Which part of each operand (None: all of it) a part of the result is made of; None where that is no part."""
    dims = shape(op.results[0])
    changed = [d for d, one in enumerate(cut) if one != (0, dims[d], 1)]
    match op:
        case PointwiseOp():
            return [beside(cut, shape(v)) for v in op.operands]
        case TrailingNormOp() if all(d < op.dim for d in changed):
            rest = [None if len(shape(v)) <= len(dims) - op.dim else beside(cut, shape(v)) for v in op.operands[1:]]
            return [cut, *rest]
        case SoftmaxOp() if op.dim not in changed:
            return [cut]
        case MatmulOp() if min(len(shape(v)) for v in op.operands) > 1:
            lhs, rhs = shape(op.lhs), shape(op.rhs)
            row = (*cut[:-1], (0, lhs[-1], 1))
            column = (*cut[:-2], (0, rhs[-2], 1), cut[-1])
            return [beside(row, lhs), beside(column, rhs)]
        case TransposeOp():
            return [tuple(cut[ints(op.perm).index(d)] for d in range(len(dims)))]
        case ReshapeOp():
            return reshaped(op, cut, changed)
        case _:
            return None


def beside(cut: Cut, dims: Sequence[int]) -> Cut:
    """The part of an operand that repeats along dimensions that it has not."""
    mine = cut[len(cut) - len(dims) :]
    return tuple((0, 1, 1) if n == 1 else one for n, one in zip(dims, mine, strict=True))


def reshaped(op: ReshapeOp, cut: Cut, changed: Sequence[int]) -> list[Cut | None] | None:
    """The part of a reshape's operand, if each dimension that is cut is one of the operand, too, or the outermost that
    one of the operand is split into."""
    old, new = shape(op.x), shape(op.res)
    parts = list(whole(old))
    for d in changed:
        same = [e for e, n in enumerate(old) if n % new[d] == 0 and prod(old[:e]) == prod(new[:d])]
        if not same or parts[same[-1]] != (0, old[same[-1]], 1):
            return None
        inner = old[same[-1]] // new[d]
        offset, size, stride = cut[d]
        if inner > 1 and (stride != 1 or not _ends_at(new, d, inner)):
            return None
        parts[same[-1]] = (offset * inner, size * inner, stride)
    return [tuple(parts)]


def _ends_at(dims: Sequence[int], d: int, inner: int) -> bool:
    """Whether so many elements lie in some dimensions next inside of one."""
    return any(prod(dims[d + 1 : e]) == inner for e in range(d + 1, len(dims) + 1))
