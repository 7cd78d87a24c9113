"""Machines and assembly of the NPU for the command line: their refusals are errors of ours.

describe(named("edge,array.rows=16"))["peak_tops"];  assemble_file(Path("p.npuasm"), named("edge"))
"""

from collections.abc import Mapping
from pathlib import Path

from ...backends.npu.emit.asm import AsmError, assemble
from ...backends.npu.emit.container import ContainerError, npux_bytes
from ...backends.npu.machine import Machine, MachineError, machine_from, preset_text, presets, read_machine
from ..errors import CompileError, UsageError
from ..files import write_whole

Numbers = Mapping[str, object]


def named(text: str) -> Machine:
    """A preset or a file, either with keys replaced; UsageError."""
    try:
        return machine_from(text)
    except MachineError as error:
        raise UsageError(str(error), code="bad-machine") from None


def known() -> tuple[Machine, ...]:
    """The machines that come with the compiler."""
    return tuple(map(machine_from, presets()))


def describe(machine: Machine) -> Numbers:
    """What follows from a machine's numbers: lanes, peaks, ports, tiles."""
    peaks = {type: machine.peak(type) for type in machine.dtypes}
    ports = {port.name: port.bytes_per_cycle for port in machine.ports}
    weights = machine.port_of("ldw")[1]
    best = peaks.get("i8", max(peaks.values()))
    return {
        "name": machine.name,
        "hash": machine.hash.hex(),
        "array": f"{machine.rows}x{machine.cols}" + (f"x{machine.depth}" if machine.depth > 1 else ""),
        "kind": machine.kind,
        "clock_ghz": machine.clock_ghz,
        "macs_per_cycle": peaks,
        "peak_tops": {type: round(2 * peak * machine.clock_ghz / 1000, 3) for type, peak in peaks.items()},
        "lanes": {type: machine.channel_lanes(type) for type in machine.dtypes},
        "bytes_per_cycle": ports,
        "ridge_macs_per_byte": round(best / weights, 1),
        "weight_tiles": (machine.wmem.bytes or machine.spad.bytes) // (machine.rows * machine.cols),
        "acc_rows": machine.acc.bytes // machine.acc.line,
        "spad_lines": machine.spad.bytes // machine.spad.line,
        "energy_pj": dict(machine.energy),
    }


def copy_preset(name: str, file: Path) -> None:
    """Write a preset's text, as the beginning of a machine of one's own; UsageError."""
    if file.exists():
        raise UsageError(f"{file} exists; expected a new file", code="exists")
    try:
        write_whole(file, preset_text(name))
    except MachineError as error:
        raise UsageError(str(error), code="bad-machine") from None
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None


def violations_of(file: Path) -> list[dict[str, str]]:
    """Key, value and rule of all that is wrong with a machine file."""
    try:
        read_machine(file.read_text(encoding="utf8"), str(file))
    except MachineError as error:
        return [{"key": v.key, "value": v.shown, "rule": v.rule} for v in error.violations]
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    return []


def assemble_file(file: Path, machine: Machine) -> bytes:
    """The container of a text; CompileError with line and column."""
    try:
        return npux_bytes(assemble(file.read_text(encoding="utf8"), machine))
    except AsmError as error:
        raise CompileError(f"{file}: {error}", code="bad-assembly") from None
    except ContainerError as error:
        raise CompileError(f"{file}: {error}", code="bad-program") from None
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
