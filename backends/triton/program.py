"""The host's part of a model, as data: what is launched in which order, on which bytes.

Launch("k0", (Place("input", 0, 4096), Place("weight", 256, 512), Place("arena", 4096, 4096)), (98, 1, 1), ("conv1",))

`host.py` reads it off a module; two printers write it down: `host_python` as a Python module, `host_c` as C on the
CUDA driver.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ...dialects.graph._blob import Blob
from ..target import TargetError
from .kernel import Kernel

ALIGNMENT = 256
"""Of each weight, in bytes: what the driver aligns its own allocations by."""
Space: TypeAlias = Literal["input", "output", "weight", "arena"]


@dataclass(frozen=True)
class Place:
    """Bytes from `offset` on: of the arena, of the weights, of input or output `number`."""

    space: Space
    offset: int
    bytes: int
    number: int = 0


Argument: TypeAlias = Place | int | float


@dataclass(frozen=True)
class Launch:
    """One run of a kernel: all its arguments in order, the programs along each axis, the nodes that it carries out."""

    kernel: str
    arguments: tuple[Argument, ...]
    grid: tuple[int, int, int]
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Port:
    """An input or output of the model: its name, numpy's name of its type, its shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int


@dataclass(frozen=True)
class Program:
    """A model for a GPU: its kernels, and the launches of a run."""

    name: str
    kernels: Mapping[str, Kernel]
    launches: tuple[Launch, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    arena_bytes: int
    lower_bound_bytes: int
    weights: Blob
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    """Of the symbolic dimensions, where there is a program for each of several sizes."""

    def __post_init__(self) -> None:
        for launch in self.launches:
            check(launch, self.kernels[launch.kernel])


@dataclass(frozen=True)
class Family:
    """The programs of a model, one for each of several sizes; equal names are equal kernels, the weights are one."""

    programs: tuple[Program, ...]

    @property
    def name(self) -> str:
        """What names in the code begin with."""
        return self.programs[0].name

    @property
    def kernels(self) -> dict[str, Kernel]:
        """The kernels of all programs."""
        return {name: made for program in self.programs for name, made in program.kernels.items()}

    @property
    def weights(self) -> Blob:
        """The weights of all programs."""
        return self.programs[0].weights

    @property
    def arena_bytes(self) -> int:
        """The largest arena."""
        return max(program.arena_bytes for program in self.programs)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The dimensions that the programs differ in; none of a single one."""
        return tuple(self.programs[0].sizes)


def check(launch: Launch, made: Kernel) -> None:
    """TargetError if a launch does not keep what its kernel was promised: a wrong promise corrupts in silence."""
    if len(launch.arguments) != len(made.parameters):
        raise TargetError(f"{made.name}: {len(made.parameters)} parameters, {len(launch.arguments)} arguments")
    for parameter, given in zip(made.parameters, launch.arguments, strict=True):
        told = f"{made.name}: {parameter.name}"
        if isinstance(given, Place) != parameter.is_pointer:
            raise TargetError(f"{told} is of type {parameter.type}, found {given}")
        at = given.offset if isinstance(given, Place) else given
        if parameter.divisible > 1 and at % parameter.divisible:
            raise TargetError(f"{told} is promised to be divisible by {parameter.divisible}, found {at}")
        if isinstance(given, Place) and parameter.bytes > given.bytes:
            raise TargetError(f"{told} reaches {parameter.bytes} bytes, of {given.bytes}")
