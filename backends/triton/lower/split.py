"""The template of sums in parts: where blocks of results are fewer than multiprocessors, programs share a block's sum.

    @k0_parts    part[s, m, n] = sum over the s-th part of K of a[m, k] b[k, n]
    @k0          y[m, n] = relu(part[0, m, n] + part[1, m, n] + .. + bias[n])

Parts are added in one order, whichever program was first: results are the same each time, which atomics would not give.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Attribute, SSAValue

from ....dialects._shape import element
from ....dialects._stages import Kernel, Member
from ....dialects.tile._block import kind
from ....dialects.tile.compute import CastOp
from ....dialects.tile.index import PidOp
from ....dialects.tile.memory import LoadOp, StoreOp
from ....dialects.tile.view import ViewType
from . import product, rows
from .axis import Axis, Digit, Form, Frame, axis, materialize
from .body import Unsupported
from .pointwise import store
from .schedule import Schedule, power
from .shape import Product, Rows
from .values import Values


@dataclass(frozen=True)
class Parts:
    """The sums of a kernel: how many parts each has, of how many blocks of what is summed; the members that are summed,
    their elements; the dims of a result as a part has them, and what these are counted through as."""

    count: int
    blocks: int
    members: tuple[Member, ...]
    element: Attribute
    dims: tuple[int, ...]
    axes: tuple[int, ...]

    @property
    def rows(self) -> int:
        """The parts of all sums."""
        return len(self.members) * self.count

    @property
    def memory(self) -> MemRefType[Attribute]:
        """Where they lie, one after the other."""
        return MemRefType(self.element, [self.rows, prod(self.axes)])

    @property
    def written(self) -> ViewType:
        """The memory as the kernel of the parts sees it."""
        return ViewType.of(self.element, [self.rows, *self.axes])

    @property
    def read(self) -> ViewType:
        """The memory as the kernel that adds them up sees it."""
        return ViewType.of(self.element, [self.rows, prod(self.axes)])


def parts(found: Kernel, form: object, schedule: Schedule) -> Parts:
    """How the sums of a kernel of this form are cut; Unsupported where they are not alone."""
    match form:
        case Product():
            batch = [form.batch] if form.batch else []
            groups, depth, block = [*batch, form.m, form.n], form.k, schedule.BK
            members = (form.member,)
        case Rows() if _sums_once(found, form, schedule):
            at = next(i for i, stage in enumerate(found.stages) if stage.reduced)
            groups, depth, block = [form.x], form.r[at], schedule.BR
            members = tuple(found.stages[at].of("reduce"))
            if any(found.maker[v].space - found.maker[v].reduced - set(form.x) for v in found.outputs):
                raise Unsupported("split: a result has the dims that are summed")
        case _:
            raise Unsupported("split: expected a contraction, or one reduction")
    elements = {element(member.results[0]) for member in members}
    if len(elements) > 1:
        raise Unsupported(f"split: sums of several types, {', '.join(map(str, elements))}")
    blocks = -(-_total(found, depth) // block)
    each = -(-blocks // max(1, schedule.split))
    flat = tuple(d for group in groups for d in group)
    return Parts(-(-blocks // each), each, members, elements.pop(), flat, tuple(_total(found, g) for g in groups))


def adding_block(cut: Parts) -> int:
    """Indices of a block of the kernel that adds parts up: few, so that all multiprocessors have one."""
    return max(32, min(256, power(prod(cut.axes) // 128)))


def _sums_once(found: Kernel, form: Rows, schedule: Schedule) -> bool:
    return not form.one_by_one and schedule.BR > 1 and sum(bool(stage.reduced) for stage in found.stages) == 1


def _total(found: Kernel, group: Sequence[int]) -> int:
    return prod(found.sizes[d] for d in group)


def emit_parts(
    values: Values, form: Product | Rows, cut: Parts, schedule: Schedule, precision: str, memory: SSAValue
) -> tuple[int, ...]:
    """Write the kernel of the parts, into `memory`; the grid."""
    code = values.code
    if isinstance(form, Product):
        batch, m, n, k = product.axes(values, form, schedule)
        k.programs = cut.count * cut.blocks
        grid = (m.blocks * n.blocks, batch.blocks) if batch.blocks > 1 else (m.blocks * n.blocks,)
        number = code.emit(PidOp(len(grid)))
        acc = product.summed(values, form, (batch, m, n, k), precision, (number, cut.blocks))
        values.frame = Frame(batch, m, n)
        _put(values, cut, memory, number, acc, [*([batch] if batch.dims else []), m, n])
        return (*grid, cut.count)
    writer = rows.writer(values, form, schedule)
    number = code.emit(PidOp(1))
    at = next(i for i, stage in enumerate(values.found.stages) if stage.reduced)
    sums = writer.sums(values.found.stages[at], form.r[at], rows.Part(number, cut.count, cut.blocks))
    values.frame = writer.kept()
    for i, block in enumerate(sums):
        where = code.add(number, code.number(i * cut.count)) if i else number
        _put(values, cut, memory, where, block, [writer.x])
    return (writer.x.blocks, cut.count)


def _put(values: Values, cut: Parts, memory: SSAValue, part: SSAValue, made: SSAValue, axes: Sequence[Axis]) -> None:
    """Write a block of a part."""
    code = values.code
    made = made if kind(made) == cut.element else code.emit(CastOp(made, cut.element))
    indices = [materialize(code, values.frame, Form(((1, Digit(a.name, 1, None)),))) for a in axes]
    bounds = ["none", *("upper" if a.is_cut else "none" for a in axes)]
    code.put(StoreOp(made, memory, [part, *indices], bounds=bounds))


def emit_sums(values: Values, cut: Parts, schedule: Schedule, memory: SSAValue) -> tuple[int, ...]:
    """Write the kernel that adds the parts of each sum up, and does what becomes of it; the grid."""
    code = values.code
    x = axis("x", cut.dims, values.found.sizes, schedule.BX)
    if x.blocks > 1:
        x.start = code.times(code.emit(PidOp(0)), x.block)
    values.frame = Frame(x)
    flat = materialize(code, values.frame, Form(((1, Digit("x", 1, None)),)))
    bounds = ["none", "upper" if x.is_cut else "none"]
    for i, member in enumerate(cut.members):

        def load(part: SSAValue, first: int = i * cut.count) -> SSAValue:
            where = code.add(part, code.number(first)) if first else part
            return code.emit(LoadOp(memory, [where, flat], other=0.0 if x.is_cut else None, bounds=bounds))

        start = load(code.number(0))
        start.name_hint = "total"
        with code.loop(1, cut.count, 1, [start], static=True) as loop:
            loop.carried[0].name_hint, loop.index.name_hint = "total", "part"
            loop.yielded = [rows.combined(code, member, loop.carried[0], load(loop.index))]
        rows.remember(values, member, loop.results[0], x.forms())
    store(values, list(values.found.outputs), x.forms())
    return (x.blocks,)
