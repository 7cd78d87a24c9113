"""Importers of what chooses elements by indices. Indices known to lie evenly become slices, which move nothing."""

import numpy as np
from xdsl.ir import SSAValue

from .....dialects._shape import Array, shape
from .....dialects.graph.gather import GatherElementsOp, GatherNDOp, GatherOp, ReverseSequenceOp
from ..node import Node
from ..registry import onnx_op
from ._axes import axis_of
from .view import reshaped, sliced


def in_range(indices: Array, dim: int) -> Array:
    """Known indices counted from the start; ValueError for one outside the dimension."""
    at = indices.astype(np.int64)
    if at.size and not -dim <= at.min() <= at.max() < dim:
        raise ValueError(
            f"indices: expected a range of [{-dim}, {dim - 1}], found {at.min()}..{at.max()}: out of bounds"
        )
    return np.where(at < 0, at + dim, at)


def gathered(n: Node, x: SSAValue, indices: Array, axis: int) -> SSAValue:
    """x's slices at known indices: a slice where they are evenly spaced, else a gather."""
    dims = shape(x)
    at = in_range(indices, dims[axis])
    flat = at.reshape(-1)
    step = int(flat[1] - flat[0]) if flat.size > 1 else 1
    if flat.size and step and bool(np.all(np.diff(flat) == step)):
        found = sliced(n, x, axis, int(flat[0]), flat.size, step)
        return reshaped(n, found, (*dims[:axis], *indices.shape, *dims[axis + 1 :]))
    return n.emit(GatherOp, x, n.const(at), axis=axis)


@onnx_op("Gather")
def gather(n: Node) -> SSAValue:
    """numpy's take."""
    axis = axis_of(n.int("axis", 0), n.rank(0))
    if (indices := n.known(1)) is not None:
        return gathered(n, n.input(0), indices, axis)
    return n.emit(GatherOp, n.input(0), n.input(1), axis=axis)


@onnx_op("GatherElements")
def gather_elements(n: Node) -> SSAValue:
    """numpy's take_along_axis."""
    axis = axis_of(n.int("axis", 0), n.rank(0))
    if (indices := n.known(1)) is not None:
        in_range(indices, n.shape(0)[axis])
    return n.emit(GatherElementsOp, n.input(0), n.input(1), axis=axis)


@onnx_op("GatherND")
def gather_nd(n: Node) -> SSAValue:
    """Slices at positions."""
    return n.emit(GatherNDOp, n.input(0), n.input(1), batch_dims=n.int("batch_dims", 0))


@onnx_op("Compress")
def compress(n: Node) -> SSAValue:
    """The slices (without an axis, the elements) whose condition holds: it must be known."""
    x, axis = n.input(0), n.int("axis", None)
    if axis is None:
        x, axis = reshaped(n, x, (-1,) if 0 in shape(x) else (int(np.prod(shape(x))),)), 0
    axis = axis_of(axis, len(shape(x)))
    return gathered(n, x, np.flatnonzero(n.constant(1)), axis)


@onnx_op("ReverseSequence")
def reverse_sequence(n: Node) -> SSAValue:
    """Time is axis 0 and batch axis 1 unless the attributes say otherwise."""
    batch, time = n.int("batch_axis", 1), n.int("time_axis", 0)
    return n.emit(ReverseSequenceOp, n.input(0), n.input(1), batch_axis=batch, time_axis=time)
