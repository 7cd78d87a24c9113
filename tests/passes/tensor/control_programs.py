"""Random programs of the tensor level with loops and branches that carry tensors, and insertions into them."""

from collections.abc import Callable, Sequence
from random import Random

from aic.dialects._shape import shape
from aic.passes.tensor._lower._body import Body
from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, FloatAttr, IndexType, f64
from xdsl.ir import Block, Region, SSAValue

from .programs import Program


class ControlProgram(Program):
    """A Program whose steps may also be loops, branches and insertions, nested up to two deep."""

    def __init__(self, random: Random, steps: int):
        self.depth = 0
        super().__init__(random, steps)

    def binary(self) -> SSAValue | None:
        structured = [self.loop, self.loop, self.while_loop, self.branch, self.insert, self.split, self.update]
        if self.random.random() < 0.5 and (made := self.random.choice(structured)()) is not None:
            return made
        return super().binary()

    def index(self, value: int) -> SSAValue:
        return self.b.add(arith.ConstantOp.from_int_and_width(value, IndexType()))

    def grow(self, block: Block, extra: Sequence[SSAValue], finish: Callable[[list[SSAValue]], None]) -> None:
        """A few steps in another block; `finish` gets the values made there."""
        outer, self.values = self.values, [*self.values, *extra]
        self.depth += 1
        with self.b.into(block):
            start = len(self.values)
            for _ in range(self.random.randint(1, 4)):
                maker = self.random.choice([self.unary, self.binary, self.binary, self.concat, self.slice, self.pad])
                if (made := maker()) is not None:
                    self.values.append(made)
            finish(self.values[start:])
        self.depth -= 1
        self.values = outer

    def like(self, value: SSAValue, made: Sequence[SSAValue]) -> SSAValue:
        """A value of the same type: one made lately, or a new function of this one, or the value itself."""
        same = [v for v in made if v.type == value.type]
        match self.random.randrange(4):
            case 0 | 1 if same:
                return self.random.choice(same)
            case 2:
                return value
            case _:
                return self.b.pointwise([value], shape(value), f64, lambda t, e: t.mul(e, t.const(0.75, f64)))

    def carried(self) -> list[SSAValue]:
        first = self.random.choice(self.values)
        same = [v for v in self.values if v.type == first.type]
        return [first, *self.random.choices(same, k=self.random.randint(0, 2))]

    def loop(self) -> SSAValue | None:
        if self.depth > 1:
            return None
        trips, inits = self.random.randint(1, 3), self.carried()
        gathered = self.random.random() < 0.6
        if gathered:
            inits.append(self.b.empty((trips, *shape(inits[0])), f64))
        low, high, step = (self.index(n) for n in (0, trips, 1))
        block = Block(arg_types=[IndexType(), *(v.type for v in inits)])
        position, *args = block.args

        def finish(made: list[SSAValue]) -> None:
            plain = args[:-1] if gathered else args
            last = [self.like(arg, [*made, *plain]) for arg in plain]
            if gathered:
                last.append(self.insert_at(self.like(plain[0], [*made, *last]), args[-1], position))
            self.b.add(scf.YieldOp(*last))

        self.grow(block, args[:-1] if gathered else args, finish)
        made = self.results(scf.ForOp(low, high, step, inits, Region(block)))
        self.values += made[:-1]
        return made[-1]

    def results(self, op: scf.ForOp | scf.WhileOp | scf.IfOp) -> list[SSAValue]:
        self.b.add(op)
        return list(op.results)

    def insert_at(self, source: SSAValue, dest: SSAValue, position: SSAValue | int) -> SSAValue:
        """`dest` with `source` as its row at `position`."""
        rank = len(shape(source))
        dynamic = [] if isinstance(position, int) else [position]
        offsets = [position if isinstance(position, int) else DYNAMIC_INDEX, *[0] * rank]
        sizes = [1, *shape(source)]
        op = tensor.InsertSliceOp.get(source, dest, sizes, offsets, [1] * (rank + 1), dynamic)
        return self.b.add(op)

    def insert(self) -> SSAValue | None:
        tall = [v for v in self.values if len(shape(v)) > 1]
        if not tall:
            return None
        dest = self.random.choice(tall)
        rows = [v for v in self.values if shape(v) == shape(dest)[1:]]
        return self.insert_at(self.random.choice(rows), dest, self.random.randrange(shape(dest)[0])) if rows else None

    def update(self) -> SSAValue | None:
        """A kernel of loops that doubles some elements where they are."""
        if (x := self.value(1)) is None:
            return None

        def step(t: Body, at: tuple[SSAValue, ...], values: tuple[SSAValue, ...]) -> tuple[SSAValue, ...]:
            place = [*at, *(t.const(0, IndexType()) for _ in shape(x)[1:])]
            old = t.extract(values[0], place)
            return (t.insert(t.add(old, old), values[0], place),)

        return self.b.kernel([x], [x.type], lambda t, start: t.loops(shape(x)[:1], (start,), step))[0]

    def split(self) -> SSAValue | None:
        """Halves that are joined again, with something between."""
        if (x := self.value(2)) is None or (n := shape(x)[1]) < 2:
            return None
        rank, halves = len(shape(x)), list[SSAValue]()
        for start, size in ((0, n // 2), (n // 2, n - n // 2)):
            at = [start if d == 1 else 0 for d in range(rank)]
            halves.append(self.b.slice(x, at, [size if d == 1 else m for d, m in enumerate(shape(x))]))
        wide = [0 if d == 1 else 1 for d in range(rank)]
        padded = self.b.pad(self.random.choice(halves), wide, wide, self.random.choice([0.5, 0.5, 1.5]))
        self.values.append(padded)
        back = self.b.slice(padded, wide, [m - 2 * w for m, w in zip(shape(padded), wide, strict=True)])
        more = self.b.pointwise([back], shape(back), f64, lambda t, e: t.add(e, t.const(1.0, f64)))
        return self.b.concat([*halves, more], 1)

    def condition(self) -> SSAValue:
        """Whether an element is below a number."""
        x = self.random.choice(self.values)
        at = [self.index(self.random.randrange(n)) for n in shape(x)]
        found = self.b.add(tensor.ExtractOp(x, at, f64))
        limit = self.b.add(arith.ConstantOp(FloatAttr(1.0, f64)))
        return self.b.add(arith.CmpfOp(found, limit, "olt"))

    def branch(self) -> SSAValue | None:
        if self.depth > 1:
            return None
        condition, like = self.condition(), self.carried()
        regions: list[Region] = []
        for _ in range(2):
            block = Block()
            self.grow(block, [], lambda made: self.b.add(scf.YieldOp(*(self.like(v, made) for v in like))))
            regions.append(Region(block))
        made = self.results(scf.IfOp(condition, [v.type for v in like], regions[0], regions[1]))
        self.values += made[:-1]
        return made[-1]

    def while_loop(self) -> SSAValue | None:
        """A counter, and tensors that the condition may change before it hands them on."""
        if self.depth > 1:
            return None
        inits, trips = self.carried(), self.random.randint(1, 3)
        zero = self.index(0)
        types = [IndexType(), *(v.type for v in inits)]
        before, after = Block(arg_types=types), Block(arg_types=types)

        def decide(made: list[SSAValue]) -> None:
            go = self.b.add(arith.CmpiOp(before.args[0], self.index(trips), "ult"))
            args = before.args[1:]
            self.b.add(scf.ConditionOp(go, before.args[0], *(self.like(a, [*made, *args, *args]) for a in args)))

        def finish(made: list[SSAValue]) -> None:
            following = self.b.add(arith.AddiOp(after.args[0], self.index(1)))
            args = after.args[1:]
            self.b.add(scf.YieldOp(following, *(self.like(a, [*made, *args]) for a in args)))

        self.grow(before, before.args[1:], decide)
        self.grow(after, after.args[1:], finish)
        made = self.results(scf.WhileOp([zero, *inits], types, Region(before), Region(after)))
        self.values += made[1:-1]
        return made[-1]
