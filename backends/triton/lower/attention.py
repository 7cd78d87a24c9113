"""The template of attention: a block of queries for each program, over all keys, without the scores ever in memory
(Dao et al., FlashAttention, NeurIPS 2022; the running maximum is Milakov and Gimelshein's, 2018).

    m = -inf; l = 0; acc = 0
    for n in 0 .. N by BN:  s = f(dot(q, k[n + rn]));  m2 = max(m, max(s));  p = exp(s - m2);  a = exp(m - m2)
                            l = l * a + sum(p);  acc = dot(p, v[n + rn], acc * a);  m = m2
    y = g(acc / l)

A block all of whose scores are -inf leaves m at -inf: 0 is subtracted in its place.
"""

from dataclasses import replace
from math import inf

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import Float32Type, f32
from xdsl.ir import SSAValue

from ....dialects._generic import Access
from ....dialects._shape import element
from ....dialects._stages import Member
from ....dialects.tile._block import kind
from ....dialects.tile.compute import CastOp, CmpOp, DotOp, SelectOp
from ....dialects.tile.index import ExpandOp, FullOp, PidOp
from ....dialects.tile.memory import LoadOp
from ....dialects.tile.reduction import ReduceOp
from .axis import Axis, Form, Frame, axis
from .body import Unsupported
from .flash import Attention
from .pointwise import full, store
from .product import NARROW, is_zero
from .schedule import Schedule, power
from .values import Values


def emit(values: Values, form: Attention, schedule: Schedule, precision: str) -> tuple[int, ...]:
    """Write the kernel; the grid."""
    writer = _Writer(values, form, schedule, precision)
    code, b, m, n = values.code, writer.b, writer.m, writer.n
    if m.blocks > 1:
        m.start = code.times(code.emit(PidOp(0)), m.block)
    if b.blocks > 1:
        b.start = code.emit(PidOp(1))
    starts = writer.starts()
    if n.blocks == 1:
        _, sums, acc = writer.step(starts)
    else:
        with code.loop(0, n.blocks * n.block, n.block, starts) as loop:
            n.start = loop.index
            loop.yielded = writer.step(list(loop.carried))
        _, sums, acc = loop.results
    writer.finish(sums, acc)
    return (m.blocks, b.blocks) if b.blocks > 1 else (m.blocks,)


