"""Tuning a model: batches of trials for the kernel that promises most, then the best once more beside the defaults.

    found = tune(load("net.onnx"), "c", Options(), database, Request(trials=500), print)
    found.kernels[0]      k4   2 launches   12.1 us by default   10.9 us tuned   0.90   48 trials

All that is measured is in the database before the next batch begins; tuning again goes on from there.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from random import Random
from statistics import median

from xdsl.utils.exceptions import PassFailedException

from ...backends.target import Effort, Outcome, Rig
from ...dialects._schedules import Schedule
from ..driver import Options, garbage_later
from ..errors import UsageError
from ..frontends.onnx.model import Model
from .allotment import Share, next_share
from .database import Database, Row, last
from .identity import compiler_version, fingerprint, rig_of
from .learned import rank_correlation
from .remote import Crew, crew
from .task import Task, Tasks, tasks_of
from .tuners import Tuner, tuner_named

KEPT = 0.25
"""The part of the time that measuring the best again may take."""
FINALISTS, HOPEFUL = 3, 0.99
"""Schedules of a kernel that are measured again, and the part of the default's time they may take to be worth it."""
TRIED = Effort(rounds=5, sample=1e-3, limit=20.0, build=30.0)
AGAIN = Effort(rounds=21, sample=3e-3, limit=60.0, build=60.0)


@dataclass(frozen=True)
class Request:
    """How much is tuned: trials and seconds in all, the kind of tuner, its seed, trials of a batch, and after how many
    trials of a kernel without gain it is left alone; whether to go on, and where to measure."""

    trials: int = 1000
    seconds: float = 600.0
    tuner: str = "learned"
    seed: int = 0
    batch: int = 12
    patience: int = 48
    resume: bool = True
    workers: str = "1"


@dataclass
class Work(Share):
    """A kernel that is being tuned."""

    task: Task = field(kw_only=True)
    tuner: Tuner = field(kw_only=True)
    codes: dict[str, Schedule | None] = field(default_factory=dict[str, "Schedule | None"])
    rows: dict[str, Row] = field(default_factory=dict[str, Row])
    """The last trial of each schedule, by its text."""
    made: dict[Schedule | None, tuple[object, str]] = field(default_factory=dict["Schedule | None", tuple[object, str]])
    busy: bool = False
    """A batch of it is being measured."""


@dataclass(frozen=True)
class Job:
    """A batch to measure: schedules of a kernel, first None, the default; `kind` is what the database calls them."""

    work: Work
    schedules: tuple[Schedule | None, ...]
    effort: Effort = TRIED
    kind: str = "trial"


@dataclass(frozen=True)
class Tuned:
    """What came of one kernel: seconds of a call by default (None: not measured) and the part of them that is left,
    trials by how they went, the winning schedule ("": the default), and the rank correlation of static cost and
    measured times."""

    name: str
    signature: str
    launches: int
    nodes: tuple[str, ...]
    space: int
    default: float | None
    ratio: float
    trials: Counter[str]
    schedule: str
    correlation: float | None


@dataclass(frozen=True)
class Report:
    """What came of all, and what told the times of kernels: the machine's `cpu`, a device, a `model`."""

    kernels: tuple[Tuned, ...]
    trials: int
    seconds: float
    clock: str

    @property
    def sums(self) -> tuple[float, float]:
        """Seconds of a run in the kernels that were measured: by default, and tuned."""
        timed = [(k.launches * k.default, k.ratio) for k in self.kernels if k.default is not None]
        return sum(t for t, _ in timed), sum(t * ratio for t, ratio in timed)

    @property
    def correlation(self) -> float | None:
        """The median rank correlation."""
        found = [k.correlation for k in self.kernels if k.correlation is not None]
        return median(found) if found else None


