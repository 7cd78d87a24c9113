"""The host's part of a module at the hardware level, as data: what is launched in which order, on which bytes.

    kernel.launch @k0(%x, %w, %4)
-->
    Launch("k0", (Place("input", 0), Place("weight", 256), Place("arena", 4096)), nodes=("conv1", "relu1"))

Two printers write it down: `host_python` as a Python module, `host_c` as C on the CUDA driver. Loops of a known number
of rounds are rolled out. After `plan-memory`, because the places are bytes of one arena.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal, TypeAlias

from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import ArrayAttr, FloatAttr, IntegerAttr, MemRefType, ModuleOp, StringAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue

from ...dialects import kernel
from ...dialects._layout import footprint
from ...dialects._location import origins
from ...dialects._shape import dtype
from ...dialects.graph._blob import Blob, blob
from ...dialects.graph.weight import WeightOp
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
    """One run of a kernel, with all its arguments in order, and the nodes that it carries out."""

    kernel: str
    arguments: tuple[Argument, ...]
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

    def __post_init__(self) -> None:
        for launch in self.launches:
            check(launch, self.kernels[launch.kernel])


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


def program(module: ModuleOp, kernels: Mapping[str, Kernel], name: str = "model") -> Program:
    """The program of a module whose kernels are printed already; TargetError for a host that does more than launch."""
    (main,) = [op for op in module.ops if isinstance(op, func.FuncOp)]
    weights = blob(main, ALIGNMENT)
    inputs, outputs = ports(main)
    host = _Host(main, weights, len(inputs), len(outputs))
    launches = tuple(host.launches(main.body.block))
    used = dict.fromkeys(launch.kernel for launch in launches)
    arena, bound = (_number(main, key) for key in ("arena_bytes", "lower_bound_bytes"))
    return Program(name, {k: kernels[k] for k in used}, launches, inputs, outputs, arena, bound, weights)


def ports(main: func.FuncOp) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Inputs and outputs, by the names and types that they have at the graph level."""
    found: list[tuple[Port, ...]] = []
    buffers = [arg for arg in main.body.block.args if arg.name_hint != "arena"]
    count = len(_list(main, "res_names"))
    for kind, args in (("arg", buffers[: len(buffers) - count]), ("res", buffers[len(buffers) - count :])):
        names = [str(name.data) for name in _list(main, f"{kind}_names") if isinstance(name, StringAttr)]
        names = names or [f"{kind}{i}" for i in range(len(args))]
        found.append(tuple(_port(name, arg.type) for name, arg in zip(names, args, strict=True)))
    return found[0], found[1]


def _port(name: str, type: Attribute) -> Port:
    if not isinstance(type, MemRefType):
        raise TargetError(f"@main: expected {name} to be a memref, found {type}")
    dims = type.get_shape()
    return Port(name, str(dtype(type)), dims, prod(dims) * dtype(type).itemsize)


def _list(op: Operation, key: str) -> tuple[Attribute, ...]:
    found = op.attributes.get(key)
    return found.data if isinstance(found, ArrayAttr) else ()


def _number(op: Operation, key: str) -> int:
    found = op.attributes.get(key)
    return int(found.value.data) if isinstance(found, IntegerAttr) else 0


class _Host:
    """Where the host's memrefs lie, and its scalars."""

    def __init__(self, main: func.FuncOp, weights: Blob, inputs: int, outputs: int):
        self.places: dict[SSAValue, Place] = {}
        self.scalars: dict[SSAValue, int | float] = {}
        self.weights = weights
        for i, arg in enumerate(main.body.block.args):
            if i < inputs + outputs:
                space, number = ("input", i) if i < inputs else ("output", i - inputs)
                self.places[arg] = Place(space, 0, size(arg.type), number)
            else:
                self.places[arg] = Place("arena", 0, size(arg.type))

    def launches(self, block: Block) -> Iterator[Launch]:
        """The launches of a block, in order."""
        for op in block.ops:
            match op:
                case kernel.LaunchOp():
                    yield Launch(op.kernel, tuple(map(self.argument, op.arguments)), origins(op.location))
                case scf.ForOp() if not op.iter_args:
                    low, high, step = (int(self.scalar(v, op)) for v in (op.lb, op.ub, op.step))
                    for i in range(low, high, step):
                        self.scalars[op.body.block.args[0]] = i
                        yield from self.launches(op.body.block)
                case func.ReturnOp() | scf.YieldOp():
                    pass
                case _:
                    self.note(op)

    def argument(self, value: SSAValue) -> Argument:
        """What a launch is given for a value."""
        return self.places[value] if value in self.places else self.scalars[value]

    def scalar(self, value: SSAValue, op: Operation) -> int | float:
        """The number that a value is; TargetError if only a run tells."""
        if value not in self.scalars:
            raise TargetError(f"{op.name} {op.location}: the host would have to wait for a number of the GPU's")
        return self.scalars[value]

    def note(self, op: Operation) -> None:
        """Remember what an op makes that launches nothing."""
        match op:
            case WeightOp():
                self.places[op.res] = Place("weight", self.weights.places[op], size(op.res.type))
            case arith.ConstantOp(value=IntegerAttr() | FloatAttr() as number):
                self.scalars[op.result] = number.value.data
            case arith.AddiOp() | arith.MuliOp():
                one, other = (self.scalar(v, op) for v in op.operands)
                self.scalars[op.result] = one + other if isinstance(op, arith.AddiOp) else one * other
            case memref.ViewOp():
                base, shift = self.places[op.source], int(self.scalar(op.byte_shift, op))
                self.places[op.results[0]] = Place(base.space, base.offset + shift, size(op.results[0].type))
            case memref.ReinterpretCastOp():
                self.places[op.result] = self.cast(op)
            case _:
                raise TargetError(f"{op.name} {op.location}: the host of a GPU only launches kernels")

    def cast(self, op: memref.ReinterpretCastOp) -> Place:
        """Another view of the same bytes, from an offset in elements on."""
        base = self.places[op.source]
        offsets = [self.scalar(v, op) for v in op.offsets] or op.static_offsets.get_values()
        shift = int(offsets[0]) * dtype(op.result.type).itemsize
        if shift + size(op.result.type) > base.bytes:
            raise TargetError(f"{op.name} {op.location}: reaches past the {base.bytes} bytes that it shows")
        return Place(base.space, base.offset + shift, size(op.result.type), base.number)


def size(type: Attribute) -> int:
    """Bytes from a buffer's start to the end of its last element."""
    return footprint(type) * dtype(type).itemsize
