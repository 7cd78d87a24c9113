"""The tuning database: who wins, merging, pruning, JSON lines, hostile input."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from aic.compiler.errors import AicError, UsageError
from aic.compiler.tune.database import Database, Row
from aic.compiler.tune.records import exported, read

ROW = Row(
    kernel="k" * 16,
    machine="m",
    version="1",
    schedule="0:vector=1,vectors=2,rows=1",
    kind="final",
    status="ok",
    seconds=9e-6,
    ratio=0.9,
    rounds=21,
    code="c",
    cost=100.0,
    name="k0",
    launches=2,
    model="net.onnx",
    at=1.0,
)


def test_only_clear_final_measurements_win(tmp_path: Path) -> None:
    db = Database(tmp_path / "t.db")
    better = replace(ROW, schedule="0:vector=1,vectors=1,rows=1", ratio=0.8)
    db.add([ROW, replace(better, kind="trial"), replace(better, machine="other"), replace(better, version="2")])
    db.add([replace(better, status="crash"), replace(ROW, kernel="j" * 16, ratio=0.98), replace(ROW, schedule="")])
    assert db.best("m", "1") == {ROW.kernel: ROW}
    db.add([better])
    assert db.best("m", "1") == {ROW.kernel: better}
    db.add([replace(better, ratio=1.2, at=2.0), replace(better, ratio=1.1, at=3.0)])  # it was luck
    assert db.best("m", "1") == {ROW.kernel: ROW}


def test_a_row_is_entered_once(tmp_path: Path) -> None:
    db = Database(tmp_path / "t.db")
    assert db.add([ROW, ROW]) == 1 and db.add([ROW]) == 0 and db.rows() == [ROW]


def test_merging_does_not_depend_on_the_order(tmp_path: Path) -> None:
    rows = [replace(ROW, at=float(i), ratio=0.9 - i / 100) for i in range(6)]
    one, other = Database(tmp_path / "1.db"), Database(tmp_path / "2.db")
    one.add(rows[:4])
    other.add(rows[2:])
    first, second = Database(tmp_path / "3.db"), Database(tmp_path / "4.db")
    assert first.merge(one.path) == 4 and first.merge(other.path) == 2
    assert second.merge(other.path) == 4 and second.merge(one.path) == 2
    assert exported(first.rows()) == exported(second.rows())
    with pytest.raises(UsageError, match="no such file"):
        first.merge(tmp_path / "5.db")


def test_pruning_keeps_what_this_version_builds_by(tmp_path: Path) -> None:
    db = Database(tmp_path / "t.db")
    db.add([ROW, replace(ROW, kind="trial"), replace(ROW, version="0")])
    assert db.prune("1") == 2 and db.rows() == [ROW]


def test_lines_go_out_and_come_in(tmp_path: Path) -> None:
    db = Database(tmp_path / "t.db")
    db.add([ROW, replace(ROW, at=2.0)])
    (tmp_path / "out.jsonl").write_text(exported(db.rows()))
    assert sorted(read(tmp_path / "out.jsonl"), key=lambda row: row.at) == db.rows()


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "aic.tune-record/2"},
        {"ratio": "fast"},
        {"ratio": float("nan")},
        {"rounds": True},
        {"name": None},
        {"extra": 1},
        {"schedule": "0:vector=1"},
        {"schedule": '"; drop'},
        {"schedule": "0:vectors=2,vector=1,rows=1"},
    ],
)
def test_lines_that_are_no_records_are_refused(tmp_path: Path, change: dict) -> None:
    file = tmp_path / "in.jsonl"
    good = json.loads(exported([ROW]))
    file.write_text(f"{json.dumps(good)}\n{json.dumps(good | change)}\n")
    with pytest.raises(UsageError, match="line 2"):
        read(file)


@pytest.mark.parametrize("text", ["[1", "[1]", "\x00", "{" * 2000])
def test_text_that_is_no_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "in.jsonl").write_text(text)
    with pytest.raises(UsageError, match="line 1"):
        read(tmp_path / "in.jsonl")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.db").write_text("not a database, by far; " * 100)
    with pytest.raises(AicError, match="tuning database"):
        Database(tmp_path / "t.db")
