"""A kernel's loops: the common dims outermost, then one nest per stage, with buffers for what passes between stages."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod

from xdsl.dialects import memref
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, i8
from xdsl.ir import Attribute, SSAValue

from ...dialects import kernel
from ...dialects._access import Access
from ...dialects._shape import dtype, element, shape
from ...dialects._stages import Kernel, Member, analyse
from .body import barred
from .held import Held
from .legality import ScheduleError, check
from .problem import Machine, Problem, Tile, Tiling
from .scalar import Scalar, stages_without
from .schedule import tiles_of
from .scope import Base, Code
from .stage import Nest
from .tiling import choose, pieces
from .walk import Homes, Walk, join, problem, strip, walk

STACK = 16 * 1024
"""Bytes up to which a buffer between stages lies on the stack."""


@dataclass(frozen=True)
class Generated:
    """What became of a kernel: bytes of scratch memory that each launch must give it, the tiling of each stage, and why
    stages that have no vectors have none."""

    scratch: int
    tilings: tuple[Tiling, ...]
    scalar: tuple[Scalar, ...]


def generate(func: kernel.FuncOp, machine: Machine) -> Generated | None:
    """Replace a bufferized kernel's generics by loops, as its schedule says or by default; None (and nothing changed)
    if it is no kernel of generics. ScheduleError if it cannot be carried out as its schedule says."""
    wanted = tiles_of(func.schedule)
    if (found := analyse(func)) is None:
        return None
    if beyond := [stage for stage in wanted if stage not in range(len(found.stages))]:
        raise ScheduleError(f"no stage {beyond[0]}; it has {len(found.stages)}")
    block = func.body.block
    old = list(block.ops)
    maker = _Maker(found, Code(block, func.location), machine, wanted)
    tilings = maker.run()
    for op in reversed(old):
        op.detach()
    for op in reversed(old):
        op.erase(safe_erase=False)
    block.add_op(kernel.ReturnOp())
    return Generated(maker.scratch_bytes, tilings, stages_without(found, maker.seen, tilings, maker.row))


class _Maker:
    def __init__(self, found: Kernel, code: Code, machine: Machine, wanted: Mapping[int, Tile]):
        self.found, self.code, self.machine, self.wanted = found, code, machine, wanted
        self.scratch_bytes = 0
        self.scratch: SSAValue | None = None
        self.homes: Homes = {}
        self.row: int | None = None
        self.seen: list[Problem] = []
        self.own: set[SSAValue] = set()

    def run(self) -> tuple[Tiling, ...]:
        found = self.found
        row, lanes = self._row()
        self.row = row
        self._allocate(lanes if row is not None else 1)
        bases: dict[int, Base] = {}
        tilings: list[Tiling] = []
        order = sorted(found.common, key=lambda d: d == row)
        self._common(order, row, lanes, bases, tilings)
        return tuple(tilings)

    def _walk(self, index: int, row: int | None, lanes: int) -> Walk:
        tile = self.wanted.get(index) if row is None else None
        return walk(self.found, self.found.stages[index], self.homes, frozenset(self.own), row, lanes, tile)

    def _row(self) -> tuple[int | None, int]:
        """The common dim to vectorise, if some stage has no vector dim of its own."""
        found = self.found
        if not found.common:
            return None, 1
        self.homes = {v: (v, v.type) for v in found.crossing() if not self._is_row(v)}
        problems = [problem(found, self._walk(i, None, 1), self.machine.vector_bytes) for i in range(len(found.stages))]
        self.homes = {}
        served = all(not p.sizes or choose(p, self.machine).vector is not None for p in problems)
        if served and any(p.sizes for p in problems):
            return None, 1
        stopped = frozenset[int]().union(*(barred(m) for m in found.members))
        rows: list[tuple[int, int, int]] = []
        for dim in found.common - stopped:
            steps = [load.access.inner(dim) for p in problems for load in p.loads if load.access.buffer in found.places]
            stores = [a.inner(dim) for p in problems for a in p.stores]
            apart = sum(s not in (0, 1) for s in steps) + sum(s != 1 for s in stores)
            if 0 not in stores and (not apart or 2 * apart <= sum(map(_work, found.members))):
                rows.append((apart, -found.sizes[dim], dim))
        return (min(rows)[2], min(p.lanes for p in problems)) if rows else (None, 1)

    def _is_row(self, value: SSAValue) -> bool:
        return all(d is None or d in self.found.common for d in self.found.place(value))

    def _allocate(self, lanes: int) -> None:
        """Give each tensor between stages a place: the output it becomes, the stack, or the scratch argument."""
        found = self.found
        wanted: list[tuple[SSAValue, MemRefType[Attribute], MemRefType[Attribute]]] = []
        for value in found.crossing():
            if self._is_row(value):
                continue
            if value in found.outputs:
                dest, type = found.outputs[value][0]
                if dest is not None:
                    self.homes[value] = (dest, type)
                continue
            axes = zip(shape(value), found.place(value), strict=True)
            sizes = [1 if d in found.common else n for n, d in axes]
            whole = MemRefType(element(value), [prod(sizes) * lanes])
            wanted.append((value, MemRefType(element(value), sizes), whole))
        for value, type, whole in wanted:
            buffer = self._buffer(whole)
            self.own.add(buffer)
            self.homes[value] = (buffer, type)

    def _buffer(self, type: MemRefType[Attribute]) -> SSAValue:
        size = prod(type.get_shape()) * dtype(type.element_type).itemsize
        if size <= STACK:
            return self.code.add(memref.AllocaOp.get(type.element_type, 64, type.get_shape()), 0)
        if self.scratch is None:
            block = self.found.func.body.block
            self.scratch = block.insert_arg(MemRefType(i8, [DYNAMIC_INDEX]), len(block.args))
        start, self.scratch_bytes = self.scratch_bytes, self.scratch_bytes + -(-size // 64) * 64
        return self.code.add(memref.ViewOp(self.scratch, self.code.index(start), [], type), 0)

    def _common(
        self,
        order: list[int],
        row: int | None,
        lanes: int,
        bases: dict[int, Base],
        tilings: list[Tiling],
    ) -> None:
        if not order:
            self.code.floor = len(self.code.scopes) - 1
            tilings[:] = self._stages(row, lanes, bases)
            return
        dim, rest = order[0], order[1:]
        size = self.found.sizes[dim]
        for start, count, width in _spans(size, lanes if dim == row else 1):
            now = width if dim == row else lanes
            if count == 1:
                bases[dim] = (None, start)
                self._common(rest, row, now, bases, tilings)
            else:
                with self.code.loop(start, start + count * width, width) as loop:
                    bases[dim] = (loop.index, 0)
                    self._common(rest, row, now, bases, tilings)

    def _stages(self, row: int | None, lanes: int, bases: dict[int, Base]) -> list[Tiling]:
        rows: dict[SSAValue, SSAValue] = {}
        found: list[Tiling] = []
        self.seen = []
        for index in range(len(self.found.stages)):
            addresses = self._walk(index, row, lanes)
            wanted = self.wanted.get(index) if row is None else None
            seen = problem(self.found, addresses, self.machine.vector_bytes)
            check(seen, wanted)
            self.seen.append(seen)
            tiling = choose(seen, self.machine, wanted)
            if row is not None:
                order = tuple(d for d in addresses.sizes if d not in addresses.reduced)
                tiling = replace(
                    tiling, vector=None, lanes=1, vectors=1, row=None, rows=1, order=order, join=None, chunk=0
                )
            found.append(tiling)
            self.code.lines.clear()
            if tiling.join is not None and tiling.row is not None:
                self.code.lines[tiling.row] = tiling.join, addresses.sizes[tiling.row]
                addresses = join(addresses, tiling.join, tiling.row)
            if tiling.chunk:
                addresses, outer = strip(addresses, tiling.reduction[-1], tiling.chunk)
                tiling = replace(tiling, hoisted=(*tiling.reduction[:-1], outer), reduction=tiling.reduction[-1:])
            held = self._held(addresses, tiling) if tiling.chunk else Held()
            vector = None if row is None else (row, lanes)
            Nest(self.found, self.code, addresses, tiling, bases, rows, vector, held).emit()
        return found

    def _held(self, addresses: Walk, tiling: Tiling) -> Held:
        """Room for the sums of a panel, for each result of the stage's reducers."""
        assert tiling.vector is not None
        steps, count = {tiling.vector: (0, 1)}, tiling.width
        for dim in reversed(tiling.order[tiling.order.index(tiling.vector) + 1 :]):
            steps[dim] = (count, count)
            count *= addresses.sizes[dim]
        if tiling.row is not None and tiling.row not in steps:
            steps[tiling.row] = (0, count)
            count *= tiling.rows
        results = [value for member in addresses.stage.of("reduce") for value in member.results]
        rooms = [self._buffer(MemRefType(element(value), [count])) for value in results]
        return Held([Access(room, steps, fixed=True) for room in rooms])


def _work(member: Member) -> int:
    """Scalar ops that one vector op of the body is worth, roughly: a function is worth many."""
    return sum(10 if op.name.startswith("math.") else 1 for op in member.generic.op.body.block.ops)


def _spans(size: int, lanes: int) -> Iterator[tuple[int, int, int]]:
    """(start, count, width): whole vectors, then narrower ones."""
    if whole := size // lanes:
        yield 0, whole, lanes
    start = whole * lanes
    for offset, width in pieces(size - start, lanes):
        yield start + offset, 1, width
