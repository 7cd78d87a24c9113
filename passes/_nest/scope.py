"""Blocks under construction: each load goes to the outermost loop that defines its address, and is made once there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import FloatAttr, IndexType, IntegerAttr, LocationAttr, VectorType
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from ...dialects._access import Access
from ...dialects.loop import LoadOp, SplatOp, StoreOp

Base = tuple[SSAValue | None, int]
"""Where a tile begins along a dim: a loop's index (or none) plus a constant."""


@dataclass(eq=False)
class Scope:
    """One block, and what has been computed in it."""

    block: Block
    known: dict[object, SSAValue] = field(default_factory=dict[object, SSAValue])


@dataclass
class Loop:
    """A loop under construction: its index, its values carried in, and (once left) carried out."""

    index: SSAValue
    carried: Sequence[SSAValue]
    results: Sequence[SSAValue] = ()
    yielded: Sequence[SSAValue] = ()


class Code:
    """Appends ops to the innermost of nested blocks; loads, constants and splats go as far out as they can."""

    def __init__(self, block: Block, location: LocationAttr):
        self.scopes = [Scope(block)]
        self.location = location
        self.depth: dict[SSAValue, int] = {}
        self.floor = 0
        """The scope out of which loads of what the kernel itself writes must not move."""
        self.lines: dict[int, tuple[int, int]] = {}
        """A dim that is walked as one with another, outside it -> that dim, and its own size."""

    def add(self, op: Operation, scope: int = -1) -> SSAValue:
        """Append an op (with one result) and return its result."""
        self.put(op, scope)
        return op.results[0]

    def put(self, op: Operation, scope: int = -1) -> None:
        """Append an op."""
        op.location = self.location
        self.scopes[scope].block.add_op(op)
        level = scope % len(self.scopes)
        for result in op.results:
            self.depth[result] = level

    def constant(self, value: Attribute) -> SSAValue:
        """`arith.constant`, once per kernel."""
        known = self.scopes[0].known
        if value not in known:
            known[value] = self.add(
                arith.ConstantOp.create(result_types=[value_type(value)], properties={"value": value}), 0
            )
        return known[value]

    def index(self, value: int) -> SSAValue:
        """A constant index."""
        return self.constant(IntegerAttr(value, IndexType()))

    def splat(self, value: SSAValue, lanes: int) -> SSAValue:
        """`value` in all lanes; as it is if it is a vector already or lanes is 1."""
        if lanes == 1 or isinstance(value.type, VectorType):
            return value
        scope = self.depth.get(value, 0)
        known = self.scopes[scope].known
        key = ("splat", value, lanes)
        if key not in known:
            known[key] = self.add(SplatOp(value, lanes), scope)
        return known[key]

    def address(self, access: Access, bases: dict[int, Base], offsets: dict[int, int]) -> tuple[list, int]:
        """(terms, constant) of an address, for tiles that begin at `bases` and a place `offsets` into them."""
        terms: list[tuple[int, SSAValue]] = []
        constant = access.offset
        steps = dict(access.steps)
        for dim, (line, size) in self.lines.items():
            if line in steps:
                index, start = bases[dim]
                parts = self._divided(index, start + offsets.get(dim, 0), size)
                for (_, step), (part, rest) in zip((steps.pop(line), steps.pop(dim)), parts, strict=True):
                    constant += step * rest
                    if part is not None and step:
                        terms.append((step, part))
        for dim, (outer, inner) in steps.items():
            index, start = bases.get(dim, (None, 0))
            if index is not None and outer:
                terms.append((outer, index))
            constant += outer * start + inner * offsets.get(dim, 0)
        return terms, constant

    def _divided(self, index: SSAValue | None, more: int, size: int) -> tuple[Base, Base]:
        """Quotient and remainder of `index + more` by `size`."""
        if index is None:
            return (None, more // size), (None, more % size)
        scope = self.depth[index]
        known, key = self.scopes[scope].known, ("divided", index, more, size)
        if key not in known:
            total = self.add(arith.AddiOp(index, self.index(more)), scope) if more else index
            known[key] = self.add(arith.DivUIOp(total, self.index(size)), scope)
            known[*key, "rest"] = self.add(arith.RemUIOp(total, self.index(size)), scope)
        return (known[key], 0), (known[*key, "rest"], 0)

    def load_here(self, access: Access, terms: list[tuple[int, SSAValue]], constant: int, lanes: int) -> SSAValue:
        """The neighbouring elements at an address that is written again and again: loaded where it is asked for."""
        if access.buffer is None:
            raise ValueError("expected a value with a place in memory")
        element = access.buffer.type.element_type  # pyright: ignore[reportAttributeAccessIssue]
        type = VectorType(element, [lanes]) if lanes > 1 else element
        return self.add(LoadOp.at(access.buffer, terms, constant, type, 1))

    def load(self, access: Access, terms: list[tuple[int, SSAValue]], constant: int, lanes: int, step: int) -> SSAValue:
        """The element(s) at an address; `step` 0 or one lane gives a scalar."""
        if access.buffer is None:
            raise ValueError("expected a value with a place in memory")
        element = access.buffer.type.element_type  # pyright: ignore[reportAttributeAccessIssue]
        type = VectorType(element, [lanes]) if lanes > 1 and step else element
        scope = max((self.depth.get(index, 0) for _, index in terms), default=0)
        scope = max(scope, self.floor) if access.fixed else scope
        known = self.scopes[scope].known
        key = (access.buffer, tuple((c, i) for c, i in terms), constant, type, step)
        if key not in known:
            known[key] = self.add(LoadOp.at(access.buffer, terms, constant, type, step or 1), scope)
        return known[key]

    def store(
        self, value: SSAValue, access: Access, terms: list[tuple[int, SSAValue]], constant: int, step: int
    ) -> None:
        """Write a value at an address."""
        if access.buffer is None:
            raise ValueError("expected a value with a place in memory")
        self.put(StoreOp.at(value, access.buffer, terms, constant, step))

    @contextmanager
    def loop(self, start: int, stop: int, step: int, carried: Sequence[SSAValue] = ()) -> Iterator[Loop]:
        """The body of `for index = start to stop step step`; set `.yielded` in it, read `.results` after it."""
        bounds = [self.index(start), self.index(stop), self.index(step)]
        block = Block(arg_types=[IndexType(), *(v.type for v in carried)])
        self.scopes.append(Scope(block))
        for arg in block.args:
            self.depth[arg] = len(self.scopes) - 1
        loop = Loop(block.args[0], block.args[1:])
        yield loop
        self.put(scf.YieldOp(*loop.yielded))
        self.scopes.pop()
        op = scf.ForOp(bounds[0], bounds[1], bounds[2], carried, Region(block))
        self.put(op)
        loop.results = op.results


def value_type(value: Attribute) -> Attribute:
    """The type of a constant's value."""
    if not isinstance(value, IntegerAttr | FloatAttr):
        raise TypeError(f"expected a number, found {value}")
    return value.type
