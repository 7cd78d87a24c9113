"""`aic launches`: kernels against onnxruntime's nodes, by name, as text and as a document."""

import numpy as np
import onnx
import pytest
from aic.compiler.launches import peer_nodes
from onnx import TensorProto, helper

from ..compiler.models import dense
from .schemas import checked
from .test_models import told


def relus(path: str) -> None:
    """x -> (relu x)^T, with a transpose that no view of the output can say."""
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, d) for n, d in (("x", ["A", 4]), ("y", [4, "A"])))
    nodes = [helper.make_node("Transpose", ["x"], ["y"], "turn", perm=[1, 0])]
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", [x], [y]), opset_imports=opsets, ir_version=8), path)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    onnx.save(dense(), "dense.onnx")
    relus("turn.onnx")


def test_launches_are_listed_with_their_nodes(capsys):
    code, out, _ = told(capsys, "launches", "dense.onnx", "--dim", "N=3", "--list")
    first, *rest = out.splitlines()
    assert code == 0 and first.split()[:3] == ["dense", str(len(rest)), "launches,"] and rest
    assert "layer/" in out and "onnxruntime" not in out


def test_what_only_moves_counts_as_a_copy(capsys):
    np.savez("turn.npz", x=np.zeros((3, 4), np.float32))
    document = checked(told(capsys, "launches", "turn.onnx", "dense.onnx", "--shape", "x=3x4", "--json")[1])
    turn, dense_ = document["models"]
    assert (turn["launches"], turn["copies"]) == (1, 1) and dense_["copies"] == 0 and turn["reference"] is None


def test_copies_by_kernels_are_a_launch(capsys):
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, d]) for n, d in (("x", 3), ("y", 6)))
    nodes = [helper.make_node("Concat", ["x", "x"], ["y"], "twice", axis=1)]
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(
        helper.make_model(helper.make_graph(nodes, "g", [x], [y]), opset_imports=opsets, ir_version=8), "cat.onnx"
    )
    (found,) = checked(told(capsys, "launches", "cat.onnx", "-t", "triton", "--json")[1])["models"]
    assert (found["launches"], found["copies"]) == (1, 1)


def test_the_reference_is_what_onnxruntime_saves(capsys):
    code, out, _ = told(capsys, "launches", "dense.onnx", "--dim", "N=3", "--ref", "ort")
    assert code == 0 and "onnxruntime" in out and "MORE" not in out


def test_shapes_come_from_the_arrays_beside_the_model(capsys, tmp_path):
    np.savez("turn.npz", x=np.zeros((5, 4), np.float32))
    assert told(capsys, "launches", "turn.onnx")[0] == 0
    assert peer_nodes(tmp_path / "turn.onnx", {"x": (5, 4)}) == {"Transpose": 1}
