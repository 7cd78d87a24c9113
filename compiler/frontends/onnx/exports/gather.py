"""Exporters of what reads and writes at indices, or depends on where an element stands or in which order."""

import numpy as np

from .....dialects.graph.gather import GatherElementsOp, GatherNDOp, GatherOp, ReverseSequenceOp
from .....dialects.graph.position import OneHotOp, TriluOp
from .....dialects.graph.scatter import ScatterElementsOp, ScatterNDOp
from .....dialects.graph.sort import CumProdOp, CumSumOp, TopKOp
from ..export_registry import exports
from ..writer import Writer


@exports(GatherOp, GatherElementsOp)
def gather(w: Writer, op: GatherOp | GatherElementsOp) -> None:
    """One node."""
    name = "Gather" if isinstance(op, GatherOp) else "GatherElements"
    w.node(name, op, op.x, op.indices, axis=op.axis.value.data)


@exports(GatherNDOp)
def gather_nd(w: Writer, op: GatherNDOp) -> None:
    """One node."""
    w.node("GatherND", op, op.x, op.indices, batch_dims=op.batch_dims.value.data or None)


@exports(ReverseSequenceOp)
def reverse_sequence(w: Writer, op: ReverseSequenceOp) -> None:
    """One node."""
    batch, time = op.batch_axis.value.data, op.time_axis.value.data
    w.node("ReverseSequence", op, op.x, op.lengths, batch_axis=batch, time_axis=time)


@exports(ScatterElementsOp)
def scatter_elements(w: Writer, op: ScatterElementsOp) -> None:
    """One node."""
    way = op.reduction.data
    axis = op.axis.value.data
    w.node("ScatterElements", op, op.x, op.indices, op.updates, axis=axis, reduction=way if way != "none" else None)


@exports(ScatterNDOp)
def scatter_nd(w: Writer, op: ScatterNDOp) -> None:
    """One node."""
    way = op.reduction.data
    w.node("ScatterND", op, op.x, op.indices, op.updates, reduction=way if way != "none" else None)


@exports(TriluOp)
def trilu(w: Writer, op: TriluOp) -> None:
    """One node."""
    k = op.k.value.data
    w.node("Trilu", op, op.x, w.tensor(np.array(k, np.int64)) if k else None, upper=int(bool(op.upper)))


@exports(OneHotOp)
def one_hot(w: Writer, op: OneHotOp) -> None:
    """One node."""
    depth = w.tensor(np.array(op.depth.value.data, np.int64))
    w.node("OneHot", op, op.indices, depth, op.values, axis=op.axis.value.data)


@exports(TopKOp)
def top_k(w: Writer, op: TopKOp) -> None:
    """One node of two outputs."""
    w.node("TopK", op, op.input, w.ints([op.count]), axis=op.axis.value.data, largest=int(bool(op.largest)))


@exports(CumSumOp, CumProdOp)
def cumulative(w: Writer, op: CumSumOp | CumProdOp) -> None:
    """One node."""
    axis = w.tensor(np.array(op.axis.value.data, np.int64))
    w.node(
        "CumSum" if isinstance(op, CumSumOp) else "CumProd",
        op,
        *(op.input, axis),
        exclusive=1 if op.exclusive else None,
        reverse=1 if op.reverse else None,
    )
