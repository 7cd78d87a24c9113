"""Importers of losses: the log-probability of each target picked out by comparison with the classes."""

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import i64
from xdsl.ir import SSAValue

from .....dialects._shape import element
from .....dialects.graph.softmax import LogSoftmaxOp
from ..node import Node
from ..registry import onnx_op
from ._terms import Term


@onnx_op("NegativeLogLikelihoodLoss")
def negative_log_likelihood(n: Node) -> SSAValue:
    """-log p(target), weighted by the target's class."""
    return loss(n, n.input(0))


@onnx_op("SoftmaxCrossEntropyLoss")
def softmax_cross_entropy(n: Node) -> Sequence[SSAValue]:
    """The same of log_softmax(scores), which is the second output."""
    log = n.emit(LogSoftmaxOp, n.input(0), axis=1)
    return [loss(n, log), log]


def loss(n: Node, log: SSAValue) -> SSAValue:
    """From log-probabilities [N, C, d...] and targets [N, d...]; what is to be ignored weighs nothing."""
    dims = n.shape(0)
    wanted = (*dims[:1], *dims[2:])
    if len(dims) < 2 or n.shape(1) != wanted:
        raise ValueError(f"expected scores of rank 2 or more and targets {list(wanted)}, found {list(n.shape(1))}")
    line = [1, dims[1], *[1] * (len(dims) - 2)]
    target = Term.of(n, n.input(1)).cast(i64).reshape([dims[0], 1, *dims[2:]])
    x = Term.wide(n, log)
    hit = target.equals(target.constant(np.arange(dims[1]).reshape(line)))
    picked = -hit.choose(x, 0.0).sum([1], keepdims=False)
    weight = x.constant(1.0)
    if n.has(2):
        weight = hit.choose(Term.of(n, n.input(2)).cast(element(x.value)).reshape(line), 0.0).sum([1], keepdims=False)
    if (ignored := n.int("ignore_index", None)) is not None:
        skip = target.reshape(n.shape(1)).equals(ignored)
        picked, weight = skip.choose(x.constant(0.0), picked), skip.choose(x.constant(0.0), weight)
    result = picked * weight
    axes = range(len(result.shape))
    match n.str("reduction", "mean"):
        case "none":
            pass
        case "sum":
            result = result.sum(axes, keepdims=False)
        case "mean" if len(weight.shape) == len(result.shape):
            result = result.sum(axes, keepdims=False) / weight.sum(axes, keepdims=False)
        case "mean":
            result = result.mean(axes, keepdims=False)
        case other:
            raise ValueError(f"reduction: expected none, sum or mean, found {other}")
    return result.like(n.input(0))
