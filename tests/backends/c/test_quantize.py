"""Quantization in C is bit for bit what onnx.reference computes: halves to even, saturation, wide accumulators."""

import shutil
from collections.abc import Mapping

import numpy as np
import pytest
from aic.compiler.session import InferenceSession
from numpy.typing import NDArray
from onnx import NodeProto, helper
from onnx.reference import ReferenceEvaluator

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
KINDS = {"u8": np.uint8, "i8": np.int8, "u16": np.uint16, "i16": np.int16}
BYTES = {"u8": np.uint8, "i8": np.int8}
HARD = np.array([0.5, 1.5, -0.5, -1.5, -2.5, 126.5, 127.5, -128.5, 254.5, 255.5, 256.5, 1e9, -1e9, 0.0, -0.0])
Nodes = list[NodeProto]


def numbers(seed: int, *dims: int) -> NDArray:
    return np.random.default_rng(seed).standard_normal(dims).astype(np.float32)


def whole(seed: int, kind: type, *dims: int) -> NDArray:
    ends = np.iinfo(kind)
    return np.random.default_rng(seed).integers(ends.min, ends.max, dims, kind, endpoint=True)


def expect_equal(nodes: Nodes, feed: Mapping[str, NDArray], outputs: Mapping[str, type]) -> None:
    """The nodes as one model, compiled to C and run, against onnx.reference."""
    ports = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in feed.items()
    ]
    made = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), None)
        for n, kind in outputs.items()
    ]
    model = helper.make_model(helper.make_graph(nodes, "g", ports, made), opset_imports=[helper.make_opsetid("", 21)])
    with np.errstate(all="ignore"):
        wanted = ReferenceEvaluator(model).run(None, dict(feed))
    for name, want, found in zip(
        outputs, wanted, InferenceSession(model, providers=["c"]).run(None, feed), strict=True
    ):
        assert found.dtype == want.dtype, name
        np.testing.assert_array_equal(found, want, name)


def test_quantize_linear():
    """Steps that are powers of two put every second quotient on a half."""
    halves = np.concatenate([HARD, np.arange(-700, 700) / 4]).astype(np.float32)
    feed = {"x": halves, "y": np.float32(1000) * numbers(1, 5, 37), "one": np.float32(1).reshape(())}
    feed |= {"step": np.float32(0.37).reshape(()), "steps": np.abs(numbers(2, 37)) + np.float32(0.1)}
    nodes: Nodes = []
    for name, kind in KINDS.items():
        feed |= {f"z{name}": np.array(3, kind), f"zs{name}": whole(3, kind, 37)}
        nodes += [
            helper.make_node("QuantizeLinear", ["x", "one", f"z{name}"], [f"halves_{name}"]),
            helper.make_node("QuantizeLinear", ["y", "step", f"z{name}"], [f"whole_{name}"]),
            helper.make_node("QuantizeLinear", ["y", "steps", f"zs{name}"], [f"axis_{name}"], axis=1),
        ]
    expect_equal(nodes, feed, {node.output[0]: KINDS[node.output[0].split("_")[1]] for node in nodes})


def test_dequantize_linear():
    feed: dict[str, NDArray] = {"step": np.float32(0.37).reshape(()), "steps": numbers(2, 7)}
    nodes: Nodes = []
    for name, kind in KINDS.items():
        feed |= {f"x{name}": whole(4, kind, 5, 7, 19), f"z{name}": whole(5, kind, 1)[0], f"zs{name}": whole(6, kind, 7)}
        nodes += [
            helper.make_node("DequantizeLinear", [f"x{name}", "step", f"z{name}"], [f"whole_{name}"]),
            helper.make_node("DequantizeLinear", [f"x{name}", "steps", f"zs{name}"], [f"axis_{name}"], axis=1),
        ]
    expect_equal(nodes, feed, {node.output[0]: np.float32 for node in nodes})


def test_dynamic_quantize_linear():
    feed = {"a": numbers(1, 7, 33), "b": np.abs(numbers(2, 40)) + 1, "c": -np.abs(numbers(3, 40)) - 1}
    feed |= {"zero": np.zeros((3, 5), np.float32), "halves": np.arange(256, dtype=np.float32) - np.float32(127.5)}
    nodes = [helper.make_node("DynamicQuantizeLinear", [x], [f"q_{x}", f"s_{x}", f"z_{x}"]) for x in feed]
    outputs = {name: np.float32 if name[0] == "s" else np.uint8 for node in nodes for name in node.output}
    expect_equal(nodes, feed, outputs)


