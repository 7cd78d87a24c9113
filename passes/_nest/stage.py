"""The loops of one stage: tiles of the parallel dims, the reduction inside, what follows it before the only store.

for n tile { for m tile { c.. = init; for k { c.. += a[m, k] * b[k, n] }; y[m, n] = relu(c.. + bias[n]) } }
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    BFloat16Type,
    Float16Type,
    Float32Type,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    VectorType,
)
from xdsl.ir import Attribute, SSAValue

from ...dialects._shape import element
from ...dialects._stages import Kernel, Member
from ...dialects.loop import Combine, ReduceOp
from .ahead import ask_ahead
from .body import Body, Point
from .held import Held, Slot
from .problem import Tiling
from .scope import Base, Code
from .tiling import pieces, segments
from .walk import JOINS, Walk

Cell = tuple[SSAValue, tuple[int, ...]]


@dataclass
class Nest:
    """Generates one stage. `values` holds what is known at this point: (tensor, offsets into the tile) -> value."""

    found: Kernel
    code: Code
    walk: Walk
    tiling: Tiling
    bases: dict[int, Base]
    rows: dict[SSAValue, SSAValue]
    """Tensors of earlier stages that are one value per point of the common dims."""
    row: tuple[int, int] | None
    """The common dim that is vectorised, and its lanes."""
    held: Held
    """Where the sums of a panel lie between two chunks of a reduction."""
    extents: dict[int, int] = field(default_factory=dict[int, int])
    values: dict[Cell, SSAValue] = field(default_factory=dict[Cell, SSAValue])

    def emit(self) -> None:
        """Append the stage's loops."""
        order, vector = self.tiling.order, self.tiling.vector
        if not self.tiling.chunk or vector is None:
            self._loops(order, self._tile)
            return
        panel = order.index(vector) + 1
        self._loops(order[:panel], lambda: self._chunks(order[panel:]))

    def _chunks(self, rows: Sequence[int]) -> None:
        """A panel whose reduction goes in chunks: each is done for all rows, while it lies in the nearest cache."""
        self._loops(rows, self._begin)
        self._over(self.tiling.hoisted, lambda: self._loops(rows, self._go_on))
        self._loops(rows, self._end)

    def _over(self, dims: Sequence[int], leaf: Callable[[], None]) -> None:
        if not dims:
            return leaf()
        with self.code.loop(0, self.walk.sizes[dims[0]], 1) as loop:
            self.bases[dims[0]] = (loop.index, 0)
            self._over(dims[1:], leaf)

    def _loops(self, order: Sequence[int], leaf: Callable[[], None]) -> None:
        if not order:
            self.values.clear()
            leaf()
            return
        dim, rest = order[0], order[1:]
        for start, count, width in self._segments(dim):
            self.extents[dim] = width
            if count == 1:
                self.bases[dim] = (None, start)
                self._loops(rest, leaf)
            else:
                with self.code.loop(start, start + count * width, width) as loop:
                    self.bases[dim] = (loop.index, 0)
                    self._loops(rest, leaf)

    def _segments(self, dim: int) -> list[tuple[int, int, int]]:
        size, tiling = self.walk.sizes[dim], self.tiling
        if dim == tiling.vector:
            whole = size // tiling.width
            rest = size - whole * tiling.width
            return [s for s in ((0, whole, tiling.width), (size - rest, 1, rest)) if s[1] and s[2]]
        return list(segments(size, tiling.rows if dim == tiling.row else 1))

    def _points(self) -> list[Point]:
        """The tile's places, one vector (or scalar) each."""
        tiling = self.tiling
        across = [(0, 1)]
        if tiling.vector is not None and tiling.vector not in self.walk.reduced:
            across = pieces(self.extents[tiling.vector], tiling.lanes)
        found: list[Point] = []
        for r in range(self.extents[tiling.row] if tiling.row is not None else 1):
            for offset, lanes in across:
                offsets = {tiling.row: r} if tiling.row is not None else {}
                if tiling.vector is not None and tiling.vector not in self.walk.reduced:
                    found.append(Point(self.bases, offsets | {tiling.vector: offset}, tiling.vector, lanes))
                elif self.row is not None:
                    found.append(Point(self.bases, offsets, *self.row))
                else:
                    found.append(Point(self.bases, offsets, None, 1))
        return found

    def _tile(self) -> None:
        points = self._points()
        reducers = self.walk.stage.of("reduce")
        if not reducers:
            for point in points:
                self._finish(self.walk.stage.members, point)
            return
        if self.tiling.vector in self.walk.reduced:
            for point in points:
                self._along(reducers, point)
        else:
            slots = self._slots(points)
            self._remember(slots, self._fold(self.tiling.reduction, slots, self._initials(slots), {}))
        self._leave_tile(points)

    def _leave_tile(self, points: Sequence[Point]) -> None:
        for point in points:
            self._finish([*self.walk.stage.of("reduce"), *self.walk.stage.of("post")], point)

    def _finish(self, members: Sequence[Member], point: Point) -> None:
        """Compute what leaves the tile, and store it."""
        for member in members:
            for value in member.results:
                if value in self.walk.writes:
                    self._store(value, self._value(value, point), point)
                if self._is_row(value):
                    self.rows[value] = self._value(value, point)

    def _is_row(self, value: SSAValue) -> bool:
        return all(d is None or d in self.found.common for d in self.found.place(value))

    def _store(self, value: SSAValue, stored: SSAValue, point: Point) -> None:
        for access in self.walk.writes[value]:
            terms, constant = self.code.address(access, self.bases, point.offsets)
            step = point.step(access)
            wide = self.code.splat(stored, point.lanes) if step else stored
            self.code.store(wide, access, terms, constant, step or 1)

    def _cell(self, value: SSAValue, point: Point) -> Cell:
        space = self.found.maker[value].space
        return value, tuple(o for d, o in sorted(point.offsets.items()) if d in space)

    def _value(self, value: SSAValue, point: Point) -> SSAValue:
        cell = self._cell(value, point)
        if cell not in self.values:
            member = self.found.maker[value]
            results = self._run(member, point, {})
            for result, made in zip(member.results, results, strict=True):
                self.values[self._cell(result, point)] = made
        return self.values[cell]

    def _run(self, member: Member, point: Point, sums: dict[int, SSAValue]) -> list[SSAValue]:
        """The member's body at a point; `sums` gives the values so far of its outputs."""
        unused = member.generic.unused
        views = (*member.generic.inputs, *member.generic.outputs)
        inputs = len(member.generic.inputs)
        arguments: list[SSAValue | None] = []
        for i, view in enumerate(views):
            if i in unused:
                arguments.append(None)
            elif i >= inputs and i - inputs in sums:
                arguments.append(sums[i - inputs])
            else:
                arguments.append(self._operand(member, i, view.value, point))
        return Body(self.code, member, point, self._place).run(arguments)

    def _operand(self, member: Member, i: int, value: SSAValue, point: Point) -> SSAValue:
        found = self.found
        if value in found.inits:
            return self._scalar(found.inits[value])
        if (member, i) in self.walk.reads:
            access = self.walk.reads[member, i]
            terms, constant = self.code.address(access, self.bases, point.offsets)
            return self.code.load(access, terms, constant, point.lanes, point.step(access))
        if value in self.rows and found.maker[value].stage != member.stage:
            return self.rows[value]
        return self._value(value, point)

    def _scalar(self, value: SSAValue) -> SSAValue:
        if not isinstance(value.owner, arith.ConstantOp):
            raise ValueError(f"expected a constant, found {value}")
        return self.code.constant(value.owner.value)

    def _place(self, value: SSAValue) -> SSAValue:
        return self.found.places[value]

    # reductions whose lanes are neighbours in the result

    def _slots(self, points: Sequence[Point]) -> list[Slot]:
        return [(m, k, p) for p in points for m in self.walk.stage.of("reduce") for k in range(len(m.results))]

    def _initials(self, slots: Sequence[Slot]) -> list[SSAValue]:
        return [self.code.splat(self._initial(m, k, p), p.lanes) for m, k, p in slots]

    def _remember(self, slots: Sequence[Slot], totals: Sequence[SSAValue]) -> None:
        for (member, k, point), total in zip(slots, totals, strict=True):
            self.values[self._cell(member.results[k], point)] = total

    def _begin(self) -> None:
        slots = self._slots(self._points())
        self.held.put(self.code, self.bases, slots, self._initials(slots))

    def _go_on(self) -> None:
        slots = self._slots(self._points())
        sums = self.held.take(self.code, self.bases, slots)
        self.held.put(self.code, self.bases, slots, self._fold(self.tiling.reduction, slots, sums, {}))

    def _end(self) -> None:
        points = self._points()
        slots = self._slots(points)
        self._remember(slots, self.held.take(self.code, self.bases, slots))
        self._leave_tile(points)

    def _initial(self, member: Member, k: int, point: Point) -> SSAValue:
        view = member.generic.outputs[k]
        i = len(member.generic.inputs) + k
        if view.value in self.found.inits:
            return self._scalar(self.found.inits[view.value])
        return self._operand(member, i, view.value, point)

    def _fold(
        self, dims: Sequence[int], slots: list[Slot], sums: list[SSAValue], taps: dict[int, int]
    ) -> list[SSAValue]:
        if not dims:
            if self.tiling.ahead:
                rows = self.extents[self.tiling.row] if self.tiling.row is not None else 1
                ask_ahead(self.code, self.walk, self.tiling, self.bases, rows)
            return self._step(slots, sums, taps)
        dim, rest = dims[0], dims[1:]
        if len(dims) <= self.tiling.flat:
            self.bases[dim] = (None, 0)
            for i in range(self.walk.sizes[dim]):
                sums = self._fold(rest, slots, sums, taps | {dim: i})
            return sums
        with self.code.loop(0, self.walk.sizes[dim], 1, sums) as loop:
            self.bases[dim] = (loop.index, 0)
            loop.yielded = self._fold(rest, slots, list(loop.carried), taps)
        return list(loop.results)

    def _step(self, slots: list[Slot], sums: list[SSAValue], taps: dict[int, int]) -> list[SSAValue]:
        """One reduction step at every point of the tile."""
        found: list[SSAValue] = []
        outer, self.values = self.values, {}
        at = 0
        while at < len(slots):
            member, _, point = slots[at]
            here = Point(point.bases, point.offsets | taps, point.vector, point.lanes)
            width = len(member.results)
            made = self._run(member, here, dict(enumerate(sums[at : at + width])))
            found += [self.code.splat(v, point.lanes) for v in made]
            at += width
            if at == len(slots) or slots[at][2] is not point:
                self._leave(here)
        self.values = outer
        return found

    def _leave(self, point: Point) -> None:
        """Store what pointwise members make inside the reduction for others."""
        for member in self.walk.stage.of("pre"):
            for value in member.results:
                if value in self.walk.writes:
                    self._store(value, self._value(value, point), point)

    # reductions along the vector dim: lanes joined at the end

    def _along(self, reducers: Sequence[Member], point: Point) -> None:
        tiling = self.tiling
        vector, lanes = tiling.vector, tiling.lanes
        if vector is None:
            raise ValueError("expected a vector dim")
        size = self.walk.sizes[vector]
        whole = size // tiling.width
        tail = pieces(size - whole * tiling.width, lanes)
        widths = [lanes] * (tiling.vectors if whole else 0) + sorted({w for _, w in tail}, reverse=True)
        at = list(range(tiling.vectors if whole else 0))
        spot = {w: len(at) + i for i, w in enumerate(sorted({w for _, w in tail}, reverse=True))}
        start = [self.code.splat(self._neutral(m), w) for m in reducers for w in widths]

        def body(sums: list[SSAValue]) -> list[SSAValue]:
            if whole:
                sums = self._stripe(reducers, point, vector, whole, sums, len(widths))
            for offset, width in tail:
                self.bases[vector] = (None, whole * tiling.width)
                sums = self._one(reducers, point, offset, width, spot[width], sums, len(widths))
            return sums

        totals = self._nested(tiling.reduction[:-1], start, body)
        for i, member in enumerate(reducers):
            mine = totals[i * len(widths) : (i + 1) * len(widths)]
            self.values[self._cell(member.results[0], point)] = self._joined(member, mine, point)

    def _nested(
        self, dims: Sequence[int], sums: list[SSAValue], body: Callable[[list[SSAValue]], list[SSAValue]]
    ) -> list[SSAValue]:
        if not dims:
            return body(sums)
        with self.code.loop(0, self.walk.sizes[dims[0]], 1, sums) as loop:
            self.bases[dims[0]] = (loop.index, 0)
            loop.yielded = self._nested(dims[1:], list(loop.carried), body)
        return list(loop.results)

    def _stripe(
        self, reducers: Sequence[Member], point: Point, vector: int, whole: int, sums: list[SSAValue], each: int
    ) -> list[SSAValue]:
        width, lanes = self.tiling.width, self.tiling.lanes

        def inside(sums: list[SSAValue]) -> list[SSAValue]:
            for j in range(self.tiling.vectors):
                sums = self._one(reducers, point, j * lanes, lanes, j, sums, each)
            return sums

        if whole == 1:
            self.bases[vector] = (None, 0)
            return inside(sums)
        with self.code.loop(0, whole * width, width, sums) as loop:
            self.bases[vector] = (loop.index, 0)
            loop.yielded = inside(list(loop.carried))
        return list(loop.results)

    def _one(
        self,
        reducers: Sequence[Member],
        point: Point,
        offset: int,
        lanes: int,
        slot: int,
        sums: list[SSAValue],
        each: int,
    ) -> list[SSAValue]:
        """One vector's step of every reduction; `slot` is the partial sum it goes to."""
        sums = list(sums)
        vector = self.tiling.vector
        if vector is None:
            raise ValueError("expected a vector dim")
        here = Point(point.bases, point.offsets | {vector: offset}, vector, lanes)
        outer, self.values = self.values, {}
        for i, member in enumerate(reducers):
            (made,) = self._run(member, here, {0: sums[i * each + slot]})
            sums[i * each + slot] = self.code.splat(made, lanes)
        self._leave(here)
        self.values = outer
        return sums

    def _neutral(self, member: Member) -> SSAValue:
        """What changes no partial result: 0 for sums, 1 for products, else the initial value itself."""
        kind, type = _join(member), element(member.results[0])
        if kind in ("add", "or", "xor", "umax"):
            return self.code.constant(_number(type, 0))
        if kind == "mul":
            return self.code.constant(_number(type, 1))
        return self._initial(member, 0, Point(self.bases, {}, None, 1))

    def _joined(self, member: Member, parts: Sequence[SSAValue], point: Point) -> SSAValue:
        kind = Combine(_join(member))
        combiner = type(member.generic.combiner)
        total = self._initial(member, 0, point)
        by_width: dict[Attribute, SSAValue] = {}
        for part in parts:
            before = by_width.get(part.type)
            by_width[part.type] = part if before is None else self._combine(combiner, before, part)
        for part in by_width.values():
            scalar = self.code.add(ReduceOp(kind, part)) if isinstance(part.type, VectorType) else part
            total = self._combine(combiner, total, scalar)
        return total

    def _combine(self, combiner: type, lhs: SSAValue, rhs: SSAValue) -> SSAValue:
        return self.code.add(combiner(lhs, rhs))


def _join(member: Member) -> str:
    if member.generic.combiner is None:
        raise ValueError("expected a reduction whose parts can be joined")
    return JOINS[member.generic.combiner.name]


def _number(type: Attribute, value: int) -> IntegerAttr | FloatAttr:
    match type:
        case IntegerType():
            return IntegerAttr(value, type)
        case Float16Type() | BFloat16Type() | Float32Type() | Float64Type():
            return FloatAttr(float(value), type)
        case _:
            raise TypeError(f"expected a number type, found {type}")
