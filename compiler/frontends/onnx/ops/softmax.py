"""Importers of softmax and its kin. Below opset 13 they flatten their input to two dimensions at `axis`."""

from collections.abc import Callable
from math import prod

import numpy as np
from xdsl.dialects.builtin import i64
from xdsl.ir import SSAValue

from .....dialects._shape import element, shape, tensor
from .....dialects.graph.cast import CastOp
from .....dialects.graph.compare import EqualOp
from .....dialects.graph.reduction import ArgMaxOp
from .....dialects.graph.softmax import LogSoftmaxOp, SoftmaxOp
from .....dialects.graph.view import ReshapeOp
from ..node import Node
from ..registry import onnx_op


def along(n: Node, row: Callable[[SSAValue, int], SSAValue]) -> SSAValue:
    """`row(x, axis)` as the node's opset means it: along one axis, or along all from `axis` on, flattened."""
    x, dims = n.input(0), n.shape(0)
    axis = n.int("axis", -1 if n.opset >= 13 else 1)
    if n.opset >= 13:
        return row(x, axis)
    if not -len(dims) <= axis <= len(dims):
        raise ValueError(f"axis: expected a number in [{-len(dims)}, {len(dims)}], found {axis}")
    axis = axis + len(dims) if axis < 0 else axis
    if axis < len(dims) and prod(dims[axis + 1 :]) == 1:
        return row(x, axis)
    flat = n.emit(ReshapeOp, x, shape=[prod(dims[:axis]), prod(dims[axis:])])
    return n.emit(ReshapeOp, row(flat, 1), shape=list(dims))


@onnx_op("Softmax")
def softmax(n: Node) -> SSAValue:
    """exp(x) / sum(exp(x))."""
    return along(n, lambda x, axis: n.emit(SoftmaxOp, x, axis=axis))


@onnx_op("LogSoftmax")
def log_softmax(n: Node) -> SSAValue:
    """log(softmax(x))."""
    return along(n, lambda x, axis: n.emit(LogSoftmaxOp, x, axis=axis))


@onnx_op("Hardmax")
def hardmax(n: Node) -> SSAValue:
    """1 at the first maximum of each row, else 0: the positions compared with the maximum's."""

    def row(x: SSAValue, axis: int) -> SSAValue:
        dims = shape(x)
        line = [size if i == axis % len(dims) else 1 for i, size in enumerate(dims)]
        positions = n.const(np.arange(prod(line), dtype=np.int64).reshape(line))
        assert positions.type == tensor(i64, line)
        best = n.emit(ArgMaxOp, x, axis=axis, keepdims=True, last=False)
        return n.emit(CastOp, n.emit(EqualOp, positions, best), to=element(x))

    return along(n, row)