class Tuning:
    """The state between batches."""

    def __init__(
        self,
        model: Model,
        target: str,
        options: Options,
        database: Database,
        request: Request,
        tasks: Tasks | None = None,
        told: tuple[str, str] | None = None,
    ):
        self.model, self.database, self.request = model, database, request
        kind = tuner_named(request.tuner)
        self.rig: Rig = rig_of(target, options)
        self.machine, self.version = fingerprint(target, options, told), compiler_version(target)
        self.tasks = tasks_of(model, target, replace(options, schedules={})) if tasks is None else tasks
        self.work = [self._work(task, kind) for task in self.tasks.tasks]
        self.done = 0

    def _work(self, task: Task, kind: type[Tuner]) -> Work:
        rows: dict[str, Row] = {}
        if self.request.resume:
            wanted = {"kernel": task.signature, "machine": self.machine, "version": self.version}
            rows = last(self.database.rows(kind="trial", clock=self.rig.clock, **wanted))
        guess = task.space.features(next(task.space.all())).cost
        random = Random(f"{self.request.seed} {task.signature} {len(rows)}")  # going on, other proposals than before
        found = Work(task.launches, guess, task=task, tuner=kind(task.space, random), rows=rows)
        for row in found.rows.values():
            self._recall(found, row)
        timed = [row for row in found.rows.values() if row.status == "ok"]
        if timed:
            default = median(r.seconds / r.ratio for r in timed)
            found.spent(default, default * min(r.ratio for r in timed))
        return found

    def _recall(self, work: Work, row: Row) -> None:
        """Tell the tuner of a measurement: its ratio to the default, which load on the machine changes less."""
        space = work.task.space
        if (schedule := space.parsed(row.schedule) if row.schedule else next(space.all())) is not None:
            work.tuner.told(schedule, row.ratio if row.status == "ok" else None)
            work.codes.setdefault(row.code, schedule)

    def step(self, left: int) -> Job | None:
        """The next batch, of `left` trials at most, for the kernel that promises most of those that are not busy; None
        if none does."""
        while (work := next_share([w for w in self.work if not w.busy])) is not None:
            proposed = work.tuner.propose(min(self.request.batch, left))
            with garbage_later():
                built = self._built(work, proposed)
            work.exhausted = not proposed
            if built:
                return Job(work, (None, *built))
        return None

    def trials(self, job: Job) -> list[object]:
        """What is to be measured."""
        return [self._code(job.work, schedule)[0] for schedule in job.schedules]

    def enter(self, job: Job, outcomes: Sequence[Outcome]) -> None:
        """Keep what was measured, and learn from it."""
        work, default = job.work, outcomes[0]
        rows = self._rows(job, outcomes)
        self.database.add(rows)
        if job.kind == "final":
            return
        for row in rows:
            work.rows[row.schedule] = row
            self._recall(work, row)
        if len(rows) == 1:  # the default alone, so that trials go to where the time is
            work.seconds = median(default.seconds) if default.seconds else 0.0
            return
        self.done += len(rows) - 1
        if default.seconds:
            best = min((r.ratio for r in work.rows.values() if r.status == "ok"), default=1.0)
            work.spent(median(default.seconds), best * median(default.seconds))
        patience = self.request.patience // self.request.batch
        still = work.history[-1 - patience :]
        if len(still) > patience and still[-1] > 0.99 * still[0]:
            work.exhausted = True

    def _built(self, work: Work, proposed: Sequence[Schedule]) -> list[Schedule]:
        """Those proposals that are new code."""
        found: list[Schedule] = []
        for schedule in proposed:
            try:
                _, code = self._code(work, schedule)
            except PassFailedException:
                work.tuner.told(schedule, None)
                continue
            if work.codes.setdefault(code, schedule) == schedule:
                found.append(schedule)
        return found

    def _code(self, work: Work, schedule: Schedule | None) -> tuple[object, str]:
        """The code of a kernel with a schedule, and its digest; made once."""
        if schedule not in work.made:
            trial = self.rig.trial(self.tasks.lowered(work.task, schedule), work.task.name)
            work.made[schedule] = trial, self.rig.digest(trial)
        return work.made[schedule]

    def _rows(self, job: Job, outcomes: Sequence[Outcome]) -> list[Row]:
        work, space = job.work, job.work.task.space
        base, found = outcomes[0].seconds, list[Row]()
        for schedule, outcome in zip(job.schedules, outcomes, strict=True):
            pairs = list(zip(outcome.seconds, base, strict=False))
            good = outcome.status == "ok" and bool(pairs)
            row = Row(
                kernel=work.task.signature,
                machine=self.machine,
                version=self.version,
                schedule="" if schedule is None else space.text(schedule),
                kind=job.kind,
                status=outcome.status if good or outcome.status != "ok" else "timeout",
                seconds=median(s for s, _ in pairs) if good else 0.0,
                ratio=median(s / b for s, b in pairs) if good else 0.0,
                rounds=len(pairs),
                code=self._code(work, schedule)[1],
                cost=space.features(next(space.all()) if schedule is None else schedule).cost,
                name=work.task.name,
                launches=work.task.launches,
                model=self.model.name,
                at=time.time(),
                clock=self.rig.clock,
            )
            found.append(row)
        return found

    def again(self, work: Work) -> Job | None:
        """A kernel's best schedules once more, longer, in turns with the default; None if none is worth it."""
        hopeful = [r for r in work.rows.values() if r.status == "ok" and r.schedule and r.ratio < HOPEFUL]
        ranked = sorted(hopeful, key=lambda row: row.ratio)[:FINALISTS]
        schedules = [s for row in ranked if (s := work.task.space.parsed(row.schedule)) is not None]
        return Job(work, (None, *schedules), AGAIN, "final") if schedules else None

    def report(self, seconds: float) -> Report:
        """What came of it."""
        won = self.database.best(self.machine, self.version)
        kernels: list[Tuned] = []
        for work in self.work:
            timed = [r for r in work.rows.values() if r.status == "ok"]
            best = won.get(work.task.signature)
            kernels.append(
                Tuned(
                    name=work.task.name,
                    signature=work.task.signature,
                    launches=work.task.launches,
                    nodes=work.task.nodes,
                    space=work.task.space.size,
                    default=work.seconds if work.rows else None,
                    ratio=best.ratio if best is not None else 1.0,
                    trials=Counter(r.status for r in work.rows.values() if r.schedule),
                    schedule=best.schedule if best is not None else "",
                    correlation=rank_correlation([r.cost for r in timed], [r.ratio for r in timed]),
                )
            )
        kernels.sort(key=lambda k: -(k.launches * (k.default or 0.0)))
        return Report(tuple(kernels), self.done, seconds, self.rig.clock)


