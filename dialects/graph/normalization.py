"""Normalisations: the input less a mean, divided by a deviation, then scaled and shifted.

%1 = graph.layer_norm %0, %scale, %bias {axis = -1 : i64, epsilon = 1.0e-5 : f64}
       : (tensor<4x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
"""

from abc import ABC

import numpy as np
from xdsl.dialects.builtin import FloatAttr, IntegerAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, element, shape, tensor
from ._base import Fusion, GraphOp, Types, normalized
from ._numbers import Numbers
from .reduction import wide


def standardized(x: Numbers, axes: tuple[int, ...], epsilon: float) -> Numbers:
    """(x - mean) / sqrt(var + epsilon) over `axes`."""
    centred = np.subtract(x, np.mean(x, axis=axes, keepdims=True))
    variance = np.mean(np.square(centred), axis=axes, keepdims=True)
    return np.divide(centred, np.sqrt(variance + np.asarray(epsilon, x.dtype)))


def per_channel(v: Array, rank: int) -> Numbers:
    """A vector over the channels (axis 1), shaped to broadcast against a tensor of that rank."""
    return wide(v).reshape(-1, *(1,) * (rank - 2))


class NormOp(GraphOp, ABC):
    """The result has the input's type; f16 and bf16 are computed in f32.

    IRDL puts an op's own operands before those of its bases, so each op names `input` again.
    """

    fusion = Fusion.REDUCTION
    input = operand_def(TensorType)
    epsilon = prop_def(FloatAttr)
    result = result_def(TensorType)

    @property
    def eps(self) -> float:
        """Epsilon as a number."""
        return float(self.epsilon.value.data)

    def infer(self) -> Types:
        return (tensor(element(self.input), shape(self.input)),)

    def _need_channels(self, **vectors: SSAValue) -> None:
        dims = shape(self.input)
        if len(dims) < 2:
            raise VerifyException(f"{self.name}: expected an input of rank 2 or more, found {self.input.type}")
        for role, value in vectors.items():
            if shape(value) != (dims[1],):
                raise VerifyException(f"{self.name}: expected {role} of shape [{dims[1]}], found {value.type}")


class TrailingNormOp(NormOp, ABC):
    """Normalises over the axes from `axis` on; scale and bias broadcast to the input."""

    axis = prop_def(IntegerAttr)

    @property
    def dim(self) -> int:
        """The first normalised axis, in 0..rank-1."""
        return normalized(self.axis.value.data, len(shape(self.input)), self)

    @property
    def dims(self) -> tuple[int, ...]:
        """The normalised axes."""
        return tuple(range(self.dim, len(shape(self.input))))

    def _need_broadcast(self, role: str, value: SSAValue | None) -> None:
        if value is None:
            return
        dims, given = shape(self.input), shape(value)
        padded = (1,) * (len(dims) - len(given)) + given
        if len(given) > len(dims) or any(g not in (1, d) for g, d in zip(padded, dims, strict=True)):
            raise VerifyException(f"{self.name}: expected {role} to broadcast to {list(dims)}, found {list(given)}")


@irdl_op_definition
class LayerNormOp(TrailingNormOp):
    """(x - mean) / sqrt(var + epsilon) * scale + bias."""

    name = "graph.layer_norm"
    input = operand_def(TensorType)
    scale = operand_def(TensorType)
    bias = opt_operand_def(TensorType)

    def infer(self) -> Types:
        _ = self.dim
        self._need_broadcast("scale", self.scale)
        self._need_broadcast("bias", self.bias)
        return super().infer()

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        x, scale, bias = (*inputs, None)[:3]
        assert x is not None and scale is not None
        with np.errstate(all="ignore"):
            y = standardized(wide(x), self.dims, self.eps) * wide(scale)
            return ((y if bias is None else y + wide(bias)).astype(x.dtype),)


@irdl_op_definition
class RmsNormOp(TrailingNormOp):
    """x / sqrt(mean(x^2) + epsilon) * scale (Zhang and Sennrich, NeurIPS 2019)."""

    name = "graph.rms_norm"
    input = operand_def(TensorType)
    scale = operand_def(TensorType)

    def infer(self) -> Types:
        _ = self.dim
        self._need_broadcast("scale", self.scale)
        return super().infer()

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        given, scale = inputs
        assert given is not None and scale is not None
        x = wide(given)
        with np.errstate(all="ignore"):
            square = np.mean(np.square(x), axis=self.dims, keepdims=True)
            y = np.divide(x, np.sqrt(square + np.asarray(self.eps, x.dtype))) * wide(scale)
        return (y.astype(given.dtype),)


