"""Ops that need an order: the k greatest or least elements, running sums and products.

%values, %indices = graph.top_k %0 {axis = -1 : i64, k = 3 : i64, largest = true}
                      : (tensor<4x8xf32>) -> (tensor<4x3xf32>, tensor<4x3xi64>)
"""

from abc import ABC, abstractmethod

import numpy as np
from xdsl.dialects.builtin import BoolAttr, IntegerAttr, TensorType, i64
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, element, shape, tensor
from ._base import Fusion, GraphOp, Types, normalized
from ._numbers import Numbers
from .reduction import wide


@irdl_op_definition
class TopKOp(GraphOp):
    """The k first elements along `axis` when sorted, and their indices; of equal ones the lower index comes first.

    A NaN is greater than any number, as in numpy's sort.
    """

    name = "graph.top_k"
    fusion = Fusion.OPAQUE
    input = operand_def(TensorType)
    axis = prop_def(IntegerAttr)
    k = prop_def(IntegerAttr)
    largest = prop_def(BoolAttr)
    values = result_def(TensorType)
    indices = result_def(TensorType)

    @property
    def dim(self) -> int:
        """The axis in 0..rank-1."""
        return normalized(self.axis.value.data, len(shape(self.input)), self)

    @property
    def count(self) -> int:
        """k as a number."""
        return self.k.value.data

    def infer(self) -> Types:
        dims = list(shape(self.input))
        if not 0 <= self.count <= dims[self.dim]:
            raise VerifyException(f"{self.name}: expected k in [0, {dims[self.dim]}], found {self.count}")
        dims[self.dim] = self.count
        return (tensor(element(self.input), dims), tensor(i64, dims))

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        (x,) = inputs
        assert x is not None
        length = x.shape[self.dim]
        seen = np.flip(wide(x), self.dim) if self.largest else wide(x)
        order = np.argsort(seen, axis=self.dim, kind="stable")
        if self.largest:
            order = length - 1 - np.flip(order, self.dim)
        indices = np.take(order, np.arange(self.count), axis=self.dim).astype(np.int64)
        return (np.take_along_axis(x, indices, self.dim), indices)


class ScanOp(GraphOp, ABC):
    """Running totals along `axis`; `exclusive` leaves the element itself out, `reverse` runs from the end."""

    fusion = Fusion.OPAQUE
    input = operand_def(TensorType)
    axis = prop_def(IntegerAttr)
    exclusive = prop_def(BoolAttr)
    reverse = prop_def(BoolAttr)
    result = result_def(TensorType)

    @property
    def dim(self) -> int:
        """The axis in 0..rank-1."""
        return normalized(self.axis.value.data, len(shape(self.input)), self)

    def infer(self) -> Types:
        _ = self.dim
        return (tensor(element(self.input), shape(self.input)),)

    @abstractmethod
    def neutral(self) -> int:
        """The total of no elements."""

    @abstractmethod
    def accumulated(self, x: Numbers, axis: int) -> Numbers:
        """The totals up to each element, itself included."""

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        (given,) = inputs
        assert given is not None
        axis = self.dim
        x = np.flip(wide(given), axis) if self.reverse else wide(given)
        with np.errstate(all="ignore"):
            if self.exclusive and x.size:
                x = np.roll(x, 1, axis)
                x[(slice(None),) * axis + (slice(0, 1),)] = self.neutral()
            y = self.accumulated(x, axis)
        return ((np.flip(y, axis) if self.reverse else y).astype(given.dtype),)


@irdl_op_definition
class CumSumOp(ScanOp):
    """Running sums; integers wrap around."""

    name = "graph.cum_sum"

    def neutral(self) -> int:
        return 0

    def accumulated(self, x: Numbers, axis: int) -> Numbers:
        return np.cumsum(x, axis=axis, dtype=x.dtype)


@irdl_op_definition
class CumProdOp(ScanOp):
    """Running products; integers wrap around."""

    name = "graph.cum_prod"

    def neutral(self) -> int:
        return 1

    def accumulated(self, x: Numbers, axis: int) -> Numbers:
        return np.cumprod(x, axis=axis, dtype=x.dtype)
