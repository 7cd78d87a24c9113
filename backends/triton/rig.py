"""Schedules of one kernel, compiled and ranked by the cost model: what tunes where there is no GPU.

rig = ModelRig(gpu({"arch": "sm_90"}), jobs=2)
rig.measure([rig.trial(module, "k4"), ..], Effort())       Outcome("ok", (4.1e-05,)), by a model: nothing is run
"""

import hashlib
import weakref
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

from xdsl.dialects.builtin import ModuleOp

from ..target import ALONE, MODEL, Cached, Effort, Outcome, Rig
from .compile import Binary, Failure, Workers, compile_by, triton_version, uncached
from .cost import seconds
from .host import program
from .kernel import Kernel
from .machine import Gpu
from .program import Program


@dataclass(frozen=True)
class Trial:
    """What a kernel of the tensor level has become: kernels with the programs of a launch along each axis, several if
    a sum is made in parts; and the program that launches them."""

    launches: tuple[tuple[Kernel, tuple[int, int, int]], ...]
    program: Program


class ModelRig(Rig):
    """Compiles with triton for the machine's architecture; seconds are those of the cost model."""

    clock = MODEL
    hosted = False

    def __init__(self, machine: Gpu, jobs: int = 2, cached: Cached | None = None):
        self.machine, self.jobs, self._cached = machine, jobs, cached
        self._pool: Workers | None = None

    def __getstate__(self) -> dict[str, object]:
        """Another process has processes of its own."""
        return {"machine": self.machine, "jobs": 1, "_cached": None, "_pool": None}

    @property
    def identity(self) -> str:
        return f"triton {triton_version()}"

    def trial(self, module: ModuleOp, kernel: str) -> Trial:
        made = program(module, kernel)
        return Trial(tuple((made.kernels[launch.kernel], launch.grid) for launch in made.launches), made)

    def digest(self, trial: object) -> str:
        keys = [kernel.key("", "") for kernel, _ in checked(trial).launches]
        return hashlib.sha256(" ".join(keys).encode()).hexdigest()[:32]

    def measure(
        self, trials: Sequence[object], effort: Effort, turn: AbstractContextManager[object] = ALONE
    ) -> list[Outcome]:
        found = [checked(trial) for trial in trials]
        made = self.binaries(found, [self.machine.arch], effort.build)
        times = [self.seconds(trial, binaries) for trial, binaries in zip(found, made, strict=True)]
        return [Outcome("ok", (time,)) if time < inf else Outcome("build") for time in times]

    def seconds(self, trial: Trial, binaries: Sequence[Mapping[str, Binary | Failure]]) -> float:
        """Of all launches on the machine, by the model; infinite if one is not to be had."""
        total = 0.0
        for (kernel, grid), by_arch in zip(trial.launches, binaries, strict=True):
            made = by_arch[self.machine.arch]
            total += seconds(kernel, grid, made.statics, self.machine) if isinstance(made, Binary) else inf
        return total

    def binaries(
        self, trials: Sequence[Trial], archs: Sequence[str], limit: float
    ) -> list[list[dict[str, Binary | Failure]]]:
        """Of each trial, for each of its launches, the binaries by architecture."""
        made = iter(self.compiled([kernel for trial in trials for kernel, _ in trial.launches], archs, limit))
        return [[dict(zip(archs, next(made), strict=True)) for _ in trial.launches] for trial in trials]

    def compiled(self, kernels: Sequence[Kernel], archs: Sequence[str], limit: float) -> list[list[Binary | Failure]]:
        """Each kernel's binaries for the architectures."""
        if self._pool is None:
            self._pool = Workers(self.jobs, limit)
            weakref.finalize(self, self._pool.stop)
        wanted = [(kernel, arch) for kernel in kernels for arch in archs]
        with TemporaryDirectory(prefix="aic-") as scratch:
            found = compile_by(self._pool, wanted, self._cached or uncached(Path(scratch)))
        return [found[i : i + len(archs)] for i in range(0, len(found), len(archs))]


def checked(trial: object) -> Trial:
    """TypeError unless it is a trial of ours."""
    if not isinstance(trial, Trial):
        raise TypeError(f"expected a trial of Triton, found {trial}")
    return trial
