"""A kernel of generics on memrefs as a tile kernel: its form, its views, the code of its template.

    kernel.func @k0(%x: memref<4x196x768xf32>, %y: ..) attributes {schedule = {BX = 1024, warps = 4}} { generics }
-->
    tile.kernel @k0(%x: !tile.view<f32, [602112]>, %y: ..) attributes {grid = .., schedule = ..} { blocks }
"""

from collections.abc import Mapping
from math import prod

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import Block, SSAValue

from ....dialects import kernel
from ....dialects._shape import dtype, element, shape
from ....dialects._stages import Kernel, analyse
from ....dialects.tile.kernel import KernelOp
from . import attention, pointwise, product, rows
from .axis import Frame
from .body import Unsupported
from .code import Code
from .flash import Attention
from .schedule import Schedule
from .shape import Pointwise, Product, Rows, form
from .values import Values
from .views import Views

COUNTED = ("arith.addf", "arith.subf", "arith.mulf", "arith.divf", "arith.maximumf", "arith.minimumf")
"""Besides math, what counts as an operation."""


def lowered(func: kernel.FuncOp, schedule: Schedule, aligns: Mapping[int, int], precision: str) -> KernelOp:
    """The tile kernel that does what a bufferized kernel does; Unsupported if there is none of these forms."""
    if (found := analyse(func)) is None:
        names = sorted({op.name for op in func.body.block.ops})
        raise Unsupported(f"it holds more than generics: {', '.join(names)}")
    shaped = form(found)
    views = Views(func.body.block.args)
    _written(found, shaped, schedule, aligns, precision, views)
    return _written(found, shaped, schedule, aligns, precision, Views(func.body.block.args, views))


def _written(
    found: Kernel,
    shaped: Pointwise | Rows | Product | Attention,
    schedule: Schedule,
    aligns: Mapping[int, int],
    precision: str,
    views: Views,
) -> KernelOp:
    args = found.func.body.block.args
    types = [views.type(a.index, element(a), aligns.get(a.index, 16)) for a in args]
    made = KernelOp(found.func.sym_name.data, types, schedule=schedule.attribute().data)
    made.location = found.func.location
    memory: dict[SSAValue, SSAValue] = dict(zip(args, made.body.block.args, strict=True))
    for old, new in memory.items():
        new.name_hint = old.name_hint
    values = Values(found, Code(made.body.block), views, memory, Frame())
    match shaped:
        case Pointwise():
            grid = pointwise.emit(values, shaped, schedule)
        case Rows():
            grid = rows.emit(values, shaped, schedule)
        case Attention():
            grid = attention.emit(values, shaped, schedule, precision)
        case Product():
            grid = product.emit(values, shaped, schedule, precision)
    _erase_unread(made.body.block)
    made.grid = KernelOp("grid", [], grid=grid).grid
    made.attributes["bytes"] = IntegerAttr(_bytes(found), i64)
    made.attributes["flops"] = IntegerAttr(_flops(found), i64)
    return made


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


def _flops(found: Kernel) -> int:
    """Operations on floats in the generics' bodies."""
    total = 0
    for member in found.members:
        ops = [op for op in member.generic.op.body.block.ops if op.name in COUNTED or op.name.startswith("math.")]
        total += prod(member.generic.sizes) * len(ops)
    return total
