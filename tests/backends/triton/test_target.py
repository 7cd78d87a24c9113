"""Whole networks on the Triton target, in numpy: near onnxruntime's outputs, with poison, bounds and races watched."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from aic.backends.target import TargetError
from aic.backends.triton.machine import gpu, presets
from aic.backends.triton.target import TritonTarget
from aic.compiler.driver import Options, compile_model, lower
from aic.compiler.errors import CompileError
from aic.dialects._shape import element
from aic.dialects.kernel import LaunchOp
from onnx import TensorProto, helper
from xdsl.dialects.builtin import f16, f32

from ...compiler.networks import NETWORKS, Net

ON_DEVICE = tuple(name for name in NETWORKS if name not in ("control", "quantized"))
"""Those of floats whose host only launches."""
TOLERANCE = {"f32": 2e-6, "f16": 4e-3}
"""Of the largest output: sums in another order; roundings to 11 bits between some ten kernels."""


def exact(model, inputs, options=None) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("name", ON_DEVICE)
def test_a_network(name: str, precision: str):
    model, inputs = NETWORKS[name]()
    options = Options(settings={"arch": "sm_90", "precision": precision})
    found = compile_model(model, "triton", options=options).load()([*inputs.values()])
    for one, other in zip(found, exact(model, inputs), strict=True):
        assert one.dtype == other.dtype
        scale = max(float(np.abs(other).max()), 1.0) if other.size else 1.0
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE[precision] * scale)


def test_the_halves_of_a_rotary_embedding_are_one_launch():
    net = Net()
    x, cosine, sine = net.input(net.floats(2, 5, 7, 32)), net.input(net.floats(7, 32)), net.input(net.floats(7, 32))
    low, high = net.ops(2, "Split", x, net.const([16, 16], np.int64), axis=3)
    turned = net.op("Concat", net.op("Neg", high), low, axis=3)
    net.output(net.op("Add", net.op("Mul", x, cosine), net.op("Mul", turned, sine)))
    found = compile_model(net.model(), "triton")
    assert len(found.manifest["launches"]) == 1
    (y,) = found.load()([*net.inputs.values()])
    np.testing.assert_allclose(y, exact(net.model(), net.inputs)[0], rtol=0, atol=2e-6)


def dynamic() -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """Bytes made of x at run time, a product of theirs by bytes with a zero point, and back to floats; these have 7
    bits, of more onnxruntime saturates pairs of products on some processors."""
    random = np.random.default_rng(0)
    weights = {
        "w": random.integers(-63, 64, (70, 33)).astype(np.int8),
        "z": np.array(3, np.int8),
        "scale": np.array(0.02, np.float32),
    }
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "u"]),
        helper.make_node("MatMulInteger", ["q", "w", "u", "z"], ["p"]),
        helper.make_node("Cast", ["p"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["s", "scale"], ["t"]),
        helper.make_node("Mul", ["f", "t"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 19, 70])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 19, 33])],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model, {"x": random.standard_normal((2, 19, 70)).astype(np.float32)}


@pytest.mark.parametrize("build", [NETWORKS["quantized"], dynamic])
def test_a_network_of_bytes_is_exact(build):
    """As onnxruntime has it node by node: what it makes of several nodes at once rounds otherwise."""
    model, inputs = build()
    found = compile_model(model, "triton", options=Options(settings={"arch": "sm_90"})).load()([*inputs.values()])
    one_by_one = onnxruntime.SessionOptions()
    one_by_one.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    for one, other in zip(found, exact(model, inputs, one_by_one), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=2e-6 * np.abs(other).max())


def test_the_largest_of_what_has_16_bits_has_16_bits():
    net = Net()
    pooled = net.op("MaxPool", net.input(net.floats(1, 16, 32, 32)), kernel_shape=[2, 2], strides=[2, 2])
    net.output(net.op("Conv", pooled, net.weight(8, 16, 3, 3)))
    lowered = lower(net.model(), "triton", Options(settings={"precision": "f16"}), until="tensor")
    pool, conv = (op for op in lowered.module.walk() if isinstance(op, LaunchOp))
    assert [element(launch.res[0]) for launch in (pool, conv)] == [f16, f32]


def test_a_softmax_of_two_after_a_product():
    """What is left out of a block of rows of 16 bits is what the largest element ignores, through the cast, too."""
    net = Net()
    scores = net.op("Conv", net.input(net.floats(1, 32, 47, 45)), net.weight(2, 32, 1, 1))
    net.output(net.op("Softmax", scores, axis=1))
    found = compile_model(net.model(), "triton", options=Options(settings={"precision": "f16"}))
    (y,) = found.load()([*net.inputs.values()])
    np.testing.assert_allclose(y, exact(net.model(), net.inputs)[0], rtol=0, atol=TOLERANCE["f16"])


def test_a_host_that_would_wait_for_the_gpu_is_refused():
    model, _ = NETWORKS["control"]()
    with pytest.raises(CompileError):
        compile_model(model, "triton")


def test_machines_are_presets_with_numbers_replaced(tmp_path: Path):
    assert presets() == ("sm_80", "sm_90")
    found = gpu({"arch": "sm_90", "sms": "114", "precision": "f16"})
    assert (found.arch, found.sms, found.dots, found.is_narrow) == ("sm_90", 114, "f16", True)
    assert gpu({"arch": "sm_80"}).tflops < gpu({"arch": "sm_80", "precision": "tf32"}).tflops
    (file := tmp_path / "my.toml").write_text("sms = 20\ndram_gbs = 448.5\n")
    found = gpu({"arch": "sm_80", "config": str(file)})
    assert (found.sms, found.dram_gbs, found.shared) == (20, 448.5, 166912)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"arch": "sm_70"}, "expected an arch of sm_80, sm_90, found 'sm_70'"),
        ({"precision": "f8"}, "expected a precision of f32, tf32, tf32x3, f16, bf16, found 'f8'"),
        ({"sms": "0"}, "expected a positive number for sms, found '0'"),
        ({"warp": "3"}, "has no setting 'warp'"),
        ({"config": "none.toml"}, "none.toml"),
    ],
)
def test_what_is_no_machine_is_told(settings: dict[str, str], told: str):
    with pytest.raises(TargetError, match=told):
        gpu(settings)


def test_the_pipeline_narrows_what_was_asked_for():
    target = TritonTarget()
    plain, half = (target.pipeline(gpu({"arch": "sm_90", "precision": p}), 2) for p in ("f32", "bf16"))
    assert "narrow" not in plain["tensor"]
    assert (
        "fuse-kernels{strategy=multi-output},fuse-attention,narrow-values{dtype=bf16},assign-layout" in half["tensor"]
    )
    assert "choose-tile-schedule{sms=132 precision=ieee}" in plain["hardware"]


def test_without_a_gpu_an_artifact_says_that_numpy_runs(caplog: pytest.LogCaptureFixture, tmp_path: Path):
    model, inputs = NETWORKS["embedding"]()
    made = compile_model(model, "triton", tmp_path / "made", Options(kinds=("py",), name="net"))
    made.load()([*inputs.values()])
    assert "its machine is not at hand; net.mlir runs in numpy" in caplog.text
    assert sorted(f.name for f in made.folder.iterdir()) == ["manifest.json", "net.mlir", "net.py", "net.weights"]
    manifest = json.loads((made.folder / "manifest.json").read_text())
    assert manifest["library"] is None
    assert len(manifest["kernels"]) <= len(manifest["launches"])
