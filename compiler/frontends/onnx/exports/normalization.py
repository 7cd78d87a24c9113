"""Exporters of normalisations, softmax and reductions."""

import numpy as np
from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import SSAValue

from .....dialects._shape import element, shape
from .....dialects.graph.normalization import (
    BatchNormOp,
    GroupNormOp,
    InstanceNormOp,
    LayerNormOp,
    LrnOp,
    RmsNormOp,
    TrailingNormOp,
)
from .....dialects.graph.reduction import (
    ArgMaxOp,
    ArgMinOp,
    ReduceMaxOp,
    ReduceMeanOp,
    ReduceOp,
)
from .....dialects.graph.softmax import LogSoftmaxOp, SoftmaxOp
from ..export_registry import exports
from ..ops.reduction import OPS
from ..writer import Value, Writer

REDUCTIONS = {op: name for name, op in OPS.items() if issubclass(op, ReduceOp)}
GLOBAL = {ReduceMeanOp: "GlobalAveragePool", ReduceMaxOp: "GlobalMaxPool"}


@exports(BatchNormOp)
def batch_norm(w: Writer, op: BatchNormOp) -> None:
    """One node."""
    w.node("BatchNormalization", op, op.input, op.scale, op.bias, op.mean, op.var, epsilon=op.eps)


@exports(InstanceNormOp)
def instance_norm(w: Writer, op: InstanceNormOp) -> None:
    """One node."""
    w.node("InstanceNormalization", op, op.input, op.scale, op.bias, epsilon=op.eps)


@exports(GroupNormOp)
def group_norm(w: Writer, op: GroupNormOp) -> None:
    """One node; before opset 21 scale and bias were per group."""
    w.need(21)
    w.node("GroupNormalization", op, op.input, op.scale, op.bias, num_groups=op.count, epsilon=op.eps)


@exports(LayerNormOp)
def layer_norm(w: Writer, op: LayerNormOp) -> None:
    """One node."""
    bias = whole(w, op, op.bias) if op.bias is not None else None
    axis = op.axis.value.data
    w.node("LayerNormalization", op, op.input, whole(w, op, op.scale), bias, axis=axis, epsilon=op.eps)


@exports(RmsNormOp)
def rms_norm(w: Writer, op: RmsNormOp) -> None:
    """One node."""
    w.node("RMSNormalization", op, op.input, whole(w, op, op.scale), axis=op.axis.value.data, epsilon=op.eps)


def whole(w: Writer, op: TrailingNormOp, value: SSAValue) -> Value:
    """A scale or bias in the shape of the normalised axes, which runtimes want."""
    wanted = shape(op.input)[op.dim :]
    if shape(value) == wanted:
        return value
    if len(shape(value)) > len(wanted):
        w.refuse(f"a scale or bias of shape {list(shape(value))} for normalised axes {list(wanted)}")
    if (known := w.array(value)) is not None:
        return w.tensor(np.broadcast_to(known, wanted))
    return w.value("Expand", op, value, w.ints(wanted))


@exports(LrnOp)
def lrn(w: Writer, op: LrnOp) -> None:
    """One node."""
    alpha, beta, bias = (float(a.value.data) for a in (op.alpha, op.beta, op.bias))
    w.node("LRN", op, op.input, size=op.size.value.data, alpha=alpha, beta=beta, bias=bias)


@exports(SoftmaxOp, LogSoftmaxOp)
def softmax(w: Writer, op: SoftmaxOp | LogSoftmaxOp) -> None:
    """One node."""
    w.node("Softmax" if isinstance(op, SoftmaxOp) else "LogSoftmax", op, op.input, axis=op.axis.value.data)


@exports(*REDUCTIONS)
def reduce(w: Writer, op: ReduceOp) -> None:
    """One node: of all spatial axes of images a global pool, of no axes Identity."""
    rank, dims = len(shape(op.input)), op.dims
    spatial = rank > 3 and dims == tuple(range(2, rank)) and op.keepdims and 0 not in shape(op.input)
    if not dims:
        w.node("Identity", op, op.input)
    elif spatial and type(op) in GLOBAL and isinstance(element(op.input), AnyFloat):
        w.node(GLOBAL[type(op)], op, op.input)
    else:
        w.node(REDUCTIONS[type(op)], op, op.input, w.ints(dims), keepdims=int(bool(op.keepdims)))


@exports(ArgMaxOp, ArgMinOp)
def arg_extreme(w: Writer, op: ArgMaxOp | ArgMinOp) -> None:
    """One node."""
    w.node(
        "ArgMax" if isinstance(op, ArgMaxOp) else "ArgMin",
        op,
        op.input,
        axis=op.axis.value.data,
        keepdims=int(bool(op.keepdims)),
        select_last_index=1 if op.last else None,
    )
