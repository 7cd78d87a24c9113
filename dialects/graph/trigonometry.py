"""Circular and hyperbolic functions of radians; NaN outside their domains.

%1 = graph.sin %0 : (tensor<4x8xf32>) -> tensor<4x8xf32>
"""

import numpy as np
from xdsl.irdl import irdl_op_definition

from ._numbers import Numbers
from ._pointwise import FloatUnaryOp


@irdl_op_definition
class SinOp(FloatUnaryOp):
    """The sine."""

    name = "graph.sin"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.sin(*inputs)


@irdl_op_definition
class CosOp(FloatUnaryOp):
    """The cosine."""

    name = "graph.cos"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.cos(*inputs)


@irdl_op_definition
class TanOp(FloatUnaryOp):
    """The tangent."""

    name = "graph.tan"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.tan(*inputs)


@irdl_op_definition
class AsinOp(FloatUnaryOp):
    """The arcsine."""

    name = "graph.asin"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.arcsin(*inputs)


@irdl_op_definition
class AcosOp(FloatUnaryOp):
    """The arccosine."""

    name = "graph.acos"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.arccos(*inputs)


@irdl_op_definition
class AtanOp(FloatUnaryOp):
    """The arctangent."""

    name = "graph.atan"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.arctan(*inputs)


@irdl_op_definition
class SinhOp(FloatUnaryOp):
    """The hyperbolic sine."""

    name = "graph.sinh"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.sinh(*inputs)


@irdl_op_definition
class CoshOp(FloatUnaryOp):
    """The hyperbolic cosine."""

    name = "graph.cosh"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.cosh(*inputs)


@irdl_op_definition
class TanhOp(FloatUnaryOp):
    """The hyperbolic tangent."""

    name = "graph.tanh"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.tanh(*inputs)


@irdl_op_definition
class AsinhOp(FloatUnaryOp):
    """The area hyperbolic sine."""

    name = "graph.asinh"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.arcsinh(*inputs)


@irdl_op_definition
class AcoshOp(FloatUnaryOp):
    """The area hyperbolic cosine."""

    name = "graph.acosh"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.arccosh(*inputs)


@irdl_op_definition
class AtanhOp(FloatUnaryOp):
    """The area hyperbolic tangent."""

    name = "graph.atanh"

    def compute(self, *inputs: Numbers) -> Numbers:
        return np.arctanh(*inputs)
