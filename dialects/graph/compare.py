"""Questions about elements, answered in i1; and the choice that an answer makes.

%1 = graph.less %x, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
%2 = graph.where %1, %x, %y : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>

NaN is unequal to everything and neither less nor greater.
"""

from abc import ABC

import numpy as np
from xdsl.dialects.builtin import BoolAttr, TensorType
from xdsl.ir import Attribute
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, traits_def
from xdsl.traits import Commutative

from .._shape import element
from ._base import Fusion
from ._numbers import Numbers, expect_float, expect_same
from ._pointwise import PointwiseOp, PredicateOp, expect_bool


class CompareOp(PredicateOp, ABC):
    """Two elements of one type, compared."""

    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)


class ClassifyOp(PredicateOp, ABC):
    """Of what sort a float is."""

    x = operand_def(TensorType)
    fusion = Fusion.ELEMENTWISE

    def expect(self) -> None:
        expect_float(self, self.x)


@irdl_op_definition
class EqualOp(CompareOp):
    """x == y."""

    name = "graph.equal"
    traits = traits_def(Commutative())

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.equal(*inputs)


@irdl_op_definition
class LessOp(CompareOp):
    """x < y."""

    name = "graph.less"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.less(*inputs)


@irdl_op_definition
class LessEqualOp(CompareOp):
    """x <= y."""

    name = "graph.less_equal"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.less_equal(*inputs)


@irdl_op_definition
class GreaterOp(CompareOp):
    """x > y."""

    name = "graph.greater"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.greater(*inputs)


@irdl_op_definition
class GreaterEqualOp(CompareOp):
    """x >= y."""

    name = "graph.greater_equal"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.greater_equal(*inputs)


@irdl_op_definition
class IsNanOp(ClassifyOp):
    """Whether x is not a number."""

    name = "graph.is_nan"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.isnan(*inputs)


@irdl_op_definition
class IsInfOp(ClassifyOp):
    """Whether x is infinite, of the signs asked for."""

    name = "graph.is_inf"
    negative = prop_def(BoolAttr)
    positive = prop_def(BoolAttr)

    def compute(self, *inputs: Numbers) -> Numbers:
        (x,) = inputs
        return (x == -np.inf) & bool(self.negative) | (x == np.inf) & bool(self.positive)


@irdl_op_definition
class WhereOp(PointwiseOp):
    """x where the condition holds, else y."""

    name = "graph.where"
    condition = operand_def(TensorType)
    x = operand_def(TensorType)
    y = operand_def(TensorType)

    def expect(self) -> None:
        expect_bool(self, self.condition)
        expect_same(self, self.x, self.y)

    def kind(self) -> Attribute:
        return element(self.x)

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.where(*inputs)
