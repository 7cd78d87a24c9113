"""What the `aic npu` commands do, as functions: each answers objects, refuses by an `aic.AicError`, prints nothing.

ran = simulate("resnet50", machine="edge")        ran.cycles, ran.report.totals["util"], ran.trace(), ran.svg()
debugger("m.onnx", {"x": x}).run()                the debugger of `aic npu sim --step`
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ...backends.npu.debug.debugger import Debugger
from ...backends.npu.emit.asm import AsmError, disassemble
from ...backends.npu.emit.asm import assemble as assembled
from ...backends.npu.machine import Machine
from ...backends.npu.machine import presets as preset_names
from ...backends.npu.program import Program
from ...backends.npu.report.report import Report
from ...backends.npu.setup import DEFAULT
from ...dialects._shape import Array
from .. import api
from ..driver import Options
from ..errors import CompileError, UsageError
from ..frontends.onnx.model import Source
from .bounds import bounds_of as roofline
from .forms import difference as diff
from .forms import findings, picture, report_text, trace_document, write_reports
from .machines import named as machine
from .programs import TARGET, Measured, measured, options_for, read_programs
from .sweep import sweep
from .watch import subject

__all__ = ["Debugger", "diff", "disassemble", "machine", "roofline", "sweep"]


@dataclass(frozen=True)
class Simulation:
    """The clock of one or more programs: those of an artifact run one after the other."""

    programs: tuple[Measured, ...]

    @property
    def cycles(self) -> int:
        """Of all programs."""
        return sum(found.ran.cycles for found in self.programs)

    @property
    def report(self) -> Report:
        """Of the program; UsageError if there are several, each has its own in `programs`."""
        return self._one.report

    def trace(self) -> dict[str, object]:
        """Chrome trace events; as `report`."""
        return trace_document(self._one)

    def svg(self) -> str:
        """The layers in the roofline; as `report`."""
        return picture(self._one)

    def text(self, *, wide: bool = False) -> str:
        """The tables for a person."""
        return "\n\n".join(report_text(found, wide=wide) for found in self.programs)

    def write(self, stem: str | Path) -> list[Path]:
        """STEM.report.json, .csv and .html; as `report`."""
        return write_reports(self._one, Path(stem))

    @property
    def _one(self) -> Measured:
        if len(self.programs) != 1:
            told = ", ".join(found.name for found in self.programs)
            raise UsageError(f"{len(self.programs)} programs: {told}; look at one of them", code="program")
        return self.programs[0]


def presets() -> tuple[Machine, ...]:
    """The machines that come with the compiler."""
    return tuple(map(machine, preset_names()))


def compile(
    model: Source, machine: str = DEFAULT, out: str | Path | None = None, **options: object
) -> api.CompiledModel:
    """`aic.compile` for the NPU; `machine` as in `edge`, `my.toml`, `edge,array.rows=16,quantize=int8`."""
    settings = dict(options_for(machine).settings)
    return api.compile(model, TARGET, out, **{**options, "settings": settings})


def simulate(what: str | Path, machine: str = "", *, batch: int = 1, **options: object) -> Simulation:
    """Run the clock of a .npux, a .npuasm or an artifact's folder; or of what a model or a network by name becomes on
    `machine`, `options` being the fields of `Options`. Values are computed by calling what `compile` answers."""
    made = replace(Options(), **options)  # pyright: ignore[reportArgumentType]  a wrong name is a TypeError
    return Simulation(tuple(measured(what, machine, batch, made)))


def debugger(what: str | Path, feed: Mapping[str, Array], machine: str = "", *, program: str = "") -> Debugger:
    """A program at its first instruction, its inputs in place."""
    return subject(what, machine, part=program).debugger(feed)


def assemble(text: str, machine: str = DEFAULT) -> Program:
    """Assembly as a program; CompileError with line and column."""
    from .machines import named

    try:
        return assembled(text, named(machine))
    except AsmError as error:
        raise CompileError(str(error), code="bad-assembly") from None


def check(what: str | Path | Program) -> list[dict[str, object]]:
    """What the checker finds in a program, or in those of a file or an artifact: races, deadlocks, stray accesses."""
    programs = [what] if isinstance(what, Program) else list(read_programs(Path(what)).values())
    return [finding for program in programs for finding in findings(program)]
