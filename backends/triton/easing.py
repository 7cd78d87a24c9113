"""Other schedules for kernels that spill registers, or do not fit: of the next ones the best by the cost model.

k4   BM=128,BN=256,BK=64,warps=8    spills 80 bytes a thread on sm_90
-->
k4   BM=128,BN=128,BK=64,warps=8    spills nothing, and takes less time by the model
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf

from xdsl.dialects.builtin import ModuleOp

from ...dialects import _report
from ...dialects.tile.kernel import KernelOp
from ..target import Lighter
from .compile import LIMIT, Binary, Failure
from .cost import seconds
from .host import program
from .kernel import Kernel
from .machine import presets
from .rig import ModelRig, Trial
from .sizes import share_kernels

SPILLED = 32
"""Bytes that a thread may spill: a few registers, before and after a loop."""
TRIED, KERNELS = 4, 16
"""Schedules of a kernel that are compiled, and kernels of a model, at most."""


@dataclass(frozen=True)
class Rated:
    """What a kernel's code is like: what is wrong with it on some architecture, "" if nothing is; seconds by the model
    on the machine's."""

    wrong: str
    seconds: float


def eased(modules: Sequence[ModuleOp], rig: ModelRig, lighter: Lighter) -> Mapping[tuple[int, str], str]:
    """Better schedules, as text, by number of the module and name."""
    known: dict[str, str] = {}
    names = [{new: old for old, new in share_kernels(module, known).items()} for module in modules]
    found: dict[str, tuple[int, str, Trial, KernelOp]] = {}
    for number, module in enumerate(modules):
        made = program(module)
        grids = {launch.kernel: launch.grid for launch in made.launches}
        for op in [op for op in module.ops if isinstance(op, KernelOp) and op.sym_name.data in grids]:
            name = op.sym_name.data
            found.setdefault(name, (number, names[number][name], Trial(made.kernels[name], grids[name]), op))
    rated = _rated(rig, [trial for *_, trial, _ in found.values()])
    bad = [(place, rate) for place, rate in zip(found.values(), rated, strict=True) if rate.wrong]
    others = [_tried(rig, number, name, lighter) for (number, name, *_), _ in bad[:KERNELS]]
    _report.begin("ease-schedules")
    better: dict[tuple[int, str], str] = {}
    for ((number, name, trial, op), rate), tried in zip(bad, others, strict=False):
        told = f"{name}: {rate.wrong} by {_schedule(trial.kernel)}"
        best = min(tried, key=lambda text: tried[text].seconds, default=None)
        if best is None or not tried[best].seconds < rate.seconds:
            _report.missed(op, "lighter-schedule", f"{told}; of {len(tried)} others none is better")
        elif _report.rewriting(op, "lighter-schedule", f"{told}; {best} instead", required=True):
            better[number, name] = best
    return better


def _tried(rig: ModelRig, number: int, name: str, lighter: Lighter) -> dict[str, Rated]:
    """Other schedules of a kernel, as text."""
    others = [(text, rig.trial(module, name)) for text, module in islice(lighter(number, name), TRIED)]
    rates = _rated(rig, [other for _, other in others])
    return {text: rate for (text, _), rate in zip(others, rates, strict=True)}


def _rated(rig: ModelRig, trials: Sequence[Trial]) -> list[Rated]:
    archs = presets()
    made = rig.compiled([t.kernel for t in trials], archs, LIMIT)
    found: list[Rated] = []
    for trial, binaries in zip(trials, made, strict=True):
        wrong = "; ".join(filter(None, map(_wrong, archs, binaries)))
        fits = all(isinstance(b, Binary) and b.statics.resident for b in binaries)
        binary = binaries[archs.index(rig.machine.arch)]
        time = seconds(trial.kernel, trial.grid, binary.statics, rig.machine) if isinstance(binary, Binary) else inf
        found.append(Rated(wrong, time if fits else inf))
    return found


def _wrong(arch: str, made: Binary | Failure) -> str:
    if isinstance(made, Failure):
        return f"{made.reason.splitlines()[0][:80]} ({arch})"
    if not made.statics.resident:
        return f"{made.statics.shared} bytes of shared memory ({arch})"
    return f"{made.statics.spilled} bytes a thread spilled ({arch})" if made.statics.spilled > SPILLED else ""


def _schedule(kernel: Kernel) -> str:
    return ",".join(f"{knob}={number}" for knob, number in kernel.schedule.items())
