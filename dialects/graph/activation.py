"""Activation functions, element by element.

%1 = graph.leaky_relu %0 {alpha = 0.01 : f64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
%2 = graph.gelu %1 {approximate = "tanh"} : (tensor<4x8xf32>) -> tensor<4x8xf32>

Hard swish, swish, mish, shrink and thresholded relu are compositions, written by whoever imports them.
"""

import math
from typing import cast

import numpy as np
from xdsl.dialects.builtin import AnyFloat, FloatAttr, StringAttr
from xdsl.irdl import irdl_op_definition, prop_def
from xdsl.utils.exceptions import VerifyException

from .._shape import shape
from ._numbers import Numbers
from ._pointwise import BinaryOp, FloatUnaryOp, UnaryOp, broadcast_shape, expect_number
from .elementwise import erf

GELU_LINEAR = math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715


def number(attribute: FloatAttr[AnyFloat]) -> float:
    """The value of a float property."""
    return attribute.value.data


@irdl_op_definition
class ReluOp(UnaryOp):
    """max(x, 0)."""

    name = "graph.relu"

    def expect(self) -> None:
        expect_number(self, self.x)

    def compute(self, *inputs: Numbers) -> Numbers:
        (x,) = inputs
        return np.maximum(x, x.dtype.type(0))


@irdl_op_definition
class LeakyReluOp(FloatUnaryOp):
    """x, or alpha x below 0."""

    name = "graph.leaky_relu"
    alpha = prop_def(FloatAttr)

    def compute(self, *inputs: Numbers) -> Numbers:
        (x,) = inputs
        return np.where(x < 0, x * number(self.alpha), x)


@irdl_op_definition
class PReluOp(BinaryOp):
    """x = lhs, or x times the slope rhs below 0; the slope broadcasts to x."""

    name = "graph.prelu"

    def expect(self) -> None:
        super().expect()
        expect_number(self, self.lhs)
        if broadcast_shape(self) != shape(self.lhs):
            wanted, found = list(shape(self.lhs)), list(shape(self.rhs))
            raise VerifyException(f"{self.name}: expected a slope that broadcasts to {wanted}, found {found}")

    def compute(self, *inputs: Numbers) -> Numbers:
        x, slope = inputs
        return np.where(x < 0, x * slope, x)


@irdl_op_definition
class EluOp(FloatUnaryOp):
    """x, or alpha (exp x - 1) below 0."""

    name = "graph.elu"
    alpha = prop_def(FloatAttr)

    def compute(self, *inputs: Numbers) -> Numbers:
        (x,) = inputs
        return np.where(x < 0, number(self.alpha) * np.expm1(x), x)


@irdl_op_definition
class CeluOp(FloatUnaryOp):
    """max(x, 0) + min(alpha (exp(x / alpha) - 1), 0)."""

    name = "graph.celu"
    alpha = prop_def(FloatAttr)

    def compute(self, *inputs: Numbers) -> Numbers:
        (x,), alpha = inputs, number(self.alpha)
        return np.maximum(x, 0) + np.minimum(alpha * np.expm1(x / alpha), 0)


@irdl_op_definition
class SeluOp(FloatUnaryOp):
    """gamma x above 0, else gamma alpha (exp x - 1)."""

    name = "graph.selu"
    alpha = prop_def(FloatAttr)
    gamma = prop_def(FloatAttr)

    def compute(self, *inputs: Numbers) -> Numbers:
        (x,) = inputs
        return number(self.gamma) * np.where(x > 0, x, number(self.alpha) * np.expm1(x))


@irdl_op_definition
class SigmoidOp(FloatUnaryOp):
    """1 / (1 + exp(-x))."""

    name = "graph.sigmoid"

    def compute(self, *inputs: Numbers) -> Numbers:
        return 1 / (1 + np.exp(-inputs[0]))


@irdl_op_definition
class HardSigmoidOp(FloatUnaryOp):
    """alpha x + beta, cut to 0..1."""

    name = "graph.hard_sigmoid"
    alpha = prop_def(FloatAttr)
    beta = prop_def(FloatAttr)

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.clip(inputs[0] * number(self.alpha) + number(self.beta), 0, 1)


@irdl_op_definition
class SoftplusOp(FloatUnaryOp):
    """log(1 + exp x)."""

    name = "graph.softplus"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.maximum(inputs[0], 0) + np.log1p(np.exp(-np.abs(inputs[0])))


@irdl_op_definition
class SoftsignOp(FloatUnaryOp):
    """x / (1 + |x|)."""

    name = "graph.softsign"

    def compute(self, *inputs: Numbers) -> Numbers:
        (x,) = inputs
        return x / (1 + np.abs(x))


@irdl_op_definition
class GeluOp(FloatUnaryOp):
    """x times the normal distribution's share below x: by erf ("none"), or by tanh of a cubic ("tanh")."""

    name = "graph.gelu"
    approximate = prop_def(StringAttr)

    def expect(self) -> None:
        super().expect()
        if self.approximate.data not in ("none", "tanh"):
            raise VerifyException(f'{self.name}: expected approximate "none" or "tanh", found {self.approximate}')

    def compute(self, *inputs: Numbers) -> Numbers:
        (x,) = inputs
        if self.approximate.data == "none":
            return 0.5 * x * (1 + erf(cast(Numbers, x * math.sqrt(0.5))))
        return 0.5 * x * (1 + np.tanh(GELU_LINEAR * (x + GELU_CUBIC * x * x * x)))
