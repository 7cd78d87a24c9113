"""Schedules of one kernel, compiled and ranked by the cost model: what tunes where there is no GPU.

rig = ModelRig(gpu({"arch": "sm_90"}), jobs=2)
rig.measure([rig.trial(module, "k4"), ..], Effort())       Outcome("ok", (4.1e-05,)), by a model: nothing is run
"""

import weakref
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
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
    """A kernel with the programs along each axis of a launch, and what is launched."""

    kernel: Kernel
    grid: tuple[int, int, int]
    program: Program | None = None


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
        made = program(module, "trial")
        return Trial(made.kernels[kernel], made.launches[0].grid, made)

    def digest(self, trial: object) -> str:
        return checked(trial).kernel.key("", "")[:32]

    def measure(
        self, trials: Sequence[object], effort: Effort, turn: AbstractContextManager[object] = ALONE
    ) -> list[Outcome]:
        found = [checked(trial) for trial in trials]
        made = self.compiled([t.kernel for t in found], [self.machine.arch], effort.build)
        return [self._outcome(t, binary) for t, (binary,) in zip(found, made, strict=True)]

    def _outcome(self, trial: Trial, made: Binary | Failure) -> Outcome:
        if isinstance(made, Failure) or not made.statics.resident:
            return Outcome("build")
        return Outcome("ok", (seconds(trial.kernel, trial.grid, made.statics, self.machine),))

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
