"""Random programs of the tensor level: pointwise, reductions, contractions, windows, gathers and views, in f64."""

from math import prod
from random import Random

import numpy as np
from aic.compiler.context import context
from aic.dialects._shape import shape
from aic.dialects.graph.weight import AicContext
from aic.passes.tensor._lower._build import Build
from xdsl.dialects import arith
from xdsl.dialects.builtin import FunctionType, IndexType, ModuleOp, TensorType, f64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

SHAPES = [(4, 6), (2, 3, 4), (3, 1, 4), (2, 2, 6), (6,), (1, 4, 6)]


def fits(x: SSAValue, y: SSAValue) -> bool:
    """Whether numpy broadcasts the two to something small."""
    try:
        return prod(np.broadcast_shapes(shape(x), shape(y))) <= 1000
    except ValueError:
        return False


class Program:
    """Grows a function op by op; every value is a candidate operand of the ops that follow."""

    def __init__(self, random: Random, steps: int):
        self.random = random
        self.ctx: AicContext = context()
        self.module = ModuleOp([])
        self.block = Block(arg_types=[TensorType(f64, s) for s in random.sample(SHAPES, 3)])
        self.b = Build(self.module, self.ctx.weights, self.block)
        self.values: list[SSAValue] = list(self.block.args)
        makers = [self.unary, self.binary, self.binary, self.binary, self.reduce, self.normalize, self.matmul]
        makers += [self.transpose, self.reshape, self.reshape, self.gather, self.pool, self.slice, self.pad, self.fill]
        makers += [self.broadcast, self.concat, self.flip]
        for _ in range(steps):
            if (made := random.choice(makers)()) is not None:
                self.values.append(made)
        last = self.values[-1]
        results = [*random.sample(self.values, 2), last]
        self.block.add_op(ReturnOp(*results))
        kind = FunctionType.from_lists([a.type for a in self.block.args], [r.type for r in results])
        self.module.body.block.add_op(FuncOp("main", kind, Region(self.block)))

    def inputs(self) -> list[np.ndarray]:
        """Arguments for the function."""
        generator = np.random.default_rng(0)
        return [generator.uniform(0.5, 1.5, shape(arg)) for arg in self.block.args]

    def value(self, rank: int = 0) -> SSAValue | None:
        """A value of at least that rank made before, late ones more often."""
        some = [v for v in self.values if len(shape(v)) >= rank]
        if not some:
            return None
        return self.random.choice(some[-4:] if self.random.random() < 0.6 else some)

    def unary(self) -> SSAValue:
        x = self.random.choice(self.values[-3:])
        return self.b.pointwise([x], shape(x), f64, lambda t, e: t.mul(e, t.const(0.5, f64)))

    def binary(self) -> SSAValue | None:
        if (x := self.value()) is None or not (others := [v for v in self.values if fits(x, v)]):
            return None
        y = self.random.choice(others)
        dims = np.broadcast_shapes(shape(x), shape(y))
        return self.b.pointwise([x, y], dims, f64, lambda t, a, c: t.add(a, t.mul(c, t.const(0.25, f64))))

    def reduce(self) -> SSAValue | None:
        if (x := self.value(1)) is None:
            return None
        rank = len(shape(x))
        axes = self.random.sample(range(rank), self.random.randint(1, rank))
        reduced = self.b.reduce(x, axes, 0.0, lambda t, e, acc: t.add(acc, e))
        kept = [1 if i in axes else n for i, n in enumerate(shape(x))]
        return self.b.reshape(reduced, kept) if self.random.random() < 0.5 else reduced

    def normalize(self) -> SSAValue | None:
        if (x := self.value(1)) is None:
            return None
        rank = len(shape(x))
        axis = rank - 1 if self.random.random() < 0.7 else self.random.randrange(rank)
        top = self.b.reduce(x, [axis], 0.0, lambda t, e, acc: t.add(acc, e))
        low = AffineMap(rank, 0, tuple(AffineDimExpr(i) for i in range(rank) if i != axis))
        same = AffineMap.identity(rank)
        out = self.b.empty(shape(x), f64), same
        return self.b.generic1([(x, same), (top, low)], out, "p" * rank, lambda t, e, m, _: t.sub(e, t.math("tanh", m)))

    def matmul(self) -> SSAValue | None:
        if (x := self.value(2)) is None:
            return None
        rank, n = len(shape(x)), self.random.choice([3, 4])
        w = self.b.weight(np.random.default_rng(1).uniform(-1, 1, (shape(x)[-1], n)))
        d = [AffineDimExpr(i) for i in range(rank + 1)]
        lhs = AffineMap(rank + 1, 0, (*d[: rank - 1], d[rank]))
        rhs, out = AffineMap(rank + 1, 0, (d[rank], d[rank - 1])), AffineMap(rank + 1, 0, tuple(d[:rank]))
        init = self.b.fill(0.0, [*shape(x)[:-1], n], f64), out
        body = lambda t, a, c, acc: t.add(acc, t.mul(a, c))  # noqa: E731
        return self.b.generic1([(x, lhs), (w, rhs)], init, "p" * rank + "r", body)

    def transpose(self) -> SSAValue | None:
        if (x := self.value(2)) is None:
            return None
        return self.b.transpose(x, self.random.sample(range(len(shape(x))), len(shape(x))))

    def reshape(self) -> SSAValue | None:
        if (x := self.value(1)) is None:
            return None
        dims, i = list(shape(x)), self.random.randrange(len(shape(x)))
        match self.random.randrange(3):
            case 0:
                dims.insert(i, 1)
            case 1 if i + 1 < len(dims):
                dims[i : i + 2] = [dims[i] * dims[i + 1]]
            case 2 if dims[i] % 2 == 0:
                dims[i : i + 1] = [2, dims[i] // 2]
            case _:
                return None
        return self.b.reshape(x, dims)

    def gather(self) -> SSAValue | None:
        x, y = self.value(1), self.value(1)
        if x is None or y is None:
            return None
        reads = self.random.random() < 0.5

        def body(t, e, *_):
            i = [t.add_op(arith.RemUIOp(t.index(0), t.const(n, IndexType()))) for n in shape(y)]
            return t.add(t.extract(y, i), e) if reads else t.extract(y, i)

        return self.b.pointwise([x], shape(x), f64, body)

    def pool(self) -> SSAValue | None:
        if (x := self.value(2)) is None or shape(x)[-1] < 2:
            return None
        rank = len(shape(x))
        d = [AffineDimExpr(i) for i in range(rank + 1)]
        source, out = (*d[: rank - 1], d[rank - 1] + d[rank]), tuple(d[:rank])
        sizes = [*shape(x)[:-1], shape(x)[-1] - 1]
        window = self.b.empty((2,), f64)
        inputs = [(x, AffineMap(rank + 1, 0, source)), (window, AffineMap(rank + 1, 0, (d[rank],)))]
        init = self.b.fill(-9.0, sizes, f64), AffineMap(rank + 1, 0, out)
        return self.b.generic1(inputs, init, "p" * rank + "r", lambda t, e, _, acc: t.max(e, acc))

    def slice(self) -> SSAValue | None:
        if (x := self.value(1)) is None or (n := shape(x)[0]) < 2:
            return None
        return self.b.slice(x, [1, *[0] * (len(shape(x)) - 1)], [n - 1, *shape(x)[1:]])

    def flip(self) -> SSAValue | None:
        if (x := self.value(1)) is None:
            return None
        rest = len(shape(x)) - 1
        return self.b.slice(x, [shape(x)[0] - 1, *[0] * rest], shape(x), [-1, *[1] * rest])

    def pad(self) -> SSAValue | None:
        if (x := self.value(1)) is None:
            return None
        return self.b.pad(x, [0] * len(shape(x)), [1] * len(shape(x)), 0.5)

    def fill(self) -> SSAValue:
        return self.b.fill(2.5, self.random.choice(SHAPES), f64)

    def broadcast(self) -> SSAValue | None:
        if (x := self.value()) is None:
            return None
        return self.b.copy(x, [2, *shape(x)]) if prod(shape(x)) < 300 else None

    def concat(self) -> SSAValue | None:
        if (x := self.value(1)) is None:
            return None
        same = [v for v in self.values if shape(v) == shape(x)]
        return self.b.concat([x, self.random.choice(same)], 0)
