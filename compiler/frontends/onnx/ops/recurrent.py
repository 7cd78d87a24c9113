"""Importers of RNN, GRU and LSTM: activations with all their parameters, time first, lengths only where they count."""

from collections.abc import Sequence
from math import inf

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, f64
from xdsl.ir import SSAValue

from .....dialects._shape import shape
from .....dialects.graph._base import GraphOp, Plain
from .....dialects.graph.recurrent import GRUOp, LSTMOp, RNNOp
from ..node import Node
from ..registry import onnx_op
from .view import transposed

PARAMETERS = {
    "affine": (1.0, 0.0),
    "leakyrelu": (0.01, None),
    "thresholdedrelu": (1.0, None),
    "scaledtanh": (1.0, 1.0),
    "hardsigmoid": (0.2, 0.5),
    "elu": (1.0, None),
}
"""The default alpha and beta of the activations that have them."""


@onnx_op("RNN")
def rnn(n: Node) -> list[SSAValue | None]:
    """One gate."""
    return recurrent(n, RNNOp, ("Tanh",))


@onnx_op("GRU")
def gru(n: Node) -> list[SSAValue | None]:
    """Gates z, r, h."""
    return recurrent(n, GRUOp, ("Sigmoid", "Tanh"), reset_after=bool(n.int("linear_before_reset", 0)))


@onnx_op("LSTM")
def lstm(n: Node) -> list[SSAValue | None]:
    """Gates i, o, f, c."""
    cell = _state(n, 6)
    peepholes = n.input(7) if n.has(7) else None
    names = ("Sigmoid", "Tanh", "Tanh")
    return recurrent(n, LSTMOp, names, cell, peepholes, coupled=bool(n.int("input_forget", 0)))


def recurrent(
    n: Node, op: type[GraphOp], defaults: Sequence[str], *more: SSAValue | None, **properties: Plain
) -> list[SSAValue | None]:
    """The whole layer; layout 1 (batch first) by transposes round it."""
    batch_first, direction = bool(n.int("layout", 0)), n.str("direction", "forward")
    x = transposed(n, n.input(0), (1, 0, 2)) if batch_first else n.input(0)
    if (size := n.int("hidden_size", None)) is not None and size != n.shape(2)[-1]:
        raise ValueError(f"hidden_size: expected {n.shape(2)[-1]}, the width of R, found {size}")
    names = [v.lower() for v in n.strs("activations", ()) or tuple(defaults) * (1 + (direction == "bidirectional"))]
    clip = n.float("clip", inf)
    results = n.emits(
        op,
        x,
        n.input(1),
        n.input(2),
        n.input(3) if n.has(3) else None,
        _lengths(n, shape(x)[0]),
        _state(n, 5),
        *more,
        direction=direction,
        activations=names,
        alpha=DenseArrayBase.from_list(f64, _parameters(n, "activation_alpha", names, 0)),
        beta=DenseArrayBase.from_list(f64, _parameters(n, "activation_beta", names, 1)),
        clip=clip if 0 < clip < inf else None,
        regions=(),
        **properties,
    )
    if batch_first:
        perms = ((2, 0, 1, 3), (1, 0, 2), (1, 0, 2))
        results = [transposed(n, v, p) for v, p in zip(results, perms, strict=False)]
    return list(results)


def _lengths(n: Node, time: int) -> SSAValue | None:
    known = n.known(4)
    return None if not n.has(4) or (known is not None and bool(np.all(known == time))) else n.input(4)


def _state(n: Node, index: int) -> SSAValue | None:
    if not n.has(index):
        return None
    return transposed(n, n.input(index), (1, 0, 2)) if n.int("layout", 0) else n.input(index)


def _parameters(n: Node, attribute: str, names: Sequence[str], which: int) -> list[float]:
    """A number for each activation: ONNX lists them for those only that have the parameter, in order."""
    given = iter(n.floats(attribute, ()))
    found: list[float] = []
    for name in names:
        default = PARAMETERS.get(name, (None, None))[which]
        found.append(0.0 if default is None else next(given, default))
    return found
