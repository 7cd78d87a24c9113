"""The template of reductions: rows of R for each X, stage after stage; a row is held, or run through again and again.

m = max(x[r, :]);  s = sum(exp(x[r, :] - m));  y[r, :] = exp(x[r, :] - m) / s           held: x is read once
acc = 0; for k in 0 .. R by BR: acc += x[r, k + arange(BR)];  s = sum(acc)               run through
acc = -inf; for k in 0 .. 9: acc = max(acc, x[r at k % 3, k // 3])                       a window, place by place
"""

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf

from xdsl.dialects import arith
from xdsl.dialects.builtin import FloatAttr, IntegerAttr, bf16, f16
from xdsl.ir import Attribute, Operation, SSAValue

from ....dialects._shape import dtype, element
from ....dialects._stages import Member, Stage
from ....dialects.tile._block import dims, kind
from ....dialects.tile.compute import CastOp
from ....dialects.tile.index import ExpandOp, FullOp, PidOp
from ....dialects.tile.memory import LoadOp
from ....dialects.tile.reduction import ReduceOp
from .axis import Axis, Form, Frame, axis
from .body import Unsupported, like
from .code import Code
from .pointwise import full, store, x_axis
from .schedule import Schedule
from .shape import COMBINE, Rows
from .values import Values


@dataclass(frozen=True)
class Part:
    """A part of a row: its number, how many there are, its blocks."""

    number: SSAValue
    count: int
    blocks: int


def emit(values: Values, form: Rows, schedule: Schedule) -> tuple[int, ...]:
    """Write the kernel; the grid."""
    made = writer(values, form, schedule)
    for stage, row in zip(values.found.stages, form.r, strict=True):
        if stage.reduced:
            made.reduce(stage, row)
    for row in dict.fromkeys(made.dims_of(value, form) for value in values.found.outputs):
        made.finish([v for v in values.found.outputs if made.dims_of(v, form) == row], row)
    return (made.x.blocks,)


def writer(values: Values, form: Rows, schedule: Schedule) -> "Writer":
    """What writes a kernel; a program has a block of the rows."""
    x = x_axis(values.found, form.x, schedule)
    if x.blocks > 1:
        x.start = values.code.times(values.code.emit(PidOp(0)), x.block)
    return Writer(values, x, schedule)


