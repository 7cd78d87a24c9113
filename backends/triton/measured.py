"""Schedules of one kernel, measured on the GPU at hand: compiled here, run by a process of its own with a limit."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

from ...dialects._shape import dtype
from ..target import ALONE, Cached, Effort, Outcome
from .compile import Binary, Failure
from .host_c import bits
from .machine import Gpu
from .program import Argument, Place
from .rig import ModelRig, Trial, checked

RUNNER = Path(__file__).parent / "runner.py"
AGAIN = 4
"""Times that the process is begun again, without what crashed."""
Made = Sequence[Mapping[str, Binary | Failure]]


class DeviceRig(ModelRig):
    """Measures on a device, which the records name."""

    def __init__(self, machine: Gpu, device: str, jobs: int = 2, cached: Cached | None = None):
        super().__init__(machine, jobs, cached)
        self.clock = device

    def measure(
        self, trials: Sequence[object], effort: Effort, turn: AbstractContextManager[object] = ALONE
    ) -> list[Outcome]:
        found = [checked(trial) for trial in trials]
        made = self.binaries(found, [self.machine.arch], effort.build)
        fits = [self.seconds(trial, binaries) < float("inf") for trial, binaries in zip(found, made, strict=True)]
        with TemporaryDirectory(prefix="aic-") as scratch:
            request = Path(scratch) / "request.json"
            told = [
                _launches(t, m, self.machine.arch, Path(scratch), i)
                for i, (t, m) in enumerate(zip(found, made, strict=True))
            ]
            buffers = _buffers(found, made, self.machine.arch)
            shape = {"candidates": told, "buffers": buffers, "rounds": effort.rounds, "sample": effort.sample}
            request.write_text(json.dumps(shape))
            with turn:
                ran = _run(request, [i for i, fit in enumerate(fits) if fit], effort.limit)
        return [ran.get(i, Outcome("build")) for i in range(len(found))]


def _launches(trial: Trial, made: Made, arch: str, folder: Path, number: int) -> list[dict[str, object]]:
    """The launches of a candidate, its binaries in files."""
    found: list[dict[str, object]] = []
    for i, (launch, by_arch) in enumerate(zip(trial.program.launches, made, strict=True)):
        if not isinstance(binary := by_arch[arch], Binary):
            return []
        (cubin := folder / f"{number}.{i}.cubin").write_bytes(binary.code)
        kernel = trial.program.kernels[launch.kernel]
        told = [_argument(a, p.type) for a, p in zip(launch.arguments, kernel.parameters, strict=True)]
        found.append(
            {
                "cubin": str(cubin),
                "entry": binary.entry,
                "shared": binary.shared,
                "threads": binary.threads,
                "grid": list(launch.grid),
                "arguments": told,
            }
        )
    return found


def _argument(given: Argument, type: str) -> list[object]:
    """The buffer and the bytes from its start, or "" and a number's bits."""
    if not isinstance(given, Place):
        return ["", bits(given, type)]
    many = given.space in ("input", "output")
    return [f"{given.space}{given.number}" if many else given.space, given.offset]


def _buffers(trials: Sequence[Trial], made: Sequence[Made], arch: str) -> list[dict[str, object]]:
    """The memory of all candidates: what they are given and make is the same."""
    program = trials[0].program
    found: list[dict[str, object]] = []
    written = {a.number for x in program.launches for a, p in _pairs(trials[0], x.kernel) if p and a.space == "input"}
    for number, port in enumerate(program.inputs):
        role = "output" if number in written else "input"
        found.append({"name": f"input{number}", "bytes": port.bytes, "kind": port.dtype, "role": role})
    parts = [{"offset": e.offset, "bytes": e.size, "kind": dtype(e.op.res.type).name} for e in program.weights.entries]
    found.append({"name": "weight", "bytes": program.weights.size, "parts": parts, "role": "weight"})
    arena = max(trial.program.arena_bytes for trial in trials)
    found.append({"name": "arena", "bytes": arena, "role": "arena"})
    scratch = [
        binary.scratch * grid[0] * grid[1] * grid[2]
        for trial, by_launch in zip(trials, made, strict=True)
        for (_, grid), by_arch in zip(trial.launches, by_launch, strict=True)
        if isinstance(binary := by_arch[arch], Binary)
    ]
    return [*found, {"name": "scratch", "bytes": max(scratch, default=0), "role": "arena"}]


def _pairs(trial: Trial, kernel: str) -> list[tuple[Place, bool]]:
    """The memory that launches of a kernel take, and whether it is written."""
    parameters = trial.program.kernels[kernel].parameters
    launches = [x for x in trial.program.launches if x.kernel == kernel]
    pairs = [pair for x in launches for pair in zip(x.arguments, parameters, strict=True)]
    return [(a, p.written) for a, p in pairs if isinstance(a, Place)]


def _run(request: Path, left: list[int], limit: float) -> dict[int, Outcome]:
    """What became of the candidates; the process is begun again without what crashed or did not end."""
    status, seconds = dict[int, str](), dict[int, list[float]]()
    for _ in range(AGAIN):
        said, ended = _said(request, left, limit)
        begun: int | None = None
        seconds.clear()
        for word, number, value in re.findall(r"^(try|ok|wrong|t) (\d+)(?: (\S+))?$", said, re.MULTILINE):
            if word == "t":
                seconds.setdefault(int(number), []).append(float(value))
                continue
            begun = int(number) if word == "try" else None
            status[int(number)] = ended if word == "try" else word
        if ended == "ok" or begun is None:
            break
        left = [n for n in left if n != begun]
    return {n: Outcome(s, tuple(seconds.get(n, ()))) for n, s in status.items()}


def _said(request: Path, left: Sequence[int], limit: float) -> tuple[str, str]:
    """What the process prints, and how it ended: `ok`, `crash`, `timeout`."""
    line = [sys.executable, "-P", str(RUNNER), str(request), *map(str, left)]
    try:
        done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=limit)
    except subprocess.TimeoutExpired as error:
        said = error.stdout or b""
        return said.decode() if isinstance(said, bytes) else said, "timeout"
    return done.stdout, "ok" if done.returncode == 0 else "crash"
