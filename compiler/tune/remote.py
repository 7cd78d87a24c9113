"""Where kernels are measured: by this process's own children, by processes of this machine, by workers of a cluster.

    with crew("2", rig) as them:  them.submit(rig, trials, effort).result()
    1                       here, one batch after the other
    2                       two processes, each on a core of its own: one builds while the other measures, in turns
    tcp://scheduler:8786    the workers of a dask scheduler, a batch each

A worker builds and runs; it needs a C compiler and aic. One of a cluster has one thread (`dask worker --nthreads 1`), a
machine of its own, and the same CPU and C compiler as the others.
"""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...backends.target import ALONE, Effort, Outcome, Rig
from ..errors import UsageError
from ..workers import clustered
from .identity import told_of

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Lock


@dataclass(frozen=True)
class Batch:
    """What is measured together."""

    rig: Rig
    trials: tuple[object, ...]
    effort: Effort


@dataclass(frozen=True)
class Crew:
    """Who measures: `width` batches at a time, each on a machine of its own or in turns; `told` names the CPU and the C
    compiler."""

    executor: Executor
    width: int
    told: tuple[str, str]

    def submit(self, rig: Rig, trials: Sequence[object], effort: Effort) -> "Future[list[Outcome]]":
        """Measure a batch."""
        return self.executor.submit(measured, Batch(rig, tuple(trials), effort))


@contextmanager
def crew(workers: str, rig: Rig) -> Iterator[Crew]:
    """Those who measure while the context lasts. UsageError if `workers` is neither a number nor an address, or the
    workers of a cluster are not of one kind; MissingToolError without the library that an address needs."""
    if "://" in workers:
        with clustered(workers) as cluster:
            found = list(cluster.run(told_of, rig).values())
            if len(kinds := set(found)) != 1:
                told = f"found {len(kinds)} kinds among {len(found)}"
                raise UsageError(f"--workers {workers}: expected workers with one CPU and C compiler, {told}")
            yield Crew(cluster.get_executor(pure=False), len(found), kinds.pop())
        return
    if not workers.isascii() or not workers.isdigit() or workers == "0":
        raise UsageError(f"--workers {workers}: expected a number of processes, or tcp://HOST:PORT")
    width = min(int(workers), len(_cores()))
    if width == 1:
        yield Crew(_Here(), 1, told_of(rig))
        return
    lock, number = multiprocessing.Lock(), multiprocessing.Value("i", 0)
    with ProcessPoolExecutor(width, initializer=_settle, initargs=(lock, number)) as executor:
        yield Crew(executor, width, told_of(rig))


def measured(batch: Batch) -> list[Outcome]:
    """Measure here, when it is this process's turn."""
    return batch.rig.measure(batch.trials, batch.effort, _turn)


_turn: AbstractContextManager[object] = ALONE
"""Held while candidates run: by one process of a machine at a time."""


def _settle(lock: "Lock", number: "Synchronized[int]") -> None:
    """Make this process one of several: with a core of its own, where the system lets it choose one."""
    global _turn
    _turn = lock
    with number.get_lock():
        mine, number.value = number.value, number.value + 1
    if hasattr(os, "sched_setaffinity"):
        cores = _cores()
        os.sched_setaffinity(0, {cores[mine % len(cores)]})


def _cores() -> list[int]:
    """The cores that this process may run on."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [*range(os.cpu_count() or 1)]


class _Here(Executor):
    """Work is done as it is submitted."""

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[override]
        done: Future[object] = Future()
        done.set_result(fn(*args, **kwargs))
        return done
