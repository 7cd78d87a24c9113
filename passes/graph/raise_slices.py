"""A slice goes before what computes its elements from the same part of the operands.

    %y = graph.layer_norm (graph.add %x, (graph.matmul %h, %w)), ..        the first row of 197
    %s = graph.slice %y
-->
    %s = graph.layer_norm (graph.add (graph.slice %x), (graph.matmul (graph.slice %h), %w)), ..

Where the slice is all that is read of a value: what a model computes for a last layer that looks at one token only is
then computed for that token. Equal slices of one value become one. Before fold-constants, which slices known operands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
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


@dataclass(frozen=True)
class RaiseSlices(ModulePass):
    """Slices move up until something reads more of a value."""

    name = "raise-slices"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        stack = [inner for inner in op.walk() if isinstance(inner, SliceOp)]
        while stack:
            inner = stack.pop()
            if inner.parent is not None and alone(inner):
                stack += raised(inner)


def alone(op: SliceOp) -> bool:
    """Whether a slice is all that is read of a value; others that are equal become this one, which goes first."""
    users = [use.operation for use in op.x.uses]
    if any(not isinstance(u, SliceOp) or u.parent is not op.parent or cut_of(u) != cut_of(op) for u in users):
        return False
    source = op.x.owner
    if len(users) > 1 and isinstance(source, Operation):
        op.detach()
        assert source.parent is not None
        source.parent.insert_op_after(op, source)
    for other in users:
        if other is not op:
            PatternRewriter(other).replace(other, [], [op.res])
    return True


def cut_of(op: SliceOp) -> Cut:
    """What a slice takes."""
    return tuple(zip(ints(op.offsets), ints(op.sizes), ints(op.strides), strict=True))


def raised(op: SliceOp) -> list[SliceOp]:
    """Put a slice before the op that makes its operand; the new slices."""
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
    """The part of a reshape's operand, if the dimensions that are cut are dimensions of the operand, too."""
    old, new = shape(op.x), shape(op.res)
    parts = list(whole(old))
    for d in changed:
        same = [e for e, n in enumerate(old) if n == new[d] and prod(old[:e]) == prod(new[:d])]
        if not same:
            return None
        parts[same[-1]] = cut[d]
    return [tuple(parts)]
