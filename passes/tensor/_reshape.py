"""Collapses and expansions of tensors: what they group, how to make one, and that two in a row are one.

%1 = tensor.expand_shape %0 [[0, 1], [2]] : tensor<6x4xf32> into tensor<2x3x4xf32>
%2 = tensor.collapse_shape %1 [[0, 1], [2]] : tensor<2x3x4xf32> into tensor<6x4xf32>       -->     %0
"""

from collections.abc import Sequence
from typing import cast

from xdsl.dialects import tensor
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, TensorType, i64
from xdsl.ir import Operation, SSAValue

from ...dialects._report import may_rewrite, rewriting
from ...dialects._shape import element, shape
from ...dialects._xdsl import FillOp
from ._edit import inserted
from ._lower._views import collapse_groups

Groups = tuple[tuple[int, ...], ...]
Reshape = tensor.CollapseShapeOp | tensor.ExpandShapeOp


def groups_of(op: Reshape) -> Groups:
    """For each axis on the collapsed side the axes on the expanded side."""
    reassociation = cast(ArrayAttr[ArrayAttr[IntegerAttr]], op.reassociation)
    return tuple(tuple(i.value.data for i in group) for group in reassociation)


def reshaped(value: SSAValue, dims: Sequence[int], before: Operation) -> SSAValue | None:
    """The value in another shape: what it was before it was reshaped if that fits, else by one collapse or expansion
    inserted before an op. None if that takes more."""
    dims = tuple(dims)
    while shape(value) != dims:
        if not isinstance(value.owner, Reshape):
            break
        value = value.owner.src
    if shape(value) == dims:
        return value
    source = shape(value)
    if len(source) > len(dims) and (groups := collapse_groups(source, dims)) is not None:
        kind = TensorType(element(value), dims)
        properties = {"reassociation": _reassociation(groups)}
        op = tensor.CollapseShapeOp.create(operands=[value], result_types=[kind], properties=properties)
    elif len(source) < len(dims) and (groups := collapse_groups(dims, source)) is not None:
        op = tensor.ExpandShapeOp(value, (), _reassociation(groups), dims, TensorType(element(value), dims))
    else:
        return None
    return inserted(op, before).results[0]


def start(init: SSAValue, dims: Sequence[int], before: Operation) -> SSAValue | None:
    """An output's initial value in another shape; None where it is not the same everywhere."""
    match init.owner:
        case tensor.EmptyOp():
            return inserted(tensor.EmptyOp((), TensorType(element(init), dims)), before).results[0]
        case FillOp() as fill:
            empty = inserted(tensor.EmptyOp((), TensorType(element(init), dims)), before)
            return inserted(FillOp((fill.inputs[0],), (empty.results[0],)), before).results[0]
        case _:
            return None


def is_fresh(init: SSAValue) -> bool:
    """Whether `start` answers for an output's initial value."""
    return isinstance(init.owner, tensor.EmptyOp | FillOp)


def merge_reshapes(op: Reshape) -> None:
    """Read what is behind earlier reshapes, directly or by one reshape."""
    if not isinstance(op.src.owner, Reshape):
        return
    origin: SSAValue = op.src
    while isinstance(origin.owner, Reshape) and may_rewrite():
        origin = origin.owner.src
        if (value := reshaped(origin, shape(op.result), op)) is not None and rewriting(op, "merge-reshapes"):
            op.result.replace_all_uses_with(value)
            return


def _reassociation(groups: Sequence[Sequence[int]]) -> ArrayAttr[ArrayAttr[IntegerAttr]]:
    return ArrayAttr([ArrayAttr([IntegerAttr(i, i64) for i in group]) for group in groups])
