"""Importers of pools."""

from collections.abc import Sequence

from xdsl.ir import SSAValue

from .....dialects.graph.pool import AveragePoolOp, LpPoolOp, MaxPoolIndicesOp, MaxPoolOp, PoolOp
from ..node import Node
from ..registry import onnx_op
from ._pads import auto_pad, sliding


def pool(
    n: Node, op: type[PoolOp], p: int | None = None, count_pads: bool | None = None, column_major: bool | None = None
) -> tuple[SSAValue, ...]:
    """A pool of input 0 by the attributes that all pools have; each op takes its own of the others."""
    if n.rank(0) < 3:
        raise ValueError(f"expected an input of rank 3 or more, found {list(n.shape(0))}")
    found = sliding(n, n.shape(0)[2:])
    ceil = n.int("ceil_mode", 0) != 0 and not auto_pad(n).startswith("SAME")
    return n.emits(
        op,
        n.input(0),
        kernel=found.kernel,
        strides=found.strides,
        pads=found.pads,
        dilations=found.dilations,
        ceil=ceil or None,
        p=p,
        count_pads=count_pads or None,
        column_major=column_major or None,
    )


@onnx_op("MaxPool")
def max_pool(n: Node) -> Sequence[SSAValue]:
    """With a second output also the flat position of each maximum."""
    if not n.wants(1):
        return pool(n, MaxPoolOp)
    return pool(n, MaxPoolIndicesOp, column_major=n.int("storage_order", 0) == 1)


@onnx_op("AveragePool")
def average_pool(n: Node) -> Sequence[SSAValue]:
    """The mean; before opset 7 padding was never counted."""
    return pool(n, AveragePoolOp, count_pads=n.int("count_include_pad", 0) == 1)


@onnx_op("LpPool")
def lp_pool(n: Node) -> Sequence[SSAValue]:
    """The p-norm; in opset 1 p was a float."""
    p = n.float("p", 2.0) if n.opset < 2 else n.int("p", 2)
    if p != int(p):
        n.refuse(f"p = {p}", "only whole p are supported")
    return pool(n, LpPoolOp, p=int(p))
