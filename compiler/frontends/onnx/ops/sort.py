"""Importers of sorted selections and running sums, and of ops whose result's shape hangs on its values."""

from collections.abc import Sequence

import numpy as np
from xdsl.ir import SSAValue

from .....dialects.graph.gather import GatherOp
from .....dialects.graph.sort import CumProdOp, CumSumOp, TopKOp
from ..node import Node
from ..registry import onnx_op
from ._terms import Term


@onnx_op("TopK")
def top_k(n: Node) -> Sequence[SSAValue]:
    """k is an attribute, from opset 10 on an input. The result is sorted, which `sorted = 0` leaves open."""
    if n.opset < 10:
        k = n.int("k")
    else:
        (k,) = n.constant(1).reshape(-1).tolist()
    return n.emits(TopKOp, n.input(0), axis=n.int("axis", -1), k=int(k), largest=n.int("largest", 1) != 0)


@onnx_op("CumSum", "CumProd")
def cumulative(n: Node) -> SSAValue:
    """The axis must be known."""
    op = CumSumOp if n.op_type == "CumSum" else CumProdOp
    (axis,) = n.constant(1).reshape(-1).tolist()
    exclusive, reverse = n.int("exclusive", 0) != 0, n.int("reverse", 0) != 0
    return n.emit(op, n.input(0), axis=int(axis), exclusive=exclusive, reverse=reverse)


@onnx_op("NonZero")
def non_zero(n: Node) -> SSAValue:
    """Of known values: how many there are decides the shape."""
    x = n.constant(0)
    return n.const(np.stack(np.nonzero(np.atleast_1d(x))).astype(np.int64)[: x.ndim])


@onnx_op("Compress")
def compress(n: Node) -> SSAValue:
    """The slices for which a known condition holds."""
    chosen = np.flatnonzero(n.constant(1)).astype(np.int64)
    axis = n.int("axis", None)
    x = n.input(0) if axis is not None else Term.of(n, n.input(0)).reshape([int(np.prod(n.shape(0)))]).value
    return n.emit(GatherOp, x, n.const(chosen), axis=0 if axis is None else axis)


@onnx_op("Unique")
def unique(n: Node) -> Sequence[SSAValue]:
    """Of known values, sorted or in the order in which they first appear."""
    x, axis = n.constant(0), n.int("axis", None)
    values, first, inverse, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    inverse = inverse.reshape(-1)
    if not n.int("sorted", 1):
        order = np.argsort(first, kind="stable")
        values = np.take(values, order, axis=0 if axis is None else axis)
        first, counts, inverse = first[order], counts[order], np.argsort(order)[inverse]
    return [n.const(values), *(n.const(v.astype(np.int64)) for v in (first, inverse, counts))]
