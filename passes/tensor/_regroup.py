"""Splits dimensions before it joins others, so that a reshape of a strided tensor stays a view where it can be one.

    %1 = tensor.collapse_shape %0 [[0, 1, 2]] : tensor<8x5x6xf32> into tensor<240xf32>
    %2 = tensor.expand_shape %1 [[0, 1, 2]] : tensor<240xf32> into tensor<2x4x30xf32>
-->
    %1 = tensor.expand_shape %0 [[0, 1], [2], [3]] : tensor<8x5x6xf32> into tensor<2x4x5x6xf32>
    %2 = tensor.collapse_shape %1 [[0], [1], [2, 3]] : tensor<2x4x5x6xf32> into tensor<2x4x30xf32>
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import prod

from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, TensorType, i64
from xdsl.ir import Operation, OpResult, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects._report import rewriting
from ...dialects._shape import element, shape
from ._lower._views import collapse_groups


def expand_before_collapse(function: func.FuncOp) -> None:
    """Rewrite each expand of a collapse whose dimensions have a common refinement."""
    for op in list(function.walk()):
        if isinstance(op, tensor.ExpandShapeOp) and isinstance(op.src, OpResult):
            joined = op.src.op
            if isinstance(joined, tensor.CollapseShapeOp):
                _rewrite(op, joined.src)
                if not joined.result.uses:
                    Rewriter.erase_op(joined)


def refinement(dims: Sequence[int], wanted: Sequence[int]) -> tuple[int, ...] | None:
    """The coarsest dimensions that both shapes are made of by joining neighbours; None if there are none."""
    if 0 in dims or prod(dims) != prod(wanted):
        return None
    ones: Counter[int] = Counter()
    points = {1}
    for side in (dims, wanted):
        mine, product = Counter[int](), 1
        for size in side:
            product *= size
            points.add(product)
            mine[product] += size == 1
        ones |= mine
    steps = sorted(points)
    if any(b % a for a, b in pairwise(steps)):
        return None
    found = [1] * ones[1]
    for a, b in pairwise(steps):
        found += [b // a, *[1] * ones[b]]
    return tuple(found)


def _rewrite(op: tensor.ExpandShapeOp, start: SSAValue) -> None:
    target = shape(op.result)
    if (fine := refinement(shape(start), target)) is None or not rewriting(op, "expand-before-collapse"):
        return
    value = start
    if fine != shape(start):
        value = _insert(op, value, fine)
    if fine != target:
        value = _insert(op, value, target)
    op.result.replace_all_uses_with(value)
    Rewriter.erase_op(op)


def _insert(before: Operation, value: SSAValue, dims: tuple[int, ...]) -> SSAValue:
    """A collapse or an expand of `value` to `dims`."""
    down = len(dims) < len(shape(value))
    groups = collapse_groups(shape(value), dims) if down else collapse_groups(dims, shape(value))
    if groups is None:
        raise ValueError(f"expected a collapse or expand of {shape(value)}, found {dims}")
    ways = ArrayAttr([ArrayAttr([IntegerAttr(i, i64) for i in group]) for group in groups])
    kind = TensorType(element(value), dims)
    if down:
        made: Operation = tensor.CollapseShapeOp.create(
            operands=[value], result_types=[kind], properties={"reassociation": ways}
        )
    else:
        made = tensor.ExpandShapeOp(value, (), ways, list(dims), kind)
    made.location = before.location
    Rewriter.insert_op(made, InsertPoint.before(before))
    return made.results[0]
