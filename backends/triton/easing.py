"""Other schedules for kernels that spill registers, or do not fit: of the next ones the best by the cost model.

k4   BM=128,BN=256,BK=64,warps=8    spills 80 bytes a thread on sm_90
-->
k4   BM=128,BN=128,BK=64,warps=8    spills nothing, and takes less time by the model
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from math import inf

from xdsl.dialects.builtin import ModuleOp

from ...dialects import _report
from ...dialects.tile.kernel import KernelOp
from ..target import Lighter
from .compile import LIMIT, Binary, Failure
from .host import program
from .kernel import Kernel
from .lower.kernel import PARTS
from .machine import presets
from .rig import ModelRig
from .sizes import share_kernels

SPILLED = 32
"""Bytes that a thread may spill: a few registers, before and after a loop."""
TRIED, KERNELS = 4, 16
"""Schedules of a kernel that are compiled, and kernels of a model, at most."""


def eased(modules: Sequence[ModuleOp], rig: ModelRig, lighter: Lighter) -> Mapping[tuple[int, str], str]:
    """Better schedules, as text, by number of the module and name."""
    known: dict[str, str] = {}
    names = [{new: old for old, new in share_kernels(module, known).items()} for module in modules]
    found: dict[str, tuple[int, KernelOp]] = {}
    kernels: dict[str, Kernel] = {}
    for number, module in enumerate(modules):
        kernels = {**program(module).kernels, **kernels}
        for op in [op for op in module.ops if isinstance(op, KernelOp) and op.sym_name.data in kernels]:
            found.setdefault(op.sym_name.data, (number, op))
    made = rig.compiled([kernels[name] for name in found], presets(), LIMIT)
    bad: dict[tuple[int, str], tuple[KernelOp, str]] = {}
    for (name, (number, op)), binaries in zip(found.items(), made, strict=True):
        if wrong := _wrong(binaries):
            bad.setdefault((number, names[number][name].removesuffix(PARTS)), (op, wrong))
    tried = {place: _tried(rig, lighter(*place)) for place in [*bad][:KERNELS]}
    _report.begin("ease-schedules")
    better = {place: _best(*bad[place], place[1], rates) for place, rates in tried.items()}
    return {place: text for place, text in better.items() if text is not None}


def _tried(rig: ModelRig, schedules: Iterator[tuple[str, ModuleOp]]) -> dict[str, float]:
    """Seconds by schedule, that of the default first; infinite if it does not fit all architectures."""
    trials = {text: rig.trial(module, "kernel") for text, module in islice(schedules, 1 + TRIED)}
    found: dict[str, float] = {}
    made = rig.binaries([*trials.values()], presets(), LIMIT)
    for (text, trial), binaries in zip(trials.items(), made, strict=True):
        fits = all(isinstance(b, Binary) and b.statics.resident for by_arch in binaries for b in by_arch.values())
        found[text] = rig.seconds(trial, binaries) if fits else inf
    return found


def _best(op: KernelOp, wrong: str, name: str, rates: Mapping[str, float]) -> str | None:
    """The schedule that is better than the default, if one is; remarks tell."""
    if not rates:
        _report.missed(op, "lighter-schedule", f"{name}: {wrong}; its schedule is one that was found better")
        return None
    default, best = next(iter(rates)), min(rates, key=lambda text: rates[text])
    told = f"{name}: {wrong} by {default}"
    if rates[best] >= rates[default]:
        _report.missed(op, "lighter-schedule", f"{told}; of {len(rates) - 1} others none is better")
        return None
    return best if _report.rewriting(op, "lighter-schedule", f"{told}; {best} instead", required=True) else None


def _wrong(binaries: Sequence[Binary | Failure]) -> str:
    """What is wrong with a kernel on some architecture."""
    return "; ".join(
        f"{told} ({arch})" for arch, made in zip(presets(), binaries, strict=True) if (told := _told(made))
    )


def _told(made: Binary | Failure) -> str:
    if isinstance(made, Failure):
        return made.reason.splitlines()[0][:80]
    if not made.statics.resident:
        return f"{made.statics.shared} bytes of shared memory"
    return f"{made.statics.spilled} bytes a thread spilled" if made.statics.spilled > SPILLED else ""