def test_matmul_integer():
    feed: dict[str, NDArray] = {}
    nodes: Nodes = []
    for left, a in BYTES.items():
        for right, b in BYTES.items():
            tag = left + right
            feed |= {f"a{left}": whole(1, a, 2, 9, 133), f"b{right}": whole(2, b, 133, 35)}
            feed |= {f"za{left}": whole(3, a, 1)[0], f"zb{right}": whole(4, b, 1)[0]}
            given = [f"a{left}", f"b{right}", f"za{left}", f"zb{right}"]
            nodes += [
                helper.make_node("MatMulInteger", given, [f"shifted_{tag}"]),
                helper.make_node("MatMulInteger", given[:2], [f"plain_{tag}"]),
            ]
    expect_equal(nodes, feed, {node.output[0]: np.int32 for node in nodes})


@pytest.mark.parametrize("exponent", [-6, None])
def test_qlinear_matmul(exponent):
    """A ratio of scales that is a power of two puts products on halves."""
    steps = [np.float32(0.5), np.float32(2.0**exponent), np.float32(0.5)] if exponent else [*np.abs(numbers(9, 3))]
    feed: dict[str, NDArray] = {
        name: np.array(s, np.float32) for name, s in zip(("sa", "sb", "sy"), steps, strict=True)
    }
    feed["sy"] = feed["sy"] * np.float32(1 if exponent else 400)
    nodes: Nodes = []
    for name, kind in BYTES.items():
        feed |= {f"a{name}": whole(1, kind, 2, 9, 13), f"b{name}": whole(2, kind, 13, 35)}
        feed |= {f"za{name}": whole(3, kind, 1)[0], f"zb{name}": whole(4, kind, 1)[0], f"zy{name}": kind(7)}
        given = [f"a{name}", "sa", f"za{name}", f"b{name}", "sb", f"zb{name}", "sy", f"zy{name}"]
        nodes.append(helper.make_node("QLinearMatMul", given, [f"y_{name}"]))
    feed = {name: np.asarray(a) for name, a in feed.items()}
    expect_equal(nodes, feed, {node.output[0]: BYTES[node.output[0].split("_")[1]] for node in nodes})


def test_qlinear_conv():
    """Grouped and strided, by channel and by tensor, with a bias."""
    feed: dict[str, NDArray] = {"sx": np.float32(0.5), "sw": np.float32(0.03125), "sy": np.float32(1.0)}
    feed |= {
        "sws": (np.abs(numbers(1, 6)) + np.float32(0.01)) / np.float32(16),
        "bias": whole(2, np.int16, 6).astype(np.int32),
    }
    nodes: Nodes = []
    for name, kind in BYTES.items():
        feed |= {f"x{name}": whole(3, kind, 2, 4, 11, 9), f"w{name}": whole(4, kind, 6, 4, 3, 3)}
        feed |= {f"zx{name}": whole(5, kind, 1)[0], f"zw{name}": whole(6, kind, 1)[0], f"zy{name}": kind(11)}
        feed |= {f"zws{name}": whole(7, kind, 6), f"wg{name}": whole(8, kind, 6, 2, 3, 3)}
        x, y = [f"x{name}", "sx", f"zx{name}"], ["sy", f"zy{name}"]
        nodes += [
            helper.make_node("QLinearConv", [*x, f"w{name}", "sw", f"zw{name}", *y], [f"plain_{name}"], pads=[1] * 4),
            helper.make_node(
                "QLinearConv",
                [*x, f"wg{name}", "sws", f"zws{name}", *y, "bias"],
                [f"axis_{name}"],
                group=2,
                strides=[2, 1],
            ),
        ]
    feed = {name: np.asarray(a) for name, a in feed.items()}
    expect_equal(nodes, feed, {node.output[0]: BYTES[node.output[0].split("_")[1]] for node in nodes})


def test_a_quantized_chain_saturates_as_its_ops_do_one_by_one():
    """DequantizeLinear, Relu, QuantizeLinear: fused or not, the same integers."""
    feed = {"x": whole(1, np.int8, 4, 64), "s": np.asarray(np.float32(0.25)), "t": np.asarray(np.float32(0.125))}
    feed |= {"z": np.asarray(np.int8(-5)), "u": np.asarray(np.int8(-128))}
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["f"]),
        helper.make_node("Relu", ["f"], ["r"]),
        helper.make_node("QuantizeLinear", ["r", "t", "u"], ["q"]),
    ]
    expect_equal(nodes, feed, {"q": np.int8})
