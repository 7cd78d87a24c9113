"""Reductions of whole axes, and the positions of extremes.

%1 = graph.reduce_sum %0 {axes = array<i64: 1, 2>, keepdims = false} : (tensor<4x8x8xf32>) -> tensor<4xf32>
%2 = graph.arg_max %0 {axis = -1 : i64, keepdims = true, last = false} : (tensor<4x8x8xf32>) -> tensor<4x8x1xi64>
"""

from abc import ABC, abstractmethod

import numpy as np
from xdsl.dialects.builtin import BoolAttr, DenseArrayBase, IntegerAttr, TensorType, i64
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, dtype, element, shape, tensor
from ._base import Fusion, GraphOp, Types, ints, normalized
from ._numbers import Numbers

Scalar = int | float | bool


def reduced_shape(dims: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> list[int]:
    """`dims` without `axes`, or with 1 in their place."""
    return [1 if i in axes else d for i, d in enumerate(dims) if keepdims or i not in axes]


def wide(x: Array) -> Numbers:
    """f16 and bf16 as f32, in which they are accumulated; the rest as it is."""
    return x.astype(np.float32) if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x


def lowest(kind: np.dtype[np.generic]) -> Scalar:
    """The neutral element of max: -inf, False or the least integer."""
    match kind.kind:
        case "b":
            return False
        case "i" | "u":
            return int(np.iinfo(kind.name).min)
        case _:
            return float("-inf")


def highest(kind: np.dtype[np.generic]) -> Scalar:
    """The neutral element of min: +inf, True or the greatest integer."""
    match kind.kind:
        case "b":
            return True
        case "i" | "u":
            return int(np.iinfo(kind.name).max)
        case _:
            return float("inf")


class ReduceOp(GraphOp, ABC):
    """Combines the elements along `axes` (no axes: each element alone); an empty reduction is `neutral`."""

    fusion = Fusion.REDUCTION
    input = operand_def(TensorType)
    axes = prop_def(DenseArrayBase)
    keepdims = prop_def(BoolAttr)
    result = result_def(TensorType)

    @property
    def dims(self) -> tuple[int, ...]:
        """The axes as numbers in 0..rank-1, sorted; VerifyException if one stands twice."""
        rank = len(shape(self.input))
        axes = tuple(sorted(normalized(a, rank, self) for a in ints(self.axes)))
        if len(set(axes)) != len(axes):
            raise VerifyException(f"{self.name}: expected distinct axes, found {list(ints(self.axes))}")
        return axes

    def infer(self) -> Types:
        dims = reduced_shape(shape(self.input), self.dims, bool(self.keepdims))
        return (tensor(element(self.input), dims),)

    @abstractmethod
    def neutral(self, kind: np.dtype[np.generic]) -> Scalar:
        """What the accumulation starts from."""

    @abstractmethod
    def reduced(self, x: Numbers, axes: tuple[int, ...]) -> Numbers:
        """`x` reduced, the axes kept as 1."""

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        (x,) = inputs
        assert x is not None
        with np.errstate(all="ignore"):
            full = self.reduced(wide(x), self.dims).astype(x.dtype)
        return (full.reshape(reduced_shape(x.shape, self.dims, bool(self.keepdims))),)


@irdl_op_definition
class ReduceSumOp(ReduceOp):
    """The sum; integers wrap around."""

    name = "graph.reduce_sum"

    def neutral(self, kind: np.dtype[np.generic]) -> Scalar:
        return 0

    def reduced(self, x: Numbers, axes: tuple[int, ...]) -> Numbers:
        return np.sum(x, axis=axes, keepdims=True, dtype=x.dtype)


@irdl_op_definition
class ReduceProdOp(ReduceOp):
    """The product; integers wrap around."""

    name = "graph.reduce_prod"

    def neutral(self, kind: np.dtype[np.generic]) -> Scalar:
        return 1

    def reduced(self, x: Numbers, axes: tuple[int, ...]) -> Numbers:
        return np.prod(x, axis=axes, keepdims=True, dtype=x.dtype)


@irdl_op_definition
class ReduceMaxOp(ReduceOp):
    """The maximum; NaN if there is one."""

    name = "graph.reduce_max"

    def neutral(self, kind: np.dtype[np.generic]) -> Scalar:
        return lowest(kind)

    def reduced(self, x: Numbers, axes: tuple[int, ...]) -> Numbers:
        return np.max(x, axis=axes, keepdims=True, initial=lowest(x.dtype))


@irdl_op_definition
class ReduceMinOp(ReduceOp):
    """The minimum; NaN if there is one."""

    name = "graph.reduce_min"

    def neutral(self, kind: np.dtype[np.generic]) -> Scalar:
        return highest(kind)

    def reduced(self, x: Numbers, axes: tuple[int, ...]) -> Numbers:
        return np.min(x, axis=axes, keepdims=True, initial=highest(x.dtype))


@irdl_op_definition
class ReduceMeanOp(ReduceOp):
    """The sum divided by the count: NaN of no floats; integers are summed wrapping and divided towards zero."""

    name = "graph.reduce_mean"

    @property
    def count(self) -> int:
        """How many elements each mean is of."""
        dims = shape(self.input)
        return int(np.prod([dims[a] for a in self.dims], dtype=np.int64))

    def neutral(self, kind: np.dtype[np.generic]) -> Scalar:
        return 0

    def infer(self) -> Types:
        if dtype(element(self.input)).kind in "iu" and self.count == 0:
            raise VerifyException(f"{self.name}: expected integers to take a mean of, found none")
        return super().infer()

    def reduced(self, x: Numbers, axes: tuple[int, ...]) -> Numbers:
        total = np.sum(x, axis=axes, keepdims=True, dtype=x.dtype)
        if x.dtype.kind == "f":
            return np.divide(total, np.asarray(self.count, x.dtype))
        magnitude = np.abs(total.astype(object)) // self.count
        return (np.sign(total.astype(object)) * magnitude).astype(x.dtype)


class ArgOp(GraphOp, ABC):
    """The index of an extreme along `axis`: the first of equal ones, or with `last` the last; a NaN is extreme."""

    fusion = Fusion.REDUCTION
    input = operand_def(TensorType)
    axis = prop_def(IntegerAttr)
    keepdims = prop_def(BoolAttr)
    last = prop_def(BoolAttr)
    result = result_def(TensorType)

    @property
    def dim(self) -> int:
        """The axis in 0..rank-1."""
        return normalized(self.axis.value.data, len(shape(self.input)), self)

    def infer(self) -> Types:
        dims = shape(self.input)
        if dims[self.dim] == 0:
            raise VerifyException(f"{self.name}: expected elements along axis {self.dim}, found none")
        return (tensor(i64, reduced_shape(dims, (self.dim,), bool(self.keepdims))),)

    @abstractmethod
    def found(self, x: Numbers, axis: int) -> Numbers:
        """The first index of the extreme."""

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        (x,) = inputs
        assert x is not None
        axis, x = self.dim, wide(x)
        index = self.found(np.flip(x, axis), axis) if self.last else self.found(x, axis)
        index = x.shape[axis] - 1 - index if self.last else index
        index = index.astype(np.int64)
        return (np.expand_dims(index, axis) if self.keepdims else index,)


@irdl_op_definition
class ArgMaxOp(ArgOp):
    """Where the maximum stands."""

    name = "graph.arg_max"

    def found(self, x: Numbers, axis: int) -> Numbers:
        return np.asarray(np.argmax(x, axis=axis))


@irdl_op_definition
class ArgMinOp(ArgOp):
    """Where the minimum stands."""

    name = "graph.arg_min"

    def found(self, x: Numbers, axis: int) -> Numbers:
        return np.asarray(np.argmin(x, axis=axis))
