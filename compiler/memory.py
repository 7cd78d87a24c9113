"""What a planned program needs memory for: by class, at the peak, and while each op runs.

parameters   weights, read only                     inputs, outputs   the caller's own arrays
values       what one op makes and a later reads    workspace         what a single op uses, and nobody after it

Counted on the module after plan-memory, from who touches which part of the arena: nothing is taken from the planner.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from xdsl.dialects import memref
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, MemRefType, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation, SSAValue

from ..dialects import kernel
from ..dialects._location import origins
from ..dialects._shape import dtype, shape
from ..dialects.graph.weight import WeightOp
from .inspect import main_of

ALIGNMENT = 64
VIEWS = (memref.ReinterpretCastOp, memref.CastOp, memref.SubviewOp)


@dataclass(frozen=True)
class Buffer:
    """A part of the arena: its bytes, the op that makes it, the numbers of the steps that touch it first and last."""

    bytes: int
    node: str
    first: int
    last: int

    @property
    def workspace(self) -> bool:
        """Whether a single step uses it."""
        return self.first == self.last


@dataclass(frozen=True)
class Step:
    """An op of the host: what it runs, the ONNX nodes it comes from, the bytes alive while it runs."""

    runs: str
    nodes: tuple[str, ...]
    alive: int


@dataclass(frozen=True)
class MemoryReport:
    """Bytes by class, of the arena and its lower bound; the steps in order and the buffers in the arena."""

    classes: dict[str, int]
    arena: int
    lower_bound: int
    steps: tuple[Step, ...]
    buffers: tuple[Buffer, ...]

    @property
    def peak(self) -> int:
        """The number of the step at which most is alive."""
        return max(range(len(self.steps)), key=lambda n: self.steps[n].alive, default=0)

    @property
    def at_peak(self) -> list[Buffer]:
        """What is alive then, the largest first."""
        alive = [b for b in self.buffers if b.first <= self.peak <= b.last]
        return sorted(alive, key=lambda b: (-b.bytes, b.first))


def memory_report(module: ModuleOp) -> MemoryReport:
    """The report of a module that has come past plan-memory; of other targets' modules the weights and ports alone."""
    main = main_of(module)
    planned = "arena_bytes" in main.attributes
    ops = [op for op in main.body.block.ops if op.regions or isinstance(op, kernel.LaunchOp | memref.CopyOp)]
    ops = ops if planned else []
    found = buffers(main, ops) if planned else []
    alive = [sum(b.bytes for b in found if b.first <= n <= b.last) for n in range(len(ops))]
    steps = tuple(Step(_runs(op), _nodes(op), size) for op, size in zip(ops, alive, strict=True))
    weights = {op.weight: op.res.type for op in module.walk() if isinstance(op, WeightOp)}
    arguments, results = ports(main, planned)
    peak = max(range(len(steps)), key=lambda n: steps[n].alive, default=0)
    here = [b for b in found if b.first <= peak <= b.last]
    classes = {
        "parameters": _bytes(weights.values()),
        "inputs": _bytes(arguments),
        "outputs": _bytes(results),
        "values": sum(b.bytes for b in here if not b.workspace),
        "workspace": sum(b.bytes for b in here if b.workspace),
    }
    return MemoryReport(classes, _number(main, "arena_bytes"), _number(main, "lower_bound_bytes"), steps, tuple(found))


def ports(main: FuncOp, planned: bool) -> tuple[list[Attribute], list[Attribute]]:
    """The types of the inputs and of the outputs, which below `bufferize` are the last arguments but for the arena."""
    arguments, results = list(main.function_type.inputs.data), list(main.function_type.outputs.data)
    arguments = arguments[:-1] if planned else arguments
    names = main.attributes.get("res_names")
    if results or not isinstance(names, ArrayAttr):
        return arguments, results
    border = len(arguments) - len(names.data)
    return arguments[:border], arguments[border:]


def buffers(main: FuncOp, ops: list[Operation]) -> list[Buffer]:
    """The parts of the arena, and which of the ops touch each."""
    number = {op: n for n, op in enumerate(ops)}
    found: list[Buffer] = []
    for use in main.body.block.args[-1].uses:
        if not isinstance(view := use.operation, memref.ViewOp):
            continue
        touched = sorted({n for user in _users(view.result) if (n := _step(user, number)) is not None})
        if touched and isinstance(type := view.result.type, MemRefType):
            size = -(-prod(type.get_shape()) * dtype(type).itemsize // ALIGNMENT) * ALIGNMENT
            node = ", ".join(origins(view.location)[-2:]) or _runs(ops[touched[0]])
            found.append(Buffer(size, node, touched[0], touched[-1]))
    return found


def _users(value: SSAValue) -> Iterable[Operation]:
    for use in value.uses:
        if isinstance(use.operation, VIEWS):
            yield from _users(use.operation.results[0])
        else:
            yield use.operation


def _step(op: Operation, number: dict[Operation, int]) -> int | None:
    """The number of the step that an op is, or is inside of."""
    at: Operation | None = op
    while at is not None and at not in number:
        at = at.parent_op()
    return None if at is None else number[at]


def _runs(op: Operation) -> str:
    return op.kernel if isinstance(op, kernel.LaunchOp) else op.name


def _nodes(op: Operation) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for inner in op.walk() for name in origins(inner.location)))


def _bytes(types: Iterable[Attribute]) -> int:
    return sum(prod(shape(type)) * dtype(type).itemsize for type in types)


def _number(main: FuncOp, key: str) -> int:
    attribute = main.attributes.get(key)
    return attribute.value.data if isinstance(attribute, IntegerAttr) else 0
