"""Tuning a model: batches of trials for the kernel that promises most, then the best once more beside the defaults.

    found = tune(load("net.onnx"), "c", Options(), database, Request(trials=500), print)
    found.kernels[0]      k4   2 launches   12.1 us by default   10.9 us tuned   0.90   48 trials

All that is measured is in the database before the next batch begins; tuning again goes on from there.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from statistics import median

from xdsl.utils.exceptions import PassFailedException

from ...backends.target import Effort, Outcome, Rig
from ...passes._nest.legality import ScheduleError
from ...passes._nest.schedule import parse_schedule, schedule_text
from ..driver import Options, garbage_later
from ..errors import UsageError
from ..frontends.onnx.model import Model
from .allotment import Share, next_share
from .database import Database, Row, last
from .features import features_of, rank_correlation
from .identity import compiler_version, fingerprint, rig_of
from .remote import Place
from .space import Schedule
from .task import Task, Tasks, tasks_of
from .tuners import Tuner, tuner_named

CLOCK = 3e9
"""Cycles a second, to guess by what nothing is measured of."""
KEPT = 0.25
"""The part of the time that measuring the best again may take."""
FINALISTS, HOPEFUL = 3, 0.99
"""Schedules of a kernel that are measured again, and the part of the default's time they may take to be worth it."""
TRIED = Effort(rounds=5, sample=1e-3, limit=20.0)
AGAIN = Effort(rounds=21, sample=3e-3, limit=60.0)


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
    codes: dict[str, Schedule] = field(default_factory=dict[str, Schedule])
    rows: dict[str, Row] = field(default_factory=dict[str, Row])
    """The last trial of each schedule, by its text."""
    made: dict[Schedule, tuple[object, str]] = field(default_factory=dict[Schedule, tuple[object, str]])


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
    """What came of all."""

    kernels: tuple[Tuned, ...]
    trials: int
    seconds: float

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