@irdl_op_definition
class InstanceNormOp(NormOp):
    """Each channel of each sample over its spatial axes; scale and bias per channel."""

    name = "graph.instance_norm"
    input = operand_def(TensorType)
    scale = operand_def(TensorType)
    bias = operand_def(TensorType)

    @property
    def dims(self) -> tuple[int, ...]:
        """The spatial axes."""
        return tuple(range(2, len(shape(self.input))))

    def infer(self) -> Types:
        self._need_channels(scale=self.scale, bias=self.bias)
        return super().infer()

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        x, scale, bias = inputs
        assert x is not None and scale is not None and bias is not None
        with np.errstate(all="ignore"):
            y = standardized(wide(x), self.dims, self.eps)
            y = y * per_channel(scale, x.ndim) + per_channel(bias, x.ndim)
        return (y.astype(x.dtype),)


@irdl_op_definition
class GroupNormOp(NormOp):
    """Each group of neighbouring channels of each sample; scale and bias per channel (Wu and He, ECCV 2018)."""

    name = "graph.group_norm"
    input = operand_def(TensorType)
    scale = operand_def(TensorType)
    bias = operand_def(TensorType)
    groups = prop_def(IntegerAttr)

    @property
    def count(self) -> int:
        """The number of groups."""
        return self.groups.value.data

    def infer(self) -> Types:
        self._need_channels(scale=self.scale, bias=self.bias)
        channels = shape(self.input)[1]
        if self.count < 1 or channels % self.count:
            raise VerifyException(f"{self.name}: expected groups that divide {channels} channels, found {self.count}")
        return super().infer()

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        x, scale, bias = inputs
        assert x is not None and scale is not None and bias is not None
        grouped = wide(x).reshape(x.shape[0], self.count, x.shape[1] // self.count, *x.shape[2:])
        with np.errstate(all="ignore"):
            y = standardized(grouped, tuple(range(2, grouped.ndim)), self.eps).reshape(x.shape)
            y = y * per_channel(scale, x.ndim) + per_channel(bias, x.ndim)
        return (y.astype(x.dtype),)


@irdl_op_definition
class BatchNormOp(NormOp):
    """(x - mean) / sqrt(var + epsilon) * scale + bias with given statistics per channel (Ioffe and Szegedy, 2015)."""

    name = "graph.batch_norm"
    fusion = Fusion.BROADCAST
    input = operand_def(TensorType)
    scale = operand_def(TensorType)
    bias = operand_def(TensorType)
    mean = operand_def(TensorType)
    var = operand_def(TensorType)

    def infer(self) -> Types:
        self._need_channels(scale=self.scale, bias=self.bias, mean=self.mean, var=self.var)
        return super().infer()

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        x, *vectors = (v for v in inputs if v is not None)
        scale, bias, mean, var = (per_channel(v, x.ndim) for v in vectors)
        with np.errstate(all="ignore"):
            y = np.divide(wide(x) - mean, np.sqrt(var + np.asarray(self.eps, var.dtype))) * scale + bias
        return (y.astype(x.dtype),)


@irdl_op_definition
class LrnOp(GraphOp):
    """x / (bias + alpha / size * sum of squares over `size` neighbouring channels) ^ beta (AlexNet, section 3.3).

    The window of channel c is c - floor((size - 1) / 2) .. c + ceil((size - 1) / 2), cut at the ends.
    """

    name = "graph.lrn"
    fusion = Fusion.REDUCTION
    input = operand_def(TensorType)
    size = prop_def(IntegerAttr)
    alpha = prop_def(FloatAttr)
    beta = prop_def(FloatAttr)
    bias = prop_def(FloatAttr)
    result = result_def(TensorType)

    @property
    def before(self) -> int:
        """How many channels of the window stand before its own."""
        return (self.size.value.data - 1) // 2

    @property
    def after(self) -> int:
        """How many channels of the window stand after its own."""
        return self.size.value.data - 1 - self.before

    def infer(self) -> Types:
        if len(shape(self.input)) < 2 or self.size.value.data < 1:
            raise VerifyException(
                f"{self.name}: expected rank 2 or more and a positive size, "
                f"found {self.input.type} and {self.size.value.data}"
            )
        return (tensor(element(self.input), shape(self.input)),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        (given,) = inputs
        assert given is not None
        x, size = wide(given), self.size.value.data
        alpha, beta, bias = (float(a.value.data) for a in (self.alpha, self.beta, self.bias))
        with np.errstate(all="ignore"):
            margin = [(0, 0), (self.before, self.after), *[(0, 0)] * (x.ndim - 2)]
            squares = np.pad(np.square(x), margin)
            total = sum((squares[:, i : i + x.shape[1]] for i in range(1, size)), squares[:, : x.shape[1]])
            scale = np.power(total * np.asarray(alpha / size, x.dtype) + np.asarray(bias, x.dtype), x.dtype.type(beta))
            return (np.divide(x, scale).astype(given.dtype),)
