"""Importers of reductions, extremes' positions and global pools."""

import numpy as np
from xdsl.ir import SSAValue

from .....dialects.graph.reduction import (
    ArgMaxOp,
    ArgMinOp,
    ReduceMaxOp,
    ReduceMeanOp,
    ReduceMinOp,
    ReduceProdOp,
    ReduceSumOp,
)
from ..node import Node
from ..registry import onnx_op
from ._terms import Term

OPS = {
    "ReduceSum": ReduceSumOp,
    "ReduceMean": ReduceMeanOp,
    "ReduceMax": ReduceMaxOp,
    "ReduceMin": ReduceMinOp,
    "ReduceProd": ReduceProdOp,
    "ArgMax": ArgMaxOp,
    "ArgMin": ArgMinOp,
}


def axes_of(n: Node) -> list[int]:
    """The axes, an attribute and later (ReduceSum 13, the others 18) an input; without any all, or none if so asked."""
    if n.has(1) and 0 not in n.shape(1):
        return [int(axis) for axis in n.constant(1).reshape(-1)]
    if axes := n.ints("axes", ()):
        return list(axes)
    return [] if n.int("noop_with_empty_axes", 0) else list(range(n.rank(0)))


def kept(n: Node) -> bool:
    """Whether reduced axes stay as 1."""
    return n.int("keepdims", 1) != 0


@onnx_op("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd")
def reduce(n: Node) -> SSAValue:
    """One graph op."""
    return n.emit(OPS[n.op_type], n.input(0), axes=axes_of(n), keepdims=kept(n))


@onnx_op("ReduceL1")
def reduce_l1(n: Node) -> SSAValue:
    """sum(|x|)."""
    return abs(Term.of(n, n.input(0))).sum(axes_of(n), kept(n)).value


@onnx_op("ReduceSumSquare")
def reduce_sum_square(n: Node) -> SSAValue:
    """sum(x^2)."""
    x = Term.of(n, n.input(0))
    return (x * x).sum(axes_of(n), kept(n)).value


@onnx_op("ReduceL2")
def reduce_l2(n: Node) -> SSAValue:
    """sqrt(sum(x^2)), of integers rounded towards zero."""
    x = Term.wide(n, n.input(0))
    return (x * x).sum(axes_of(n), kept(n)).sqrt().like(n.input(0))


@onnx_op("ReduceLogSum")
def reduce_log_sum(n: Node) -> SSAValue:
    """log(sum(x))."""
    return Term.wide(n, n.input(0)).sum(axes_of(n), kept(n)).log().like(n.input(0))


@onnx_op("ReduceLogSumExp")
def reduce_log_sum_exp(n: Node) -> SSAValue:
    """m + log(sum(exp(x - m))) with m the maximum, a finite number even where that is infinite."""
    x, axes, keepdims = Term.wide(n, n.input(0)), axes_of(n), kept(n)
    most = float(np.finfo(np.float32).max)
    peak = x.max(axes).clip(-most, most)
    total = (x - peak).exp().sum(axes, keepdims).log()
    return (total + peak.reshape(total.shape)).like(n.input(0))


@onnx_op("ArgMax", "ArgMin")
def arg_extreme(n: Node) -> SSAValue:
    """The first of equal elements, or with `select_last_index` the last."""
    last = n.int("select_last_index", 0) != 0
    return n.emit(OPS[n.op_type], n.input(0), axis=n.int("axis", 0), keepdims=kept(n), last=last)


@onnx_op("GlobalAveragePool", "GlobalMaxPool")
def global_pool(n: Node) -> SSAValue:
    """A reduction of the spatial axes."""
    op = ReduceMeanOp if n.op_type == "GlobalAveragePool" else ReduceMaxOp
    return n.emit(op, n.input(0), axes=list(range(2, n.rank(0))), keepdims=True)


@onnx_op("GlobalLpPool")
def global_lp_pool(n: Node) -> SSAValue:
    """The p-norm over the spatial axes; in opset 1 p was a float."""
    p = n.float("p", 2.0) if n.opset < 2 else float(n.int("p", 2))
    return lp_norm(Term.wide(n, n.input(0)), p, range(2, n.rank(0))).like(n.input(0))


def lp_norm(x: Term, p: float, axes: range | list[int]) -> Term:
    """(sum(|x|^p))^(1/p), the axes kept as 1."""
    if p == 1:
        return abs(x).sum(axes)
    if p == 2:
        return (x * x).sum(axes).sqrt()
    return (abs(x) ** p).sum(axes) ** (1.0 / p)
