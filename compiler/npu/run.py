"""A program of an NPU by itself as something that runs on arrays by name: the simulator, on the tensors it declares."""

from collections.abc import Mapping
from pathlib import Path

from onnx import helper

from ...backends.npu.emit.container import ContainerError, read_npux
from ...backends.npu.host.tensor import Entry, EntryError, graph_type
from ...backends.npu.program import Program
from ...backends.npu.sim.memory import SimulationError
from ...backends.npu.sim.run import ports, simulate
from ...dialects._shape import Array
from ..errors import CompileError, UsageError
from ..frontends.onnx.model import Port
from .programs import timed


class ProgramFile:
    """The program in a container; `run` takes its inputs by name and answers its outputs."""

    def __init__(self, path: Path):
        try:
            self.program: Program = read_npux(path)
            found = ports(self.program)
        except (ContainerError, EntryError) as error:
            raise CompileError(f"{path}: {error}", code="bad-program") from error
        self.inputs = tuple(port_of(entry) for _, entry in found.inputs)
        self.outputs = tuple(port_of(entry) for _, entry in found.outputs)
        if not self.outputs:
            raise CompileError(f"{path}: the program declares no outputs", code="bad-program")

    def run(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        """One run on the simulator. UsageError if an input does not fit, CompileError if the program goes astray."""
        try:
            return simulate(self.program, feed).outputs
        except EntryError as error:
            raise UsageError(str(error), code="bad-input") from error
        except SimulationError as error:
            raise CompileError(str(error), code="bad-program") from error

    def clock(self) -> dict[str, object]:
        """Cycles, clock rate and utilisation of a run."""
        found = timed("program", self.program).report
        rate, used = self.program.machine.clock_ghz, found.totals["util"]
        return {"cycles": found.totals["cycles"], "clock_ghz": rate, "utilisation": used or 0.0}


def port_of(entry: Entry) -> Port:
    """A tensor as a model's input or output."""
    return Port(entry.name, helper.np_dtype_to_tensor_dtype(graph_type(entry)), entry.full)
