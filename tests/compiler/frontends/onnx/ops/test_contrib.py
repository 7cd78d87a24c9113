"""Importers of onnxruntime's own ops, against onnxruntime."""

import numpy as np
import onnxruntime
import pytest
from aic.compiler.context import context
from aic.compiler.frontends.onnx.importer import import_onnx
from aic.compiler.interpret import interpret
from aic.dialects._shape import Array
from onnx import helper

RNG = np.random.default_rng(0)


def real(*dims: int) -> Array:
    return RNG.standard_normal(dims).astype(np.float32)


def whole(*dims: int, kind: type = np.uint8) -> Array:
    # seven bits: onnxruntime saturates sums of two products of eight bits on machines without VNNI
    return RNG.integers(0, 127, dims).astype(kind)


def scale(value: float) -> Array:
    return np.array(value, np.float32)


def zero(value: int, kind: type = np.uint8) -> Array:
    return np.array(value, kind)


CASES: list[tuple[str, list[Array | None], dict[str, object]]] = [
    ("QuantizeLinear", [real(3, 4), scale(0.02), zero(5)], {}),
    ("DequantizeLinear", [whole(3, 4), scale(0.02), zero(5)], {}),
    ("QLinearMul", [whole(3, 4), scale(0.02), zero(5), whole(4), scale(0.03), zero(9), scale(0.14), zero(1)], {}),
    ("QLinearAdd", [whole(3, 4), scale(0.02), zero(5), whole(4), scale(0.03), zero(9), scale(0.14), zero(1)], {}),
    ("QLinearSigmoid", [whole(3, 4), scale(0.02), zero(5), scale(0.004), zero(0)], {}),
    ("QLinearLeakyRelu", [whole(3, 4), scale(0.02), zero(105), scale(0.02), zero(50)], {"alpha": 0.2}),
    ("QLinearGlobalAveragePool", [whole(1, 3, 4, 4), scale(0.02), zero(5), scale(0.02), zero(5)], {}),
    (
        "QLinearGlobalAveragePool",
        [whole(1, 4, 4, 3), scale(0.02), zero(5), scale(0.02), zero(5)],
        {"channels_last": 1},
    ),
    (
        "QLinearConcat",
        [scale(0.02), zero(5), whole(3, 4), scale(0.03), zero(1), whole(3, 2), scale(0.01), zero(100)],
        {"axis": 1},
    ),
    (
        "QGemm",
        [whole(3, 4), scale(0.02), zero(5), whole(4, 5), scale(0.03), zero(9), None, scale(0.1), zero(100)],
        {},
    ),
    ("QGemm", [whole(3, 4), scale(0.02), zero(5), whole(5, 4), scale(0.03), zero(9)], {"transB": 1, "alpha": 0.5}),
    (
        "MatMulIntegerToFloat",
        [whole(3, 4), whole(4, 5), scale(0.02), scale(0.03), zero(5), zero(3), real(5)],
        {},
    ),
    ("DynamicQuantizeMatMul", [real(3, 4), whole(4, 5), scale(0.03), zero(3), real(5)], {}),
    ("FusedMatMul", [real(2, 4, 3), real(2, 5, 4)], {"transA": 1, "transB": 1, "alpha": 0.5}),
    ("FusedConv", [real(1, 3, 5, 5), real(4, 3, 3, 3), real(4)], {"activation": "Relu", "pads": [1] * 4}),
    (
        "FusedConv",
        [real(1, 3, 5, 5), real(4, 3, 3, 3), real(4)],
        {"activation": "Clip", "activation_params": [0.0, 1.0]},
    ),
    ("FusedGemm", [real(3, 4), real(4, 5), real(5)], {"activation": "LeakyRelu", "activation_alpha": 0.1}),
]


@pytest.mark.parametrize("op, inputs, attributes", CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_against_onnxruntime(op: str, inputs: list[Array | None], attributes: dict[str, object]) -> None:
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    fed = {name: x for name, x in zip(names, inputs, strict=True) if x is not None}
    graph = helper.make_graph(
        [helper.make_node(op, names, ["y"], domain="com.microsoft", **attributes)],
        "g",
        [helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for k, x in fed.items()],
        [helper.make_empty_tensor_value_info("y")],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    (expected,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, fed)
    ctx = context()
    (found,) = interpret(ctx, import_onnx(model, ctx), list(fed.values()))
    expected = np.asarray(expected)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    unit = 1 if expected.dtype.kind in "iu" else 1e-5  # a quotient on the edge of two integers; a few roundings of f32
    np.testing.assert_allclose(found.astype(np.float64), expected.astype(np.float64), rtol=1e-5, atol=unit)
