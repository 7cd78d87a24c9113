"""The template of contractions: a block of M x N for each program, summed over K by dots; then what becomes of it.

    acc = 0; for k in 0 .. K by BK: acc = dot(a[rm, k + rk], b[k + rk, rn], acc);  y[rm, rn] = relu(acc + bias[rn])

A convolution is one whose M counts pixels, K filter places and channels: its left-hand side's indices are sums of
digits of both. Programs of `group` rows of blocks run together, so that what they read is in the second cache.
"""

from xdsl.dialects import arith
from xdsl.dialects.builtin import Float32Type, FloatAttr, bf16, f16, f32
from xdsl.ir import SSAValue

from ....dialects._generic import Access
from ....dialects._shape import element
from ....dialects.tile._block import kind
from ....dialects.tile.compute import CastOp, DotOp
from ....dialects.tile.index import FullOp, PidOp
from ....dialects.tile.memory import LoadOp
from .axis import Axis, Form, Frame, axis
from .body import Unsupported
from .code import Code
from .pointwise import full, store
from .schedule import Schedule
from .shape import Product
from .values import Values

MOST = 65535
"""Programs along the second axis of a grid, at most."""
Axes = tuple[Axis, Axis, Axis, Axis]
"""Batch, M, N and K."""
NARROW = {"f16": f16, "bf16": bf16}
"""By precision, what factors of f32 are rounded to; the others say how f32 itself is multiplied."""


def emit(values: Values, form: Product, schedule: Schedule, precision: str) -> tuple[int, ...]:
    """Write the kernel; the grid."""
    code = values.code
    batch, m, n, k = axes(values, form, schedule)
    acc = summed(values, form, (batch, m, n, k), precision)
    values.frame = Frame(batch, m, n)
    point = batch.forms() | m.forms() | n.forms()
    member = form.member
    access = member.generic.outputs[0]
    forms = values.forms(access, member, full(member, point))
    acc = acc if kind(acc) == element(access.value) else code.emit(CastOp(acc, element(access.value)))
    if not is_zero(values.found.inits.get(access.value)):
        acc = code.emit(arith.AddfOp(*code.pair(acc, values.at(access.value, forms))))
    code.remember(("made", member.results[0], tuple(forms)), acc)
    store(values, list(values.found.outputs), point)
    return (m.blocks * n.blocks, batch.blocks) if batch.blocks > 1 else (m.blocks * n.blocks,)


def axes(values: Values, form: Product, schedule: Schedule) -> Axes:
    """Batch, M, N and K; where a program's block of the first three begins."""
    code, sizes = values.code, values.found.sizes
    m, n = axis("m", form.m, sizes, schedule.BM), axis("n", form.n, sizes, schedule.BN)
    batch, k = axis("b", form.batch, sizes, 1), axis("k", form.k, sizes, schedule.BK)
    if batch.blocks > MOST:
        raise Unsupported(f"{batch.blocks} products of a batch: expected {MOST} at most")
    if batch.blocks > 1:
        batch.start = code.emit(PidOp(1))
    _place(code, m, n, schedule.group)
    return batch, m, n, k


def summed(
    values: Values, form: Product, found: Axes, precision: str, part: tuple[SSAValue, int] | None = None
) -> SSAValue:
    """A block's sum over K; over a part of it, by its number, of so many blocks."""
    code = values.code
    _, m, n, k = found
    first, count = None, k.blocks
    if part is not None:
        first, count = code.times(part[0], part[1] * k.block), part[1]
    if count == 1:
        k.start = first
        acc = _dot(values, form, found, _zero(code, m, n), precision)
    else:
        with code.loop(0, count * k.block, k.block, [_zero(code, m, n)]) as loop:
            loop.carried[0].name_hint, loop.index.name_hint = "acc", "k"
            k.start = loop.index if first is None else code.add(first, loop.index)
            loop.yielded = [_dot(values, form, found, loop.carried[0], precision)]
        acc = loop.results[0]
    values.guarded = frozenset()
    return acc


def _zero(code: Code, m: Axis, n: Axis) -> SSAValue:
    return code.emit(FullOp(0.0, f32, (m.block, n.block)))


def is_zero(init: SSAValue | None) -> bool:
    """Whether a sum begins at zero."""
    owner = None if init is None else init.owner
    value = owner.value if isinstance(owner, arith.ConstantOp) else None
    return isinstance(value, FloatAttr) and value.value.data == 0


def _place(code: Code, m: Axis, n: Axis, group: int) -> None:
    """Where a program's block begins: rows first within groups of rows."""
    if m.blocks == 1 and n.blocks == 1:
        return
    pid = code.emit(PidOp(0))
    if m.blocks == 1:
        n.start = code.times(pid, n.block)
    elif n.blocks == 1:
        m.start = code.times(pid, m.block)
    elif m.blocks <= group or not group:
        m.start = code.times(code.modulo(pid, m.blocks), m.block)
        n.start = code.times(code.over(pid, m.blocks), n.block)
    else:
        width = group * n.blocks
        first = code.times(code.over(pid, width), group)
        rest = code.emit(arith.SubiOp(code.number(m.blocks), first))
        rows = code.emit(arith.MinSIOp(rest, code.number(group)))
        inside = code.modulo(pid, width)
        m.start = code.times(code.add(first, code.emit(arith.RemSIOp(inside, rows))), m.block)
        n.start = code.times(code.emit(arith.DivSIOp(inside, rows)), n.block)


def _dot(values: Values, form: Product, axes: Axes, acc: SSAValue, precision: str) -> SSAValue:
    """One step along K."""
    batch, m, n, k = axes
    lhs, rhs = form.member.generic.inputs
    values.guarded = frozenset({"k"})
    a = _operand(values, form, lhs, Frame(batch, m, k))
    b = _operand(values, form, rhs, Frame(batch, k, n))
    narrow = NARROW.get(precision)
    if kind(a) != kind(b) or (narrow is not None and isinstance(kind(a), Float32Type)):
        to = narrow or next((kind(v) for v in (a, b) if not isinstance(kind(v), Float32Type)), f32)
        a, b = (v if kind(v) == to else values.code.emit(CastOp(v, to)) for v in (a, b))
    a.name_hint, b.name_hint = a.name_hint or "a", b.name_hint or "b"
    told = precision if isinstance(kind(a), Float32Type) else None
    return values.code.emit(DotOp(a, b, acc, told))


def _operand(values: Values, form: Product, access: Access, frame: Frame) -> SSAValue:
    """A side's block, with zeros past the end of K."""
    code = values.code
    values.frame = frame
    point: dict[int, Form] = {}
    for one in frame.axes.values():
        point |= one.forms()
    found = values.at(access.value, values.forms(access, form.member, full(form.member, point)))
    k = frame.axes["k"]
    if k.is_cut and not isinstance(found.owner, LoadOp):
        found = values.select(values.inside("k"), found, 0.0)
    return code.wide(found, frame.shape)
