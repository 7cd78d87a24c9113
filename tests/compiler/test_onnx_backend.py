"""The backend of the onnx package: what its tests call, and how a refusal looks to them."""

import unittest

import aic
import numpy as np
import pytest
from onnx import TensorProto, helper

from .models import dense, expected

X = np.ones((3, 4), np.float32)


def test_a_model_is_prepared_and_run() -> None:
    (y,) = aic.onnx_backend.prepare(dense(), "CPU", provider="interpreter").run([X])
    np.testing.assert_allclose(y, expected(X), rtol=1e-5)
    (y,) = aic.onnx_backend.run_model(dense(), {"x": X}, provider="interpreter")
    np.testing.assert_allclose(y, expected(X), rtol=1e-5)


def test_one_node_is_run() -> None:
    node = helper.make_node("Add", ["a", "a"], ["c"])
    np.testing.assert_array_equal(aic.onnx_backend.run_node(node, [X, X], provider="interpreter")[0], X + X)


def test_what_is_not_supported_is_skipped_with_the_reason() -> None:
    graph = helper.make_graph(
        [helper.make_node("StringNormalizer", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.STRING, [2])],
        [helper.make_tensor_value_info("y", TensorProto.STRING, [2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    with pytest.raises(unittest.SkipTest, match="string") as caught:
        aic.onnx_backend.prepare(model, provider="interpreter")
    assert caught.value.unsupported


def test_devices() -> None:
    assert aic.onnx_backend.supports_device("CPU") and aic.onnx_backend.is_compatible(dense())
    assert not aic.onnx_backend.supports_device("CUDA")
    with pytest.raises(unittest.SkipTest):
        aic.onnx_backend.prepare(dense(), "CUDA")
