"""Runs a program: values by the functional simulator, cycles by the event simulator, each only when it is asked for.

found = simulate(program, {"x": x});  found.outputs["y"];  found.cycles;  found.timeline.times[5]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ....dialects._shape import Array
from ..host.tensor import Entry, EntryError, fetch, load
from ..program import Program
from .event import Timeline, timeline
from .functional import Functional

Inputs = Mapping[str, Array] | Sequence[Array]


@dataclass(frozen=True)
class Ports:
    """The tensors that a program takes and makes: (segment, entry), in order."""

    inputs: tuple[tuple[int, Entry], ...]
    outputs: tuple[tuple[int, Entry], ...]


def ports(program: Program) -> Ports:
    """What stands in the program's segments; EntryError if a tensor lies outside of its own."""
    found: dict[str, list[tuple[int, Entry]]] = {"input": [], "output": []}
    for segment in program.segments:
        for described in segment.tensors if segment.role in found else ():
            entry = Entry.read(described)
            if entry.offset + entry.bytes > segment.bytes:
                raise EntryError(f"tensor {entry.name}: ends at {entry.offset + entry.bytes} of {segment.bytes} bytes")
            found[segment.role].append((segment.id, entry))
    return Ports(tuple(found["input"]), tuple(found["output"]))


@dataclass
class Simulation:
    """One run of a program on inputs by name or in order."""

    program: Program
    inputs: Inputs = ()
    machine: Functional | None = field(default=None, repr=False)
    """The memories to run in, as a former run left them; by default fresh ones."""

    @cached_property
    def functional(self) -> Functional:
        """The machine's memories at the end; SimulationError if an access goes wrong, EntryError for bad inputs."""
        found = self.machine or Functional(self.program)
        for (segment, entry), array in zip(self.ports.inputs, self._given(), strict=True):
            load(array, entry, found.segments[segment])
        found.run()
        return found

    @cached_property
    def ports(self) -> Ports:
        """The program's tensors."""
        return ports(self.program)

    @cached_property
    def outputs(self) -> dict[str, Array]:
        """The outputs by name."""
        segments = self.functional.segments
        return {entry.name: fetch(segments[segment], entry) for segment, entry in self.ports.outputs}

    @cached_property
    def timeline(self) -> Timeline:
        """When each instruction ran; it does not depend on values."""
        return timeline(self.program)

    @property
    def cycles(self) -> int:
        """From the first instruction until the last result is visible."""
        return self.timeline.cycles

    def _given(self) -> list[Array]:
        names = [entry.name for _, entry in self.ports.inputs]
        if isinstance(self.inputs, Mapping):
            if wrong := [n for n in names if n not in self.inputs] or [n for n in self.inputs if n not in names]:
                raise EntryError(f"inputs: expected {', '.join(names) or 'none'}; {wrong[0]!r} is missing or unknown")
            return [self.inputs[name] for name in names]
        if len(self.inputs) != len(names):
            raise EntryError(f"expected {len(names)} inputs, found {len(self.inputs)}")
        return list(self.inputs)


def simulate(program: Program, inputs: Inputs = (), machine: Functional | None = None) -> Simulation:
    """A run of the program: nothing is computed until its outputs or times are looked at."""
    return Simulation(program, inputs, machine)
