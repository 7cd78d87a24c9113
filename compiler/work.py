"""What the kernels of a model do: multiply-adds, operations, bytes read and written; counted on the IR, not measured.

    k4   /l0/MatMul, /l0/Add    macs 301989888   flops 604176384   reads 9.8 MB   writes 1.6 MB   61.7 flops a byte

Counted behind `bufferize`, where a kernel is still its linalg.generics: the points of its space times the arithmetic of
its body, two for a multiply-add; each argument crosses memory once, of a table that is looked into only what is looked
at. So a kernel's algorithm (Winograd, padding to tiles) does not change its work. A loop of the host counts as often as
it runs, one whose rounds are not known before it runs once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import prod

from xdsl.dialects import arith, memref, scf
from xdsl.dialects.bufferization import MaterializeInDestinationOp, ToTensorOp
from xdsl.dialects.builtin import IntAttr, ModuleOp, ShapedType
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass

from ..dialects import kernel
from ..dialects._generic import ADDS, CASTS, MULS, generic
from ..dialects._location import origins
from ..dialects._shape import dtype, shape
from ..dialects._xdsl import GenericOp
from .inspect import main_of
from .pipeline import Observer

MARK = "work"
"""The attribute of a launch with its number."""
FREE = (arith.ConstantOp, arith.SelectOp, arith.CmpfOp, arith.CmpiOp, arith.IndexCastOp, arith.BitcastOp, *CASTS)


@dataclass(frozen=True)
class Work:
    """What one launch does, in all its `runs`; `exact` unless a loop's rounds are not known."""

    number: int
    kernel: str
    nodes: tuple[str, ...]
    runs: int
    macs: int
    flops: int
    reads: int
    writes: int
    exact: bool = True

    @property
    def bytes(self) -> int:
        """Read and written."""
        return self.reads + self.writes

    @property
    def intensity(self) -> float:
        """Operations a byte."""
        return self.flops / self.bytes if self.bytes else 0.0

    def seconds(self, flops: float, bandwidth: float) -> float:
        """The least time on a core with so many operations, and bytes, a second."""
        return max(self.flops / flops, self.bytes / bandwidth)


@dataclass
class Counting(Observer):
    """Looks on behind `bufferize`: counts the launches of @main and marks each with its number in `found`."""

    found: list[Work] = field(default_factory=list[Work])

    def after(self, index: int, step: ModulePass, module: ModuleOp) -> None:
        if step.name != "bufferize":
            return
        counted = {o.sym_name.data: kernel_work(o) for o in module.ops if isinstance(o, kernel.FuncOp)}
        for launch, runs, exact in launches(main_of(module).body.block):
            one, number = counted[launch.kernel], len(self.found)
            launch.attributes[MARK] = IntAttr(number)
            sums = {name: getattr(one, name) * runs for name in ("macs", "flops", "reads", "writes")}
            whose = {"kernel": launch.kernel, "nodes": origins(launch.location)}
            self.found.append(replace(one, number=number, runs=runs, exact=exact, **whose, **sums))


def launches(block: Block, runs: int = 1, exact: bool = True) -> Iterable[tuple[kernel.LaunchOp, int, bool]]:
    """The launches of a block and of those inside it, how often each runs, and whether that is known."""
    for op in block.ops:
        if isinstance(op, kernel.LaunchOp):
            yield op, runs, exact
        rounds = trips(op)
        for region in op.regions:
            for inner in region.blocks:
                yield from launches(inner, runs * (1 if rounds is None else rounds), exact and rounds is not None)


def trips(op: Operation) -> int | None:
    """How often an op runs its region; None if only a run can tell."""
    if isinstance(op, scf.WhileOp):
        return None
    if not isinstance(op, scf.ForOp):
        return 1
    low, high, step = (number(v) for v in (op.lb, op.ub, op.step))
    return None if low is None or high is None or not step else max(0, -((low - high) // step))


def number(value: SSAValue) -> int | None:
    """A constant's value."""
    owner = value.owner
    data = getattr(getattr(owner.value, "value", None), "data", None) if isinstance(owner, arith.ConstantOp) else None
    return data if isinstance(data, int) else None


def kernel_work(func: kernel.FuncOp) -> Work:
    """What one run of a kernel does."""
    macs, flops = arithmetic(func.body.block)
    results = sum(size(kind) for kind in func.function_type.outputs.data)
    sides = [sides_of(arg) for arg in func.body.block.args]
    reads, writes = (sum(side[i] for side in sides) for i in (0, 1))
    return Work(0, func.sym_name.data, (), 1, macs, flops, reads, writes + results)


def arithmetic(block: Block) -> tuple[int, int]:
    """Multiply-adds and operations of a block and of those inside it."""
    macs = flops = 0
    for op in block.ops:
        if isinstance(op, GenericOp):
            points = prod(generic(op).sizes)
            macs += points * is_multiply_add(op)
            flops += points * sum(counts(inner) for inner in op.body.walk())
            continue
        flops += counts(op)
        rounds = trips(op)
        for region in op.regions:
            for inner in region.blocks:
                more = arithmetic(inner)
                macs, flops = macs + (rounds or 1) * more[0], flops + (rounds or 1) * more[1]
    return macs, flops


def counts(op: Operation) -> int:
    """The operations on numbers that an op is: those of arith and math, index arithmetic and moves left out."""
    if isinstance(op, FREE) or not op.name.startswith(("arith.", "math.")):
        return 0
    return int(all(str(result.type) != "index" for result in op.results))


def is_multiply_add(op: GenericOp) -> bool:
    """Whether a body sums products."""
    last = op.body.block.last_op
    made = [v.owner for v in last.operands] if last is not None else []
    return any(isinstance(m, ADDS) and any(isinstance(v.owner, MULS) for v in m.operands) for m in made)


def sides_of(arg: SSAValue) -> tuple[int, int]:
    """Bytes that a kernel reads and writes of an argument: a whole tensor, of a table no more than is looked up."""
    if not isinstance(arg.type, ShapedType):
        return 0, 0
    whole, reads, writes = size(arg.type), 0, 0
    for use in arg.uses:
        match use.operation:
            case ToTensorOp() as seen:
                reads = max([reads, *(read_by(u.operation, seen.tensor, whole) for u in seen.tensor.uses)])
            case MaterializeInDestinationOp() | memref.StoreOp():
                writes = whole
            case other:
                reads = max(reads, read_by(other, arg, whole))
    return reads, writes


def read_by(op: Operation, value: SSAValue, whole: int) -> int:
    """Bytes of a value of so many that an op, or what it stands in, reads."""
    around = op.parent_op()
    if not isinstance(op, GenericOp) and isinstance(around, GenericOp):
        return min(whole, prod(generic(around).sizes) * dtype(value.type).itemsize)
    return whole


def size(kind: Attribute) -> int:
    """Bytes of a tensor or memref."""
    return prod(shape(kind)) * dtype(kind).itemsize if isinstance(kind, ShapedType) else 0
