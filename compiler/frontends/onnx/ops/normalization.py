"""Importers of normalisations."""

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import bf16, f16, f32, f64
from xdsl.ir import SSAValue

from .....dialects._shape import shape
from .....dialects.graph.normalization import (
    BatchNormOp,
    GroupNormOp,
    InstanceNormOp,
    LayerNormOp,
    LrnOp,
    RmsNormOp,
)
from .....dialects.graph.view import ExpandOp
from ..node import Node
from ..registry import onnx_op
from ._terms import Term
from .reduction import lp_norm

STASH = {1: f32, 10: f16, 11: f64, 16: bf16}
"""TensorProto's numbers of the types in which statistics may be given out."""


def epsilon(n: Node) -> float:
    """What is added to the variance; the attribute is an f32, meant as the decimal that it prints as."""
    return float(str(np.float32(n.float("epsilon", 1e-5))))


@onnx_op("LayerNormalization")
def layer_norm(n: Node) -> Sequence[SSAValue | None]:
    """The optional outputs, mean and inverse deviation, are computed again beside it."""
    x, axis, bias = n.input(0), n.int("axis", -1), n.input(2) if n.has(2) else None
    y = n.emit(LayerNormOp, x, n.input(1), bias, axis=axis, epsilon=epsilon(n))
    if not (n.wants(1) or n.wants(2)):
        return [y]
    if (stash := STASH.get(n.int("stash_type", 1))) is None:
        n.refuse(f"stash_type = {n.int('stash_type')}")
    wide, axes = Term.wide(n, x), range(axis % n.rank(0), n.rank(0))
    mean = wide.mean(axes)
    centred = wide - mean
    rate = wide.constant(1.0) / ((centred * centred).mean(axes) + epsilon(n)).sqrt()
    return [y, mean.cast(stash).value, rate.cast(stash).value]


@onnx_op("RMSNormalization")
def rms_norm(n: Node) -> SSAValue:
    """x over its root mean square, scaled."""
    return n.emit(RmsNormOp, n.input(0), n.input(1), axis=n.int("axis", -1), epsilon=epsilon(n))


@onnx_op("InstanceNormalization")
def instance_norm(n: Node) -> SSAValue:
    """Over the spatial axes."""
    return n.emit(InstanceNormOp, n.input(0), n.input(1), n.input(2), epsilon=epsilon(n))


@onnx_op("GroupNormalization")
def group_norm(n: Node) -> SSAValue:
    """Scale and bias are per channel; below opset 21 per group."""
    groups = n.int("num_groups")
    if n.rank(0) < 2 or groups < 1 or n.shape(0)[1] % groups:
        raise ValueError(f"num_groups: expected a divisor of the channels of {list(n.shape(0))}, found {groups}")
    affine = [n.input(1), n.input(2)]
    if n.opset < 21:
        affine = [per_channel(n, v, n.shape(0)[1] // groups) for v in affine]
    return n.emit(GroupNormOp, n.input(0), *affine, epsilon=epsilon(n), groups=groups)


def per_channel(n: Node, value: SSAValue, count: int) -> SSAValue:
    """Each element `count` times."""
    (groups,) = shape(value)
    column = Term.of(n, value).reshape([groups, 1]).value
    return Term.of(n, n.emit(ExpandOp, column, shape=[groups, count])).reshape([groups * count]).value


@onnx_op("MeanVarianceNormalization")
def mean_variance_norm(n: Node) -> SSAValue:
    """(x - mean) / (deviation + 1e-9)."""
    x, axes = Term.wide(n, n.input(0)), n.ints("axes", (0, 2, 3))
    centred = x - x.mean(axes)
    return (centred / ((centred * centred).mean(axes).sqrt() + 1e-9)).like(n.input(0))


@onnx_op("LpNormalization")
def lp_normalization(n: Node) -> SSAValue:
    """x over its norm along an axis; 0 where that is 0."""
    x = Term.wide(n, n.input(0))
    norm = lp_norm(x, float(n.int("p", 2)), [n.int("axis", -1)])
    return norm.equals(0.0).choose(x.constant(0.0), x / norm).like(n.input(0))


@onnx_op("LRN")
def lrn(n: Node) -> SSAValue:
    """Over neighbouring channels."""
    alpha, beta, bias = n.float("alpha", 1e-4), n.float("beta", 0.75), n.float("bias", 1.0)
    return n.emit(LrnOp, n.input(0), size=n.int("size"), alpha=alpha, beta=beta, bias=bias)


@onnx_op("BatchNormalization")
def batch_norm(n: Node) -> Sequence[SSAValue | None]:
    """With given statistics; from opset 14 on also with the batch's own (`training_mode`).

    Before, the statistics were the batch's if outputs for them were named: refused. An input of rank 1 has one
    channel. Before opset 9 `spatial = 0` gave each position statistics of its own.
    """
    x = Term.of(n, n.input(0))
    if n.opset < 14 and any(n.wants(i) for i in range(1, n.outputs)):
        n.refuse("training mode before opset 14", "export the model for inference")
    if n.int("spatial", 1) == 0:
        return [each_position(n).value]
    dims = x.shape if n.rank(0) > 1 else (*x.shape, 1)
    x, vectors = x.reshape(dims), [Term.of(n, n.input(i)) for i in range(1, 5)]
    if not n.int("training_mode", 0):
        y = n.emit(BatchNormOp, x.value, *(v.value for v in vectors), epsilon=epsilon(n))
        return [Term.of(n, y).reshape(n.shape(0)).value]
    axes, momentum = [0, *range(2, len(dims))], n.float("momentum", 0.9)
    wide = Term.wide(n, x.value)
    mean = wide.mean(axes)
    centred = wide - mean
    own = [s.reshape([dims[1]]) for s in (mean, (centred * centred).mean(axes))]
    y = n.emit(BatchNormOp, x.value, *(v.value for v in (*vectors[:2], *own)), epsilon=epsilon(n))
    running = [
        (Term.wide(n, old.value) * momentum + new * (1.0 - momentum)).like(old.value)
        for old, new in zip(vectors[2:], own, strict=True)
    ]
    return [Term.of(n, y).reshape(n.shape(0)).value, *running]


def each_position(n: Node) -> Term:
    """Batch normalisation with statistics of the shape of a sample."""
    scale, bias, mean, var = (Term.of(n, n.input(i)).reshape(n.shape(0)[1:]) for i in range(1, 5))
    return (Term.of(n, n.input(0)) - mean) / (var + epsilon(n)).sqrt() * scale + bias
