"""Tuning for a GPU without one: a model ranks what was compiled, its records say so, measured ones go before them."""

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from aic.backends.target import MODEL, TargetError
from aic.backends.triton import rig as rigs
from aic.backends.triton import target as triton
from aic.compiler.driver import Options, compile_model, known_schedules, lower
from aic.compiler.errors import MissingToolError
from aic.compiler.frontends.onnx.model import Model, load
from aic.compiler.tune import tables
from aic.compiler.tune.database import Database, Row
from aic.compiler.tune.records import exported, read
from aic.compiler.tune.replay import known_schedules as known_by
from aic.compiler.tune.replay import replay
from aic.compiler.tune.tuning import Request, tune

from ...backends.triton._statics import compiler
from ..networks import NETWORKS

OPTIONS = Options(settings={"arch": "sm_90", "precision": "f16"})


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A network, tuned where compiled kernels are made up: those of 8 warps never spill."""
    monkeypatch.setattr(rigs.ModelRig, "compiled", compiler(lambda kernel: 0 if kernel.warps == 8 else 100))
    monkeypatch.setattr(rigs, "triton_version", lambda: "3.6.0")
    onnx.save(NETWORKS["transformer"]()[0], tmp_path / "net.onnx")
    return load(tmp_path / "net.onnx")


@pytest.fixture
def won(model: Model, tmp_path: Path) -> list[Row]:
    db = Database(tmp_path / "t.db")
    found = tune(model, "triton", OPTIONS, db, Request(trials=200, batch=8), lambda _: None)
    assert found.clock == MODEL and found.trials > 20
    rows = db.rows()
    assert {row.clock for row in rows} == {MODEL} and {row.status for row in rows} <= {"ok", "build"}
    best = [*db.best(rows[0].machine, rows[0].version).values()]
    assert best and all("warps=8" in row.schedule and row.ratio < 1 for row in best)
    db.close()
    return best


def test_what_won_is_compiled_with_and_replayed(model: Model, won: list[Row], tmp_path: Path) -> None:
    known = known_by(tmp_path / "t.db", "triton", OPTIONS)
    assert known == {row.kernel: row.schedule for row in won}
    assert all(entry.equal for entry in replay(model, "triton", OPTIONS, won))
    made = compile_model(model, "triton", options=replace(OPTIONS, schedules=known, kinds=("py",)))
    assert made.manifest["pipeline"]["hardware"].count("@") == len(known)
    other = Options(settings={"arch": "sm_80", "precision": "f16"})
    assert known_by(tmp_path / "t.db", "triton", other) == {}


def test_a_search_goes_on_where_it_ended(model: Model, won: list[Row], tmp_path: Path) -> None:
    db = Database(tmp_path / "t.db")
    before = {(row.kernel, row.schedule) for row in db.rows(kind="trial") if row.schedule}
    tune(model, "triton", OPTIONS, db, Request(trials=8, batch=4), lambda _: None)
    tried = [(row.kernel, row.schedule) for row in db.rows(kind="trial") if row.schedule]
    assert len(tried) == len(set(tried)) and before < set(tried)


def test_what_a_device_measured_goes_before_what_a_model_says(model: Model, won: list[Row], tmp_path: Path) -> None:
    db = Database(tmp_path / "t.db")
    first, second, *_ = won
    other = "BM=16,BN=16,BK=16,group=8,warps=1,stages=2"
    measured = replace(first, schedule=other, ratio=0.95, clock="NVIDIA H100")
    slower = replace(second, kind="trial", ratio=1.5, clock="NVIDIA H100")
    db.add([measured, slower])
    best = db.best(first.machine, first.version)
    assert best[first.kernel] == measured and second.kernel not in best
    db.close()


def test_tables_come_with_the_compiler_or_are_named(
    model: Model, won: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triton, "TUNED", tmp_path / "tuned")
    assert known_schedules("triton", OPTIONS) == {}  # none is there
    (tmp_path / "tuned").mkdir()
    row = replace(won[0], schedule=won[0].schedule.replace("warps=8", "warps=4"), clock="NVIDIA H100", version="0.0")
    (tmp_path / "tuned" / "sm_90.jsonl").write_text(exported([row]))
    tables.table.cache_clear()
    assert known_schedules("triton", OPTIONS) == {row.kernel: row.schedule}
    assert row.kernel not in known_by(tmp_path / "t.db", "triton", OPTIONS)  # that is by a model
    assert f"{row.kernel}@{row.schedule}" in lower(model, "triton", OPTIONS).pipeline["hardware"]
    named = replace(OPTIONS, schedules={won[0].kernel: won[0].schedule})
    assert known_schedules("triton", named) == named.schedules
    assert known_schedules("triton", Options(settings={"arch": "sm_80"})) == {}
    tables.table.cache_clear()


def test_what_comes_with_the_compiler_was_measured() -> None:
    for path in triton.TUNED.glob("*.jsonl"):
        assert all(row.clock not in (MODEL, "cpu") for row in read(path))


def test_without_triton_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise TargetError("binaries of kernels want triton: pip install 'aic-compiler[gpu]'", missing=True)

    monkeypatch.setattr(rigs, "triton_version", missing)
    onnx.save(NETWORKS["embedding"]()[0], tmp_path / "net.onnx")
    with pytest.raises(MissingToolError, match="aic-compiler"):
        tune(load(tmp_path / "net.onnx"), "triton", OPTIONS, Database(tmp_path / "t.db"), Request(), lambda _: None)
