"""A kernel of generics on memrefs as a tile kernel: its form, its views, the code of its template.

    kernel.func @k0(%x: memref<4x196x768xf32>, %y: ..) attributes {schedule = {BX = 1024, warps = 4}} { generics }
-->
    tile.kernel @k0(%x: !tile.view<f32, [602112]>, %y: ..) attributes {grid = .., schedule = ..} { blocks }
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TypeAlias

from xdsl.dialects.builtin import FunctionType, IntegerAttr, MemRefType, i64
from xdsl.ir import Attribute, Block, SSAValue

from ....dialects import kernel
from ....dialects._shape import dtype, element, shape
from ....dialects._stages import Kernel, Member, analyse
from ....dialects.tile.kernel import KernelOp
from ....dialects.tile.view import ViewType
from . import attention, pointwise, product, rows
from .axis import Frame
from .body import Unsupported
from .code import Code
from .flash import Attention
from .roles import roles
from .schedule import Schedule
from .shape import Pointwise, Product, Rows, form
from .split import adding_block, emit_parts, emit_sums, parts
from .values import Values
from .views import Views

PARTS = "_parts"
"""What the name of a kernel ends in that makes the parts of sums."""
COUNTED = ("arith.addf", "arith.subf", "arith.mulf", "arith.divf", "arith.maximumf", "arith.minimumf")
"""Besides math, what counts as an operation."""
Emit: TypeAlias = Callable[[Values, SSAValue], tuple[int, ...]]
"""Writes a kernel's body, given the view of the memory between steps if there is one; its grid."""


Shape = Pointwise | Rows | Product | Attention


@dataclass(frozen=True)
class Step:
    """A tile kernel, and which argument of the kernel that it is made of each of its views is; None: memory between
    steps."""

    kernel: KernelOp
    arguments: tuple[int | None, ...]


@dataclass(frozen=True)
class Lowered:
    """What to launch one after the other for a kernel, and the memory that the steps need between them."""

    steps: tuple[Step, ...]
    memory: MemRefType[Attribute] | None = None