def schedule_of(row: Row) -> Schedule:
    """The schedule of a row; the empty one is the default."""
    return tuple(sorted(parse_schedule(row.schedule).items()))


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
    ):
        self.model, self.database, self.request = model, database, request
        kind = tuner_named(request.tuner)
        self.rig: Rig = rig_of(target, options)
        self.place = Place(request.workers)
        self.machine, self.version = fingerprint(target, options, self.place), compiler_version(target)
        self.tasks = tasks_of(model, target, replace(options, schedules={})) if tasks is None else tasks
        self.work = [self._work(task, kind) for task in self.tasks.tasks]
        self.done = 0

    def _work(self, task: Task, kind: type[Tuner]) -> Work:
        rows: dict[str, Row] = {}
        if self.request.resume:
            wanted = {"kernel": task.signature, "machine": self.machine, "version": self.version}
            rows = last(self.database.rows(kind="trial", **wanted))
        default = next(task.space.all())
        guess = features_of(task.space, default, self.tasks.machine).cost / CLOCK
        random = Random(f"{self.request.seed} {task.signature} {len(rows)}")  # going on, other proposals than before
        found = Work(task.launches, guess, task=task, tuner=kind(task.space, self.tasks.machine, random), rows=rows)
        for row in found.rows.values():
            self._recall(found, row)
        timed = [row for row in found.rows.values() if row.status == "ok"]
        if timed:
            default = median(r.seconds / r.ratio for r in timed)
            found.spent(default, default * min(r.ratio for r in timed))
        return found

    def _recall(self, work: Work, row: Row) -> None:
        """Tell the tuner of a measurement: its ratio to the default, which load on the machine changes less."""
        schedule = schedule_of(row) or next(work.task.space.all())
        if all(stage in work.task.space.stages for stage, _ in schedule):
            work.tuner.told(schedule, row.ratio if row.status == "ok" else None)
            work.codes.setdefault(row.code, schedule)

    def begin(self, work: Work) -> None:
        """Measure the default alone, so that the trials go to where the time is."""
        outcomes = self._measured(work, [()], TRIED, "trial")
        work.seconds = median(outcomes[0].seconds) if outcomes[0].seconds else 0.0

    def step(self, left: int) -> Work | None:
        """One batch, for the kernel that promises most; None once none does."""
        if (work := next_share(self.work)) is None:
            return None
        proposed = work.tuner.propose(min(self.request.batch, left))
        with garbage_later():
            built = self._built(work, proposed)
        work.exhausted = not proposed
        if built:
            outcomes = self._measured(work, [(), *built], TRIED, "trial")
            default = outcomes[0]
            best = min((r.ratio for r in work.rows.values() if r.status == "ok"), default=1.0)
            if default.seconds:
                work.spent(median(default.seconds), best * median(default.seconds))
        still = work.history[-1 - self.request.patience // self.request.batch :]
        if len(still) > self.request.patience // self.request.batch and still[-1] > 0.99 * still[0]:
            work.exhausted = True
        self.done += len(built)
        return work

    def _built(self, work: Work, proposed: Sequence[Schedule]) -> list[Schedule]:
        """Those proposals that are new code."""
        found: list[Schedule] = []
        for schedule in proposed:
            try:
                _, code = self._code(work, schedule)
            except (PassFailedException, ScheduleError):
                work.tuner.told(schedule, None)
                continue
            if work.codes.setdefault(code, schedule) == schedule:
                found.append(schedule)
        return found

    def _code(self, work: Work, schedule: Schedule) -> tuple[object, str]:
        """The code of a kernel with a schedule, and its digest; made once."""
        if schedule not in work.made:
            trial = self.rig.trial(self.tasks.lowered(work.task, schedule), work.task.name)
            work.made[schedule] = trial, self.rig.digest(trial)
        return work.made[schedule]

    def _measured(self, work: Work, schedules: Sequence[Schedule], effort: Effort, kind: str) -> list[Outcome]:
        """Measure, the default first; enter what was found."""
        made = [self._code(work, schedule) for schedule in schedules]
        outcomes = self.place.measured(self.rig, [trial for trial, _ in made], effort)
        codes = [code for _, code in made]
        rows = self._rows(work, schedules, outcomes, codes, kind)
        self.database.add(rows)
        for row in rows:
            if kind == "trial":
                work.rows[row.schedule] = row
                self._recall(work, row)
        return outcomes

    def _rows(
        self, work: Work, schedules: Sequence[Schedule], outcomes: Sequence[Outcome], codes: Sequence[str], kind: str
    ) -> list[Row]:
        base, found = outcomes[0].seconds, []
        for schedule, outcome, code in zip(schedules, outcomes, codes, strict=True):
            pairs = list(zip(outcome.seconds, base, strict=False))
            good = outcome.status == "ok" and bool(pairs)
            cost = features_of(work.task.space, schedule or next(work.task.space.all()), self.tasks.machine).cost
            row = Row(
                kernel=work.task.signature,
                machine=self.machine,
                version=self.version,
                schedule=schedule_text(dict(schedule)),
                kind=kind,
                status=outcome.status if good or outcome.status != "ok" else "timeout",
                seconds=median(s for s, _ in pairs) if good else 0.0,
                ratio=median(s / b for s, b in pairs) if good else 0.0,
                rounds=len(pairs),
                code=code,
                cost=cost,
                name=work.task.name,
                launches=work.task.launches,
                model=self.model.name,
                at=time.time(),
            )
            found.append(row)
        return found

    def finish(self, work: Work) -> bool:
        """Measure a kernel's best schedules once more, longer, in turns with the default; whether any was worth it."""
        hopeful = [r for r in work.rows.values() if r.status == "ok" and r.schedule and r.ratio < HOPEFUL]
        ranked = sorted(hopeful, key=lambda row: row.ratio)[:FINALISTS]
        if ranked:
            finalists = [schedule_of(row) for row in ranked]
            self._measured(work, [(), *finalists], AGAIN, "final")
        return bool(ranked)

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
        return Report(tuple(kernels), self.done, seconds)


def tune(
    model: Model, target: str, options: Options, database: Database, request: Request, tell: Callable[[str], None]
) -> Report:
    """Tune within the budget; `tell` hears a line for each batch. UsageError for a target without schedules."""
    if request.batch < 1:
        raise UsageError(f"expected batches of 1 or more, found {request.batch}")
    start = time.monotonic()
    tuning = Tuning(model, target, options, database, request)
    tell(f"{len(tuning.work)} kernels, {sum(w.task.space.size for w in tuning.work)} schedules")
    limit = start + (1 - KEPT) * request.seconds
    for work in tuning.work:
        if not work.batches and time.monotonic() < limit:
            tuning.begin(work)
    tell(f"{time.monotonic() - start:6.0f} s  the defaults are measured")
    while tuning.done < request.trials and time.monotonic() < limit:
        if (work := tuning.step(request.trials - tuning.done)) is None:
            break
        ratio = work.history[-1] if work.history else 1.0
        spent = time.monotonic() - start
        tell(f"{spent:6.0f} s  {tuning.done:5} trials  {work.task.name}: {ratio:.3f} of the default's time")
    promising = sorted(tuning.work, key=lambda w: -(w.launches * (w.seconds or 0) * (1 - (w.history or [1.0])[-1])))
    for work in promising:
        if time.monotonic() > start + request.seconds:
            tell("no time is left to measure the rest of the best again: go on with the same command")
            break
        if tuning.finish(work):
            tell(f"{time.monotonic() - start:6.0f} s  {work.task.name} again, beside the default")
    return tuning.report(time.monotonic() - start)
