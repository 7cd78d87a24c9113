"""aic simplify: fewer nodes, the same outputs, clear words where it cannot."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from aic.__main__ import main
from onnx import TensorProto, helper, numpy_helper

from ..compiler.models import dense
from .schemas import checked


def spelled() -> onnx.ModelProto:
    """y = softmax(x reshaped there and back + 0), with a norm spelled out and weights of ones."""

    def known(name: str, value: object) -> onnx.TensorProto:
        return numpy_helper.from_array(np.asarray(value), name)

    nodes = [
        helper.make_node("Shape", ["x"], ["dims"]),
        helper.make_node("Reshape", ["x", "flat"], ["r"]),
        helper.make_node("Reshape", ["r", "dims"], ["b"]),
        helper.make_node("Add", ["b", "zeros"], ["z"]),
        helper.make_node("Mul", ["z", "ones"], ["o"]),
        helper.make_node("Pow", ["o", "two"], ["sq"]),
        helper.make_node("ReduceMean", ["sq"], ["m"], axes=[-1]),
        helper.make_node("Add", ["m", "eps"], ["e"]),
        helper.make_node("Sqrt", ["e"], ["s"]),
        helper.make_node("Div", ["o", "s"], ["n"]),
        helper.make_node("Softmax", ["n"], ["y"]),
    ]
    weights = [
        known("flat", np.array([-1])), known("zeros", np.zeros(96, np.float32)), known("ones", np.ones(96, np.float32)),
        known("two", np.float32(2)), known("eps", np.float32(1e-5)),
    ]  # fmt: skip
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 96]) for name in "xy"]
    graph = helper.make_graph(nodes, "spelled", ports[:1], ports[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    onnx.save(spelled(), "spelled.onnx")
    onnx.save(dense(), "dense.onnx")


def told(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(argv)
    return code, *capsys.readouterr()


@pytest.mark.parametrize("by", ["ort", "aic-interp"])
def test_a_model_gets_simpler_and_stays_what_it_is(capsys: pytest.CaptureFixture[str], by: str):
    if by == "ort":
        pytest.importorskip("onnxruntime")
    args = ("simplify", "spelled.onnx", "-o", "out.onnx", "--dim", "N=3", "--check", "--ref", by)
    code, out, err = told(capsys, *args)
    assert (code, out) == (0, "") and "11 nodes, simplified 2, opset 23" in err and "checked 1 outputs" in err
    made = onnx.load("out.onnx")
    onnx.checker.check_model(made, full_check=True)
    assert [n.op_type for n in made.graph.node] == ["RMSNormalization", "Softmax"]
    assert [i.name for i in made.graph.input] == ["x"] and made.graph.name == "spelled"
    document = checked(told(capsys, *args, "--json", "-q")[1])
    assert document["nodes"] == {"before": 11, "after": 2} and document["checked"]["y"]["good"]


def test_a_pipeline_of_ones_own_and_data_beside_the_model(capsys: pytest.CaptureFixture[str]):
    code, _, err = told(capsys, "simplify", "spelled.onnx", "-o", "o.onnx", "--dim", "N=3", "-p", "dce", "--external")
    assert code == 0 and "simplified 9" in err and Path("o.onnx.data").exists()
    assert told(capsys, "simplify", "spelled.onnx", "--disable-pass", "cse", "--print-pipeline")[1].count("cse") == 0


def test_a_wrong_result_is_told(capsys: pytest.CaptureFixture[str]):
    Path("wrong.rules").write_text("rule wrong: softmax(x) => relu(x)\n")
    args = ("-p", 'simplify-algebra{rules="wrong.rules"}', "--check", "--ref", "aic-interp")
    code, _, err = told(capsys, "simplify", "spelled.onnx", "-o", "o.onnx", "--dim", "N=3", *args)
    assert code == 4 and "output y of the simplified model differs" in err


def test_what_onnx_cannot_say_is_told(capsys: pytest.CaptureFixture[str]):
    args = ("-p", "lower-graph-to-tensor", "-o", "o.onnx", "--dim", "N=3")
    code, _, err = told(capsys, "simplify", "dense.onnx", *args)
    assert code == 3 and "cannot be said in ONNX" in err and not Path("o.onnx").exists()
    assert json.loads(told(capsys, "simplify", "dense.onnx", *args, "--json")[1])["code"] == "no-export"
