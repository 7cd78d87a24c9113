"""Pools: each output element from a window of one channel of x [N, C, spatial].

%y = graph.max_pool %x {kernel = array<i64: 3, 3>} : (tensor<1x4x9x9xf32>) -> tensor<1x4x7x7xf32>
"""

import math
from abc import ABC
from collections.abc import Callable

import numpy as np
from xdsl.dialects.builtin import BoolAttr, DenseArrayBase, IntegerAttr, TensorType, i64
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, dtype, element, shape, tensor
from ._base import Fusion, GraphOp, Types, ints
from ._numbers import Numbers, expect_float, present, rounded
from ._window import Dims, Window, windowed


class PoolOp(GraphOp, ABC):
    """Pads are the low ones, then the high ones; absent strides and dilations are 1, absent pads 0. With `ceil` a last
    window may reach past the padding if it starts inside the input or the low pad."""

    fusion = Fusion.REDUCTION
    x = operand_def(TensorType)
    kernel = prop_def(DenseArrayBase)
    strides = opt_prop_def(DenseArrayBase)
    pads = opt_prop_def(DenseArrayBase)
    dilations = opt_prop_def(DenseArrayBase)
    ceil = opt_prop_def(BoolAttr)
    res = result_def(TensorType)

    def geometry(self) -> tuple[Window, Dims]:
        """The window and the number of outputs per spatial dimension; VerifyException if they do not fit the input."""
        dims = shape(self.x)
        if len(dims) < 3:
            raise VerifyException(f"{self.name}: expected an input of rank 3 or more, found {list(dims)}")
        numbers = (ints(p) for p in (self.kernel, self.strides, self.pads, self.dilations))
        return windowed(self, dims[2:], *numbers, ceil=bool(self.ceil))

    def infer(self) -> Types:
        _, outputs = self.geometry()
        return (tensor(element(self.x), (*shape(self.x)[:2], *outputs)),)


@irdl_op_definition
class MaxPoolOp(PoolOp):
    """The maximum of each window, NaN if it holds one; padding is less than everything."""

    name = "graph.max_pool"

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        (x,) = present(inputs)
        window, outputs = self.geometry()
        views = window.over(x, outputs, least(dtype(self.x.type)))
        return (rounded(_fold(views, len(outputs), np.maximum), self.x),)


@irdl_op_definition
class MaxPoolIndicesOp(PoolOp):
    """MaxPool, and where in the whole flattened input each maximum stands, the first of equals; `column_major` counts
    the spatial positions with the first dimension fastest."""

    name = "graph.max_pool_indices"
    column_major = opt_prop_def(BoolAttr)
    res = result_def(TensorType)
    indices = result_def(TensorType)

    def infer(self) -> Types:
        (values,) = super().infer()
        return (values, tensor(i64, values.get_shape()))

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        (x,) = present(inputs)
        window, outputs = self.geometry()
        views = window.over(x, outputs, least(dtype(self.x.type)))
        flat = views.reshape(*x.shape[:2], *outputs, math.prod(window.kernel))
        best = flat.argmax(axis=-1)
        place = np.zeros_like(best)
        scales = spatial_scales(x.shape[2:], bool(self.column_major))
        for dim, at in enumerate(np.unravel_index(best, window.kernel)):
            start = np.arange(outputs[dim]) * window.strides[dim] - window.low[dim]
            start = start.reshape(-1, *(1,) * (len(outputs) - 1 - dim))
            place += (start + at * window.dilations[dim]) * scales[dim]
        images = np.arange(math.prod(x.shape[:2])).reshape(*x.shape[:2], *(1,) * len(outputs))
        values = np.take_along_axis(flat, best[..., None], -1)[..., 0]
        return rounded(values, self.x), place + images * math.prod(x.shape[2:])


@irdl_op_definition
class AveragePoolOp(PoolOp):
    """The mean of each window over the elements of the input in it or, with `count_pads`, over those and the padding's
    zeros; f16 and bf16 are summed in f32."""

    name = "graph.average_pool"
    count_pads = opt_prop_def(BoolAttr)

    def infer(self) -> Types:
        expect_float(self, self.x)
        return super().infer()

    def counts(self) -> Array:
        """How many elements each window's mean is over, [outputs], i64."""
        window, outputs = self.geometry()
        total = np.ones((), np.int64)
        for dim, n in enumerate(shape(self.x)[2:]):
            low, high = (window.low[dim], window.high[dim]) if self.count_pads else (0, 0)
            starts = np.arange(outputs[dim])[:, None] * window.strides[dim] - window.low[dim]
            at = starts + np.arange(window.kernel[dim]) * window.dilations[dim]
            total = np.multiply.outer(total, ((at >= -low) & (at < n + high)).sum(axis=1))
        return total

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        (x,) = present(inputs)
        window, outputs = self.geometry()
        with np.errstate(all="ignore"):
            total = _fold(window.over(x, outputs, 0), len(outputs), np.add)
            return (rounded(total / self.counts().astype(x.dtype), self.x),)


@irdl_op_definition
class LpPoolOp(PoolOp):
    """The p-norm of each window; padding is 0."""

    name = "graph.lp_pool"
    p = prop_def(IntegerAttr)

    def infer(self) -> Types:
        expect_float(self, self.x)
        if self.p.value.data < 1:
            raise VerifyException(f"graph.lp_pool: expected a positive p, found {self.p.value.data}")
        return super().infer()

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        (x,) = present(inputs)
        window, outputs = self.geometry()
        p = self.p.value.data
        with np.errstate(all="ignore"):
            total = _fold(window.over(np.abs(x) ** p, outputs, 0), len(outputs), np.add)
            return (rounded(total ** x.dtype.type(1 / p), self.x),)


def least(kind: np.dtype[np.generic]) -> int | float:
    """The padding of a maximum: -inf or the least integer."""
    return int(np.iinfo(kind.name).min) if kind.kind in "iu" else float("-inf")


def spatial_scales(spatial: Dims, column_major: bool) -> Dims:
    """By how much a position's flat index grows along each spatial dimension."""
    if column_major:
        return tuple(math.prod(spatial[:i]) for i in range(len(spatial)))
    return tuple(math.prod(spatial[i + 1 :]) for i in range(len(spatial)))


def _fold(views: Numbers, rank: int, combine: Callable[[Numbers, Numbers], Numbers]) -> Numbers:
    """Combines the last `rank` dimensions, those of the window: a pass over all outputs for each of its elements."""
    kernel = views.shape[-rank:]
    total = views[(..., *(0,) * rank)].copy()
    for at in list(np.ndindex(*kernel))[1:]:
        total = combine(total, views[(..., *at)])
    return total
