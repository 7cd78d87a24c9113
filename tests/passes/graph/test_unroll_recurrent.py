"""Recurrent layers unrolled give the same numbers; those that cannot be stay."""

import numpy as np
import pytest
from aic.dialects._shape import Array
from aic.dialects.graph.recurrent import GRUOp, LSTMOp, RecurrentOp, RNNOp
from xdsl.dialects.builtin import DenseArrayBase, f64
from xdsl.ir import SSAValue

from .programs import Program

rng = np.random.default_rng(0)
TIME, BATCH, INPUTS, HIDDEN = 5, 2, 3, 4
GATES = {LSTMOp: 4, GRUOp: 3, RNNOp: 1}


def normal(*dims: int) -> Array:
    return rng.standard_normal(dims).astype(np.float32)


def layer(
    p: Program, kind: type[RecurrentOp], direction: str, *, bias: bool, states: bool, acts: tuple[str, ...] = (), **rest
) -> tuple[SSAValue, ...]:
    """The op's results, on the program's first argument."""
    lanes, rows = 2 if direction == "bidirectional" else 1, GATES[kind] * HIDDEN
    given = [normal(lanes, BATCH, HIDDEN) for _ in range(2)] if states else [None, None]
    operands = [
        p.args[0],
        p.weight(normal(lanes, rows, INPUTS)),
        p.weight(normal(lanes, rows, HIDDEN)),
        p.weight(normal(lanes, 2 * rows)) if bias else None,
        rest.pop("lengths", None),
        None if given[0] is None else p.weight(given[0]),
    ]
    if kind is LSTMOp:
        operands += [None if given[1] is None else p.weight(given[1]), None]
        rest.setdefault("coupled", False)
    acts = acts or {LSTMOp: ("sigmoid", "tanh", "tanh"), GRUOp: ("sigmoid", "tanh"), RNNOp: ("tanh",)}[kind]
    zeros = DenseArrayBase.from_list(f64, [0.0] * len(acts) * lanes)
    made = p.op(kind, *operands, direction=direction, activations=acts * lanes, alpha=zeros, beta=zeros, **rest)
    return tuple(made.owner.results)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("states", [False, True])
@pytest.mark.parametrize("kind", [LSTMOp, RNNOp])
def test_lstm_and_rnn(kind: type[RecurrentOp], direction: str, bias: bool, states: bool) -> None:
    p = Program(normal(TIME, BATCH, INPUTS))
    left = p.check(layer(p, kind, direction, bias=bias, states=states), "unroll-recurrent,fold-constants,dce", 1e-6)
    assert not left["lstm"] + left["rnn"] and left["matmul"]


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("states", [False, True])
@pytest.mark.parametrize("after", [False, True])
def test_gru(direction: str, bias: bool, states: bool, after: bool) -> None:
    p = Program(normal(TIME, BATCH, INPUTS))
    results = layer(p, GRUOp, direction, bias=bias, states=states, reset_after=after)
    assert not p.check(results, "unroll-recurrent,fold-constants,dce", 1e-6)["gru"]


def test_the_input_is_multiplied_once_for_all_steps() -> None:
    p = Program(normal(TIME, BATCH, INPUTS))
    left = p.check(layer(p, LSTMOp, "forward", bias=True, states=False), "unroll-recurrent,fold-constants,dce", 1e-6)
    assert left["matmul"] == 2 + 2 * (TIME - 1) and left["sigmoid"] == TIME and left["tanh"] == 2 * TIME
    assert not left["transpose"]


def test_other_functions() -> None:
    p = Program(normal(TIME, BATCH, INPUTS))
    results = layer(p, LSTMOp, "forward", bias=True, states=True, acts=("sigmoid", "relu", "relu"))
    assert p.check(results, "unroll-recurrent,dce", 1e-6)["relu"]


@pytest.mark.parametrize("how", ["lengths", "clip", "coupled", "act", "steps"])
def test_what_is_not_plain_stays(how: str) -> None:
    p = Program(normal(TIME, BATCH, INPUTS))
    rest = {
        "lengths": {"lengths": p.constant(np.array([5, 2], np.int32))},
        "clip": {"clip": 1.0},
        "coupled": {"coupled": True},
        "act": {"acts": ("hardsigmoid", "tanh", "tanh")},
        "steps": {},
    }[how]
    results = layer(p, LSTMOp, "forward", bias=True, states=True, **rest)
    passes = "unroll-recurrent{steps=4}" if how == "steps" else "unroll-recurrent"
    assert p.check(results, passes, 1e-6)["lstm"] == 1