class Writer:
    """Writes the stages of one kernel."""

    def __init__(self, values: Values, x: Axis, schedule: Schedule):
        self.values, self.code, self.x, self.schedule = values, values.code, x, schedule
        self.rank = 0

    def dims_of(self, value: SSAValue, form: Rows) -> tuple[int, ...]:
        """The dims along rows that a result has."""
        member = self.values.found.maker[value]
        kept = member.space - member.reduced - set(form.x)
        return next((row for row in form.r if set(row) == kept), ()) if kept else ()

    def axis(self, row: tuple[int, ...]) -> Axis:
        """The axis of a row."""
        return axis("r", row, self.values.found.sizes, self.schedule.BR)

    @contextmanager
    def along(self, r: Axis, carried: Sequence[SSAValue] = (), part: Part | None = None):
        """The row's blocks, or those of a part of it, in a loop if there are several: yields the loop's carried values,
        and takes new ones."""
        count = r.blocks if part is None else part.blocks
        first = None if part is None else self.code.times(part.number, part.blocks * r.block)
        if count == 1:
            carrier = _Carrier(list(carried))
            r.start = first
            self.values.frame = self.frame(r)
            yield carrier
            return
        with self.code.loop(0, count * r.block, r.block, carried, static=r.block == 1 and r.total <= 9) as loop:
            carrier = _Carrier(list(loop.carried))
            r.start = loop.index if first is None else self.code.add(first, loop.index)
            self.values.frame = self.frame(r)
            yield carrier
            loop.yielded = carrier.values
        carrier.values = list(loop.results)

    def frame(self, r: Axis) -> Frame:
        """Rows and what runs along them."""
        return Frame(self.x, r)

    def kept(self) -> Frame:
        """Rows alone, in blocks of the rank that they have beside what runs along them."""
        return Frame(self.x, rank=self.rank if self.x.block > 1 else 0)

    def reduce(self, stage: Stage, row: tuple[int, ...]) -> None:
        """Make what a stage reduces to."""
        members = stage.of("reduce")
        if (r := self.axis(row)).block == 1:
            self._one_by_one(members, r)
            return
        for member, block in zip(members, self.sums(stage, row), strict=True):
            self.values.frame = self.kept()
            remember(self.values, member, block, self.x.forms())

    def sums(self, stage: Stage, row: tuple[int, ...], part: Part | None = None) -> list[SSAValue]:
        """What the elements of a row, or of a part of it, come to, for each reduction."""
        r, members = self.axis(row), stage.of("reduce")
        if part is not None:
            r.programs = part.count * part.blocks
        shape = self.frame(r).shape
        one = (r.blocks if part is None else part.blocks) == 1
        starts = [] if one else [neutral(self.code, m, shape) for m in members]
        with self.along(r, starts, part) as carrier:
            point = self.x.forms() | r.forms()
            found = [self._element(member, point, shape, r) for member in members]
            if not one:
                pairs = zip(members, carrier.values, found, strict=True)
                found = [combined(self.code, m, acc, new) for m, acc, new in pairs]
            carrier.values = found
        place, self.rank = self.frame(r).places["r"], len(self.frame(r).places)
        names = [COMBINE[type(combiner(member))][0] for member in members]
        blocks = [self.code.emit(ReduceOp(n, v, place)) for n, v in zip(names, carrier.values, strict=True)]
        return [self.code.emit(ExpandOp(block, place)) if self.rank > 1 else block for block in blocks]

    def _one_by_one(self, members: list[Member], r: Axis) -> None:
        """Run the bodies for each place of a row, one after the other: of windows, and where no op combines in any
        order."""
        values, code = self.values, self.code
        shape = self.frame(r).shape
        values.frame, starts = self.kept(), list[SSAValue]()
        for member in members:
            for access in member.generic.outputs:
                start = values.at(access.value, values.forms(access, member, full(member, self.x.forms())))
                starts.append(code.wide(start, shape) if shape else start)
        with self.along(r, starts) as carrier:
            point, old, new = self.x.forms() | r.forms(), iter(carrier.values), list[SSAValue]()
            for member in members:
                body = values.body(member, full(member, point))
                body.known |= {arg: next(old) for arg in member.generic.output_args}
                new += [code.wide(v, shape) if shape else v for v in body.yielded()]
            carrier.values = new
        values.frame, made = self.kept(), iter(carrier.values)
        for member in members:
            for access, result in zip(member.generic.outputs, member.results, strict=True):
                forms = values.forms(access, member, full(member, self.x.forms()))
                code.remember(("made", result, tuple(forms)), next(made))

    def _element(self, member: Member, point: dict[int, Form], shape: tuple[int, ...], r: Axis) -> SSAValue:
        """What a reduction takes in, with what it ignores past the row's end."""
        values = self.values
        (taken,) = (v for v in combiner(member).operands if v is not member.generic.output_args[0])
        values.guarded = frozenset({"r"})
        found = values.body(member, full(member, point)).value(taken)
        values.guarded = frozenset()
        ignored = neutral_number(member, kind(found))
        widened = isinstance(found.owner, CastOp) and kind(found.owner.source) in (f16, bf16)
        load = found.owner.source.owner if isinstance(found.owner, CastOp) and widened else found.owner
        if isinstance(load, LoadOp) and dims(found)[values.frame.places["r"]] > 1:
            loaded = values.refilled(load, ignored)
            found = self.code.emit(CastOp(loaded, kind(found))) if widened else loaded
        elif r.is_cut:
            found = values.select(values.inside("r"), found, ignored)
        return self.code.wide(found, shape) if shape else found

    def finish(self, results: list[SSAValue], row: tuple[int, ...]) -> None:
        """Write the results that have these dims along rows."""
        if not row:
            self.values.frame = self.kept()
            store(self.values, results, self.x.forms())
            return
        with self.along(r := self.axis(row)):
            store(self.values, results, self.x.forms() | r.forms())


class _Carrier:
    """Values carried through a loop."""

    def __init__(self, values: list[SSAValue]):
        self.values = values


def combiner(member: Member) -> Operation:
    """The op that combines the elements of a reduction."""
    found = member.generic.combiner
    if found is None or type(found) not in COMBINE:
        raise Unsupported(f"no reduction by {found.name if found is not None else 'several ops'}")
    return found


def neutral_number(member: Member, type_: Attribute) -> float:
    """What a reduction ignores."""
    number = COMBINE[type(combiner(member))][1]
    if dtype(type_).kind in "iu" and number in (inf, -inf):
        bits = 8 * dtype(type_).itemsize - 1
        return -(2**bits) if number < 0 else 2**bits - 1
    return number


def neutral(code: Code, member: Member, shape: tuple[int, ...]) -> SSAValue:
    """A block of what a reduction ignores."""
    type_ = element(member.results[0])
    number = neutral_number(member, type_)
    return code.emit(FullOp(number, type_, shape)) if shape else code.number(number, type_)


def combined(code: Code, member: Member, one: SSAValue, other: SSAValue) -> SSAValue:
    """Two blocks of a reduction's elements as one."""
    return code.emit(like(combiner(member), code.same(one, other)))


def remember(values: Values, member: Member, block: SSAValue, point: Mapping[int, Form]) -> None:
    """Join what a row came to with what its sum began with; that is the tensor at a point of the frame."""
    access = member.generic.outputs[0]
    init = values.found.inits.get(access.value)
    forms = values.forms(access, member, full(member, point))
    if init is None or not _is_neutral(init, member):
        block = combined(values.code, member, block, values.at(access.value, forms))
    values.code.remember(("made", member.results[0], tuple(forms)), block)


def _is_neutral(init: SSAValue, member: Member) -> bool:
    owner = init.owner
    wanted = neutral_number(member, init.type)
    return (
        isinstance(owner, arith.ConstantOp)
        and isinstance(owner.value, IntegerAttr | FloatAttr)
        and owner.value.value.data == wanted
    )
