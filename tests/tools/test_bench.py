"""`aic bench` on a model of one node: in the interpreter, compiled, as an artifact and beside onnxruntime."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import aic
import numpy as np
import onnx
import pytest
from aic.__main__ import main
from aic.compiler import cache
from onnx import TensorProto, helper

from .schemas import checked

QUICK = ["--warmup", "0", "--repeat", "5", "--min-time", "0"]
TEXT = "func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> { func.return %x : tensor<2xf32> }"
compiles = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
beside = pytest.mark.skipif(find_spec("onnxruntime") is None, reason="needs onnxruntime")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cache, "_chosen", [cache.open_cache(tmp_path / "cache")])
    port = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", port[:1], port[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "m.onnx")


def measured(capsys, *argv: str) -> dict:
    assert main(["bench", *argv, *QUICK, "--json"]) == 0
    return checked(capsys.readouterr().out)


def test_ir_text_runs_in_the_interpreter(capsys):
    Path("f.mlir").write_text(TEXT)
    found = measured(capsys, "f.mlir", "--percentiles", "10,90")
    assert (found["target"], found["model"]["name"], found["seconds"]["count"]) == ("interpreter", "f.mlir", 5)
    assert found["seconds"]["minimum"] <= found["seconds"]["percentiles"]["10"] <= found["seconds"]["median"]
    assert found["effort"] == {"warmup": 0, "repeat": 5, "min_time": 0.0} and found["peer"] is None
    assert found["machine"]["cpu"] and found["versions"]["aic"]


@pytest.mark.parametrize("argv", [["--repeat", "-1"], ["--percentiles", "101"], ["--min-time", "nan"]])
def test_numbers_that_make_no_sense(capsys, argv):
    assert main(["bench", "m.onnx", *argv]) == 2
    assert f"argument {argv[0]}: invalid" in capsys.readouterr().err


def test_what_cannot_be_a_peer(capsys):
    Path("f.mlir").write_text(TEXT)
    assert main(["bench", "f.mlir", "--peer", "ort"]) == 2
    assert "--peer ort wants the ONNX file" in capsys.readouterr().err
    assert main(["bench", "f.mlir", "--peer", "nowhere"]) == 2
    assert "expected ort, or the folder of an artifact" in capsys.readouterr().err


@pytest.mark.parametrize(("flags", "count"), [([], 1), (["--threads", "2"], 2), (["--peer-threads", "3"], 3)])
def test_the_peer_has_as_many_threads(monkeypatch, flags, count):
    asked = []

    def stopped(path, threads):
        asked.append(threads)
        raise aic.UsageError("seen")

    monkeypatch.setattr("aic.compiler.peers.onnxruntime", stopped)
    monkeypatch.setattr("aic.tools.bench._ready", lambda path, args: ({}, SimpleNamespace(clock=None, run=dict), {}))
    assert main(["bench", "m.onnx", "--peer", "ort", *flags]) == 2
    assert asked == [count]


@compiles
def test_a_model_an_artifact_and_both_in_turns(capsys):
    np.savez("in.npz", x=np.ones((3, 4), np.float32))
    found = measured(capsys, "m.onnx", "--dim", "N=3", "--input", "@in.npz")
    assert found["inputs"] == [{"name": "x", "dtype": "float32", "shape": [3, 4]}]
    assert found["options"] == {"level": 2, "weights": "bin", "cflags": [], "settings": {}}
    assert main(["compile", "m.onnx", "--dim", "N=3", "-o", "out", "-q"]) == 0
    again = measured(capsys, "out", "--peer", "out")
    assert (again["target"], again["model"]) == ("c", found["model"])
    assert again["peer"]["agrees"] is True and again["peer"]["ratio"]["count"] == 5
    for name, document in {"a.json": found, "b.json": again}.items():
        Path(name).write_text(json.dumps(document))
    assert main(["bench", "diff", "a.json", "b.json", "--threshold", "1000000"]) == 0
    assert "not alike" not in capsys.readouterr().err


@compiles
@beside
def test_in_turns_with_onnxruntime(capsys):
    assert main(["bench", "m.onnx", "--dim", "N=3", "--peer", "ort", *QUICK]) == 0
    out, err = capsys.readouterr()
    assert "m.onnx: target c\n" in out and "of ort's time" in out and "5 runs" in out
    assert err == "random inputs (seed 0): x\n"
