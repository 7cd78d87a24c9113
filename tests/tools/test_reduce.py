"""`aic reduce` and `aic extract`: a fault in one of many nodes is cut out, and fails alone."""

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from aic.__main__ import main
from aic.compiler.context import made_passes
from onnx import helper as h

from .schemas import checked
from .test_bisect import PLUGIN, TEXT

FLOAT, INT = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64


def chain() -> onnx.ModelProto:
    """20 nodes that keep numbers positive, one Relu that matters, and an index that may not be random."""
    nodes = [h.make_node("Abs", ["x"], ["t0"], name="/abs")]
    for i in range(20):
        kind = "Neg" if i in (8, 10) else "Relu" if i == 9 else "Exp" if i == 3 else "Identity" if i % 2 else "Tanh"
        nodes.append(h.make_node(kind, [f"t{i}"], [f"t{i + 1}"], name=f"/n{i}"))
    nodes.append(h.make_node("Constant", [], ["one"], value_ints=[1]))
    nodes.append(h.make_node("Add", ["one", "one"], ["two"]))
    nodes.append(h.make_node("Gather", ["t20", "two"], ["picked"], axis=0))
    nodes.append(h.make_node("Add", ["picked", "w"], ["y"]))
    ports = [h.make_tensor_value_info("x", FLOAT, [4, 3])], [h.make_tensor_value_info("y", FLOAT, [1, 3])]
    weight = onnx.numpy_helper.from_array(np.ones((1, 3), np.float32), "w")
    return h.make_model(h.make_graph(nodes, "chain", *ports, [weight]), opset_imports=[h.make_opsetid("", 17)])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("wrong.py").write_text(PLUGIN)
    Path("f.mlir").write_text(TEXT)
    onnx.save(chain(), "chain.onnx")
    yield
    made_passes().pop("wrong-relus", None)


def test_a_model_whose_numbers_go_wrong(capsys):
    argv = ["chain.onnx", "--plugin", "wrong.py", "-p", "fold-constants,wrong-relus"]
    assert main(["reduce", *argv, "-o", "small.onnx", "--json"]) == 0
    found = checked(capsys.readouterr().out)
    assert found["ops"] == ["Relu"] and found["before"] == 24
    small = onnx.load("small.onnx")
    onnx.checker.check_model(small)
    assert [i.name for i in small.graph.input] == ["t9"] and np.load("small.npz")["t9"].shape == (1, 1)
    assert main(["bisect", "small.onnx", *argv[1:], "--input", "@small.npz"]) == 0
    assert "wrong-relus" in capsys.readouterr().out
    assert main(["reduce", "chain.onnx", "-p", "fold-constants"]) == 2
    assert "nothing to reduce" in capsys.readouterr().err


def test_a_command_that_fails(capsys):
    Path("check.py").write_text(
        "import sys, onnx\n"
        "kinds = {n.op_type for n in onnx.load(sys.argv[1]).graph.node}\n"
        "sys.exit(7 if 'Exp' in kinds and 'Gather' in kinds else 1 if 'Exp' in kinds else 0)\n"
    )
    assert main(["reduce", "chain.onnx", "--check", f"{sys.executable} check.py {{}}", "--json"]) == 0
    found = checked(capsys.readouterr().out)
    assert sorted(found["ops"]) == ["Exp", "Gather"]
    reduced = onnx.load("reduced.onnx")
    assert [t.name for t in reduced.graph.initializer] == ["two"], "an index stays what it was"
    assert len(reduced.graph.output) == 1


def test_ir_text(capsys):
    argv = ["reduce", "f.mlir", "--plugin", "wrong.py", "-p", "cse,wrong-relus", "-o", "small.mlir"]
    assert main(argv) == 0
    assert "2 reduced to 1" in capsys.readouterr().out
    text = Path("small.mlir").read_text()
    assert "graph.relu" in text and "graph.exp" not in text
    assert main(["opt", "small.mlir"]) == 0
    check = f"{sys.executable} -c \"import sys; sys.exit('graph.exp' in open(sys.argv[1]).read())\" {{}}"
    assert main(["reduce", "f.mlir", "--check", check, "-o", "small.mlir"]) == 0
    assert "graph.relu" not in Path("small.mlir").read_text()


def test_mistakes(capsys):
    assert main(["reduce", "chain.onnx", "-o", "x.mlir"]) == 2
    assert main(["reduce", "f.mlir"]) == 2
    assert main(["extract", "chain.onnx", "--inputs", "nope", "-o", "s.onnx"]) == 2
    assert "no tensor 'nope'" in capsys.readouterr().err
    assert main(["extract", "chain.onnx", "-o", "s.txt"]) == 2
    assert main(["extract", "chain.onnx", "--inputs", "y", "--outputs", "y", "-o", "s.onnx"]) == 2


def test_a_part_between_tensors(capsys):
    assert (
        main(["extract", "chain.onnx", "--inputs", "t4", "--outputs", "t9,t10", "-o", "s.onnx", "--values", "v.npz"])
        == 0
    )
    part = onnx.load("s.onnx")
    onnx.checker.check_model(part, full_check=True)
    assert [n.name for n in part.graph.node] == [f"/n{i}" for i in range(4, 10)]
    assert [o.name for o in part.graph.output] == ["t9", "t10"] and np.load("v.npz")["t4"].shape == (4, 3)
    capsys.readouterr()
    assert main(["extract", "chain.onnx", "--inputs", "t20", "-o", "s.mlir", "--json"]) == 0
    assert checked(capsys.readouterr().out)["inputs"] == ["t20"]
    assert "graph.add" in (text := Path("s.mlir").read_text()) and "graph.relu" not in text
    assert main(["opt", "s.mlir"]) == 0
