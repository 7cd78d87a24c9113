"""NaN, infinities and -0.0 through the compiled C, as ONNX (which is IEEE 754, as numpy has it) says, in every lane."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np
import pytest
from aic.compiler.driver import Options, compile_model
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")

Array = NDArray[np.generic]
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -2.5, 3e38, -3e38]
PAIRS = np.array(list(product(SPECIAL, SPECIAL)), np.float32)  # 121 pairs: no multiple of any vector
X, Y = np.ascontiguousarray(PAIRS[:, 0]), np.ascontiguousarray(PAIRS[:, 1])
ROWS = np.concatenate([X, Y]).reshape(22, 11)


def outputs(nodes: Sequence[tuple[str, Sequence[str], Mapping[str, object]]], inputs: Mapping[str, Array], level: int,
            weights: Mapping[str, Array] | None = None) -> list[Array]:  # fmt: skip
    """What the compiled C makes of a network of such nodes (op, inputs, attributes), each of which is an output."""
    return compiled(nodes, inputs, level, weights or {})(list(inputs.values()))


def compiled(nodes: Sequence[tuple[str, Sequence[str], Mapping[str, object]]], inputs: Mapping[str, Array], level: int,
             weights: Mapping[str, Array]) -> Callable[[list[Array]], list[Array]]:  # fmt: skip
    """The network, for inputs like these."""
    made = [helper.make_node(op, list(reads), [f"o{i}"], **attrs) for i, (op, reads, attrs) in enumerate(nodes)]
    kinds = {name: helper.np_dtype_to_tensor_dtype(a.dtype) for name, a in inputs.items()}
    ins = [helper.make_tensor_value_info(name, kinds[name], a.shape) for name, a in inputs.items()]
    outs = [helper.make_tensor_value_info(f"o{i}", TensorProto.UNDEFINED, None) for i in range(len(nodes))]
    held = [numpy_helper.from_array(a, n) for n, a in weights.items()]
    graph = helper.make_graph(made, "special", ins, outs, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return compile_model(model, "c", options=Options(level=level)).load()


def check(found: Array, want: Array, told: str, *, signs: bool = True) -> None:
    """NaN, infinities and the signs of zeros in the same places; numbers as near as a function's last bits."""
    want = np.asarray(want).astype(found.dtype)
    assert found.shape == want.shape, told
    if found.dtype.kind == "f":
        np.testing.assert_array_equal(np.isnan(found), np.isnan(want), told)
        if signs:
            zero = (want == 0) & (found == 0)
            np.testing.assert_array_equal(np.signbit(found[zero]), np.signbit(want[zero]), f"{told}: signs of zeros")
    np.testing.assert_allclose(found, want, rtol=2e-6, atol=1e-37, err_msg=told)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x.astype(np.float64)))


UNARY: dict[str, tuple[Callable[[Array], Array], Mapping[str, object]]] = {
    "Abs": (np.abs, {}),
    "Neg": (np.negative, {}),
    "Reciprocal": (np.reciprocal, {}),
    "Floor": (np.floor, {}),
    "Ceil": (np.ceil, {}),
    "Round": (np.round, {}),
    "Sqrt": (np.sqrt, {}),
    "Exp": (np.exp, {}),
    "Log": (np.log, {}),
    "Tanh": (np.tanh, {}),
    "Sigmoid": (sigmoid, {}),
    "Relu": (lambda x: np.where(np.isnan(x), x, np.where(x > 0, x, np.float32(0))), {}),
    "LeakyRelu": (lambda x: np.where(x < 0, np.float32(0.25) * x, x), {"alpha": 0.25}),
    "HardSigmoid": (lambda x: np.clip(np.float32(0.25) * x + np.float32(0.5), 0, 1), {"alpha": 0.25, "beta": 0.5}),
    "Softplus": (lambda x: np.logaddexp(x.astype(np.float64), 0), {}),
    "Softsign": (lambda x: x / (1 + np.abs(x)), {}),
    "Sign": (np.sign, {}),
    "IsNaN": (np.isnan, {}),
    "IsInf": (np.isinf, {}),
    "Identity": (np.positive, {}),
}
SIGNLESS = {"Relu", "Round", "Sign", "Max", "Min"}
"""Where either zero is right: ONNX says max(x, 0), and the greater of two equal numbers is any of them."""


@pytest.mark.parametrize("level", [0, 2])
@np.errstate(all="ignore")
def test_functions_of_one(level: int) -> None:
    nodes = [(op, ["x"], attrs) for op, (_, attrs) in UNARY.items()]
    found = outputs(nodes, {"x": X}, level)
    for (op, (function, _)), y in zip(UNARY.items(), found, strict=True):
        check(y, function(X), op, signs=op not in SIGNLESS)


BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Max": np.maximum,
    "Min": np.minimum,
    "Pow": np.power,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Equal": np.equal,
}


@pytest.mark.parametrize("level", [0, 2])
@np.errstate(all="ignore")
def test_functions_of_two(level: int) -> None:
    found = outputs([(op, ["x", "y"], {}) for op in BINARY], {"x": X, "y": Y}, level)
    for (op, function), z in zip(BINARY.items(), found, strict=True):
        check(z, function(X, Y), op, signs=op not in SIGNLESS)


