"""Tuning a small network for real: candidates are built and run, what is found is used and replayed."""

import multiprocessing
import os
import pickle
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import numpy as np
import onnx
import pytest
from aic.backends.c.build import Compiler
from aic.backends.c.rig import CRig, Trial
from aic.backends.target import ALONE, Effort, Outcome
from aic.compiler.driver import Options, compile_model
from aic.compiler.errors import MissingToolError, UsageError
from aic.compiler.frontends.onnx.model import Model, load
from aic.compiler.reuse import compile_cached
from aic.compiler.tune import remote
from aic.compiler.tune.database import Database, Row
from aic.compiler.tune.identity import fingerprint, rig_of
from aic.compiler.tune.replay import known_schedules, replay
from aic.compiler.tune.task import Tasks, tasks_of
from aic.compiler.tune.tuning import Job, Request, Tuning, tune
from aic.passes._nest.schedule import schedule_text
from onnx import TensorProto, helper, numpy_helper

QUICK = Request(trials=4, seconds=60, batch=4)


def network() -> onnx.ModelProto:
    """relu(x w), and the mean of x's rows."""
    random = np.random.default_rng(0)
    weights = {"w": (24, 40)}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Relu", ["a"], ["y"]),
        helper.make_node("ReduceMean", ["x"], ["z"], axes=[1], keepdims=0),
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [12, 40])]
    outputs.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [12]))
    given = [numpy_helper.from_array(random.standard_normal(s).astype(np.float32), n) for n, s in weights.items()]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [12, 24])]
    graph = helper.make_graph(nodes, "net", inputs, outputs, given)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    onnx.save(network(), tmp_path / "net.onnx")
    return load(tmp_path / "net.onnx")


X = np.random.default_rng(1).standard_normal((12, 24)).astype(np.float32)


def test_random_schedules_keep_the_numbers_in_c(model: Model) -> None:
    tasks, random = tasks_of(model, "c", Options()), Random(0)
    expected = compile_model(model, "c").load()([X])
    for _ in range(2):
        schedules = {t.signature: schedule_text(dict(t.space.random(random))) for t in tasks.tasks}
        made = compile_model(model, "c", options=Options(schedules=schedules))
        assert str(made.manifest["pipeline"]).count("@") == len(schedules)
        for old, new in zip(expected, made.load()([X]), strict=True):
            np.testing.assert_allclose(new, old, rtol=1e-5, atol=1e-5)


def test_what_is_measured_is_kept_and_gone_on_from(model: Model, tmp_path: Path) -> None:
    db, lines = Database(tmp_path / "t.db"), list[str]()
    first = tune(model, "c", Options(), db, QUICK, lines.append)
    assert first.trials == 4 and "the defaults are measured" in lines[1]
    trials = {row.schedule for row in db.rows(kind="trial") if row.schedule}
    assert len(trials) == 4 and all(row.seconds > 0 for row in db.rows(status="ok"))
    tune(model, "c", Options(), db, QUICK, lines.append)
    measured = [(row.kernel, row.schedule) for row in db.rows(kind="trial") if row.schedule]
    assert len(measured) == len(set(measured)) == 8  # nothing twice


class Faked(CRig):
    """The second half of a batch is said to be faster, and one to crash."""

    def measure(
        self, trials: Sequence[object], effort: Effort, turn: AbstractContextManager[object] = ALONE
    ) -> list[Outcome]:
        found = [Outcome("ok", (1.0 if 2 * i < len(trials) else 0.5,) * effort.rounds) for i in range(len(trials))]
        return [*found[:-1], Outcome("crash")] if len(trials) > 3 else found


