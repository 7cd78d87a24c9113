"""A program of an NPU with its inputs in place, ready for the debugger; and what its layers should hold.

found = subject("resnet50.onnx", "edge")                  or an artifact's folder, a .npux, a .npuasm
debugger = found.debugger({"x": x}, expected={"conv1": (array,)})
debugger.run()                                            "conv1 of layer conv1 differs in .." or "the end"
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from onnx import TensorProto

from ...backends.npu.debug.commands import Commands
from ...backends.npu.debug.debugger import END, Debugger, Load
from ...backends.npu.host.host import Kinds
from ...backends.npu.host.loaded import Loaded
from ...backends.npu.host.tensor import EntryError, load
from ...backends.npu.program import Program
from ...backends.npu.setup import DEFAULT
from ...backends.npu.sim.functional import Functional
from ...backends.npu.sim.memory import SimulationError
from ...backends.npu.sim.run import ports
from ...dialects._shape import Array
from ...dialects.npu._meaning import Numbers
from ..artifact import read_manifest
from ..driver import Options, compile_model
from ..errors import CompileError, UsageError
from ..frontends.onnx.model import Port
from ..session import InferenceSession
from .programs import PLAIN, TARGET, is_model, options_for, read_programs, source_of, told
from .run import port_of

__all__ = ["Debugger"]

Arrays = Mapping[str, Array]
Candidates = Mapping[str, Sequence[Numbers]]
"""By tensor: arrays one of which it should be."""
FLOATING = 0.1
"""What floating tensors may differ by, of their largest magnitude; less than a step of integers."""


@dataclass(frozen=True)
class Subject:
    """A program, the inputs that a user gives, and how they get into its memory."""

    name: str
    program: Program
    inputs: tuple[Port, ...]
    loader: Callable[[Arrays], Load]
    held: object = field(default=None, repr=False)
    """What has to live on: the artifact, if it was compiled for the purpose."""

    def debugger(self, feed: Arrays, expected: Candidates | None = None, tolerance: float = FLOATING) -> Debugger:
        """At the first instruction; compares each tensor when it is complete. UsageError for inputs that do not fit.
        `tolerance`: steps of integers, a part of the largest magnitude of floats."""
        made = Debugger(self.program, self.loader(feed), tolerance=tolerance)
        if expected is not None:
            made.reference = lambda name: _nearest(expected.get(name, ()), made.tensors[name])
        return made


def subject(what: str | Path, machine: str = "", batch: int = 1, part: str = "", options: Options = PLAIN) -> Subject:
    """The program at `what`, or what a model or a network by name becomes; of several the one whose name ends in
    `part`. UsageError if it is not clear which one is meant."""
    path, made = Path(what), None
    if is_model(what):
        made = compile_model(source_of(str(what), batch), TARGET, options=options_for(machine or DEFAULT, options))
        path = made.folder
    found = read_programs(path, machine)
    fitting = {name: p for name, p in found.items() if name.endswith(part)}
    if len(fitting) != 1:
        told = ", ".join(found)
        raise UsageError(f"{what}: {len(found)} programs: {told}; expected --program with one of them", code="program")
    ((name, program),) = fitting.items()
    if len(found) > 1 or (path.is_dir() and read_manifest(path).get("single") is None):
        return replace(_launched(path, name, program), held=made)
    return replace(_alone(name, program), held=made)


def _alone(name: str, program: Program) -> Subject:
    """A program by itself: its tensors are given by name; where it declares none, its segments as bytes."""
    with told():
        found = ports(program)
    if found.inputs:
        return Subject(
            name, program, tuple(port_of(entry) for _, entry in found.inputs), lambda feed: _put(program, feed)
        )
    open = [s for s in program.segments if s.data is None and s.role not in ("output", "spill")]
    given = tuple(Port(s.name, TensorProto.UINT8, (s.bytes,)) for s in open)
    return Subject(name, program, given, lambda feed: _fill({s.name: s.id for s in open}, feed))


def _put(program: Program, feed: Arrays) -> Load:
    def place(sim: Functional) -> None:
        try:
            for segment, entry in ports(program).inputs:
                load(feed[entry.name], entry, sim.segments[segment])
        except EntryError as error:
            raise UsageError(str(error), code="bad-input") from error

    return place


def _fill(numbers: Mapping[str, int], feed: Arrays) -> Load:
    def place(sim: Functional) -> None:
        for name, number in numbers.items():
            data, room = np.ascontiguousarray(feed[name]).reshape(-1).view(np.uint8), sim.segments[number]
            if len(data) > len(room):
                raise UsageError(f"segment {name}: expected {len(room)} bytes, found {len(data)}", code="bad-input")
            room[: len(data)] = data

    return place


def _launched(folder: Path, name: str, program: Program) -> Subject:
    """A program that the host launches, in an artifact's folder: its arguments are those of its first launch."""
    manifest = read_manifest(folder)
    given = InferenceSession(folder).static_inputs()

    def loader(feed: Arrays) -> Load:
        seen = _Recorder(folder, manifest)
        try:
            seen([feed[port.name] for port in given])
        except (EntryError, SimulationError) as error:
            raise CompileError(str(error), code="bad-program") from error
        kernel = name.rpartition(".")[2]
        if kernel not in seen.arguments:
            raise UsageError(f"{name}: is not launched for these inputs", code="program")

        def place(sim: Functional) -> None:
            for (segment, entry), array in zip(ports(program).inputs, seen.arguments[kernel], strict=True):
                load(array, entry, sim.segments[segment])

        return place

    return Subject(name, program, given, loader)


class _Recorder(Loaded):
    """Keeps the arguments of each program's first launch."""

    def __init__(self, folder: Path, manifest: Mapping[str, object]):
        super().__init__(folder, manifest)
        self.arguments: dict[str, Sequence[Array]] = {}

    def launch(self, name: str, arguments: Sequence[Array], kinds: Kinds) -> list[Array]:
        self.arguments.setdefault(name, arguments)
        return super().launch(name, arguments, kinds)


def _nearest(candidates: Sequence[Numbers], found: Numbers) -> Numbers | None:
    """The candidate that differs in the fewest elements: axes of equal length leave open which is which."""
    fitting = [array for array in candidates if array.shape == found.shape]
    return min(fitting, key=lambda array: np.count_nonzero(array != found), default=None)


def converse(debugger: Debugger, lines: Iterable[str], say: Callable[[str], None]) -> None:
    """Carry out the debugger's commands, a line each, until there are no more or one says `q`."""
    Commands(debugger, say).read(lines)


def run_through(debugger: Debugger) -> str:
    """Run until a tensor differs, or to the end: why it stopped, "" at the end. CompileError if it goes astray."""
    try:
        reason = debugger.run()
    except SimulationError as error:
        raise CompileError(str(error), code="bad-program") from error
    return "" if reason == END else reason
