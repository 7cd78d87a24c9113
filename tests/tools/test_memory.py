"""What commands tell of memory, and a budget for the arena."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from aic.compiler import cache
from aic.compiler.artifact import read_manifest
from onnx import TensorProto, helper, numpy_helper

from .command import told
from .schemas import checked


def waiting() -> onnx.ModelProto:
    """y = x w0 w1 w2 + x w0, matrices of 64: the first product waits for the last."""
    draw = np.random.default_rng(0)
    weights = [numpy_helper.from_array(draw.standard_normal((64, 64)).astype(np.float32), f"w{i}") for i in range(4)]
    nodes = [
        helper.make_node("MatMul", [x, f"w{i}"], [y], name=f"mm{i}") for i, (x, y) in enumerate(["xa", "ab", "bc"])
    ]
    nodes += [
        helper.make_node("MatMul", ["c", "w3"], ["d"], name="mm3"),
        helper.make_node("Mul", ["d", "a"], ["y"], name="mul"),
    ]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [64, 64]) for name in "xy"]
    graph = helper.make_graph(nodes, "waiting", ports[:1], ports[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    onnx.save(waiting(), "m.onnx")
    cache.use(None)
    yield
    cache._chosen.clear()


def test_inspect_splits_memory_by_class_and_tells_the_peak(capsys: pytest.CaptureFixture[str]):
    memory = checked(told(capsys, "inspect", "m.onnx", "--mem", "--json")[1])["memory"]
    square = 64 * 64 * 4
    assert memory["classes"] == {
        "parameters": 4 * square, "inputs": square, "outputs": square, "values": 3 * square, "workspace": 0,
    }  # fmt: skip
    assert memory["arena_bytes"] == memory["lower_bound_bytes"] == 3 * square
    assert [step["alive_bytes"] // square for step in memory["steps"]] == [1, 2, 3, 2]
    assert memory["peak"]["step"] == 2 and {b["node"] for b in memory["peak"]["buffers"]} == {"mm0", "mm1", "mm2"}
    page = told(capsys, "inspect", "m.onnx", "--mem")[1]
    assert "48.0 KiB (1.000 x the lower bound 48.0 KiB)" in page and "mm2" in page


def test_compile_reports_memory_and_keeps_a_budget(capsys: pytest.CaptureFixture[str]):
    args = ("compile", "m.onnx", "-o", "art", "--mem-report", "--no-cache")
    code, _, err = told(capsys, *args)
    assert code == 0 and "while it runs" in err and "parameters      64.0 KiB" in err
    document = checked(told(capsys, *args, "--json", "-q", "--mem-budget", "40K")[1])
    assert document["memory"]["arena_bytes"] == document["mem_report"]["arena_bytes"] == 32768
    assert len(read_manifest(Path("art"))["launches"]) == 5
    code, _, err = told(capsys, *args, "--mem-budget", "16K")
    assert code == 1 and "found no way below 32768" in err


def test_compile_writes_the_graph_level_as_onnx(capsys: pytest.CaptureFixture[str]):
    assert told(capsys, "compile", "m.onnx", "--emit", "onnx", "-o", "out.onnx", "--no-cache")[0] == 0
    assert [n.op_type for n in onnx.load("out.onnx").graph.node] == ["MatMul"] * 4 + ["Mul"]
    assert json.loads(told(capsys, "inspect", "out.onnx", "--json")[1])["nodes"] == 5