@pytest.mark.parametrize("level", [2, 3])
@np.errstate(all="ignore")
def test_algebra_of_known_numbers(level: int) -> None:
    """x * 0, x - x, x / x, x + 0, x * 1: what is no number stays none."""
    weights = {"zero": np.float32(0), "one": np.float32(1), "minus": np.float32(-0.0)}
    cases: list[tuple[str, list[str], Array]] = [
        ("Mul", ["x", "zero"], X * np.float32(0)),
        ("Sub", ["x", "x"], X - X),
        ("Div", ["x", "x"], X / X),
        ("Add", ["x", "zero"], X + np.float32(0)),
        ("Add", ["x", "minus"], X),
        ("Sub", ["x", "zero"], X),
        ("Mul", ["x", "one"], X),
        ("Div", ["x", "one"], X),
        ("Div", ["one", "x"], 1 / X),
        ("Clip", ["x", "zero", "one"], np.clip(X, 0, 1)),
        ("Where", ["c", "x", "zero"], np.where(X > 0, X, np.float32(0))),
    ]
    found = outputs([(op, ins, {}) for op, ins, _ in cases], {"x": X, "c": X > 0}, level, weights)
    for (op, ins, want), y in zip(cases, found, strict=True):
        check(y, want, f"{op} of {ins}", signs=op != "Clip")


@np.errstate(all="ignore")
def test_rows() -> None:
    axes = {"axes": np.array([1], np.int64)}
    whole = ROWS.astype(np.float64)
    shifted = np.exp(whole - whole.max(1, keepdims=True))
    cases: list[tuple[str, list[str], Mapping[str, object], Array]] = [
        ("ReduceMax", ["x", "axes"], {"keepdims": 0}, ROWS.max(1)),
        ("ReduceMin", ["x", "axes"], {"keepdims": 0}, ROWS.min(1)),
        ("ReduceSum", ["x", "axes"], {"keepdims": 0}, ROWS.sum(1)),
        ("ReduceProd", ["x", "axes"], {"keepdims": 0}, ROWS.prod(1)),
        ("ReduceL1", ["x", "axes"], {"keepdims": 0}, np.abs(ROWS).sum(1)),
        ("Softmax", ["x"], {"axis": 1}, shifted / shifted.sum(1, keepdims=True)),
        ("LogSoftmax", ["x"], {"axis": 1}, np.log(shifted / shifted.sum(1, keepdims=True))),
        ("CumSum", ["x", "axis"], {}, np.cumsum(ROWS, 1, dtype=np.float32)),
        ("Transpose", ["x"], {"perm": [1, 0]}, ROWS.T),
        ("Concat", ["x", "x"], {"axis": 1}, np.concatenate([ROWS, ROWS], 1)),
    ]
    found = outputs([case[:3] for case in cases], {"x": ROWS}, 2, axes | {"axis": np.int64(1)})
    for (op, _, _, want), y in zip(cases, found, strict=True):
        check(y, want, op, signs=op in ("Transpose", "Concat"))


def test_a_softmax_of_nothing_but_minus_infinity_is_no_number() -> None:
    x = np.array([[-np.inf] * 9, [0.0] * 4 + [-np.inf] * 5, [np.inf] + [0.0] * 8], np.float32)
    (found,) = outputs([("Softmax", ["x"], {"axis": 1})], {"x": x}, 2)
    assert np.isnan(found[0]).all() and np.isnan(found[2, 0])
    np.testing.assert_array_equal(found[1], np.array([0.25] * 4 + [0] * 5, np.float32))


@np.errstate(all="ignore")
def test_a_number_that_is_none_stays_in_its_row() -> None:
    """Tiles, padded panels and margins let nothing leak to where it is not summed."""
    random = np.random.default_rng(3)
    x, w = random.standard_normal((9, 13), np.float32), np.abs(random.standard_normal((13, 19), np.float32)) + 1
    image = random.standard_normal((1, 3, 9, 11), np.float32)
    kernel = np.abs(random.standard_normal((5, 3, 5, 5), np.float32)) + 1  # no 3x3, which might be filtered
    nodes: list[tuple[str, list[str], Mapping[str, object]]] = [
        ("MatMul", ["x", "w"], {}),
        ("Conv", ["image", "kernel"], {"pads": [2] * 4}),
        ("MaxPool", ["image"], {"kernel_shape": [3, 3], "pads": [1] * 4}),
        ("AveragePool", ["image"], {"kernel_shape": [3, 3], "pads": [1] * 4}),
    ]
    network = compiled(nodes, {"x": x, "image": image}, 2, {"w": w, "kernel": kernel})
    for special in (np.nan, np.inf, -np.inf):
        x[4, 6] = image[0, 1, 4, 5] = special
        product_, conv, most, mean = network([x, image])
        told = np.zeros(product_.shape, bool)
        told[4] = True
        np.testing.assert_array_equal(~np.isfinite(product_), told)
        window = np.zeros((1, 1, 9, 11), bool)
        window[..., 3:6, 4:7] = True
        wide = np.zeros((1, 1, 9, 11), bool)
        wide[..., 2:7, 3:8] = True
        np.testing.assert_array_equal(~np.isfinite(conv), np.broadcast_to(wide, conv.shape))
        np.testing.assert_array_equal(~np.isfinite(mean[0]), window[0] & (np.arange(3) == 1)[:, None, None])
        if special == np.inf:
            np.testing.assert_array_equal(np.isinf(most[0, 1]), window[0, 0])
        elif special == -np.inf:
            assert np.isfinite(most).all()
