"""aic simplify: fewer nodes, the same outputs, clear words where it cannot."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ..compiler.models import dense
from .command import told
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


def test_what_is_written_beside_the_graph_stays_and_twice_is_once(capsys: pytest.CaptureFixture[str]):
    assert told(capsys, "simplify", "dense.onnx", "-o", "once.onnx", "--dim", "N=3")[0] == 0
    once = onnx.load("once.onnx")
    assert [(p.key, p.value) for p in once.metadata_props] == [("author", "nobody")]
    assert [n.op_type for n in once.graph.node] == ["Gemm", "Relu"] and once.graph.node[0].name == "layer/bias"
    assert told(capsys, "simplify", "once.onnx", "-o", "twice.onnx")[0] == 0
    assert onnx.load("twice.onnx").graph.node[0].op_type == "Gemm" and len(onnx.load("twice.onnx").graph.node) == 2


def test_a_pipeline_of_ones_own(capsys: pytest.CaptureFixture[str]):
    args = ("simplify", "spelled.onnx", "-o", "o.onnx", "--dim", "N=3", "-p", "dce")
    code, _, err = told(capsys, *args)
    assert code == 0 and "simplified 9" in err and not Path("o.onnx.data").exists()
    assert told(capsys, "simplify", "spelled.onnx", "--disable-pass", "cse", "--print-pipeline")[1].count("cse") == 0


def test_data_beside_the_model_is_found_by_onnxruntime(capsys: pytest.CaptureFixture[str]):
    """Shapes stay in the model: its shape inference has to read them."""
    ort = pytest.importorskip("onnxruntime")
    weight = np.random.default_rng(0).standard_normal((4, 400)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["t"]), helper.make_node("Reshape", ["t", "to"], ["y"])]
    ports = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 4])]
    result = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [30, 40])]
    known = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(np.array([30, 40]), "to")]
    graph = helper.make_graph(nodes, "g", ports, result, known)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "big.onnx")
    assert told(capsys, "simplify", "big.onnx", "-o", "o.onnx", "--external")[0] == 0
    assert Path("o.onnx.data").stat().st_size == weight.nbytes
    x = np.ones((3, 4), np.float32)
    (y,) = ort.InferenceSession("o.onnx", providers=["CPUExecutionProvider"]).run(None, {"x": x})
    np.testing.assert_allclose(y, (x @ weight).reshape(30, 40), rtol=1e-5)


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


def dims(path: str) -> dict[str, list[int | str]]:
    graph = onnx.load(path).graph
    ports = [*graph.input, *graph.output]
    return {p.name: [d.dim_value or d.dim_param for d in p.type.tensor_type.shape.dim] for p in ports}


def test_symbolic_dimensions_may_stay(capsys: pytest.CaptureFixture[str]):
    assert told(capsys, "simplify", "spelled.onnx", "-o", "o.onnx")[0] == 1  # N is not given
    np.save("x.npy", np.random.default_rng(0).standard_normal((13, 96)).astype(np.float32))
    args = ("simplify", "spelled.onnx", "-o", "o.onnx", "--keep-dims", "--check", "--ref", "aic-interp")
    code, _, err = told(capsys, *args, "--input", "x=@x.npy")
    assert code == 0 and "simplified 2" in err and dims("o.onnx") == {"x": ["N", 96], "y": ["N", 96]}


def reshaped(nodes: list[onnx.NodeProto], shape: list[int | str]) -> None:
    """A model of x to y in shaped.onnx; `s` is x's shape, `two`, `zero` and `last` are indices."""
    known = [("two", [2]), ("zero", [0]), ("last", [-1]), ("one", [1]), ("far", [1 << 40])]
    weights = [numpy_helper.from_array(np.array(value), name) for name, value in known]
    ports = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    result = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([helper.make_node("Shape", ["x"], ["s"]), *nodes], "g", ports, result, weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "shaped.onnx")


KEPT = {
    "reshape": (
        [
            helper.make_node("Slice", ["s", "zero", "two"], ["front"]),
            helper.make_node("Concat", ["front", "two", "last"], ["to"], axis=0),
            helper.make_node("Reshape", ["x", "to"], ["y"]),
        ],
        ["A", "B", 2, 6],
    ),
    "expand": (
        [
            helper.make_node("ReduceMax", ["x"], ["m"], axes=[1]),
            helper.make_node("Expand", ["m", "s"], ["e"]),
            helper.make_node("Neg", ["e"], ["y"]),
        ],
        ["A", 4],
    ),
    "slice": ([helper.make_node("Slice", ["x", "one", "far", "zero"], ["y"])], ["A", 4]),
}


@pytest.mark.parametrize("what", KEPT)
def test_shapes_that_hang_on_a_size_are_said_without_it(capsys: pytest.CaptureFixture[str], what: str):
    nodes, shape = KEPT[what]
    reshaped(nodes, shape)
    x = np.random.default_rng(0).standard_normal([3 if d == "A" else 7 if d == "B" else d for d in shape])
    np.save("x.npy", x.astype(np.float32))
    args = ("simplify", "shaped.onnx", "-o", "o.onnx", "--keep-dims", "--input", "x=@x.npy")
    code, _, err = told(capsys, *args, "--check", "--ref", "aic-interp")
    assert code == 0 and "at most 0 apart" in err
    assert dims("o.onnx")["x"] == shape and len(onnx.load("o.onnx").graph.node) < len(nodes) + 1


def test_a_dimension_that_is_built_in_is_told(capsys: pytest.CaptureFixture[str]):
    cast = helper.make_node("Cast", ["s"], ["f"], to=TensorProto.FLOAT)
    reshaped([cast, helper.make_node("Add", ["x", "f"], ["y"], name="adds")], ["A", 2])
    code, _, err = told(capsys, "simplify", "shaped.onnx", "-o", "o.onnx", "--keep-dims")
    assert code == 1 and "a dimension cannot be kept: adds (Add)" in err and "--dim" in err
