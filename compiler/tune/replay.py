"""What a database holds of a model, for its builds; and whether it still makes the code that was measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...backends.target import MODEL
from ..driver import Options, machine_of
from ..frontends.onnx.model import Model
from .database import Database, Row, schedules_of
from .identity import compiler_version, fingerprint, is_tuned, rig_of
from .tables import shipped
from .task import tasks_of


@dataclass(frozen=True)
class Replayed:
    """A kernel with a schedule that won: the digests of its code as measured and as made again."""

    name: str
    schedule: str
    measured: str
    made: str

    @property
    def equal(self) -> bool:
        """Whether they are."""
        return self.measured == self.made


def replay(model: Model, target: str, options: Options, won: Sequence[Row]) -> list[Replayed]:
    """The kernels of a model that have a row among `won`, their code made again."""
    rows, rig = {row.kernel: row for row in won}, rig_of(target, options)
    tasks = tasks_of(model, target, options)
    found: list[Replayed] = []
    for task in tasks.tasks:
        if (row := rows.get(task.signature)) is not None:
            schedule = task.space.parsed(row.schedule)
            made = "" if schedule is None else rig.digest(rig.trial(tasks.lowered(task, schedule), task.name))
            found.append(Replayed(task.name, row.schedule, row.code, made))
    return found


def known_schedules(path: Path, target: str, options: Options) -> dict[str, str]:
    """The schedules that won on this machine, by their kernels' signatures; none without a database, or for a target
    whose kernels are not tuned here. What comes with the compiler was measured, and goes before what a model says."""
    if not path.is_file() or not is_tuned(target, options):
        return {}
    database = Database(path)
    try:
        best = database.best(fingerprint(target, options), compiler_version(target)).values()
        measured = shipped(target, machine_of(target, options))
        return schedules_of(row for row in best if row.clock != MODEL or row.kernel not in measured)
    finally:
        database.close()
