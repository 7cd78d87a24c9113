"""Reads the host's part off a module of tile kernels.

    %4 = memref.view %arena[%c4096][] : ..
    kernel.launch @k0(%x, %w, %4)
-->
    Launch("k0", (Place("input", 0), Place("weight", 256), Place("arena", 4096)), (98, 1, 1), ("conv1", "relu1"))

Loops of a known number of rounds are rolled out. After `plan-memory`, because the places are bytes of one arena.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from operator import add, mul, sub

from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import ArrayAttr, FloatAttr, IntegerAttr, MemRefType, ModuleOp, StringAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue

from ...dialects import kernel
from ...dialects._layout import footprint
from ...dialects._location import origins
from ...dialects._shape import dtype
from ...dialects.graph._blob import Blob, blob
from ...dialects.graph.weight import WeightOp
from ...dialects.tile.kernel import KernelOp
from ..target import TargetError
from .printed import printed
from .program import ALIGNMENT, Family, Launch, Place, Port, Program

NUMBERS: Mapping[type[Operation], Callable[[int | float, int | float], int | float]] = {
    arith.AddiOp: add,
    arith.SubiOp: sub,
    arith.MuliOp: mul,
}
"""What the host computes: places of a loop's rounds, from the last to the first in a sequence read backwards."""


def family(modules: Sequence[tuple[Mapping[str, int], ModuleOp]], name: str = "model") -> Family:
    """The programs of modules of tile kernels, one for each of several sizes; their weights lie in one blob."""
    weights = blob(*(_main(module) for _, module in modules), alignment=ALIGNMENT)
    return Family(tuple(program(module, name, weights, sizes) for sizes, module in modules))


def program(
    module: ModuleOp, name: str = "model", weights: Blob | None = None, sizes: Mapping[str, int] | None = None
) -> Program:
    """The program of a module of tile kernels; TargetError for a host that does more than launch them."""
    main = _main(module)
    kernels = {op.sym_name.data: op for op in module.ops if isinstance(op, KernelOp)}
    weights = blob(main, alignment=ALIGNMENT) if weights is None else weights
    inputs, outputs = ports(main)
    host = _Host(main, kernels, weights, len(inputs), len(outputs))
    launches = tuple(host.launches(main.body.block))
    used = {launch.kernel: printed(kernels[launch.kernel]) for launch in launches}
    arena, bound = (_number(main, key) for key in ("arena_bytes", "lower_bound_bytes"))
    return Program(name, used, launches, inputs, outputs, arena, bound, weights, sizes or {})


def _main(module: ModuleOp) -> func.FuncOp:
    (main,) = [op for op in module.ops if isinstance(op, func.FuncOp)]
    return main


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

    def __init__(self, main: func.FuncOp, kernels: Mapping[str, KernelOp], weights: Blob, inputs: int, outputs: int):
        self.kernels = kernels
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
                    yield self.launch(op)
                case scf.ForOp() if not op.iter_args:
                    low, high, step = (int(self.scalar(v, op)) for v in (op.lb, op.ub, op.step))
                    for i in range(low, high, step):
                        self.scalars[op.body.block.args[0]] = i
                        yield from self.launches(op.body.block)
                case func.ReturnOp() | scf.YieldOp():
                    pass
                case _:
                    self.note(op)

    def launch(self, op: kernel.LaunchOp) -> Launch:
        """A launch as data."""
        if (made := self.kernels.get(op.kernel)) is None:
            raise TargetError(f"{op.name} {op.location}: @{op.kernel} is no tile.kernel: it was not lowered")
        given = tuple(self.places[v] if v in self.places else self.scalar(v, op) for v in op.arguments)
        count = len(made.views)
        sizes = dict(zip(made.scalars, (int(n) for n in given[count:] if not isinstance(n, Place)), strict=True))
        return Launch(op.kernel, given, made.programs(sizes), origins(op.location))

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
            case arith.AddiOp() | arith.SubiOp() | arith.MuliOp():
                self.scalars[op.result] = NUMBERS[type(op)](*(self.scalar(v, op) for v in op.operands))
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
