"""`aic bisect` on a model and on IR text, with a wrong pass from a plugin file."""

from pathlib import Path

import pytest
from aic.__main__ import main
from aic.compiler.context import made_passes

from .schemas import checked

PLUGIN = """
import aic
from aic.dialects.graph.activation import ReluOp
from aic.dialects.graph.elementwise import NegOp


@aic.pattern
def relu_is_minus(op: ReluOp):
    return NegOp.make(op.x)


@aic.pass_
def wrong_relus(module):
    "Relus become something else."
    aic.rewrite(module, relu_is_minus)
"""
TEXT = """func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = graph.exp %x : (tensor<4xf32>) -> tensor<4xf32> loc("/exp")
  %1 = graph.relu %0 : (tensor<4xf32>) -> tensor<4xf32> loc("/relu")
  func.return %1 : tensor<4xf32>
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("wrong.py").write_text(PLUGIN)
    Path("f.mlir").write_text(TEXT)
    yield
    made_passes().pop("wrong-relus", None)


def bisected(capsys, *argv: str) -> dict:
    assert main(["bisect", *argv, "--json"]) == 0
    return checked(capsys.readouterr().out)


def test_ir_text(capsys):
    argv = ["f.mlir", "--plugin", "wrong.py", "-p", "cse,wrong-relus,dce"]
    found = bisected(capsys, *argv)["culprit"]
    assert (found["pass"], found["index"]) == ("wrong-relus", 2)
    assert (found["rewrite"]["rule"], found["rewrite"]["nodes"]) == ("relu-is-minus", ["/relu"])
    assert main(["bisect", *argv]) == 0
    assert "pass 2 of 3: wrong-relus" in (out := capsys.readouterr().out) and "relu-is-minus at /relu" in out


def test_a_model_and_its_targets_passes(capsys, model):
    found = bisected(capsys, str(model))
    assert found["culprit"] is None and found["passes"] > 5
    assert main(["bisect", str(model), "--at", "hardware"]) == 0
    assert "passes are right" in capsys.readouterr().out


def test_a_model_and_other_passes(capsys, model):
    argv = [str(model), "--plugin", "wrong.py", "-p", "fold-constants,wrong-relus", "--ref", "onnx-ref"]
    found = bisected(capsys, *argv)["culprit"]
    assert found["pass"] == "wrong-relus" and found["rewrite"]["rule"] == "relu-is-minus"
    assert bisected(capsys, *argv, "--pass-only")["culprit"]["rewrite"] is None


def test_mistakes(capsys):
    assert main(["bisect", "f.mlir"]) == 2 and "-p" in capsys.readouterr().err
    assert main(["bisect", "f.mlir", "-p", "cse", "--ref", "ort"]) == 2
    assert main(["bisect", "f.mlir", "-p", "cse", "--check", "true"]) == 2
    assert main(["bisect", "none.onnx"]) == 2
