"""`aic compare -t npu --all-layers`: layers out of the simulated machine's memory, beside onnxruntime's."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from aic.compiler.npu.networks import Vision
from aic.tools._main import dispatch

from .schemas import checked


def told(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    code = dispatch(["compare", *map(str, argv), "--no-cache"])
    return code, *capsys.readouterr()


def test_integers_of_every_layer_are_compared(capsys: pytest.CaptureFixture[str], model: Path):
    """The reference is asked for integers only: to answer the floats between them it would not fuse."""
    pytest.importorskip("onnxruntime")
    code, out, _ = told(capsys, model, "-t", "npu", "--all-layers", "--ref", "ort", "--json")
    document = checked(out)
    assert code == 0 and document["ok"]
    seen = {row["node"]: row["difference"]["maxabs"] for row in document["layers"]}
    kept = ("conv1.out.quantize", "add.out.quantize", "mean.out.quantize", "fc.out.quantize", "output")
    assert seen == dict.fromkeys(kept, 0)  # conv2 is within the instruction that adds


def test_the_first_difference_is_told_with_both_values(capsys: pytest.CaptureFixture[str], model: Path):
    pytest.importorskip("onnxruntime")
    _, out, _ = told(capsys, model, "-t", "npu", "--all-layers", "--ref", "ort", "--json")
    rows = checked(out)["layers"]
    last = next(row["tensor"] for row in rows if row["node"] == "mean.out.quantize")
    right = references(model, [last])
    np.savez(model.parent / "wrong.npz", **{k: v + (np.int8(1) if k == last else 0) for k, v in right.items()})
    args = (model, "-t", "npu", "--all-layers", "--ref", f"@{model.parent / 'wrong.npz'}")
    code, out, err = told(capsys, *args)
    size = right[last].size
    found, wanted = int(right[last].reshape(-1)[0]), int(right[last].reshape(-1)[0]) + 1
    assert code == 4
    assert (
        f"{size} of {size} differ, first [0, 0, 0, 0]: {found} instead of {wanted}" in err
        and "mean.out.quantize" in err
    )
    document = checked(told(capsys, *args, "--json")[1])
    first = document["first_bad"]["difference"]["first"]
    assert first == {"index": [0, 0, 0, 0], "found": found, "expected": wanted}
    assert told(capsys, *args, "--atol", "1")[0] == 0


def references(model: Path, names: list[str]) -> dict[str, np.ndarray]:
    """The outputs and these tensors for the inputs that the command draws, by onnxruntime."""
    from aic.compiler.driver import Options
    from aic.compiler.frontends.onnx.model import load
    from aic.compiler.references import reference_arrays
    from aic.compiler.vectors import random_inputs

    loaded = load(model)
    feed = random_inputs(loaded.inputs, {"image": (1, 3, 16, 16)}, 0)
    return reference_arrays("ort", model, loaded, Options(), feed, names)


def test_layers_of_a_float_model_are_compared_dequantised(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    pytest.importorskip("onnxruntime")
    net = Vision()
    weights = net.random.standard_normal((8, 3, 3, 3), dtype=np.float32)
    y = net.node("Conv", ["image", net.const(weights, "w")], "conv", kernel_shape=[3, 3], pads=[1] * 4)
    y = net.node("Relu", [y], "relu")
    nodes = [*net.nodes, onnx.helper.make_node("GlobalAveragePool", [y], ["y"], "mean")]
    ports = [
        onnx.helper.make_tensor_value_info("image", 1, [1, 3, 8, 8]),
        onnx.helper.make_tensor_value_info("y", 1, None),
    ]
    graph = onnx.helper.make_graph(nodes, "g", ports[:1], ports[1:], net.weights)
    path = tmp_path / "f.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10), path)
    args = (path, "--all-layers", "--ref", "ort", "--min-cosine", "0.999", "--json")
    for target, least in (("npu", 0.9999), ("npu,quantize=int8", 0.999)):
        code, out, _ = told(capsys, *args, "-t", target)
        rows = {row["node"]: row["difference"] for row in checked(out)["layers"]}
        assert code == 0 and rows["relu"] is not None and rows["relu"]["cosine"] >= least


def test_a_float_model_is_held_to_what_the_machine_promises(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    rng, floats = np.random.default_rng(0), onnx.TensorProto.FLOAT
    weights = onnx.numpy_helper.from_array(rng.standard_normal((8, 3, 3, 3)).astype(np.float32), "w")
    ports = [onnx.helper.make_tensor_value_info(n, floats, s) for n, s in (("x", (1, 3, 9, 9)), ("y", (1, 8, 7, 7)))]
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], "conv")
    graph = onnx.helper.make_graph([node], "float", ports[:1], ports[1:], [weights])
    path = tmp_path / "float.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    plain = (path, "-t", "npu", "--ref", "aic-interp")
    assert told(capsys, *plain)[0] == 0
    assert told(capsys, *plain, "--atol", "1e-6")[0] == 4
    assert told(capsys, *plain, "--at", "tensor")[0] == 0
