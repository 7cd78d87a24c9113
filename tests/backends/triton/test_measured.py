"""Tuning on a device, against a driver that has none: candidates are checked, timed in turns, told apart."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from aic.backends.target import Effort
from aic.backends.triton import rig as rigs
from aic.backends.triton import runner
from aic.backends.triton.machine import gpu
from aic.backends.triton.measured import DeviceRig
from aic.backends.triton.target import TritonTarget
from aic.compiler.driver import Options
from aic.compiler.frontends.onnx.model import Model, load
from aic.compiler.tune.database import Database
from aic.compiler.tune.replay import known_schedules
from aic.compiler.tune.task import tasks_of
from aic.compiler.tune.tuning import Request, tune

from ...compiler.networks import NETWORKS
from ._cuda import fake_driver, taken
from ._statics import compiler

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
SETTINGS = {"arch": "sm_90", "precision": "f16"}
DEVICE = "Fake H100"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A network, where the driver is a fake: every program takes it a microsecond."""
    (tmp_path / "driver").mkdir()
    monkeypatch.setenv("LD_LIBRARY_PATH", str(fake_driver(tmp_path / "driver").parent))
    monkeypatch.setenv("AIC_FAKE_DEVICE", "90")
    monkeypatch.setenv("AIC_FAKE_LOG", str(tmp_path / "calls.txt"))
    monkeypatch.setattr(rigs.ModelRig, "compiled", compiler(lambda kernel: -1 if kernel.warps == 1 else 0))
    monkeypatch.setattr(rigs, "triton_version", lambda: "3.6.0")
    monkeypatch.setattr(TritonTarget, "rig", lambda self, machine, options: DeviceRig(machine, DEVICE))
    onnx.save(NETWORKS["transformer"]()[0], tmp_path / "net.onnx")
    return load(tmp_path / "net.onnx")


def trials(model: Model, count: int) -> list[rigs.Trial]:
    """The kernel with the most schedules, and the first of these."""
    tasks, rig = tasks_of(model, "triton", Options(settings=SETTINGS)), DeviceRig(gpu(SETTINGS), DEVICE)
    task = max(tasks.tasks, key=lambda found: found.space.size)
    texts = {s: task.space.text(s) for s in task.space.all()}
    schedules = [s for s, text in texts.items() if "warps=2" in text and "split" not in text][:count]
    return [rig.trial(tasks.lowered(task, schedule), task.name) for schedule in schedules]


def expect(monkeypatch: pytest.MonkeyPatch, found: list[rigs.Trial]) -> None:
    told = {kernel.name: taken(kernel) for trial in found for kernel, _ in trial.launches}
    monkeypatch.setenv("AIC_FAKE_KERNELS", ";".join(told.values()))


def test_candidates_are_timed_by_the_device(model: Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    found = trials(model, 3)
    expect(monkeypatch, found)
    outcomes = DeviceRig(gpu(SETTINGS), DEVICE).measure(found, Effort(rounds=3, sample=1e-5, limit=60.0))
    assert [o.status for o in outcomes] == ["ok"] * 3
    for trial, outcome in zip(found, outcomes, strict=True):
        programs = sum(int(np.prod(grid)) for _, grid in trial.launches)
        assert outcome.seconds == pytest.approx([1e-6 * programs] * 3) or not outcome.seconds  # slow ones are left
    assert "WRONG" not in (tmp_path / "calls.txt").read_text()


def test_a_candidate_that_crashes_or_was_not_compiled_is_told_apart(model: Model, monkeypatch: pytest.MonkeyPatch):
    found = trials(model, 3)
    expect(monkeypatch, found)
    rig, begin = DeviceRig(gpu(SETTINGS), DEVICE), compiler()

    def compiled(self, kernels, archs, limit):
        made = begin(self, kernels, archs, limit)
        size = len(found[0].launches)
        broken = made[size][0]
        made[size] = [type(broken)(b"no binary", *list(vars(broken).values())[1:])]
        return made

    monkeypatch.setattr(rigs.ModelRig, "compiled", compiled)
    outcomes = rig.measure(found, Effort(rounds=2, sample=1e-5, limit=60.0))
    assert [o.status for o in outcomes] == ["ok", "crash", "ok"]
    monkeypatch.setattr(rigs.ModelRig, "compiled", compiler(lambda _: -1))
    assert [o.status for o in rig.measure(found, Effort(rounds=2, sample=1e-5))] == ["build"] * 3


def test_a_search_on_a_device_says_so(model: Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("aic.compiler.tune.tuning.TRIED", Effort(rounds=2, sample=1e-6, limit=60.0))
    monkeypatch.setattr("aic.compiler.tune.tuning.AGAIN", Effort(rounds=2, sample=1e-6, limit=60.0))
    tasks, rig = tasks_of(model, "triton", Options(settings=SETTINGS)), DeviceRig(gpu(SETTINGS), DEVICE)
    expect(monkeypatch, [rig.trial(tasks.lowered(task, None), task.name) for task in tasks.tasks])
    options, db = Options(settings=SETTINGS), Database(tmp_path / "t.db")
    found = tune(model, "triton", options, db, Request(trials=8, batch=4, tuner="grid"), lambda _: None)
    assert found.clock == DEVICE and found.trials == 8
    assert {row.clock for row in db.rows()} == {DEVICE}
    assert any(row.seconds > 0 for row in db.rows(status="ok"))
    best = db.best(db.rows()[0].machine, db.rows()[0].version)
    assert known_schedules(tmp_path / "t.db", "triton", options) == {key: row.schedule for key, row in best.items()}


def test_outputs_are_compared_by_their_type():
    one = np.array([1.0, 2.0, 300.0], np.float16)
    assert runner.is_same((one + np.float16(1)).view(np.uint8), one.view(np.uint8), "float16")
    assert not runner.is_same((one * np.float16(2)).view(np.uint8), one.view(np.uint8), "float16")
    whole = np.array([1, 2], np.int32)
    assert not runner.is_same((whole + 1).view(np.uint8), whole.view(np.uint8), "int32")
    assert np.isfinite(runner.floats(runner.filled({"bytes": 64, "kind": "bfloat16"}, 0), "bfloat16")).all()
