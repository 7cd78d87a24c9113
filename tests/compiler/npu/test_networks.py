"""The networks by which an NPU is measured: the layers that their bounds are told for, in whole numbers that live."""

from math import prod

import numpy as np
import onnx
import pytest
from aic.backends.npu.roofline.networks import NETWORKS
from aic.compiler.npu.networks import BUILD, bert_base, quantized_network
from onnx import ModelProto, TensorProto, helper, shape_inference

ort = pytest.importorskip("onnxruntime")


def shapes(model: ModelProto) -> dict[str, tuple[int, ...]]:
    graph = shape_inference.infer_shapes(model, strict_mode=True).graph
    ports = [*graph.input, *graph.value_info, *graph.output]
    return {port.name: tuple(d.dim_value for d in port.type.tensor_type.shape.dim) for port in ports}


def products(model: ModelProto) -> list[tuple[int, int]]:
    """MACs and stored weights of every convolution and product, in order."""
    dims = shapes(model)
    constant = {
        node.output[0] for node in model.graph.node if node.input[0] in {t.name for t in model.graph.initializer}
    }
    found = []
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm", "MatMul"):
            second = dims[node.input[1]]
            flat = any(a.name == "transB" and a.i for a in node.attribute)
            depth = prod(second[1:]) if node.op_type == "Conv" or flat else second[-2]
            found.append((prod(dims[node.output[0]]) * depth, prod(second) if node.input[1] in constant else 0))
    return found


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("name", sorted(BUILD))
def test_they_have_the_layers_whose_bounds_are_told(name: str, batch: int):
    expected = [(work.macs, work.weights) for work in NETWORKS[name](batch)]
    assert sorted(products(quantized_network(name, batch))) == sorted(expected)


def test_all_that_is_computed_stands_between_dequantize_and_quantize():
    moves = {"Reshape", "Transpose", "Flatten", "Identity", "Clip", "Relu"}
    for name in BUILD:
        graph = quantized_network(name).graph
        made = {node.output[0]: node.op_type for node in graph.node}
        for node in graph.node:
            if node.op_type not in moves | {"QuantizeLinear", "DequantizeLinear"}:
                first = node.input[node.op_type in ("MatMul", "Add")]
                assert made[first] in {"DequantizeLinear", *moves}, node.name


def quantized_tensors(model: ModelProto) -> dict[str, np.ndarray]:
    """What every QuantizeLinear of a model gives for a random input."""
    names = [node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.INT8, None) for name in names)
    session = ort.InferenceSession(model.SerializeToString())
    (port,) = session.get_inputs()
    value = np.random.default_rng(3).standard_normal(port.shape).astype(np.float32)
    return dict(zip(names, session.run(names, {port.name: value}), strict=True))


@pytest.mark.parametrize("name", ["mobilenetv2", "resnet50", "bert-base"])
def test_nothing_saturates_and_nothing_vanishes(name: str):
    model = quantized_network(name) if name != "bert-base" else bert_base(1, layers=3, tokens=64)
    onnx.checker.check_model(model)
    for tensor, value in quantized_tensors(model).items():
        assert np.mean(value == 127) < 0.05, f"{tensor} saturates"
        assert np.mean(value == -128) < 0.65, f"{tensor} saturates"
        assert value.astype(np.float32).std() > (3 if "softmax" in tensor else 8), f"{tensor} vanishes"


def test_the_same_arguments_give_the_same_model():
    one, two = (quantized_network("mobilenetv2").SerializeToString(deterministic=True) for _ in range(2))
    assert one == two
