"""Importers of what writes elements at indices."""

import numpy as np
from xdsl.ir import SSAValue

from .....dialects._shape import shape
from .....dialects.graph.elementwise import AddOp, ModOp
from .....dialects.graph.scatter import ScatterElementsOp, ScatterNDOp
from ..node import Node
from ..registry import onnx_op
from ._axes import axis_of
from .gather import in_range
from .view import expanded, reshaped


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


@onnx_op("TensorScatter")
def tensor_scatter(n: Node) -> SSAValue:
    """Rows written into a cache from a position of each batch entry on; circular mode goes on at the start."""
    cache, update, rank = n.input(0), n.input(1), n.rank(0)
    axis, mode = axis_of(n.int("axis", -2), rank), n.str("mode", "linear")
    if mode not in ("linear", "circular") or axis == 0:
        raise ValueError(f"expected mode linear or circular and an axis above 0, found {mode} and {axis}")
    line = [size if i == axis else 1 for i, size in enumerate(shape(update))]
    places = n.const(np.arange(line[axis], dtype=np.int64).reshape(line))
    if n.has(2):
        starts = reshaped(n, n.input(2), [shape(update)[0], *(1,) * (rank - 1)])
        places = n.emit(AddOp, starts, places)
    if mode == "circular":
        places = n.emit(ModOp, places, n.const(np.array(shape(cache)[axis])), fmod=False)
    places = expanded(n, places, shape(update))
    return n.emit(ScatterElementsOp, cache, places, update, axis=axis, reduction="none")
