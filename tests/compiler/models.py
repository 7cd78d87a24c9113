"""The small model that the tests of driver, session and commands share: y = relu(x @ w + b), x of [N, 4]."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

W = np.random.default_rng(7).standard_normal((4, 40)).astype(np.float32)
B = np.linspace(-1, 1, 40, dtype=np.float32)


def dense(rows: int | str = "N") -> onnx.ModelProto:
    """The model; `rows` is a number or the name of a symbolic dimension."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["t"], name="layer/mm"),
        helper.make_node("Add", ["t", "b"], ["u"], name="layer/bias"),
        helper.make_node("Relu", ["u"], ["y"], name="layer/relu"),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 4])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, 40])]
    graph = helper.make_graph(
        nodes, "dense", inputs, outputs, [numpy_helper.from_array(W, "w"), numpy_helper.from_array(B, "b")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"author": "nobody"})
    model.producer_name = "tests"
    return model


def expected(x: np.ndarray) -> np.ndarray:
    """What the model answers."""
    return np.maximum(x @ W + B, 0)


def reshaping() -> onnx.ModelProto:
    """y = reshape(x, s): its shapes hang on the value of an input."""
    graph = helper.make_graph(
        [helper.make_node("Reshape", ["x", "s"], ["y"])],
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3]),
            helper.make_tensor_value_info("s", TensorProto.INT64, [2]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
