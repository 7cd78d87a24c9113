"""Where kernels are measured: in this process's own children, or by a worker of a cluster, one batch at a time.

    place = Place("tcp://scheduler:8786");  place.identity(rig);  place.measured(rig, trials, effort)

The worker builds and runs; it needs a C compiler and aic, one thread (`dask worker --nthreads 1`), and no other work.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ...backends.target import Effort, Outcome, Rig
from ..errors import UsageError
from ..reuse import cpu_identity
from ..workers import mapped


@dataclass(frozen=True)
class Batch:
    """What is measured together."""

    rig: Rig
    trials: tuple[object, ...]
    effort: Effort


def measured(batch: Batch) -> list[Outcome]:
    """Measure here."""
    return batch.rig.measure(batch.trials, batch.effort)


def identity(rig: Rig) -> tuple[str, str]:
    """The CPU and the compiler here."""
    return cpu_identity(), rig.identity


@dataclass(frozen=True)
class Place:
    """`1` is here, `tcp://HOST:PORT` a dask scheduler; UsageError for anything else: two measurements at a time on one
    machine would measure each other."""

    workers: str = "1"

    def __post_init__(self) -> None:
        if self.workers != "1" and "://" not in self.workers:
            raise UsageError(f"--workers {self.workers}: expected tcp://HOST:PORT; one machine measures one at a time")

    def identity(self, rig: Rig) -> tuple[str, str]:
        """The CPU and the C compiler there."""
        return next(iter(mapped(identity, [rig], self.workers)))

    def measured(self, rig: Rig, trials: Sequence[object], effort: Effort) -> list[Outcome]:
        """Measure there."""
        return next(iter(mapped(measured, [Batch(rig, tuple(trials), effort)], self.workers)))


HERE = Place()
"""This machine."""