def lowered(func: kernel.FuncOp, schedule: Schedule, aligns: Mapping[int, int], precision: str) -> Lowered:
    """The tile kernels that do what a bufferized kernel does; Unsupported if there are none of these forms."""
    if (found := analyse(func)) is None:
        names = sorted({op.name for op in func.body.block.ops})
        raise Unsupported(f"it holds more than generics: {', '.join(names)}")
    shaped, name = form(found), func.sym_name.data
    making = _Making(found, shaped, aligns, precision)
    if schedule.split <= 1:
        made = making.twice(name, schedule, None, lambda values, _: _emit(values, shaped, schedule, precision))
        return Lowered((Step(made, tuple(range(len(made.views)))),))
    cut = parts(found, shaped, schedule)
    if cut.count == 1:
        return lowered(func, replace(schedule, split=0), aligns, precision)
    assert isinstance(shaped, Product | Rows)
    one = replace(schedule, BX=0) if isinstance(shaped, Product) else schedule
    bx = schedule.BX if isinstance(shaped, Product) and schedule.BX else adding_block(cut)
    other = Schedule(BX=bx, warps=max(1, bx // 256))
    first = making.twice(
        f"{name}{PARTS}", one, cut.written, lambda v, memory: emit_parts(v, shaped, cut, one, precision, memory)
    )
    second = making.twice(name, other, cut.read, lambda v, memory: emit_sums(v, cut, other, memory))
    first.attributes["flops"], rest = making.flops_of(cut.members)
    second.attributes["flops"] = rest
    return Lowered((_pruned(first, 0), _pruned(second, 0)), cut.memory)


def _emit(values: Values, shaped: Shape, schedule: Schedule, precision: str) -> tuple[int, ...]:
    match shaped:
        case Pointwise():
            return pointwise.emit(values, shaped, schedule)
        case Rows():
            return rows.emit(values, shaped, schedule)
        case Attention():
            return attention.emit(values, shaped, schedule, precision)
        case Product():
            return product.emit(values, shaped, schedule, precision)


@dataclass(frozen=True)
class _Making:
    """Makes tile kernels of one kernel."""

    found: Kernel
    shaped: Shape
    aligns: Mapping[int, int]
    precision: str

    def twice(self, name: str, schedule: Schedule, memory: ViewType | None, emit: Emit) -> KernelOp:
        """A tile kernel, made once as a trial; `memory` is a view before the kernel's own."""
        args = self.found.func.body.block.args
        views = Views(args)
        self.once(name, schedule, memory, emit, views)
        return self.once(name, schedule, memory, emit, Views(args, views))

    def once(self, name: str, schedule: Schedule, memory: ViewType | None, emit: Emit, views: Views) -> KernelOp:
        """A tile kernel whose views' axes are joined as `views` knows."""
        args = self.found.func.body.block.args
        types = [views.type(a.index, element(a), self.aligns.get(a.index, 16)) for a in args]
        first = [] if memory is None else [memory]
        made = KernelOp(name, [*first, *types], schedule=schedule.attribute().data)
        made.location = self.found.func.location
        held = made.body.block.args[: len(first)]
        known: dict[SSAValue, SSAValue] = dict(zip(args, made.body.block.args[len(first) :], strict=True))
        names = roles(self.found, self.shaped)
        for old, new in known.items():
            new.name_hint = old.name_hint or names.get(old, "x")
        for arg in held:
            arg.name_hint = "parts"
        values = Values(self.found, Code(made.body.block), views, known, Frame())
        grid = emit(values, held[0] if held else made.body.block.args[0])
        _erase_unread(made.body.block)
        made.grid = KernelOp("grid", [], grid=grid).grid
        made.attributes["bytes"] = IntegerAttr(_bytes(self.found), i64)
        made.attributes["flops"] = IntegerAttr(_flops(self.found.members), i64)
        return made

    def flops_of(self, members: Sequence[Member]) -> tuple[IntegerAttr, IntegerAttr]:
        """Operations on floats of these generics, and of the others."""
        some = _flops(members)
        return IntegerAttr(some, i64), IntegerAttr(_flops(self.found.members) - some, i64)


def _pruned(made: KernelOp, memory: int) -> Step:
    """A kernel without the views that it does not touch; view `memory` is that between steps."""
    args = list(made.body.block.args)
    kept = tuple(a.index for a in args if a.uses)
    for arg in reversed(args):
        if not arg.uses:
            made.body.block.erase_arg(arg)
    types = [a.type for a in made.body.block.args]
    made.function_type = FunctionType.from_lists(types, [])
    made.attributes["bytes"] = IntegerAttr(sum(map(_view_bytes, types)), i64)
    return Step(made, tuple(None if i == memory else i - 1 for i in kept))


def _view_bytes(type: Attribute) -> int:
    assert isinstance(type, ViewType)
    return prod(size.factor for size in type.sizes) * dtype(type.element).itemsize


def _erase_unread(block: Block) -> None:
    """Erase what nothing reads, from the last op to the first."""
    for op in reversed(list(block.ops)):
        for region in op.regions:
            for inner in region.blocks:
                _erase_unread(inner)
        if op.results and not any(result.uses for result in op.results):
            op.detach()
            op.erase()


def _bytes(found: Kernel) -> int:
    """Bytes that the kernel moves at least: each argument once."""
    return sum(prod(shape(a)) * dtype(element(a)).itemsize for a in found.func.body.block.args)


def _flops(members: Sequence[Member]) -> int:
    """Operations on floats in the generics' bodies."""
    total = 0
    for member in members:
        ops = [op for op in member.generic.op.body.block.ops if op.name in COUNTED or op.name.startswith("math.")]
        total += prod(member.generic.sizes) * len(ops)
    return total
