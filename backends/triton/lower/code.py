"""Blocks of ops under construction: each op goes to the outermost loop that defines its operands, made once there.

code.emit(MuliOp(%r, %c))        beside it if there is an equal one; outside the loop on k if %r and %c are
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import FloatAttr, IntegerAttr, LocationAttr, UnitAttr, i32
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from ....dialects.tile._block import dims
from ....dialects.tile.index import BroadcastOp, constant


@dataclass(eq=False)
class Scope:
    """One block, what has been made in it, and what tensors are known to be there."""

    block: Block
    made: dict[object, SSAValue] = field(default_factory=dict[object, SSAValue])
    known: dict[object, SSAValue] = field(default_factory=dict[object, SSAValue])


@dataclass
class Loop:
    """A loop under construction: its index, its values carried in, and (once left) carried out."""

    index: SSAValue
    carried: Sequence[SSAValue]
    yielded: Sequence[SSAValue] = ()
    results: Sequence[SSAValue] = ()


class Code:
    """Appends ops to nested blocks."""

    def __init__(self, block: Block):
        self.scopes = [Scope(block)]
        self.depth: dict[SSAValue, int] = {}
        self.location: LocationAttr | None = None

    def emit(self, op: Operation) -> SSAValue:
        """The result of an op without effects, made as far out as may be."""
        level = max((self.depth.get(v, 0) for v in op.operands), default=0)
        types = tuple(op.result_types)
        key = op.name, tuple(op.operands), tuple(sorted(op.properties.items(), key=lambda p: p[0])), types
        made = self.scopes[level].made
        if key not in made:
            self._put(op, level)
            made[key] = op.results[0]
        return made[key]

    def put(self, op: Operation) -> None:
        """Append an op with effects, or a loop, where we are."""
        self._put(op, len(self.scopes) - 1)

    def _put(self, op: Operation, level: int) -> None:
        if self.location is not None:
            op.location = self.location
        self.scopes[level].block.add_op(op)
        for result in op.results:
            self.depth[result] = level

    def number(self, value: float, element: Attribute = i32) -> SSAValue:
        """A scalar constant."""
        return self.constant(constant(value, element))

    def constant(self, value: IntegerAttr | FloatAttr) -> SSAValue:
        """A scalar constant."""
        return self.emit(arith.ConstantOp.create(properties={"value": value}, result_types=[value.type]))

    def same(self, *values: SSAValue) -> list[SSAValue]:
        """The values, broadcast to one shape; all scalars stay scalars."""
        shapes = [s for v in values if (s := dims(v))]
        if not shapes:
            return list(values)
        full = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
        return [self.wide(v, full) for v in values]

    def pair(self, lhs: SSAValue, rhs: SSAValue) -> tuple[SSAValue, SSAValue]:
        """Two values, broadcast to one shape."""
        one, other = self.same(lhs, rhs)
        return one, other

    def wide(self, value: SSAValue, shape: Sequence[int]) -> SSAValue:
        """The value as a block of this shape."""
        return value if dims(value) == tuple(shape) else self.emit(BroadcastOp(value, shape))

    def add(self, lhs: SSAValue, rhs: SSAValue) -> SSAValue:
        """The sum of two i32."""
        return self.emit(arith.AddiOp(*self.pair(lhs, rhs)))

    def times(self, value: SSAValue, factor: int) -> SSAValue:
        """An i32 multiplied by a number."""
        return value if factor == 1 else self.emit(arith.MuliOp(*self.pair(value, self.number(factor))))

    def over(self, value: SSAValue, divisor: int) -> SSAValue:
        """An i32, not negative, divided by a number."""
        return value if divisor == 1 else self.emit(arith.DivSIOp(*self.pair(value, self.number(divisor))))

    def modulo(self, value: SSAValue, divisor: int) -> SSAValue:
        """What is left of an i32, not negative, divided by a number."""
        return self.emit(arith.RemSIOp(*self.pair(value, self.number(divisor))))

    def rest(self, value: SSAValue, divisor: int) -> SSAValue:
        """The same of a scalar, as a difference: Triton keeps in mind what a product is a multiple of, but not what a
        remainder is, and without that it would read element by element."""
        whole = self.times(self.over(value, divisor), divisor)
        return self.emit(arith.SubiOp(value, whole))

    def find(self, key: object) -> SSAValue | None:
        """A value that was remembered in a scope that is still open."""
        return next((s.known[key] for s in reversed(self.scopes) if key in s.known), None)

    def remember(self, key: object, value: SSAValue) -> SSAValue:
        """Remember a value for as long as it may be used."""
        self.scopes[self.depth.get(value, 0)].known[key] = value
        return value

    @contextmanager
    def loop(
        self, start: int, stop: SSAValue | int, step: int, carried: Sequence[SSAValue] = (), static: bool = False
    ) -> Iterator[Loop]:
        """The body of `for index = start to stop step step`; set `.yielded` in it, read `.results` after it.
        A `static` one is written out."""
        last = self.number(stop) if isinstance(stop, int) else stop
        bounds = [self.number(start), last, self.number(step)]
        block = Block(arg_types=[i32, *(v.type for v in carried)])
        self.scopes.append(Scope(block))
        for arg in block.args:
            self.depth[arg] = len(self.scopes) - 1
        loop = Loop(block.args[0], block.args[1:])
        yield loop
        self.put(scf.YieldOp(*loop.yielded))
        self.scopes.pop()
        op = scf.ForOp(bounds[0], bounds[1], bounds[2], carried, Region(block))
        if static:
            op.attributes["static"] = UnitAttr()
        self.put(op)
        loop.results = op.results