def winners(model: Model, path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    monkeypatch.setattr("aic.backends.c.target.CRig", Faked)
    db = Database(path)
    found = tune(model, "c", Options(), db, Request(trials=40, batch=6), lambda _: None)
    assert {row.status for row in db.rows()} == {"ok", "crash"}
    won = [kernel for kernel in found.kernels if kernel.schedule]
    assert won and all(kernel.ratio == 0.5 for kernel in won)
    assert found.sums[1] < found.sums[0]
    return [*db.best(db.rows()[0].machine, db.rows()[0].version).values()]


def test_what_won_is_built_and_replayed(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    won = winners(model, tmp_path / "t.db", monkeypatch)
    assert all(entry.equal for entry in replay(model, "c", Options(), won))
    known = known_schedules(tmp_path / "t.db", "c", Options())
    assert known == {row.kernel: row.schedule for row in won}
    options = Options(schedules=known, kinds=("c",))
    one, other, plain = (compile_model(model, "c", options=o) for o in (options, options, Options(kinds=("c",))))
    code = (one.folder / "model.c").read_bytes()
    assert code == (other.folder / "model.c").read_bytes() != (plain.folder / "model.c").read_bytes()
    assert compile_cached(model, "c", options).folder != compile_cached(model, "c", Options(kinds=("c",))).folder
    assert (
        known_schedules(tmp_path / "none.db", "c", options) == known_schedules(tmp_path / "t.db", "npu", options) == {}
    )


def test_candidates_that_fail_are_told_apart(model: Model) -> None:
    tasks, rig = tasks_of(model, "c", Options()), rig_of("c", Options())
    task = tasks.tasks[0]
    good = rig.trial(tasks.lowered(task, next(task.space.all())), task.name)
    assert isinstance(good, Trial)

    def broken(text: str) -> Trial:
        body = good.unit.text.rstrip().removesuffix("}")
        return Trial(replace(good.unit, text=f"{body}{text}\n}}"), good.arguments)

    out = len(good.arguments) - 1
    trials = [
        good,
        broken("*(volatile int *)8 = 1;"),
        broken(f"p{out}[0] += 1;"),
        good,
        broken("for (;;) *(volatile float *)p0;"),
    ]
    found = rig.measure(trials, Effort(rounds=2, sample=1e-5, limit=0.5))
    assert [outcome.status for outcome in found] == ["ok", "crash", "wrong", "ok", "timeout"]
    assert len(found[0].seconds) == len(found[3].seconds) == 2
    assert [o.status for o in rig.measure([good, broken("no C")], Effort(1, 1e-5))] == ["ok", "build"]


def test_a_short_kernel_runs_for_as_long_as_asked(model: Model) -> None:
    tasks, rig = tasks_of(model, "c", Options()), rig_of("c", Options())
    task = max(tasks.tasks, key=lambda t: t.space.features(next(t.space.all())).cost)
    trial = rig.trial(tasks.lowered(task, next(task.space.all())), task.name)
    (found,) = rig.measure([trial], Effort(rounds=3, sample=2e-3, limit=0.1))
    assert len(found.seconds) == 3  # a clock that stood still for a few calls asked for a thousand times as many


def test_what_takes_too_long_to_build_is_left_out(model: Model, tmp_path: Path) -> None:
    tasks = tasks_of(model, "c", Options())
    rig, task = rig_of("c", Options()), tasks.tasks[0]
    good = rig.trial(tasks.lowered(task, next(task.space.all())), task.name)
    assert isinstance(rig, CRig) and isinstance(good, Trial)
    slow = replace(good, unit=replace(good.unit, text=f"{good.unit.text}\n/* forever */"))
    cc = tmp_path / "cc"
    cc.write_text(
        '#!/bin/sh\nfor f; do case $f in *.c) grep -q forever $f && exec sleep 60;; esac; done; exec cc "$@"\n'
    )
    cc.chmod(0o755)
    rig = CRig(replace(rig.compiler, command=(str(cc),)))
    found = rig.measure([good, slow, good], Effort(rounds=2, sample=1e-5, build=9.0))
    assert [outcome.status for outcome in found] == ["ok", "build", "ok"]


class Elsewhere(Executor):
    """Three workers of a cluster: what is sent there, and comes back, is pickled."""

    def __init__(self, kinds: str):
        self.kinds = kinds

    def submit(self, fn, /, *args, **kwargs):
        done = Future()
        done.set_result(pickle.loads(pickle.dumps(fn(*pickle.loads(pickle.dumps(args))))))
        return done

    def get_executor(self, *, pure: bool) -> "Elsewhere":
        return self

    def run(self, function, argument) -> dict[str, tuple[str, ...]]:
        return {f"worker{i}": (*function(argument), kind) for i, kind in enumerate(self.kinds)}


def test_workers_measure_what_they_are_sent(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    @contextmanager
    def clustered(address: str) -> Iterator[Elsewhere]:
        sent.append(address)
        yield Elsewhere("aaa" if len(sent) == 1 else "aab")

    monkeypatch.setattr("aic.compiler.tune.remote.clustered", clustered)
    request, lines = replace(QUICK, workers="tcp://there:8786", trials=4, batch=2), list[str]()
    assert tune(model, "c", Options(), Database(tmp_path / "t.db"), request, lines.append).trials == 4
    assert sent == ["tcp://there:8786"] and "3 workers" in lines[0]
    with pytest.raises(UsageError, match="expected workers with one CPU and C compiler, found 2 kinds among 3"):
        tune(model, "c", Options(), Database(tmp_path / "u.db"), request, lines.append)


def test_two_processes_of_this_machine_search(model: Model, tmp_path: Path) -> None:
    db = Database(tmp_path / "t.db")
    found = tune(model, "c", Options(), db, replace(QUICK, workers="2", trials=8, batch=2), lambda _: None)
    assert found.trials == 8 == sum(kernel.trials.total() for kernel in found.kernels)
    assert {row.status for row in db.rows()} == {"ok"}
    for workers in ("0", "-1", "many"):
        with pytest.raises(UsageError, match="expected a number of processes, or tcp://HOST:PORT"):
            tune(model, "c", Options(), db, replace(QUICK, workers=workers), lambda _: None)


class Watched(CRig):
    """Tells when it ran, in which process, on which cores."""

    def measure(
        self, trials: Sequence[object], effort: Effort, turn: AbstractContextManager[object] = ALONE
    ) -> list[Outcome]:
        with turn:
            start = time.monotonic()
            time.sleep(0.05)
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
            return [Outcome("ok", (start, time.monotonic(), os.getpid(), cores))]


def test_processes_of_this_machine_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    cores = remote._cores()
    monkeypatch.setattr("aic.compiler.tune.remote._cores", lambda: [cores[0], cores[-1]])
    rig = Watched(Compiler(("cc",), ()))
    with remote.crew("2", rig) as them:
        assert them.width == 2
        futures = [them.submit(rig, (), Effort()) for _ in range(6)]
        told = sorted(future.result()[0].seconds for future in futures)
    assert all(before[1] <= after[0] for before, after in pairwise(told))
    assert {pinned for *_, pinned in told} == {1} and os.getpid() not in {pid for _, _, pid, _ in told}


def test_without_a_c_compiler_nothing_is_tuned(tmp_path: Path) -> None:
    Database(tmp_path / "t.db").close()
    options = Options(cc="no-such-cc")
    assert known_schedules(tmp_path / "t.db", "c", options) == {}
    with pytest.raises(MissingToolError, match="no-such-cc"):
        fingerprint("c", options)


def test_time_runs_out(model: Model, tmp_path: Path) -> None:
    found = tune(model, "c", Options(), Database(tmp_path / "t.db"), Request(seconds=0.0), lambda _: None)
    assert found.trials == 0 and all(kernel.ratio == 1 for kernel in found.kernels)


def step(tuning: Tuning, left: int) -> Job | None:
    """Measure the next batch."""
    if (job := tuning.step(left)) is not None:
        tuning.enter(job, tuning.rig.measure(tuning.trials(job), job.effort))
    return job


def search(model: Model, path: Path, tasks: Tasks, told: Connection) -> None:
    """Tune without end, telling of what is measured."""
    db = Database(path)
    tuning = Tuning(model, "c", Options(), db, Request(batch=2, patience=1000), tasks)
    while step(tuning, 2) is not None:
        told.send(len(db.rows()))


def test_a_killed_search_loses_nothing_it_told_of(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aic.backends.c.target.CRig", Faked)
    path, random, told = tmp_path / "t.db", Random(0), 0
    tasks, fork = tasks_of(model, "c", Options()), multiprocessing.get_context("fork")
    for _ in range(20):
        mine, theirs = fork.Pipe(duplex=False)
        process = fork.Process(target=search, args=(model, path, tasks, theirs))
        process.start()
        theirs.close()
        before, waits = told, random.random() < 0.7
        with suppress(EOFError):
            while waits and told == before and mine.poll(30):
                told = mine.recv()
        time.sleep(random.random() / 10)
        process.kill()
        process.join()
        with suppress(EOFError):
            while True:
                told = mine.recv()
        mine.close()
        db = Database(path)
        assert db.integrity() == "ok" and len(db.rows()) >= told
        db.close()
    db = Database(path)
    measured = [(row.kernel, row.schedule) for row in db.rows() if row.schedule]
    assert len(measured) == len(set(measured)) >= 8  # each search went on where the last was killed
    assert tune(model, "c", Options(), db, QUICK, lambda _: None).trials > 0


def test_an_interrupted_search_goes_on(model: Model, tmp_path: Path) -> None:
    db = Database(tmp_path / "t.db")
    tuning = Tuning(model, "c", Options(), db, QUICK)
    step(tuning, 4)
    kept = db.rows()
    again = Tuning(model, "c", Options(), db, QUICK)  # as another process would find it
    assert sum(len(work.rows) for work in again.work) == len(kept) and again.done == 0
