"""`aic rules`: the list, the words, the trial; and `--fast-math`."""

from pathlib import Path

import pytest
from aic.__main__ import main

from .schemas import checked

GOOD = "rule twice: neg(neg(x)) => x\n"
BAD = "rule sign-lost: neg(neg(neg(x: f32))) => x\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.rules").write_text(GOOD)
    (tmp_path / "bad.rules").write_text(BAD)
    return tmp_path


def test_all_rules_are_listed(capsys: pytest.CaptureFixture[str]):
    assert main(["rules", "--json"]) == 0
    rows = checked(capsys.readouterr().out)["rules"]
    assert {"simplify_algebra.rules", "cancel_inverse.rules"} <= {row["file"] for row in rows} and len(rows) > 150
    assert {row["fast"] is None for row in rows} == {True, False}


def test_words(capsys: pytest.CaptureFixture[str]):
    assert main(["rules", "--words"]) == 0
    told = capsys.readouterr().out
    assert "one_use(x)" in told and "unsigned" in told and "leaky_relu" in told


def test_a_good_rule_passes_and_a_bad_one_is_shown(capsys: pytest.CaptureFixture[str]):
    assert main(["rules", "good.rules", "--check"]) == 0
    assert "24 graphs" in capsys.readouterr().out
    assert main(["rules", "bad.rules", "--check"]) == 4
    err = capsys.readouterr().err
    assert "rule sign-lost: of " in err and "graph.neg" in err and "-->" in err


def test_what_is_asked_for_has_to_be_there(capsys: pytest.CaptureFixture[str]):
    assert main(["rules", "good.rules", "--only", "thrice"]) == 2
    assert main(["rules", "good.rules", "none.rules"]) == 2
    assert "error[no-file]: none.rules: no such file" in capsys.readouterr().err


MODULE = """func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = graph.neg %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = graph.neg %0 : (tensor<4xf32>) -> tensor<4xf32>
  %2 = graph.tanh %1 : (tensor<4xf32>) -> tensor<4xf32>
  func.return %2 : tensor<4xf32>
}"""


def test_rules_of_ones_own_in_a_pass(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "m.mlir").write_text(MODULE)
    assert main(["opt", "m.mlir", "-p", 'apply-rules{rules="good.rules"}', "--stats"]) == 0
    told = capsys.readouterr()
    assert "graph.neg" not in told.out and "twice" in told.err
    assert main(["opt", "m.mlir", "-p", "apply-rules{rules=nothing}"]) == 1
    assert "no rules are called nothing" in capsys.readouterr().err


def test_fast_math_is_an_option_of_passes(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "m.mlir").write_text(MODULE)
    for flags, ops in (([], 1), (["--fast-math"], 0)):
        assert main(["opt", "m.mlir", "-p", "fast-math,cse", *flags]) == 0
        assert capsys.readouterr().out.count("graph.tanh") == ops
    assert main(["opt", "m.mlir", "-p", "fast-math,cse", "--fast-math", "--print-pipeline"]) == 0
    assert capsys.readouterr().out.startswith("fast-math{") and main(["opt", "m.mlir", "--fast-math"]) == 0
