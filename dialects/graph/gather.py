"""Elements chosen by indices: gather, gather_elements, gather_nd, reverse_sequence.

%1 = graph.gather %table, %ids {axis = 0 : i64} : (tensor<30522x768xf32>, tensor<1x7xi64>) -> tensor<1x7x768xf32>

A negative index counts from the end; one outside the dimension (undefined in ONNX) is clamped into it.
"""

import numpy as np
from xdsl.dialects.builtin import IntegerAttr, IntegerType, TensorType
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, element, shape, tensor
from ._base import Fusion, GraphOp, Types, normalized


class IndexedOp(GraphOp):
    """x and integer indices into it."""

    x = operand_def(TensorType)
    indices = operand_def(TensorType)
    res = result_def(TensorType)
    fusion = Fusion.INJECTIVE

    def chosen(self, dims: tuple[int, ...]) -> Types:
        """The result types for these dimensions, once the indices are known to be integers."""
        if not isinstance(kind := element(self.indices), IntegerType) or kind.width.data < 8:
            raise VerifyException(f"{self.name}: expected integer indices, found {kind}")
        return (tensor(element(self.x), dims),)


@irdl_op_definition
class GatherOp(IndexedOp):
    """x's slices along `axis`: numpy's take."""

    name = "graph.gather"
    axis = prop_def(IntegerAttr)

    def infer(self) -> Types:
        dims = shape(self.x)
        axis = normalized(self.axis.value.data, len(dims), self)
        return self.chosen((*dims[:axis], *shape(self.indices), *dims[axis + 1 :]))

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        x, indices = inputs
        assert x is not None and indices is not None
        axis = self.axis.value.data % x.ndim
        return (np.take(x, within(indices, x.shape[axis]), axis),)


@irdl_op_definition
class GatherElementsOp(IndexedOp):
    """At each position of `indices`, x at that position with the index in place of `axis`: numpy's take_along_axis."""

    name = "graph.gather_elements"
    axis = prop_def(IntegerAttr)

    def infer(self) -> Types:
        dims, wanted = shape(self.x), shape(self.indices)
        axis = normalized(self.axis.value.data, len(dims), self)
        verify_elements(self, dims, wanted, axis)
        return self.chosen(wanted)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        x, indices = inputs
        assert x is not None and indices is not None
        return (x[elements_at(indices, x.shape, self.axis.value.data % x.ndim)],)


@irdl_op_definition
class GatherNDOp(IndexedOp):
    """The last axis of `indices` is a position on x's axes from `batch_dims` on; the axes before go along."""

    name = "graph.gather_nd"
    batch_dims = prop_def(IntegerAttr)

    def infer(self) -> Types:
        dims, wanted, batch = shape(self.x), shape(self.indices), self.batch_dims.value.data
        if not 0 <= batch < min(len(dims), len(wanted)) or dims[:batch] != wanted[:batch]:
            raise VerifyException(
                f"{self.name}: expected batch_dims common to {list(dims)} and {list(wanted)}, found {batch}"
            )
        if not 1 <= wanted[-1] <= len(dims) - batch:
            raise VerifyException(
                f"{self.name}: expected positions of 1..{len(dims) - batch} numbers in the last axis of the indices, "
                f"found {list(wanted)}"
            )
        return self.chosen((*wanted[:-1], *dims[batch + wanted[-1] :]))

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        x, indices = inputs
        assert x is not None and indices is not None
        batch = self.batch_dims.value.data
        rank = indices.ndim - 1
        along = [np.arange(x.shape[i], dtype=np.int64).reshape((-1,) + (1,) * (rank - 1 - i)) for i in range(batch)]
        return (x[(*along, *positions(indices, x.shape[batch:]))],)


@irdl_op_definition
class ReverseSequenceOp(GraphOp):
    """The first lengths[b] steps of each batch entry b in reverse, the others where they were."""

    name = "graph.reverse_sequence"
    x = operand_def(TensorType)
    lengths = operand_def(TensorType)
    batch_axis = prop_def(IntegerAttr)
    time_axis = prop_def(IntegerAttr)
    res = result_def(TensorType)
    fusion = Fusion.INJECTIVE

    def infer(self) -> Types:
        dims = shape(self.x)
        batch, time = self.batch_axis.value.data, self.time_axis.value.data
        if len(dims) < 2 or {batch, time} != {0, 1}:
            raise VerifyException(f"{self.name}: expected batch and time axes 0 and 1, found {batch} and {time}")
        if shape(self.lengths) != (dims[batch],):
            raise VerifyException(
                f"{self.name}: expected lengths of shape [{dims[batch]}], found {list(shape(self.lengths))}"
            )
        return (tensor(element(self.x), dims),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        x, lengths = inputs
        assert x is not None and lengths is not None
        batch, time = self.batch_axis.value.data, self.time_axis.value.data
        at = np.arange(x.shape[time])[:, None]
        count = np.clip(lengths.astype(np.int64), 0, x.shape[time])[None, :]
        source = np.where(at < count, count - 1 - at, at)
        rows = np.arange(x.shape[batch])[None, :]
        return (x[source, rows] if time == 0 else x[rows, source].swapaxes(0, 1),)


Indices = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def within(indices: Array, dim: int) -> Indices:
    """Indices into a dimension as int64: negative ones from the end, those outside clamped."""
    at = indices.astype(np.int64)
    return np.minimum(np.maximum(np.where(at < 0, at + dim, at), 0), max(dim - 1, 0))


def positions(indices: Array, dims: tuple[int, ...]) -> tuple[Indices, ...]:
    """The last axis of `indices`, taken apart into one index array per leading dimension of `dims`."""
    return tuple(within(indices[..., i], dims[i]) for i in range(indices.shape[-1]))


def elements_at(indices: Array, dims: tuple[int, ...], axis: int) -> tuple[Indices, ...]:
    """One index array per axis: each element's own position, with its index in place of `axis`."""
    grid = np.indices(indices.shape, np.int64, sparse=True)
    return tuple(within(indices, dims[i]) if i == axis else own for i, own in enumerate(grid))


def verify_elements(op: GraphOp, dims: tuple[int, ...], wanted: tuple[int, ...], axis: int) -> None:
    """VerifyException unless indices of shape `wanted` choose elements of `dims` along `axis`."""
    others = [(w, d) for i, (w, d) in enumerate(zip(wanted, dims, strict=False)) if i != axis]
    if len(wanted) != len(dims) or any(w > d for w, d in others):
        raise VerifyException(
            f"{op.name}: expected indices within {list(dims)} on all axes but {axis}, found {list(wanted)}"
        )
