"""`aic verify`, `aic diff` and `aic repro`."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import onnx
import pytest
from aic.__main__ import main
from aic.compiler.context import made_passes
from onnx import helper as h
from onnx import numpy_helper

from .schemas import checked

FLOAT = onnx.TensorProto.FLOAT


def scaled(factor: float, *, neg: bool = False) -> onnx.ModelProto:
    nodes = [h.make_node("Mul", ["x", "w"], ["m"], name="/mul")]
    nodes += [h.make_node("Neg", ["m"], ["y"], name="/neg")] if neg else []
    ports = [h.make_tensor_value_info("x", FLOAT, [2])], [h.make_tensor_value_info("y" if neg else "m", FLOAT, [2])]
    weight = numpy_helper.from_array(np.array([factor, 1], np.float32), "w")
    return h.make_model(h.make_graph(nodes, "g", *ports, [weight]), opset_imports=[h.make_opsetid("", 17)])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    onnx.save(scaled(2), "a.onnx")
    onnx.save(scaled(3, neg=True), "b.onnx")


def data_set(index: int, x: list[float], y: list[float]) -> None:
    folder = Path(f"data/test_data_set_{index}")
    folder.mkdir(parents=True)
    for name, values in (("input_0.pb", x), ("output_0.pb", y)):
        (folder / name).write_bytes(numpy_helper.from_array(np.array(values, np.float32)).SerializeToString())


def test_cases_of_a_folder(capsys):
    data_set(0, [1, 2], [2, 2])
    argv = ["verify", "a.onnx", "--data", "data", "--at", "graph", "--junit", "j.xml"]
    assert main([*argv, "--json"]) == 0 and checked(capsys.readouterr().out)["ok"]
    data_set(1, [1, 2], [2, 9])
    assert main([*argv, "--json"]) == 4
    found = checked(capsys.readouterr().out)
    assert [c["ok"] for c in found["cases"]] == [True, False] and "9" in found["cases"][1]["why"]
    suite = ElementTree.parse("j.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [c.get("name") for c in suite if c.find("failure") is not None] == ["test_data_set_1"]


def test_arrays_beside_each_other(capsys):
    Path("data").mkdir()
    np.savez("data/one.npz", x=np.array([1, 2], np.float32))
    np.savez("data/one.expected.npz", m=np.array([2, 2], np.float32))
    assert main(["verify", "a.onnx", "--data", "data", "--at", "tensor"]) == 0
    assert "ok   one" in capsys.readouterr().out


def test_random_cases_and_code(capsys):
    assert main(["verify", "b.onnx", "--ref", "onnx-ref", "--cases", "2", "--json"]) == 0
    assert [c["name"] for c in checked(capsys.readouterr().out)["cases"]] == ["seed 0, onnx-ref", "seed 1, onnx-ref"]


def test_what_the_npu_promises_is_what_is_asked(capsys):
    """A product in bf16 is not within float32's tolerance, but has the cosine that the target promises."""
    onnx.save(scaled(1.2345), "c.onnx")
    right = np.array([1.2345 * 1.001, 1], np.float32)
    np.savez("x.npz", x=np.array([1.001, 1], np.float32))
    np.savez("m.npz", m=right)
    data_set(0, [1.001, 1], right.tolist())
    for npu in (["verify", "c.onnx", "--data", "data"], ["run", "c.onnx", "--input", "@x.npz", "--expect", "@m.npz"]):
        assert main([*npu, "-t", "npu"]) == 0, capsys.readouterr().err
        assert main([*npu, "-t", "npu", "--rtol", "1e-6"]) == 4


def test_no_cases(capsys):
    assert main(["verify", "a.onnx", "--data", "none"]) == 2
    Path("empty").mkdir()
    assert main(["verify", "a.onnx", "--data", "empty"]) == 2 and "test_data_set_N" in capsys.readouterr().err


def test_the_difference_of_models(capsys):
    assert main(["diff", "a.onnx", "b.onnx", "--json"]) == 0
    found = checked(capsys.readouterr().out)
    assert found["added"] == ["output y", "node /neg"] and found["removed"] == ["output m"]
    (weight,) = found["changed"]
    assert weight["name"] == "weight w" and "range 1 to 2" in weight["what"] and "range 1 to 3" in weight["what"]
    assert main(["diff", "a.onnx", "b.onnx", "--exit-code"]) == 4
    assert main(["diff", "a.onnx", "a.onnx", "--exit-code"]) == 0 and "no difference" in capsys.readouterr().out


def test_the_difference_of_texts_and_artifacts(capsys):
    for name in "ab":
        assert main(["compile", f"{name}.onnx", "--emit", "mlir=graph", "-o", f"{name}.mlir"]) == 0
        assert main(["compile", f"{name}.onnx", "-o", name, "-q"]) == 0
    capsys.readouterr()
    assert main(["diff", "a.mlir", "b.mlir"]) == 0
    out = capsys.readouterr().out
    assert "+" in out and "graph.neg" in out and "+  %0" not in out
    assert main(["diff", "a", "b"]) == 0
    assert "~ file model.c: bytes" in capsys.readouterr().out
    assert main(["diff", "a", "a.onnx"]) == 2 and "two of a kind" in capsys.readouterr().err


def test_a_crash_is_replayed_until_it_is_mended(capsys, monkeypatch):
    Path("bug.py").write_text("import aic\n@aic.pass_\ndef buggy(module):\n    raise KeyError('oops')\n")
    Path("f.mlir").write_text("func.func @main() {\n  func.return\n}\n")
    assert main(["opt", "f.mlir", "--plugin", "bug.py", "-p", "cse,buggy,dce"]) == 70
    (crash,) = Path().glob("aic-crash-*")
    capsys.readouterr()
    assert main(["repro", str(crash)]) == 1 and "still fails: PassCrash: pass buggy failed" in capsys.readouterr().out
    assert main(["repro", str(crash), "--json"]) == 1 and checked(capsys.readouterr().out)["fails"]
    Path("bug.py").write_text("import aic\n@aic.pass_\ndef buggy(module):\n    pass\n")
    assert main(["repro", str(crash), "--plugin", "bug.py"]) == 0 and "runs to its end" in capsys.readouterr().out
    made_passes().pop("buggy")
    assert main(["repro", "data"]) == 2


def test_a_crash_without_ir_runs_its_command(capsys):
    folder = Path("aic-crash-x")
    folder.mkdir()
    (folder / "report.txt").write_text("command: aic list targets\naic: 0\n")
    assert main(["repro", "aic-crash-x"]) == 0 and "runs to its end" in capsys.readouterr().out
    (folder / "report.txt").write_text("command: aic opt 'no such file.mlir'\n")
    assert main(["repro", "aic-crash-x"]) == 1 and "exit 2" in capsys.readouterr().out
