"""Recurrent layers, lowered: loops of the host over time."""

from collections.abc import Callable

import numpy as np
import pytest
from aic.dialects._shape import Array
from aic.dialects.graph.recurrent import GRUOp, LSTMOp, RecurrentOp, RNNOp
from xdsl.dialects.builtin import DenseArrayBase, f64

Agrees = Callable[..., list[Array]]
GATES = {LSTMOp: 4, GRUOp: 3, RNNOp: 1}


def layer(
    op: type[RecurrentOp],
    *,
    time: int = 4,
    batch: int = 2,
    dirs: int = 1,
    kind: type[np.generic] = np.float32,
) -> dict[str, Array]:
    """Operands by field, all optional ones given."""
    width, hidden, gates = 3, 5, GATES[op]
    shapes = {
        "x": (time, batch, width),
        "w": (dirs, gates * hidden, width),
        "r": (dirs, gates * hidden, hidden),
        "b": (dirs, 2 * gates * hidden),
        "lengths": (batch,),
        "h0": (dirs, batch, hidden),
    } | ({"c0": (dirs, batch, hidden), "p": (dirs, 3 * hidden)} if op is LSTMOp else {})
    rng = np.random.default_rng(1)
    made: dict[str, Array] = {name: rng.standard_normal(dims).astype(kind) for name, dims in shapes.items()}
    made["lengths"] = np.array([time, 1][:batch], np.int32)
    return made


def properties(op: type[RecurrentOp], direction: str = "forward", clip: float | None = None) -> dict[str, object]:
    names = (["sigmoid"] if op is not RNNOp else []) + ["tanh"] * (2 if op is LSTMOp else 1)
    names = names * (2 if direction == "bidirectional" else 1)
    zeros = DenseArrayBase.from_list(f64, [0.0] * len(names))
    own = {LSTMOp: {"coupled": False}, GRUOp: {"reset_after": True}, RNNOp: {}}[op]
    shared = {"direction": direction, "activations": names, "alpha": zeros, "beta": zeros, "clip": clip}
    return shared | own


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("time", [1, 4])
def test_directions(agrees: Agrees, op: type[RecurrentOp], direction: str, time: int) -> None:
    given = layer(op, time=time, dirs=2 if direction == "bidirectional" else 1)
    weights = (1, 2, 3)
    agrees(op, *given.values(), known=weights, rtol=1e-5, **properties(op, direction))
    plain = [v if name in ("x", "w", "r") else None for name, v in given.items()]
    agrees(op, *plain, known=(1, 2), rtol=1e-5, **properties(op, direction))


@pytest.mark.parametrize("op", GATES)
def test_weights_that_are_arguments(agrees: Agrees, op: type[RecurrentOp]) -> None:
    agrees(op, *layer(op, dirs=2).values(), rtol=1e-5, **properties(op, "bidirectional", clip=0.4))


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("kind", [np.float16, np.float64])
def test_types(agrees: Agrees, op: type[RecurrentOp], kind: type[np.generic]) -> None:
    agrees(op, *layer(op, kind=kind).values(), known=(1, 2), rtol=1e-2, atol=1e-3, **properties(op))


def test_variants(agrees: Agrees) -> None:
    agrees(GRUOp, *layer(GRUOp).values(), rtol=1e-5, **(properties(GRUOp) | {"reset_after": False}))
    agrees(LSTMOp, *layer(LSTMOp).values(), rtol=1e-5, **(properties(LSTMOp) | {"coupled": True}))
    rule = {"alpha": DenseArrayBase.from_list(f64, [0.3]), "beta": DenseArrayBase.from_list(f64, [0.6])}
    names = (
        "relu",
        "affine",
        "leakyrelu",
        "thresholdedrelu",
        "scaledtanh",
        "hardsigmoid",
        "elu",
        "softsign",
        "softplus",
    )
    for name in names:
        agrees(RNNOp, *layer(RNNOp).values(), rtol=1e-5, **(properties(RNNOp) | rule | {"activations": [name]}))
