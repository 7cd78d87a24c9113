"""Softmax and its logarithm along one axis.

%1 = graph.softmax %0 {axis = -1 : i64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
"""

from abc import ABC, abstractmethod

import numpy as np
from xdsl.dialects.builtin import IntegerAttr, TensorType
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def

from .._shape import Array, element, shape, tensor
from ._base import Fusion, GraphOp, Types, normalized
from ._numbers import Numbers
from .reduction import wide


class SoftmaxBase(GraphOp, ABC):
    """One distribution for each row along `axis`."""

    fusion = Fusion.REDUCTION
    input = operand_def(TensorType)
    axis = prop_def(IntegerAttr)
    result = result_def(TensorType)

    @property
    def dim(self) -> int:
        """The axis in 0..rank-1."""
        return normalized(self.axis.value.data, len(shape(self.input)), self)

    def infer(self) -> Types:
        _ = self.dim
        return (tensor(element(self.input), shape(self.input)),)

    @abstractmethod
    def of_shifted(self, x: Numbers, axis: int) -> Numbers:
        """The result for `x` less its maximum."""

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        (given,) = inputs
        assert given is not None
        if given.size == 0:
            return (given,)
        x = wide(given)
        with np.errstate(all="ignore"):
            shifted = np.subtract(x, np.max(x, axis=self.dim, keepdims=True))
            return (self.of_shifted(shifted, self.dim).astype(given.dtype),)


@irdl_op_definition
class SoftmaxOp(SoftmaxBase):
    """exp(x - max) / sum(exp(x - max)); NaN where a row holds only -inf, or holds +inf."""

    name = "graph.softmax"

    def of_shifted(self, x: Numbers, axis: int) -> Numbers:
        e = np.exp(x)
        return np.divide(e, np.sum(e, axis=axis, keepdims=True))


@irdl_op_definition
class LogSoftmaxOp(SoftmaxBase):
    """x - max - log(sum(exp(x - max)))."""

    name = "graph.log_softmax"

    def of_shifted(self, x: Numbers, axis: int) -> Numbers:
        return np.subtract(x, np.log(np.sum(np.exp(x), axis=axis, keepdims=True)))
