"""`aic tune` on a model of one matmul, and `aic tune db`: what it prints, keeps, hands on and refuses."""

import json
import shutil
from pathlib import Path

import onnx
import pytest
from aic.__main__ import main
from aic.compiler import cache
from aic.compiler.tune.database import Database, Row
from aic.compiler.tune.identity import compiler_version

from ..compiler.models import dense
from .schemas import checked

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
SHORT = ["--trials", "3", "--batch", "3", "--dim", "N=6"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cache, "_chosen", [cache.open_cache(tmp_path / "cache")])
    monkeypatch.setenv("AIC_TUNE_DB", str(tmp_path / "own" / "tune.db"))
    onnx.save(dense(), "m.onnx")


def document(capsys, *argv: str) -> dict:
    assert main([*argv, "--json"]) == 0
    return checked(capsys.readouterr().out)


def promote() -> Row:
    """Say of a trial that it won."""
    db = Database(Path("own/tune.db"))
    row = next(row for row in db.rows(kind="trial", status="ok") if row.schedule)
    won = Row(**{**vars(row), "kind": "final", "ratio": 0.5})
    db.add([won])
    db.close()
    return won


def test_a_search_and_what_becomes_of_it(capsys):
    found = document(capsys, "tune", "m.onnx", *SHORT)
    (kernel,) = found["kernels"]
    assert found["trials"] == 3 and sum(kernel["trials"].values()) == 3 and kernel["default"] > 0
    rows = document(capsys, "tune", "db", "list")["rows"]
    assert {row["version"] for row in rows} == {compiler_version()} and len(rows) >= 4
    won = promote()
    best = document(capsys, "tune", "db", "best")["rows"]
    assert [row["schedule"] for row in best] == [won.schedule]
    (entry,) = document(capsys, "tune", "db", "replay", "m.onnx", "--dim", "N=6")["kernels"]
    assert entry["equal"] and entry["made"] == won.code
    assert main(["compile", "m.onnx", "--dim", "N=6", "-o", "tuned"]) == 0
    assert "tuned   1 kernels have schedules" in capsys.readouterr().err
    assert main(["compile", "m.onnx", "--dim", "N=6", "-o", "plain", "--db", "none"]) == 0
    assert "tuned" not in capsys.readouterr().err
    passes = json.loads(Path("tuned/manifest.json").read_text())["pipeline"]["tensor"]
    assert f"{won.kernel}@{won.schedule}" in passes


def test_records_go_from_one_database_to_another(capsys):
    document(capsys, "tune", "m.onnx", *SHORT)
    assert main(["tune", "db", "export", "a.jsonl"]) == 0
    lines = Path("a.jsonl").read_text().splitlines()
    assert all(checked(line) for line in lines)
    assert document(capsys, "tune", "db", "import", "a.jsonl", "--db", "b.db")["rows"] == len(lines)
    assert document(capsys, "tune", "db", "merge", "b.db")["rows"] == 0
    trials = sum(json.loads(line)["kind"] == "trial" for line in lines)
    assert document(capsys, "tune", "db", "prune", "--db", "b.db")["rows"] == trials
    assert main(["tune", "db", "export", "-"]) == 0
    assert capsys.readouterr().out.splitlines() == lines


def test_other_code_than_was_measured_is_told(capsys):
    document(capsys, "tune", "m.onnx", *SHORT)
    won = promote()
    db = Database(Path("own/tune.db"))
    db.add([Row(**{**vars(won), "code": "another", "at": won.at + 1000})])
    db.close()
    assert main(["tune", "db", "replay", "m.onnx", "--dim", "N=6"]) == 5
    assert "other code" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["db"], "expected one of list"),
        (["db", "gather"], "expected one of list"),
        (["db", "import"], "expected one of list"),
        (["m.onnx", "n.onnx"], "expected one model"),
        (["m.onnx", "--tuner", "xgb"], "no tuner 'xgb'"),
        (["m.onnx", "--db", "none"], "a search wants a database"),
        (["m.onnx", "-t", "npu"], "there is nothing to tune"),
        (["db", "merge", "none.db"], "no such file"),
    ],
)
def test_what_makes_no_sense_is_refused(capsys, argv, reason):
    assert main(["tune", *argv]) == 2
    assert reason in capsys.readouterr().err


def test_a_database_that_is_named_has_to_be_there(capsys):
    assert main(["compile", "m.onnx", "--dim", "N=6", "--db", "none.db", "-o", "-", "--emit", "c"]) == 2
    assert "no such file" in capsys.readouterr().err
