"""Values that depend on where an element stands: trilu, one_hot.

%1 = graph.one_hot %ids, %off_on {axis = 1 : i64, depth = 10 : i64} : (tensor<4xi64>, tensor<2xf32>) -> tensor<4x10xf32>
"""

import numpy as np
from xdsl.dialects.builtin import BoolAttr, IntegerAttr, TensorType
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, element, shape, tensor
from ._base import Fusion, GraphOp, Types


@irdl_op_definition
class TriluOp(GraphOp):
    """The upper (or lower) triangle of each matrix of the last two axes, from diagonal k on; 0 elsewhere."""

    name = "graph.trilu"
    x = operand_def(TensorType)
    k = prop_def(IntegerAttr)
    upper = prop_def(BoolAttr)
    res = result_def(TensorType)
    fusion = Fusion.ELEMENTWISE

    def infer(self) -> Types:
        if len(shape(self.x)) < 2:
            raise VerifyException(f"{self.name}: expected at least 2 dimensions, found {list(shape(self.x))}")
        return (tensor(element(self.x), shape(self.x)),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        (x,) = inputs
        assert x is not None
        row, column = np.indices(x.shape[-2:], sparse=True)
        beyond = column - row - self.k.value.data
        return (np.where(beyond >= 0 if self.upper else beyond <= 0, x, np.zeros((), x.dtype)),)


@irdl_op_definition
class OneHotOp(GraphOp):
    """values[1] where the position on a new axis of size `depth` is the index (counted from the end if negative), else
    values[0]; an index outside is nowhere."""

    name = "graph.one_hot"
    indices = operand_def(TensorType)
    values = operand_def(TensorType)
    axis = prop_def(IntegerAttr)
    depth = prop_def(IntegerAttr)
    res = result_def(TensorType)
    fusion = Fusion.INJECTIVE

    def infer(self) -> Types:
        dims, axis, depth = shape(self.indices), self.axis.value.data, self.depth.value.data
        if not 0 <= axis <= len(dims):
            raise VerifyException(f"{self.name}: expected an axis in [0, {len(dims)}], found {axis}")
        if depth < 0:
            raise VerifyException(f"{self.name}: expected a depth of at least 0, found {depth}")
        if shape(self.values) != (2,):
            raise VerifyException(f"{self.name}: expected values of shape [2], found {list(shape(self.values))}")
        return (tensor(element(self.values), (*dims[:axis], depth, *dims[axis:])),)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        indices, values = inputs
        assert indices is not None and values is not None
        axis, depth = self.axis.value.data, self.depth.value.data
        at = np.expand_dims(indices.astype(np.int64), axis)
        at = np.where(at < 0, at + depth, at)
        line = np.arange(depth).reshape((depth,) + (1,) * (indices.ndim - axis))
        return (np.where(at == line, values[1], values[0]),)
