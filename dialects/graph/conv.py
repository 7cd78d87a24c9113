"""Convolutions over any number of spatial dimensions: x [N, C, spatial], filters, an optional bias per output channel.

%y = graph.conv %x, %w, %b {strides = array<i64: 2, 2>} : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>, tensor<4xf32>)
  -> tensor<1x4x3x3xf32>
"""

import math
from abc import ABC
from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, TensorType, i32
from xdsl.irdl import (
    AttrSizedOperandSegments,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    result_def,
)
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, element, shape, tensor
from ._base import Fusion, GraphOp, Types, ints
from ._numbers import Numbers, expect_byte, expect_float, expect_same, expect_zero, present, rounded
from ._window import Dims, Window, checked, convolve, taps, windowed


class _ConvolutionOp(GraphOp, ABC):
    """Pads are the low ones, then the high ones; absent strides, dilations and group are 1, absent pads 0.
    IRDL takes an op's own fields before its bases': an op that adds an operand states all of them, in order."""

    fusion = Fusion.CONTRACTION
    x = operand_def(TensorType)
    w = operand_def(TensorType)
    strides = opt_prop_def(DenseArrayBase)
    pads = opt_prop_def(DenseArrayBase)
    dilations = opt_prop_def(DenseArrayBase)
    group = opt_prop_def(IntegerAttr)
    res = result_def(TensorType)

    @property
    def groups(self) -> int:
        """How many parts the channels are divided into."""
        return 1 if self.group is None else self.group.value.data

    def _ranks(self) -> None:
        x, w = shape(self.x), shape(self.w)
        if len(x) < 3 or len(w) != len(x):
            raise VerifyException(
                f"{self.name}: expected input and filters of one rank of at least 3, found {list(x)} and {list(w)}"
            )
        if self.groups < 1:
            raise VerifyException(f"{self.name}: expected a positive group, found {self.groups}")

    def _bias(self, bias: Dims | None, channels: int) -> None:
        if bias is not None and bias != (channels,):
            raise VerifyException(f"{self.name}: expected a bias of shape [{channels}], found {list(bias)}")


class _ForwardOp(_ConvolutionOp, ABC):
    """Filters are [OC, C / group, kernel]."""

    def geometry(self) -> tuple[Window, Dims]:
        """The window and the number of outputs per spatial dimension; VerifyException if the operands do not fit."""
        self._ranks()
        x, w = shape(self.x), shape(self.w)
        if x[1] != w[1] * self.groups or w[0] % self.groups:
            raise VerifyException(
                f"{self.name}: expected {x[1]} input channels and {w[0]} filters to be divided by group {self.groups} "
                f"and filters over {x[1] // self.groups} channels each, found filters of shape {list(w)}"
            )
        return windowed(self, x[2:], w[2:], ints(self.strides), ints(self.pads), ints(self.dilations))

    def _shape(self) -> Dims:
        _, outputs = self.geometry()
        return (shape(self.x)[0], shape(self.w)[0], *outputs)


