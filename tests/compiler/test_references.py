"""Reference values: what onnxruntime answers for quantised products does not depend on the processor."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from aic.compiler.driver import Options
from aic.compiler.frontends.onnx.model import load
from aic.compiler.references import reference_arrays
from onnx import helper, numpy_helper

pytest.importorskip("onnxruntime")


def test_sums_of_8_bit_products_do_not_saturate(tmp_path: Path):
    """255 * 127 + 255 * 127 is more than 16 bits hold, in which kernels without VNNI add pairs of products."""
    numbers = {
        "w": np.full((64, 32), 127, np.int8),
        "sx": np.float32(1),
        "zx": np.uint8(0),
        "sw": np.float32(1),
        "zw": np.int8(0),
        "sy": np.float32(64 * 255 * 127 / 200),
    }
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in numbers.items()]
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "sx", "zx"], ["xf"]),
        helper.make_node("DequantizeLinear", ["w", "sw", "zw"], ["wf"]),
        helper.make_node("MatMul", ["xf", "wf"], ["yf"]),
        helper.make_node("QuantizeLinear", ["yf", "sy", "zx"], ["y"]),
    ]
    ports = [helper.make_tensor_value_info(name, onnx.TensorProto.UINT8, [16, n]) for name, n in (("x", 64), ("y", 32))]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], constants)
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    feed = {"x": np.full((16, 64), 255, np.uint8)}
    found = reference_arrays("ort", path, load(path), Options(), feed, [])
    assert (found["y"] == 200).all()
