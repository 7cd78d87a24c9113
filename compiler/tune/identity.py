"""What a measurement holds for: a machine with its C compiler, and a compiler of ours that makes the same code."""

import hashlib
from functools import cache
from pathlib import Path

from ..._version import VERSION
from ...backends.target import Rig, TargetError
from ..driver import Options, emit_options, machine_of
from ..errors import MissingToolError, UsageError
from ..reuse import cpu_identity
from ..targets import target_named

ROOMS = ("passes/_nest", "passes/tensor", "passes/loop")
"""Whose sources, with the target's, decide what code a schedule becomes."""
UNTOLD = ("cores", "threads", "gflops", "bandwidth", "layout")
"""Numbers of a machine that one kernel's code does not depend on."""


def rig_of(target: str, options: Options) -> Rig:
    """What measures kernels; UsageError for a target that has none to tune."""
    found = _rig(target, options)
    if found is None:
        raise UsageError(f"target {target} chooses no schedules: there is nothing to tune", code="not-tuned")
    return found


def _rig(target: str, options: Options) -> Rig | None:
    return target_named(target).rig(machine_of(target, options), emit_options(options))


def is_tuned(target: str, options: Options) -> bool:
    """Whether kernels of the target are tuned on this machine."""
    found = _rig(target, options)
    try:
        return found is not None and bool(found.identity)
    except TargetError:
        return False


def fingerprint(target: str, options: Options, told: tuple[str, str] | None = None) -> str:
    """16 hexadecimal digits of the machine: CPU, what schedules are chosen by, C compiler and flags; CPU and C compiler
    are `told` of another machine, or this one's. MissingToolError without a C compiler."""
    numbers = target_named(target).describe(machine_of(target, options))
    chosen = sorted((key, value) for key, value in numbers.items() if key not in UNTOLD)
    facts = [target, chosen, told or told_of(rig_of(target, options))]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def told_of(rig: Rig) -> tuple[str, str]:
    """The processor, if it counts, and the compiler. MissingToolError without a compiler."""
    try:
        return cpu_identity() if rig.hosted else "", rig.identity
    except TargetError as error:
        raise (MissingToolError if error.missing else UsageError)(str(error)) from error


@cache
def compiler_version(target: str = "c") -> str:
    """Our version, with 8 digits of the sources that make kernels."""
    root = Path(__file__).parents[2]
    rooms = (*ROOMS, f"backends/{target}")
    files = sorted(f for room in rooms for f in (root / room).rglob("*") if f.suffix in (".py", ".h"))
    found = hashlib.sha256()
    for file in files:
        found.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return f"{VERSION}+{found.hexdigest()[:8]}"