@irdl_op_definition
class ConvOp(_ForwardOp):
    """Cross-correlation, as all frameworks mean by convolution; f16 and bf16 are summed in f32."""

    name = "graph.conv"
    x = operand_def(TensorType)
    w = operand_def(TensorType)
    bias = opt_operand_def(TensorType)

    def infer(self) -> Types:
        result = self._shape()
        expect_float(self, self.x)
        expect_same(self, *self.operands)
        self._bias(shape(self.bias) if self.bias is not None else None, result[1])
        return (tensor(element(self.x), result),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        x, w, *bias = present(inputs)
        with np.errstate(all="ignore"):
            return (rounded(_biased(convolve(x, w, *self.geometry(), self.groups), bias), self.x),)


@irdl_op_definition
class ConvTransposeOp(_ConvolutionOp):
    """The transpose of a convolution: filters [C, OC / group, kernel]; each input point adds a scaled filter to the
    output. Pads crop the output; `output_padding` lengthens it at the high end by points that filters may reach."""

    name = "graph.conv_transpose"
    x = operand_def(TensorType)
    w = operand_def(TensorType)
    bias = opt_operand_def(TensorType)
    output_padding = opt_prop_def(DenseArrayBase)

    def geometry(self) -> tuple[Window, Dims]:
        """The filter's window over the output, with pads as given, and the output's spatial shape."""
        self._ranks()
        x, w = shape(self.x), shape(self.w)
        if x[1] != w[0] or x[1] % self.groups:
            raise VerifyException(
                f"{self.name}: expected filters for {x[1]} channels divided by group {self.groups}, "
                f"found filters of shape {list(w)}"
            )
        window = checked(self, x[2:], w[2:], ints(self.strides), ints(self.pads), ints(self.dilations))
        extra = ints(self.output_padding) or (0,) * (len(x) - 2)
        if len(extra) != len(x) - 2 or min(extra) < 0:
            raise VerifyException(
                f"{self.name}: expected {len(x) - 2} output_padding of at least 0, found {list(extra)}"
            )
        full = (s * (n - 1) + e + p for s, n, e, p in zip(window.strides, x[2:], window.extents, extra, strict=True))
        outputs = tuple(f - lo - hi for f, lo, hi in zip(full, window.low, window.high, strict=True))
        if any(o < 0 for o in outputs):
            raise VerifyException(
                f"{self.name}: expected pads no larger than the output, found {list(ints(self.pads))}"
            )
        return window, outputs

    def infer(self) -> Types:
        _, outputs = self.geometry()
        expect_float(self, self.x)
        expect_same(self, *self.operands)
        channels = shape(self.w)[1] * self.groups
        self._bias(shape(self.bias) if self.bias is not None else None, channels)
        return (tensor(element(self.x), (shape(self.x)[0], channels, *outputs)),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        x, w, *bias = present(inputs)
        window, outputs = self.geometry()
        n, c, *spatial = x.shape
        grouped = x.reshape(n, self.groups, c // self.groups, math.prod(spatial))
        filters = w.reshape(self.groups, c // self.groups, -1).swapaxes(1, 2)
        channels = self.groups * w.shape[1]
        reach = tuple(lo + o + hi for lo, o, hi in zip(window.low, outputs, window.high, strict=True))
        full = np.zeros((n, channels, *reach), x.dtype)
        with np.errstate(all="ignore"):
            columns = np.matmul(filters, grouped).reshape(n, channels, *w.shape[2:], *spatial)
            for at, place in taps(window, tuple(spatial)):
                full[(slice(None), slice(None), *place)] += columns[(slice(None), slice(None), *at)]
            crop = tuple(slice(lo, lo + o) for lo, o in zip(window.low, outputs, strict=True))
            return (rounded(_biased(full[(slice(None), slice(None), *crop)], bias), self.x),)


@irdl_op_definition
class ConvIntegerOp(_ForwardOp):
    """The convolution of x - x_zero with w - w_zero in wrapping 32-bit integers; x_zero is a scalar, w_zero a scalar or
    one number per output channel, and both are 0 where absent. Padding counts as x_zero: it adds nothing."""

    name = "graph.conv_integer"
    x = operand_def(TensorType)
    w = operand_def(TensorType)
    x_zero = opt_operand_def(TensorType)
    w_zero = opt_operand_def(TensorType)
    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    def infer(self) -> Types:
        result = self._shape()
        expect_byte(self, self.x, self.w)
        expect_zero(self, self.x_zero, self.x, ((), (1,)))
        expect_zero(self, self.w_zero, self.w, ((), (1,), (result[1],)))
        return (tensor(i32, result),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        arrays = present(inputs)
        x, w = (a.astype(np.float64) for a in arrays[:2])
        if self.x_zero is not None:
            x -= arrays[2].reshape(())
        if self.w_zero is not None:
            w -= arrays[-1].reshape(-1, *(1,) * (w.ndim - 1))
        return (convolve(x, w, *self.geometry(), self.groups).astype(np.int64).astype(np.int32),)


def _biased(y: Numbers, bias: Sequence[Numbers]) -> Numbers:
    return y + bias[0].reshape(-1, *(1,) * (y.ndim - 2)) if bias else y
