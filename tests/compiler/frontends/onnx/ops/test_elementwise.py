"""Importers of elementwise ops against onnx's reference evaluator, and by hand where old opsets mean something else."""

from collections.abc import Sequence

import numpy as np
import pytest
from aic.compiler.context import context
from aic.compiler.errors import UnsupportedOpError
from aic.compiler.frontends.onnx.importer import import_onnx
from aic.compiler.interpret import interpret
from aic.dialects._shape import Array
from onnx import ModelProto, helper
from onnx.reference import ReferenceEvaluator

X = np.array([-3.5, -1, -0.3, -0.0, 0, 0.4, 0.5, 1, 2.5, 7], np.float32)
UNIT = X / 8
ABOVE = np.abs(X) + 1
INTS = np.array([-7, -1, 0, 1, 5, 100], np.int32)
BITS = np.array([0, 1, 5, 128, 255], np.uint8)
BOOLS = np.array([True, False, True, True])

UNARY: list[tuple[str, Array, dict[str, object]]] = [
    *((op, X, {}) for op in ("Abs", "Neg", "Sign", "Floor", "Ceil", "Round", "Reciprocal", "Exp", "Erf", "Sin", "Cos")),
    *(
        (op, X, {})
        for op in ("Tan", "Atan", "Sinh", "Cosh", "Tanh", "Asinh", "Relu", "Sigmoid", "Softsign", "HardSwish")
    ),
    *((op, UNIT, {}) for op in ("Asin", "Acos", "Atanh")),
    *((op, ABOVE, {}) for op in ("Sqrt", "Log", "Acosh")),
    *((op, X, {}) for op in ("LeakyRelu", "Elu", "Celu", "Selu", "HardSigmoid", "ThresholdedRelu", "Softplus", "Mish")),
    *((op, X, {"alpha": 0.7}) for op in ("LeakyRelu", "Elu", "Celu", "ThresholdedRelu", "Swish")),
    ("HardSigmoid", X, {"alpha": 0.5, "beta": 0.6}),
    ("Selu", X, {"alpha": 2.0, "gamma": 3.0}),
    ("Gelu", X, {}),
    ("Gelu", X, {"approximate": "tanh"}),
    ("Shrink", X, {"lambd": 0.4, "bias": 0.25}),
    ("Shrink", INTS, {"lambd": 1.0, "bias": 1.0}),
    *((op, INTS, {}) for op in ("Abs", "Neg", "Sign", "Relu", "BitwiseNot", "Identity")),
    *((op, BITS, {}) for op in ("Abs", "Sign", "BitwiseNot")),
    ("Not", BOOLS, {}),
    ("IsNaN", np.array([np.nan, 1, np.inf], np.float32), {}),
    ("IsInf", np.array([np.nan, -np.inf, np.inf], np.float32), {"detect_negative": 0}),
    *(("Cast", x, {"to": code}) for x in (X, INTS, BITS, BOOLS) for code in (1, 2, 3, 6, 7, 9, 10, 11, 16)),
]
OTHERS: list[tuple[str, Sequence[Array], dict[str, object]]] = [
    *((op, (X, X[::-1].copy().reshape(-1, 1)), {}) for op in ("Add", "Sub", "Mul", "Less", "Equal", "GreaterOrEqual")),
    *((op, (X, X[3:6].reshape(-1, 1)), {}) for op in ("Greater", "LessOrEqual")),
    ("PRelu", (X, UNIT), {}),
    ("Div", (X, ABOVE), {}),
    ("Div", (INTS, np.array([2, -3, 4, 5, -6, 7], np.int32)), {}),
    ("Pow", (ABOVE, X), {}),
    ("Pow", (ABOVE, np.array(3, np.int64)), {}),
    ("Mod", (INTS, np.array([2, -3, 4, 5, -6, 7], np.int32)), {}),
    ("Mod", (X, ABOVE), {"fmod": 1}),
    *((op, (X, ABOVE, UNIT), {}) for op in ("Max", "Min", "Sum", "Mean")),
    *((op, (X,), {}) for op in ("Max", "Min", "Sum", "Mean")),
    *((op, (BOOLS, BOOLS.reshape(-1, 1)), {}) for op in ("And", "Or", "Xor", "Equal")),
    *((op, (BITS, BITS.reshape(-1, 1)), {}) for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor", "Less", "Greater")),
    *(("BitShift", (BITS, BITS % 9), {"direction": d}) for d in ("LEFT", "RIGHT")),
    ("Where", (BOOLS, np.arange(4.0), np.zeros((2, 1))), {}),
    ("CastLike", (X, INTS), {}),
    ("Clip", (X, np.array(-1, np.float32), np.array(2, np.float32)), {}),
    ("Clip", (X, np.array(-1, np.float32)), {}),
    ("Clip", (INTS,), {}),
]


def model(op: str, inputs: Sequence[Array], opset: int, outputs: int = 1, **attributes: object) -> ModelProto:
    names = [f"i{i}" for i in range(len(inputs))]
    node = helper.make_node(op, names, [f"o{i}" for i in range(outputs)], **attributes)
    kinds = [helper.np_dtype_to_tensor_dtype(x.dtype) for x in inputs]
    given = [helper.make_tensor_value_info(n, k, x.shape) for n, k, x in zip(names, kinds, inputs, strict=True)]
    results = [helper.make_empty_tensor_value_info(f"o{i}") for i in range(outputs)]
    graph = helper.make_graph([node], "g", given, results)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def run(op: str, inputs: Sequence[Array], opset: int, outputs: int = 1, **attributes: object) -> list[Array]:
    module = import_onnx(model(op, inputs, opset, outputs, **attributes), ctx := context())
    return interpret(ctx, module, list(inputs))


@pytest.mark.parametrize(("op", "x", "attributes"), UNARY, ids=lambda v: str(v)[:16])
def test_unary(op: str, x: Array, attributes: dict[str, object]) -> None:
    test_others(op, [x], attributes)


@pytest.mark.parametrize(("op", "inputs", "attributes"), OTHERS, ids=lambda v: str(v)[:16])
def test_others(op: str, inputs: Sequence[Array], attributes: dict[str, object]) -> None:
    (found,) = run(op, inputs, 24, **attributes)
    with np.errstate(all="ignore"):
        (expected,) = ReferenceEvaluator(model(op, inputs, 24, **attributes)).run(
            None, {f"i{i}": x for i, x in enumerate(inputs)}
        )
    expected = np.asarray(expected)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    close = expected.astype(np.float64) if expected.dtype.kind in "fV" else expected
    np.testing.assert_allclose(found.astype(close.dtype), close, rtol=1e-5, atol=1e-6)  # f32 formulas of a few ops


@pytest.mark.parametrize(
    ("op", "function"), [("Add", np.add), ("Sub", np.subtract), ("Less", np.less), ("And", np.logical_and)]
)
def test_broadcast_of_old_opsets(op: str, function: np.ufunc) -> None:
    kind = bool if op == "And" else np.float32
    x = np.arange(24).reshape(2, 3, 4).astype(kind)
    for axis, y in ((1, np.arange(3)), (0, np.arange(2)), (-2, np.arange(3)), (1, np.arange(12).reshape(3, 4))):
        after = 3 - axis % 3 - y.ndim
        y = y.astype(kind)
        (found,) = run(op, [x, y], 6, broadcast=1, axis=axis)
        np.testing.assert_array_equal(found, function(x, y.reshape(*y.shape, *[1] * after)))
    (found,) = run(op, [x, x[0, 0]], 6, broadcast=1)
    np.testing.assert_array_equal(found, function(x, x[0, 0]))


def test_old_clip_selu_prelu_and_max() -> None:
    np.testing.assert_array_equal(run("Clip", [X], 6, min=-1.0, max=2.0)[0], np.clip(X, -1, 2))
    np.testing.assert_array_equal(run("Clip", [X], 6, max=2.0)[0], np.minimum(X, 2))
    np.testing.assert_allclose(run("Selu", [ABOVE], 1)[0], 1.0507 * ABOVE, rtol=1e-6)
    x, slope = -np.ones((1, 2, 3, 3), np.float32), np.array([2, 3], np.float32)
    np.testing.assert_array_equal(run("PRelu", [x, slope], 6)[0], x * slope.reshape(2, 1, 1))
    np.testing.assert_array_equal(run("Max", [X, UNIT], 6)[0], np.maximum(X, UNIT))


def test_dropout_drops_nothing() -> None:
    for opset, kind in ((7, np.float32), (10, np.bool_), (22, np.bool_)):
        found, mask = run("Dropout", [X], opset, outputs=2)
        np.testing.assert_array_equal(found, X)
        assert mask.all() and mask.dtype == kind


def test_dropout_of_training_is_refused() -> None:
    inputs = [X, np.array(0.5, np.float32), np.array(True)]
    values = {f"i{i}": x for i, x in enumerate(inputs)}
    with pytest.raises(UnsupportedOpError) as error:
        import_onnx(model("Dropout", inputs, 22), context(), values=values)
    assert "training mode" in error.value.nodes[0].reason


def test_casts_to_types_without_tensors_are_refused() -> None:
    with pytest.raises(UnsupportedOpError) as error:
        run("Cast", [X], 24, to=17)
    assert "float8e4m3fn" in error.value.nodes[0].reason
