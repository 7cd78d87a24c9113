"""Small ONNX models for tests."""

from collections.abc import Sequence

import numpy as np
from onnx import FunctionProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
Shape = Sequence[int | str | None] | None


def value(name: str, shape: Shape, type: int = FLOAT) -> ValueInfoProto:
    """A graph input or output."""
    return helper.make_tensor_value_info(name, type, shape)


def tensor(name: str, array: object, kind: type[np.generic] = np.float32) -> TensorProto:
    """An initializer."""
    return numpy_helper.from_array(np.asarray(array, kind), name)


def model(
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto] = (),
    outputs: Sequence[ValueInfoProto] = (),
    initializers: Sequence[TensorProto] = (),
    *,
    opset: int = 17,
    ir: int = 8,
    functions: Sequence[FunctionProto] = (),
    domains: Sequence[tuple[str, int]] = (),
) -> ModelProto:
    """A model of one graph; by default x: f32[2,3] -> y."""
    graph = helper.make_graph(
        list(nodes),
        "g",
        list(inputs) or [value("x", [2, 3])],
        list(outputs) or [value("y", None)],
        list(initializers),
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, v) for d, v in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=ir, functions=list(functions))


def node(op: str, inputs: Sequence[str] = ("x",), outputs: Sequence[str] = ("y",), **attributes: object) -> NodeProto:
    """A node."""
    return helper.make_node(op, list(inputs), list(outputs), **attributes)
