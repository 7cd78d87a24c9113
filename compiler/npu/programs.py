"""Programs of an NPU from where they are: a container, an artifact, a model compiled for the purpose; and their runs.

for ran in measured("m.npux"): print(ran.report.totals["cycles"])
measured("resnet50.onnx", machine="edge,array.rows=16")       compiled in a temporary folder
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ...backends.npu.emit.asm import disassemble
from ...backends.npu.emit.container import ContainerError, read_npux
from ...backends.npu.isa import EncodeError
from ...backends.npu.layer import Network
from ...backends.npu.machine import Machine, MachineError
from ...backends.npu.program import Program
from ...backends.npu.report.report import Report, report_of
from ...backends.npu.select.network import read_network
from ...backends.npu.setup import DEFAULT
from ...backends.npu.sim.event import Timeline, TimingError, timeline
from ...dialects.kernel import FuncOp
from ..driver import Options, Plan, compile_model, lower
from ..errors import CompileError, UsageError
from ..frontends.onnx.model import Model, Source
from .machines import assemble_file, named
from .networks import BUILD, quantized_network

TARGET, SUFFIX, TEXT = "npu", ".npux", ".npuasm"
PLAIN = Options()


@dataclass(frozen=True)
class Measured:
    """A program that has run its clock."""

    name: str
    program: Program
    ran: Timeline
    report: Report


@contextmanager
def told(file: Path | None = None) -> Iterator[None]:
    """Refusals of the NPU's rooms as errors of ours, with the file that they are about; UsageError if it is not
    there."""
    if file is not None and not file.exists():
        raise UsageError(f"{file}: no such file", code="no-file")
    try:
        yield
    except MachineError as error:
        raise UsageError(str(error), code="bad-machine") from error
    except (ContainerError, EncodeError) as error:
        text = str(error)
        about = f"{file}: " if file is not None and not text.startswith(str(file)) else ""
        raise CompileError(f"{about}{text}", code="bad-program") from error
    except TimingError as error:
        raise CompileError(str(error), code="deadlock") from error


def read_programs(path: Path, machine: str = "", *, force: bool = False) -> dict[str, Program]:
    """The programs of a container, an artifact's folder, or a text of assembly for `machine`, by file name. With a
    machine, containers run on that one; CompileError if they were made for another, unless `force`. UsageError if there
    is none."""
    files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
    if not files:
        raise UsageError(f"{path}: no program of an NPU (*{SUFFIX})", code="no-program")
    if path.suffix == TEXT:
        with told(path):
            return {path.stem: read_npux(assemble_file(path, named(machine or DEFAULT)))}
    on, found = named(machine) if machine else None, dict[str, Program]()
    for file in files:
        with told(file):
            found[file.stem] = read_npux(file, machine=on, force=force)
    return found


def disassemble_file(file: Path) -> str:
    """The text of a container; CompileError."""
    with told(file):
        return disassemble(read_npux(file))


def source_of(text: str, batch: int = 1) -> Source:
    """A network by name, for a batch; or the path of a model."""
    return quantized_network(text, batch) if text in BUILD else text


def options_for(machine: str, options: Options = PLAIN) -> Options:
    """The options with the machine that `machine` names: `edge`, `my.toml`, `edge,array.rows=16`."""
    name, *changes = machine.split(",")
    made = {"config" if name.endswith(".toml") else "machine": name}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise UsageError(f"machine {machine}: expected key=value, found {change!r}", code="bad-machine")
        made[key] = value
    return replace(options, settings={**options.settings, **made})


def compiled_programs(source: Source | Model, machine: str, options: Options = PLAIN) -> dict[str, Program]:
    """The programs that a model becomes."""
    made = compile_model(source, TARGET, options=options_for(machine, options))
    return read_programs(made.folder)


def measured(
    what: str | Path,
    machine: str = "",
    batch: int = 1,
    options: Options = PLAIN,
    *,
    force: bool = False,
    banked: bool = False,
) -> list[Measured]:
    """What is in a container or an artifact, or what a model or network by name becomes on `machine`, timed; `force` as
    in `read_programs`, `banked` as in `timed`."""
    path = Path(what)
    if is_model(what):
        programs = compiled_programs(source_of(str(what), batch), machine or DEFAULT, options)
    else:
        programs = read_programs(path, machine, force=force)
    single = len(programs) == 1
    named = {(path.name if single else f"{path.name}:{name}"): program for name, program in programs.items()}
    return [timed(name, program, banked=banked) for name, program in named.items()]


def is_model(what: str | Path) -> bool:
    """Whether this is a model, not a program."""
    path = Path(what)
    return not path.is_dir() and path.suffix not in (SUFFIX, TEXT)


def timed(name: str, program: Program, *, banked: bool = False) -> Measured:
    """Run a program's clock, and tell what is to be told; `banked`: with conflicts of SPAD's banks."""
    with told():
        ran = timeline(program, banked=banked)
    return Measured(name, program, ran, report_of(program, ran, name))


def networks(source: Source | Model, machine: Machine, name: str, options: Options = PLAIN) -> list[Network]:
    """The parts of a model that the NPU runs, as layers: the passes up to `npu-select`, nothing after them."""

    def cut(steps: Plan) -> Plan:
        kept, found = {}, False
        for level, passes in steps.items():
            names = [step.name for step in passes]
            last = names.index("npu-select") + 1 if "npu-select" in names else len(passes)
            kept[level] = () if found else passes[:last]
            found = found or "npu-select" in names
        return kept

    lowered = lower(source, TARGET, replace(options_for(name, options), edit=cut))
    kernels = [op for op in lowered.module.ops if isinstance(op, FuncOp)]
    return [read_network(op.body.block, lowered.ctx.weights, machine) for op in kernels]
