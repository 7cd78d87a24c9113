"""Blocks of networks in their real sizes, one after the other: what a GPU's kernels are compiled from."""

from collections.abc import Callable, Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Node = tuple[str, list[str], str, dict[str, object]]


def model(nodes: list[Node], inputs: Mapping[str, tuple[int, ...]], weights: Mapping[str, object]) -> onnx.ModelProto:
    """A model of f32 whose last node is its output; weights are shapes of random ones, or arrays."""
    random = np.random.default_rng(0)
    made = [helper.make_node(op, names, [out], **attributes) for op, names, out, attributes in nodes]
    held = {
        n: w if isinstance(w, np.ndarray | np.generic) else random.standard_normal(w).astype(np.float32)
        for n, w in weights.items()
    }
    given = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in inputs.items()]
    out = helper.make_tensor_value_info(nodes[-1][2], TensorProto.FLOAT, None)
    graph = helper.make_graph(
        made, "block", given, [out], [numpy_helper.from_array(np.asarray(w), n) for n, w in held.items()]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def bottleneck() -> onnx.ModelProto:
    """1x1, 3x3 and 1x1 convolutions of ResNet-50's second stage, with the sum."""
    nodes: list[Node] = [
        ("Conv", ["x", "w1", "b1"], "c1", {}),
        ("Relu", ["c1"], "r1", {}),
        ("Conv", ["r1", "w2", "b1"], "c2", {"pads": [1, 1, 1, 1]}),
        ("Relu", ["c2"], "r2", {}),
        ("Conv", ["r2", "w3", "b3"], "c3", {}),
        ("Add", ["c3", "x"], "s", {}),
        ("Relu", ["s"], "y", {}),
    ]
    weights = {"w1": (64, 256, 1, 1), "b1": (64,), "w2": (64, 64, 3, 3), "w3": (256, 64, 1, 1), "b3": (256,)}
    return model(nodes, {"x": (8, 256, 56, 56)}, weights)


def stem() -> onnx.ModelProto:
    """A 7x7 convolution of three channels, and a maximum over windows."""
    nodes: list[Node] = [
        ("Conv", ["x", "w", "b"], "c", {"pads": [3, 3, 3, 3], "strides": [2, 2]}),
        ("Relu", ["c"], "r", {}),
        ("MaxPool", ["r"], "y", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ]
    return model(nodes, {"x": (1, 3, 224, 224)}, {"w": (64, 3, 7, 7), "b": (64,)})


def depthwise() -> onnx.ModelProto:
    """A depthwise convolution, and the mean of its pixels."""
    nodes: list[Node] = [
        ("Conv", ["x", "w", "b"], "c", {"pads": [1, 1, 1, 1], "group": 192}),
        ("Clip", ["c", "low", "high"], "r", {}),
        ("GlobalAveragePool", ["r"], "y", {}),
    ]
    bounds = {"low": np.float32(0), "high": np.float32(6)}
    return model(nodes, {"x": (4, 192, 28, 28)}, {"w": (192, 1, 3, 3), "b": (192,), **bounds})


def feed_forward() -> onnx.ModelProto:
    """BERT's second half of a layer: two products, gelu, a sum, a normalisation."""
    nodes: list[Node] = [
        ("MatMul", ["x", "w1"], "m1", {}),
        ("Add", ["m1", "b1"], "a1", {}),
        ("Div", ["a1", "root"], "d", {}),
        ("Erf", ["d"], "e", {}),
        ("Add", ["e", "one"], "f", {}),
        ("Mul", ["a1", "f"], "g", {}),
        ("Mul", ["g", "half"], "h", {}),
        ("MatMul", ["h", "w2"], "m2", {}),
        ("Add", ["m2", "b2"], "a2", {}),
        ("Add", ["a2", "x"], "s", {}),
        ("LayerNormalization", ["s", "gamma", "beta"], "y", {"axis": -1}),
    ]
    numbers = {n: np.float32(v) for n, v in (("root", 2**0.5), ("one", 1), ("half", 0.5))}
    vectors = {"b1": (3072,), "b2": (768,), "gamma": (768,), "beta": (768,)}
    return model(nodes, {"x": (8, 128, 768)}, {"w1": (768, 3072), "w2": (3072, 768), **vectors, **numbers})


def attention() -> onnx.ModelProto:
    """Twelve heads of 64 over 128 tokens, with a mask that is added."""
    nodes: list[Node] = [
        ("Transpose", ["k"], "t", {"perm": [0, 1, 3, 2]}),
        ("MatMul", ["q", "t"], "s", {}),
        ("Mul", ["s", "scale"], "z", {}),
        ("Add", ["z", "mask"], "m", {}),
        ("Softmax", ["m"], "p", {"axis": -1}),
        ("MatMul", ["p", "v"], "y", {}),
    ]
    heads = {name: (8, 12, 128, 64) for name in "qkv"}
    return model(nodes, {**heads, "mask": (8, 1, 1, 128)}, {"scale": np.float32(0.125)})


def rows() -> onnx.ModelProto:
    """A softmax over many classes, of a product of one row each."""
    nodes: list[Node] = [("MatMul", ["x", "w"], "m", {}), ("Softmax", ["m"], "y", {"axis": -1})]
    return model(nodes, {"x": (4, 768)}, {"w": (768, 8192)})


BLOCKS: dict[str, Callable[[], onnx.ModelProto]] = {
    made.__name__: made for made in (bottleneck, stem, depthwise, feed_forward, attention, rows)
}
