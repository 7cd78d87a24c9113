"""Importers of RNN, GRU and LSTM against onnxruntime: every input and attribute, each direction."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
from aic.compiler.errors import CompileError
from aic.dialects._shape import Array
from onnx import helper, numpy_helper

RunNode = Callable[..., list[Array]]
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
TIME, BATCH, WIDTH, HIDDEN = 5, 2, 3, 4


def operands(op: str, given: str, dirs: int) -> list[Array | None]:
    """x, W and R, and of the optional operands those that `given` names."""
    rng, gates = np.random.default_rng(0), GATES[op]
    state = (dirs, BATCH, HIDDEN)
    shapes = {
        "x": (TIME, BATCH, WIDTH),
        "w": (dirs, gates * HIDDEN, WIDTH),
        "r": (dirs, gates * HIDDEN, HIDDEN),
        "b": (dirs, 2 * gates * HIDDEN),
        "lengths": (BATCH,),
        "h0": state,
    } | ({"c0": state, "p": (dirs, 3 * HIDDEN)} if op == "LSTM" else {})
    made = {name: rng.standard_normal(dims).astype(np.float32) for name, dims in shapes.items()}
    made["lengths"] = np.array([TIME, 2], np.int32)
    wanted = {"x", "w", "r", *given.split()}
    return [v if name in wanted else None for name, v in made.items()]


def runtime(op: str, inputs: list[Array | None], attributes: dict[str, Any]) -> list[Array]:
    """What onnxruntime answers."""
    outputs = ["y", "h", "c"] if op == "LSTM" else ["y", "h"]
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    stored = [numpy_helper.from_array(x, n) for n, x in zip(names, inputs, strict=True) if x is not None]
    graph = helper.make_graph(
        [helper.make_node(op, names, outputs, **attributes)],
        "g",
        [],
        [helper.make_empty_tensor_value_info(y) for y in outputs],
        stored,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    return [np.asarray(y) for y in onnxruntime.InferenceSession(model.SerializeToString()).run(None, {})]


def check(node: RunNode, op: str, given: str = "b h0", dirs: int = 1, **attributes: Any) -> None:
    inputs = operands(op, given, dirs)
    attributes["hidden_size"] = HIDDEN
    expected = runtime(op, inputs, attributes)
    node(op, *inputs, opset=14, known=(1, 2), outputs=len(expected), expected=expected, rtol=1e-4, **attributes)


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("given", ["", "b", "lengths h0", "b lengths h0 c0 p"])
def test_directions(node: RunNode, op: str, direction: str, given: str) -> None:
    check(node, op, given, dirs=2 if direction == "bidirectional" else 1, direction=direction)


@pytest.mark.parametrize("op", GATES)
def test_clip(node: RunNode, op: str) -> None:
    check(node, op, clip=0.3)


def test_variants(node: RunNode) -> None:
    check(node, "GRU", linear_before_reset=1)
    check(node, "LSTM", "b h0 c0", input_forget=1)


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize(
    "names, alpha, beta",
    [
        (["HardSigmoid", "Affine", "LeakyRelu"], [0.3, 0.7, 0.1], [0.4, 0.1]),
        (["Softsign", "ScaledTanh", "ThresholdedRelu"], [0.5, 0.2], [0.8]),
        (["Sigmoid", "Elu", "Softplus"], [0.7], []),
    ],
)
def test_activations(node: RunNode, op: str, names: list[str], alpha: list[float], beta: list[float]) -> None:
    lists = {"activation_alpha": alpha, "activation_beta": beta}
    check(node, op, activations=names[: max(GATES[op] - 1, 1)], **{k: v for k, v in lists.items() if v})


@pytest.mark.parametrize("op", GATES)
def test_batch_first(node: RunNode, op: str) -> None:
    inputs = operands(op, "b h0", 1)
    y, *states = runtime(op, inputs, {"hidden_size": HIDDEN})
    turned = [v.swapaxes(0, 1) if v is not None and i in (0, 5) else v for i, v in enumerate(inputs)]
    expected = [y.transpose(2, 0, 1, 3), *(s.swapaxes(0, 1) for s in states)]
    node(op, *turned, opset=14, known=(1, 2), outputs=len(expected), expected=expected, rtol=1e-4, layout=1)


def test_malformed(node: RunNode) -> None:
    inputs = operands("GRU", "b", 1)
    with pytest.raises(CompileError, match="hidden_size"):
        node("GRU", *inputs, opset=14, known=(1, 2), outputs=2, hidden_size=9)
    with pytest.raises(CompileError, match="weights of shape"):
        node("LSTM", *inputs, opset=14, known=(1, 2), outputs=3)
    with pytest.raises(CompileError, match="activations of"):
        node("GRU", *inputs, opset=14, known=(1, 2), outputs=2, activations=["Sine", "Tanh"])
