"""Ops that undo one another go; two of a kind become one; what is cut apart and put together again stays whole.

    transpose(transpose(x, p), q)                -->    transpose(x, p[q]), or x if that moves nothing
    reshape(reshape(x))  slice(slice(x))         -->    reshape(x)  slice(x)
    cast(cast(x, f32), i16) of i16               -->    x                but not cast(cast(x, i16), f32)
    quantize(dequantize(q, s, z), s, z)          -->    q                but not dequantize(quantize(x, s, z), s, z)
    slice(concat(x, y)) within y                 -->    slice(y)
    concat(slice(x), the next slice(x))          -->    slice(x), or x if that is all

An inner op that others use too stays for them. The rules stand in `cancel_inverse.rules`; what is below is about any
number of operands.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from ...dialects._location import fused
from ...dialects._report import rewriting
from ...dialects._shape import shape
from ...dialects.graph._base import ints
from ...dialects.graph.view import ConcatOp, SliceOp
from .._rules import RulePass
from ._made import Made

Cut = tuple[list[int], list[int], list[int]]
"""Offsets, sizes, strides."""


@dataclass(frozen=True)
class CancelInverse(RulePass):
    """Rules on pairs of ops; then slices of concatenations and concatenations of slices."""

    name = "cancel-inverse"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        super().apply(ctx, op)
        changed = [i for i in list(op.walk()) if i.parent is not None and (part_of_whole(i) or whole_of_parts(i))]
        if changed:
            super().apply(ctx, op)


def part_of_whole(op: Operation) -> bool:
    """A slice that lies within one operand of a concatenation is a slice of that."""
    if not isinstance(op, SliceOp) or not isinstance(concat := op.x.owner, ConcatOp):
        return False
    axis, (offsets, sizes, strides) = dim_of(concat), cut_of(op)
    first = offsets[axis]
    last = first + (sizes[axis] - 1) * strides[axis]
    start = 0
    for part in concat.xs:
        end = start + shape(part)[axis]
        if sizes[axis] and start <= min(first, last) and max(first, last) < end:
            if not rewriting(op, "part-of-whole"):
                return False
            offsets[axis] -= start
            replace(op, concat, part, (offsets, sizes, strides))
            return True
        start = end
    return False


def whole_of_parts(op: Operation) -> bool:
    """Neighbouring slices of one value, put together in order, are one slice."""
    if not isinstance(op, ConcatOp) or len(op.xs) < 2:
        return False
    axis, parts = dim_of(op), [part for v in op.xs if isinstance(part := v.owner, SliceOp)]
    if len(parts) < len(op.xs) or any(p.x is not parts[0].x for p in parts):
        return False
    offsets, sizes, strides = cut_of(parts[0])
    for part in parts[1:]:
        after, counts, steps = cut_of(part)
        next_one = [o + sizes[axis] * strides[axis] if i == axis else o for i, o in enumerate(offsets)]
        if after != next_one or steps != strides:
            return False
        sizes[axis] += counts[axis]
    if not rewriting(op, "whole-of-parts"):
        return False
    replace(op, parts[0], parts[0].x, (offsets, sizes, strides))
    return True


def dim_of(op: ConcatOp) -> int:
    """The axis of a concatenation, counted from the front."""
    return op.axis.value.data % len(shape(op.res))


def cut_of(op: SliceOp) -> Cut:
    """What a slice takes."""
    return list(ints(op.offsets)), list(ints(op.sizes)), list(ints(op.strides))


def replace(op: Operation, other: Operation, x: SSAValue, cut: Cut) -> None:
    """Put a slice of x, or x if the slice is all of it, in place of an op."""
    new = Made(fused((other.location, op.location)))
    offsets, sizes, strides = cut
    is_all = tuple(sizes) == shape(x) and all(s > 0 for s in strides)
    value = x if is_all else new(SliceOp, x, offsets=offsets, sizes=sizes, strides=strides)
    sources = dict.fromkeys(v.owner for v in op.operands)
    PatternRewriter(op).replace(op, new.ops, [value])
    erase_unread([s for s in sources if isinstance(s, Operation)])


def erase_unread(ops: Sequence[Operation]) -> None:
    """Erase what nothing reads any more, and what only that read."""
    for op in ops:
        if op.parent is not None and not any(r.uses for r in op.results):
            sources = [v.owner for v in op.operands if isinstance(v.owner, Operation)]
            PatternRewriter(op).erase(op)
            erase_unread(list(dict.fromkeys(sources)))
