"""Importers of what writes elements at indices."""

from xdsl.ir import SSAValue

from .....dialects.graph.scatter import ScatterElementsOp, ScatterNDOp
from ..node import Node
from ..registry import onnx_op
from ._axes import axis_of
from .gather import in_range


@onnx_op("ScatterElements", "Scatter")
def scatter_elements(n: Node) -> SSAValue:
    """numpy's put_along_axis, or a reduction into the places."""
    axis = axis_of(n.int("axis", 0), n.rank(0))
    if (indices := n.known(1)) is not None:
        in_range(indices, n.shape(0)[axis])
    reduction = n.str("reduction", "none")
    return n.emit(ScatterElementsOp, n.input(0), n.input(1), n.input(2), axis=axis, reduction=reduction)


@onnx_op("ScatterND")
def scatter_nd(n: Node) -> SSAValue:
    """Slices written at positions."""
    return n.emit(ScatterNDOp, n.input(0), n.input(1), n.input(2), reduction=n.str("reduction", "none"))
