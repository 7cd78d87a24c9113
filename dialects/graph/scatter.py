"""Elements written at indices: scatter_elements, scatter_nd.

%1 = graph.scatter_nd %x, %indices, %updates {reduction = "add"}
     : (tensor<4x8xf32>, tensor<3x1xi64>, tensor<3x8xf32>) -> tensor<4x8xf32>

Updates go in their row-major order, so that of two at the same place the later wins. Indices are as in gather: negative
ones count from the end, those outside are clamped.
"""

import numpy as np
from xdsl.dialects.builtin import IntegerAttr, IntegerType, StringAttr, TensorType
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, element, shape
from ._base import Fusion, GraphOp, Types, normalized
from .gather import Indices, elements_at, positions, verify_elements

REDUCTIONS: dict[str, np.ufunc] = {
    "add": np.add,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}


class ScatterOp(GraphOp):
    """x with updates written (or, by `reduction`, combined) into it."""

    x = operand_def(TensorType)
    indices = operand_def(TensorType)
    updates = operand_def(TensorType)
    reduction = prop_def(StringAttr)
    res = result_def(TensorType)
    fusion = Fusion.OPAQUE

    def like_x(self, wanted: tuple[int, ...]) -> Types:
        """The result types, once the updates have this shape and x's element type."""
        kind = element(self.indices)
        if not isinstance(kind, IntegerType) or kind.width.data < 8:
            raise VerifyException(f"{self.name}: expected integer indices, found {kind}")
        if self.reduction.data not in ("none", *REDUCTIONS):
            raise VerifyException(
                f"{self.name}: expected a reduction of none, {', '.join(REDUCTIONS)}, found {self.reduction.data}"
            )
        if shape(self.updates) != wanted or element(self.updates) != element(self.x):
            raise VerifyException(
                f"{self.name}: expected updates of shape {list(wanted)} and type {element(self.x)}, "
                f"found {self.updates.type}"
            )
        return (TensorType(element(self.x), shape(self.x)),)

    def written(self, x: Array, at: tuple[Indices, ...], updates: Array) -> tuple[Array, ...]:
        """x with `updates` combined into the positions `at`, in order."""
        out = x.copy()
        if self.reduction.data == "none":
            out[at] = updates
        else:
            with np.errstate(all="ignore"):
                REDUCTIONS[self.reduction.data].at(out, at, updates)
        return (out,)


@irdl_op_definition
class ScatterElementsOp(ScatterOp):
    """Each update goes to its own position with its index in place of `axis`."""

    name = "graph.scatter_elements"
    axis = prop_def(IntegerAttr)

    def infer(self) -> Types:
        dims, wanted = shape(self.x), shape(self.indices)
        axis = normalized(self.axis.value.data, len(dims), self)
        verify_elements(self, dims, wanted, axis)
        return self.like_x(wanted)

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        x, indices, updates = inputs
        assert x is not None and indices is not None and updates is not None
        return self.written(x, elements_at(indices, x.shape, self.axis.value.data % x.ndim), updates)


@irdl_op_definition
class ScatterNDOp(ScatterOp):
    """The last axis of `indices` is a position on x's leading axes, where a slice of the updates goes."""

    name = "graph.scatter_nd"

    def infer(self) -> Types:
        dims, wanted = shape(self.x), shape(self.indices)
        if not wanted or not 1 <= wanted[-1] <= len(dims):
            raise VerifyException(
                f"{self.name}: expected positions of 1..{len(dims)} numbers in the last axis of the indices, "
                f"found {list(wanted)}"
            )
        return self.like_x((*wanted[:-1], *dims[wanted[-1] :]))

    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        x, indices, updates = inputs
        assert x is not None and indices is not None and updates is not None
        return self.written(x, positions(indices, x.shape), updates)