class _Writer:
    """Writes one kernel; its axes are batch, queries, keys, and the elements of a query and of a value."""

    def __init__(self, values: Values, form: Attention, schedule: Schedule, precision: str):
        self.values, self.code, self.form, self.precision = values, values.code, form, precision
        sizes = values.found.sizes
        self.b = axis("b", form.batch, sizes, 1)
        self.m = axis("m", form.m, sizes, schedule.BM)
        self.n = axis("n", form.n, sizes, schedule.BN)
        self.d, self.e = (self._whole(name, dims) for name, dims in (("d", form.d), ("e", form.e)))
        for member in (form.scores, form.result):
            if not is_zero(values.found.inits.get(member.generic.outputs[0].value)):
                raise Unsupported("attention whose sums do not begin at zero")

    def _whole(self, name: str, dims: tuple[int, ...]) -> Axis:
        found = axis(name, dims, self.values.found.sizes, 1)
        return replace(found, block=max(16, power(found.total)))

    def starts(self) -> list[SSAValue]:
        """Before the first key: the maximum, the sum of powers, the sum of values."""
        rows, code = self.m.block, self.code
        low, zero = code.emit(FullOp(-inf, f32, (rows,))), code.emit(FullOp(0.0, f32, (rows,)))
        return [low, zero, code.emit(FullOp(0.0, f32, (rows, self.e.block)))]

    def step(self, carried: list[SSAValue]) -> list[SSAValue]:
        """A block of keys."""
        code, form = self.code, self.form
        old, sums, acc = carried
        for value, name in zip(carried, ("top", "sums", "acc"), strict=True):
            value.name_hint = name
        scores = self._scores()
        top = code.emit(arith.MaxnumfOp(old, code.emit(ReduceOp("max", scores, 1))))
        low = code.emit(FullOp(-inf, f32, (self.m.block,)))
        none = code.emit(CmpOp("eq", top, low))
        base = code.emit(SelectOp(none, code.emit(FullOp(0.0, f32, (self.m.block,))), top))
        powers = code.emit(math.ExpOp(code.emit(arith.SubfOp(*code.pair(scores, self._column(base))))))
        fade = code.emit(math.ExpOp(code.emit(arith.SubfOp(old, base))))
        base.name_hint, powers.name_hint, fade.name_hint = "base", "p", "fade"
        sums = code.emit(arith.AddfOp(code.emit(arith.MulfOp(sums, fade)), code.emit(ReduceOp("sum", powers, 1))))
        acc = code.emit(arith.MulfOp(*code.pair(acc, self._column(fade))))
        value = self._operand(form.value, form.result, Frame(self.b, self.n, self.e), {"n"})
        return [top, sums, self._dot(powers, value, acc)]

    def _column(self, row: SSAValue) -> SSAValue:
        return self.code.emit(ExpandOp(row, 1))

    def _scores(self) -> SSAValue:
        """The block of scores, -inf past the last key."""
        code, values, form = self.code, self.values, self.form
        query = self._operand(form.query, form.scores, Frame(self.b, self.m, self.d), {"d"})
        key = self._operand(form.key, form.scores, Frame(self.b, self.d, self.n), {"d"})
        found = self._dot(query, key, code.emit(FullOp(0.0, f32, (self.m.block, self.n.block))))
        values.frame, values.guarded = Frame(self.b, self.m, self.n), frozenset()
        point = self.b.forms() | self.m.forms() | self.n.forms()
        self._remember(form.scores, point, found)
        access = form.softmax.generic.inputs[0]
        scores = values.at(access.value, values.forms(access, form.softmax, full(form.softmax, point)))
        scores = code.wide(scores, values.frame.shape)
        return values.select(values.inside("n"), scores, -inf) if self.n.is_cut else scores

    def _remember(self, member: Member, point: dict[int, Form], made: SSAValue) -> None:
        access = member.generic.outputs[0]
        forms = self.values.forms(access, member, full(member, point))
        made = made if kind(made) == element(access.value) else self.code.emit(CastOp(made, element(access.value)))
        self.code.remember(("made", member.results[0], tuple(forms)), made)

    def _operand(self, access: Access, member: Member, frame: Frame, guarded: set[str]) -> SSAValue:
        """A factor's block, with zeros past the end of what is summed."""
        code, values = self.code, self.values
        values.frame, values.guarded = frame, frozenset(guarded)
        point: dict[int, Form] = {}
        for one in frame.axes.values():
            point |= one.forms()
        found = values.at(access.value, values.forms(access, member, full(member, point)))
        for name in sorted(guarded):
            if frame.axes[name].is_cut and not isinstance(found.owner, LoadOp):
                found = values.select(values.inside(name), found, 0.0)
        return code.wide(found, frame.shape)

    def _dot(self, lhs: SSAValue, rhs: SSAValue, acc: SSAValue) -> SSAValue:
        code = self.code
        narrow = NARROW.get(self.precision)
        if kind(lhs) != kind(rhs) or (narrow is not None and isinstance(kind(lhs), Float32Type)):
            to = narrow or next((kind(v) for v in (lhs, rhs) if not isinstance(kind(v), Float32Type)), f32)
            lhs, rhs = (v if kind(v) == to else code.emit(CastOp(v, to)) for v in (lhs, rhs))
        told = self.precision if isinstance(kind(lhs), Float32Type) else None
        return code.emit(DotOp(lhs, rhs, acc, told))

    def finish(self, sums: SSAValue, acc: SSAValue) -> None:
        """What becomes of a block of results."""
        code, values, form = self.code, self.values, self.form
        made = code.emit(arith.DivfOp(*code.pair(acc, self._column(sums))))
        if form.zeroed:
            zero = code.emit(FullOp(0.0, f32, (self.m.block,)))
            some = code.emit(CmpOp("gt", sums, zero))
            made = values.select(self._column(some), made, 0.0)
        values.frame, values.guarded = Frame(self.b, self.m, self.e), frozenset()
        point = self.b.forms() | self.m.forms() | self.e.forms()
        self._remember(form.result, point, made)
        store(values, list(values.found.outputs), point)
