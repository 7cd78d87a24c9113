"""Importers of values that are there at compile time: constants, shapes, ranges."""

from math import ceil, prod

import numpy as np
from xdsl.ir import SSAValue

from .....dialects._shape import Array
from ..node import Node
from ..registry import onnx_op
from ..tensors import array, check_size, element_dtype
from ._axes import integers
from .view import expanded


@onnx_op("Constant")
def constant(n: Node) -> SSAValue:
    """The one attribute that is given is the value."""
    if n.present("value"):
        return n.const(n.tensor("value"))
    if n.present("value_float"):
        return n.const(np.array(n.float("value_float"), np.float32))
    if n.present("value_floats"):
        return n.const(np.array(n.floats("value_floats"), np.float32))
    if n.present("value_int"):
        return n.const(np.array(n.int("value_int"), np.int64))
    if n.present("value_ints"):
        return n.const(np.array(n.ints("value_ints"), np.int64))
    if n.present("sparse_value"):
        return n.const(_sparse(n))
    if n.present("value_string") or n.present("value_strings"):
        n.refuse("strings are not supported")
    raise ValueError("expected one of the attributes value, value_float, value_int, ..., found none")


def _sparse(n: Node) -> Array:
    proto = n.attributes["sparse_value"].sparse_tensor
    values, dims = array(proto.values, "attribute sparse_value"), tuple(proto.dims)
    at = array(proto.indices, "attribute sparse_value").astype(np.int64)
    check_size(dims, values.dtype, "attribute sparse_value")
    flat = at if at.ndim == 1 else np.ravel_multi_index(tuple(at.T), dims)
    out = np.zeros(dims, values.dtype).reshape(-1)
    if flat.size and not 0 <= flat.min() <= flat.max() < out.size:
        raise ValueError(f"sparse_value: expected indices in 0..{out.size - 1}, found {flat.min()}..{flat.max()}")
    out[flat] = values
    return out.reshape(dims)


@onnx_op("ConstantOfShape")
def constant_of_shape(n: Node) -> SSAValue:
    """One number (0 in float32 if not given) broadcast to a shape."""
    value = n.tensor("value").reshape(()) if n.present("value") else np.zeros((), np.float32)
    dims = integers(n, 0)
    if min(dims, default=0) < 0:
        raise ValueError(f"shape: expected dimensions of at least 0, found {list(dims)}")
    check_size(dims, value.dtype, "ConstantOfShape")
    return expanded(n, n.const(value), dims)


@onnx_op("Shape")
def shape_of(n: Node) -> SSAValue:
    """The dimensions from start to end, as Python slices them."""
    return n.const(np.array(n.shape(0)[n.int("start", 0) : n.int("end", None)], np.int64))


@onnx_op("Size")
def size_of(n: Node) -> SSAValue:
    """The number of elements."""
    return n.const(np.array(prod(n.shape(0)), np.int64))


@onnx_op("Range")
def range_(n: Node) -> SSAValue:
    """start + i * delta below limit: its length is part of a shape, so all three must be known."""
    kind = n.dtype(0)
    start, limit, delta = (n.constant(i).reshape(()).item() for i in range(3))
    if delta == 0:
        raise ValueError("delta: expected a step other than 0, found 0")
    whole = isinstance(delta, int)
    count = max(-((start - limit) // delta) if whole else ceil((limit - start) / delta), 0)
    check_size((count,), kind, "Range")
    return n.const((start + np.arange(count) * delta).astype(kind))


@onnx_op("EyeLike")
def eye_like(n: Node) -> SSAValue:
    """Ones on diagonal k, in the input's type or the one named."""
    kind = element_dtype(n.int("dtype"), "attribute dtype") if n.present("dtype") else n.dtype(0)
    if n.rank(0) != 2:
        raise ValueError(f"expected a matrix, found shape {list(n.shape(0))}")
    rows, columns = n.shape(0)
    return n.const(np.eye(rows, columns, n.int("k", 0)).astype(kind))


@onnx_op("NonZero")
def non_zero(n: Node) -> SSAValue:
    """The positions of what is not 0: their number is part of a shape, so the input must be known."""
    x = n.constant(0)
    return n.const(np.array(np.nonzero(x.reshape(x.shape or (1,))), np.int64).reshape(max(x.ndim, 1), -1))


@onnx_op("Unique")
def unique(n: Node) -> list[SSAValue | None]:
    """Distinct elements or slices, first positions, inverse, counts: all of known values only."""
    x, axis = n.constant(0), n.int("axis", None)
    values, first, inverse, counts = np.unique(x, True, True, True, axis=axis, equal_nan=False)
    inverse = inverse.reshape(-1)
    if not n.int("sorted", 1):
        order = np.argsort(first, kind="stable")
        values = np.take(values, order, 0 if axis is None else axis)
        inverse = np.argsort(order, kind="stable")[inverse]
        first, counts = first[order], counts[order]
    found = [values, *(v.astype(np.int64) for v in (first, inverse, counts))]
    return [n.const(v) if n.wants(i) else None for i, v in enumerate(found)][: n.outputs]