def tune(
    model: Model, target: str, options: Options, database: Database, request: Request, tell: Callable[[str], None]
) -> Report:
    """Tune within the budget; `tell` hears a line for each batch. UsageError for a target without schedules."""
    if request.batch < 1:
        raise UsageError(f"expected batches of 1 or more, found {request.batch}")
    start = time.monotonic()
    with crew(request.workers, rig_of(target, options)) as them:
        tuning = Tuning(model, target, options, database, request, told=them.told)
        kernels, schedules = len(tuning.work), sum(w.task.space.size for w in tuning.work)
        beside = f", {them.width} workers" if them.width > 1 else ""
        tell(f"{kernels} kernels, {schedules} schedules{beside}")
        _search(tuning, them, start, tell)
    return tuning.report(time.monotonic() - start)


def _search(tuning: Tuning, them: Crew, start: float, tell: Callable[[str], None]) -> None:
    request, limit = tuning.request, start + (1 - KEPT) * tuning.request.seconds
    sent = 0

    def told(text: str) -> None:
        tell(f"{time.monotonic() - start:6.0f} s  {text}")

    fresh = iter([Job(work, (None,)) for work in tuning.work if not work.batches])
    _measured(tuning, them, lambda: next(fresh, None) if time.monotonic() < limit else None, lambda job: None)
    told("the defaults are measured")

    def trial() -> Job | None:
        nonlocal sent
        job = tuning.step(request.trials - sent) if sent < request.trials and time.monotonic() < limit else None
        sent += len(job.schedules) - 1 if job is not None else 0
        return job

    def tried(job: Job) -> None:
        ratio = job.work.history[-1] if job.work.history else 1.0
        told(f"{tuning.done:5} trials  {job.work.task.name}: {ratio:.3f} of the default's time")

    _measured(tuning, them, trial, tried)
    promising = sorted(tuning.work, key=lambda w: -(w.launches * (w.seconds or 0) * (1 - (w.history or [1.0])[-1])))
    finals = [job for work in promising if (job := tuning.again(work)) is not None]
    left = iter(finals)
    ended = start + request.seconds
    _measured(
        tuning,
        them,
        lambda: next(left, None) if time.monotonic() <= ended else None,
        lambda job: told(f"{job.work.task.name} again, beside the default"),
    )
    if next(left, None) is not None:
        tell("no time is left to measure the rest of the best again: go on with the same command")


def _measured(tuning: Tuning, them: Crew, more: Callable[[], Job | None], ended: Callable[[Job], None]) -> None:
    """Have jobs measured, as many at a time as there are workers, until there are no more."""
    flying: dict[Future[list[Outcome]], Job] = {}
    while True:
        while len(flying) < them.width and (job := more()) is not None:
            job.work.busy = True
            flying[them.submit(tuning.rig, tuning.trials(job), job.effort)] = job
        if not flying:
            return
        for future in wait(flying, return_when=FIRST_COMPLETED).done:
            job = flying.pop(future)
            job.work.busy = False
            tuning.enter(job, future.result())
            ended(job)
