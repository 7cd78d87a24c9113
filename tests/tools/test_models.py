"""The commands on models: compile, run, check, inspect, compare; streams, exit codes, documents."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from .command import told
from .schemas import checked

pytestmark = pytest.mark.usefixtures("dense_folder")


def test_compile_writes_an_artifact_and_a_summary(capsys):
    code, out, err = told(capsys, "compile", "dense.onnx", "--dim", "N=3", "-o", "art", "--no-cache")
    assert (code, out) == (0, "") and "target c, f32, 3 nodes" in err
    checked(Path("art/manifest.json").read_text())
    document = checked(told(capsys, "compile", "dense.onnx", "--dim", "N=3", "--json", "-q", "--no-cache")[1])
    assert document["output"] == "dense-c" and document["nodes"] == 3
    assert document["memory"]["weights_bytes"] >= 4 * 40 * 4


@pytest.mark.parametrize("level", ["graph", "tensor", "loop"])
def test_compile_prints_the_ir_of_a_level(capsys, level):
    code, out, _ = told(capsys, "compile", "dense.onnx", "--dim", "N=3", "--emit", f"mlir={level}", "-o", "-")
    assert code == 0 and out.startswith("builtin.module {") and 'loc("layer/' in out
    told(capsys, "compile", "dense.onnx", "--dim", "N=3", "--emit", f"mlir={level}", "-o", "m.mlir")
    assert Path("m.mlir").read_text() == out
    assert told(capsys, "opt", "m.mlir")[0] == 0


def test_compile_can_leave_out_a_pass_and_print_its_pipeline(capsys):
    args = ("compile", "dense.onnx", "--dim", "N=3", "--print-pipeline")
    plain, less = told(capsys, *args)[1], told(capsys, *args, "--disable-pass", "fuse-kernels")[1]
    assert "fuse-kernels" in plain and "fuse-kernels" not in less
    assert [line.partition("=")[0] for line in plain.splitlines()] == ["graph", "tensor", "loop", "hardware"]
    assert "graph=dce\n" in told(capsys, *args, "--pipeline", "graph=dce")[1]


def test_compile_without_winograd_where_there_is_none_is_a_mistake_of_usage(capsys):
    args = ("compile", "dense.onnx", "--dim", "N=3", "--no-winograd", "--print-pipeline")
    code, out, _ = told(capsys, *args)
    assert code == 0 and "winograd" not in out
    for more in (("-t", "npu"), ("-t", "triton,arch=sm_90"), ("-O1",)):
        code, _, err = told(capsys, *args, *more)
        assert code == 2 and "cannot leave out winograd: not in the pipeline" in err


def test_compile_prints_c(capsys):
    code, out, _ = told(capsys, "compile", "dense.onnx", "--dim", "N=3", "--emit", "c", "-o", "-", "--no-cache")
    assert code == 0 and "int model_run(" in out and "layer/" not in out


def test_a_memory_limit_fails_the_build_with_the_bytes(capsys):
    code, _, err = told(capsys, "compile", "dense.onnx", "--dim", "N=3", "-o", "art", "--mem-limit", "64", "--no-cache")
    assert code == 1 and "required" in err and "available 64, excess" in err
    assert not Path("art").exists()


def test_run_takes_arrays_and_compares(capsys):
    args = ("run", "dense.onnx", "--input", "x=@x.npy", "--at", "graph")
    code, out, err = told(capsys, *args, "--output", "@out.npz", "--expect", "@y.npz")
    assert code == 0 and out.startswith("y  float32 3x40") and "1 outputs as expected" in err
    np.testing.assert_allclose(np.load("out.npz")["y"], np.load("y.npz")["y"], rtol=1e-5, atol=1e-6)
    np.savez("bad.npz", y=np.load("y.npz")["y"] + 1)
    code, _, err = told(capsys, *args, "--expect", "@bad.npz")
    assert code == 4 and "1 of 1 outputs differ; y: max abs 1" in err
    assert told(capsys, *args, "--expect", "@bad.npz", "--atol", "1.1")[0] == 0


@pytest.mark.parametrize("level", ["graph", "tensor", "loop", "hardware"])
def test_run_gives_one_answer_at_every_level(capsys, level):
    code, out, _ = told(
        capsys, "run", "dense.onnx", "--input", "x=@x.npy", "--at", level, "--expect", "@y.npz", "--json", "--no-cache"
    )
    document = checked(out)
    assert code == 0 and document["level"] == level and document["compared"][0]["ok"]


def test_run_reads_test_data_folders_values_and_artifacts(capsys):
    x, y = np.load("x.npy"), np.load("y.npz")["y"]
    Path("set").mkdir()
    Path("set/input_0.pb").write_bytes(numpy_helper.from_array(x, "x").SerializeToString())
    Path("set/output_0.pb").write_bytes(numpy_helper.from_array(y, "y").SerializeToString())
    told(capsys, "compile", "dense.onnx", "--dim", "N=3", "-o", "art", "--no-cache")
    assert told(capsys, "run", "art", "--input", "@set", "--expect", "@set")[0] == 0
    code, _, _ = told(capsys, "run", "art", "--input", f"x={','.join(map(str, x.reshape(-1)))}", "--expect", "@y.npz")
    assert code == 0
    assert told(capsys, "run", "art", "--at", "loop")[0] == 2


def test_inputs_that_are_not_given_are_random_and_said_to_be(capsys):
    first = told(capsys, "run", "dense.onnx", "--dim", "N=2", "--at", "graph")
    assert first[0] == 0 and "random inputs (seed 0): x" in first[2]
    assert told(capsys, "run", "dense.onnx", "--dim", "N=2", "--at", "graph")[1] == first[1]
    assert told(capsys, "run", "dense.onnx", "--dim", "N=2", "--at", "graph", "--seed", "1")[1] != first[1]


def test_run_takes_ir_text(capsys):
    told(capsys, "compile", "dense.onnx", "--dim", "N=3", "--emit", "mlir=tensor", "-o", "t.mlir")
    code, out, _ = told(capsys, "run", "t.mlir")
    assert code == 0 and out.startswith("y  float32 3x40")


def unsupported() -> onnx.ModelProto:
    nodes = [helper.make_node("FooBar", ["x"], ["t"], name="odd\x1b[2J"), helper.make_node("Relu", ["t"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("verb", ["check", "explain"])
def test_check_tells_what_cannot_be_compiled(capsys, verb):
    code, out, _ = told(capsys, verb, "dense.onnx", "--dim", "N=3")
    assert code == 0 and "all 3 nodes can be compiled for target c" in out
    onnx.save(unsupported(), "odd.onnx")
    code, out, _ = told(capsys, verb, "odd.onnx")
    assert code == 3 and "1 of 2 nodes cannot be compiled" in out and "FooBar" in out and "\x1b" not in out
    document = checked(told(capsys, verb, "odd.onnx", "--json")[1])
    assert not document["supported"] and document["unsupported"][0]["op"].startswith("FooBar")


def test_an_unsupported_model_leaves_nothing_behind(capsys):
    onnx.save(unsupported(), "odd.onnx")
    code, out, err = told(capsys, "compile", "odd.onnx", "-o", "art", "--no-cache")
    assert (code, out) == (3, "") and "nothing was written.   exit 3" in err and not Path("art").exists()


def test_unknown_dimensions_name_the_flag(capsys):
    code, _, err = told(capsys, "compile", "dense.onnx", "-o", "art")
    assert code == 1 and "--dim N=.." in err


def test_inspect_tells_what_is_in_a_model(capsys):
    flags = ("--ops", "--weights", "--shapes", "--flops", "--mem", "--dim", "N=3")
    document = checked(told(capsys, "inspect", "dense.onnx", *flags, "--json")[1])
    assert document["parameters"] == 200 and document["ops"] == {"MatMul": 1, "Add": 1, "Relu": 1}
    assert document["flops"]["by_op"]["matmul"] == 2 * 3 * 4 * 40
    assert document["shapes"][0] == {"node": "layer/mm", "op": "matmul", "result": "f32[3,40]"}
    assert document["inputs"] == [{"name": "x", "type": "tensor(float)", "shape": ["N", 4]}]
    assert "matmul" in told(capsys, "inspect", "dense.onnx", *flags)[1]


def test_inspect_tells_what_is_in_an_artifact(capsys):
    told(capsys, "compile", "dense.onnx", "--dim", "N=3", "-o", "art", "--no-cache")
    document = checked(told(capsys, "inspect", "art", "--json")[1])
    assert document["kind"] == "artifact" and document["memory"]["weights_bytes"] >= 640
    assert told(capsys, "inspect", "art")[0] == 0


@pytest.mark.parametrize("level", ["graph", "tensor", "hardware"])
def test_compare_agrees_with_the_reference(capsys, level):
    args = ("compare", "dense.onnx", "--input", "x=@x.npy", "--at", level, "--ref", "onnx-ref", "--no-cache")
    document = checked(told(capsys, *args, "--all-layers", "--json")[1])
    assert document["ok"] and [row["node"] for row in document["layers"]] == ["layer/mm", "layer/bias", "layer/relu"]
    code, out, _ = told(capsys, *args, "--all-layers", "--metric", "ulp,sqnr")
    assert code == 0 and "layer/relu" in out


def test_compare_names_the_first_bad_layer_and_the_pass(capsys):
    np.savez("ref.npz", y=np.load("y.npz")["y"] + 1)
    args = ("compare", "dense.onnx", "--input", "x=@x.npy", "--at", "tensor", "--ref", "@ref.npz", "--first-bad")
    code, out, err = told(capsys, *args, "--json")
    document = checked(out)
    assert code == 4 and document["pass"] == "import" and document["first_bad"]["node"] == "layer/relu"
    assert "parted by import" in err


def test_the_values_of_inputs_can_be_compiled_in(capsys):
    graph = helper.make_graph(
        [helper.make_node("Reshape", ["x", "s"], ["y"])],
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3]),
            helper.make_tensor_value_info("s", TensorProto.INT64, [2]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "r.onnx")
    code, out, _ = told(capsys, "check", "r.onnx")
    assert code == 3 and "--value s=" in out
    code, out, _ = told(capsys, "compile", "r.onnx", "--value", "s=3,2", "--emit", "mlir=graph", "-o", "-")
    assert code == 0 and "tensor<3x2xf32>" in out
    assert json.loads(told(capsys, "check", "r.onnx", "--value", "s=3,2", "--json")[1])["supported"]
