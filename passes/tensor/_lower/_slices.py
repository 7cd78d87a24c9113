"""Slices whose place is found at run time: the steps of loops of the host."""

from collections.abc import Sequence

from xdsl.dialects import tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, DenseArrayBase, TensorType, i64
from xdsl.dialects.utils import split_dynamic_index_list
from xdsl.ir import SSAValue

from ....dialects._shape import element
from ._build import Build


def extract_slice(
    b: Build, value: SSAValue, offsets: Sequence[SSAValue | int], sizes: Sequence[int], dims: Sequence[int]
) -> SSAValue:
    """A part of a tensor, shown as `dims`: its sizes without some that are 1."""
    result = TensorType(element(value), list(dims))
    return b.one(tensor.ExtractSliceOp(value, list(offsets), list(sizes), [1] * len(sizes), result))


def insert_slice(
    b: Build, value: SSAValue, into: SSAValue, offsets: Sequence[SSAValue | int], sizes: Sequence[int]
) -> SSAValue:
    """A tensor with a part replaced; `sizes` are the value's, with ones where it lacks dimensions."""
    fixed, dynamic = split_dynamic_index_list(list(offsets), DYNAMIC_INDEX)
    op = tensor.InsertSliceOp.build(
        operands=[value, into, dynamic, [], []],
        result_types=[into.type],
        properties={
            "static_offsets": DenseArrayBase.from_list(i64, fixed),
            "static_sizes": DenseArrayBase.from_list(i64, list(sizes)),
            "static_strides": DenseArrayBase.from_list(i64, [1] * len(sizes)),
        },
    )
    return b.one(op)
