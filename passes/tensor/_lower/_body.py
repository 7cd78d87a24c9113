"""Scalar code, an op a call: the bodies of generics, the loops of imperative kernels, the host's conditions.

    b.pointwise([x, y], dims, f32, lambda t, x, y: t.max(t.add(x, y), t.const(0.0, x.type)))

Arithmetic goes by the operands' type: `addf` on floats, `addi` on integers and index. Signedness is the caller's word.
"""

from collections.abc import Callable, Sequence

import numpy as np
from xdsl.dialects import arith, math, scf, tensor
from xdsl.dialects.builtin import (
    AnyFloat,
    BFloat16Type,
    BoolAttr,
    Float16Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    LocationAttr,
    f32,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from ....dialects._shape import dtype, element
from ....dialects._xdsl import IndexOp

FLOAT_PREDICATES = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "nan": "uno"}
MATH = {op.name.removeprefix("math."): op for op in math.Math.operations}


def is_half(kind: Attribute) -> bool:
    """Whether bodies compute values of this type in f32."""
    return isinstance(kind, Float16Type | BFloat16Type)


def widened(kind: Attribute) -> Attribute:
    """The type in which bodies compute: f32 for the half floats, else the type itself."""
    return f32 if is_half(kind) else kind


def scalar_attribute(value: object, kind: Attribute) -> FloatAttr | IntegerAttr:
    """A number as an attribute of a signless type: rounded to it (floats), wrapped to it (integers)."""
    if isinstance(kind, AnyFloat):
        with np.errstate(all="ignore"):
            return FloatAttr(float(np.asarray(value).astype(dtype(kind))), kind)
    if isinstance(kind, IndexType):
        return IntegerAttr(int(np.asarray(value)), kind)
    if not isinstance(kind, IntegerType):
        raise TypeError(f"no scalar constants of type {kind}")
    if (width := kind.width.data) == 1:
        return BoolAttr.from_bool(bool(value))
    bits = int(np.asarray(value)) & ((1 << width) - 1)
    return IntegerAttr(bits - (1 << width) if bits >> (width - 1) else bits, kind)


class Body:
    """Appends scalar ops to a block; each gets the location of the graph op that is lowered."""

    def __init__(self, block: Block, location: LocationAttr):
        self.block = block
        self.location = location

    def add_op(self, op: Operation) -> SSAValue:
        """Append an op of one result."""
        self.append(op)
        return op.results[0]

    def append(self, op: Operation) -> None:
        """Append an op."""
        op.location = self.location
        self.block.add_op(op)

    # Constants, indices, elements

    def const(self, value: object, kind: Attribute) -> SSAValue:
        """A number, rounded or wrapped to its type."""
        return self.add_op(arith.ConstantOp(scalar_attribute(value, kind), kind))

    def index(self, dim: int) -> SSAValue:
        """The position along a dimension of the generic round this body, of type index."""
        return self.add_op(IndexOp(dim))

    def extract(self, source: SSAValue, position: Sequence[SSAValue | int]) -> SSAValue:
        """One element; half floats come widened to f32."""
        at = [self.const(i, IndexType()) if isinstance(i, int) else i for i in position]
        found = self.add_op(tensor.ExtractOp(source, at, element(source)))
        return self.cast(found, widened(found.type))

    def insert(self, scalar: SSAValue, dest: SSAValue, position: Sequence[SSAValue | int]) -> SSAValue:
        """The tensor with one element replaced."""
        at = [self.const(i, IndexType()) if isinstance(i, int) else i for i in position]
        return self.add_op(tensor.InsertOp(self.cast(scalar, element(dest)), dest, at))

    # Arithmetic

    def _float(self, x: SSAValue) -> bool:
        return isinstance(x.type, AnyFloat)

    def add(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """x + y; integers wrap."""
        return self.add_op(arith.AddfOp(x, y) if self._float(x) else arith.AddiOp(x, y))

    def sub(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """x - y; integers wrap."""
        return self.add_op(arith.SubfOp(x, y) if self._float(x) else arith.SubiOp(x, y))

    def mul(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """x * y; integers wrap."""
        return self.add_op(arith.MulfOp(x, y) if self._float(x) else arith.MuliOp(x, y))

    def div(self, x: SSAValue, y: SSAValue, unsigned: bool = False) -> SSAValue:
        """x / y, towards zero for integers: there y must not be 0, nor -1 where x may be the least number."""
        if self._float(x):
            return self.add_op(arith.DivfOp(x, y))
        return self.add_op(arith.DivUIOp(x, y) if unsigned else arith.DivSIOp(x, y))

    def rem(self, x: SSAValue, y: SSAValue, unsigned: bool = False) -> SSAValue:
        """The remainder of `div` on integers, with the sign of x."""
        return self.add_op(arith.RemUIOp(x, y) if unsigned else arith.RemSIOp(x, y))

    def neg(self, x: SSAValue) -> SSAValue:
        """-x."""
        return self.add_op(arith.NegfOp(x)) if self._float(x) else self.sub(self.const(0, x.type), x)

    def abs(self, x: SSAValue) -> SSAValue:
        """|x|; the least integer stays as it is."""
        return self.add_op(math.AbsFOp(x) if self._float(x) else math.AbsIOp(x))

    def max(self, x: SSAValue, y: SSAValue, unsigned: bool = False) -> SSAValue:
        """The larger; NaN if either is."""
        if self._float(x):
            return self.add_op(arith.MaximumfOp(x, y))
        return self.add_op(arith.MaxUIOp(x, y) if unsigned else arith.MaxSIOp(x, y))

    def min(self, x: SSAValue, y: SSAValue, unsigned: bool = False) -> SSAValue:
        """The smaller; NaN if either is."""
        if self._float(x):
            return self.add_op(arith.MinimumfOp(x, y))
        return self.add_op(arith.MinUIOp(x, y) if unsigned else arith.MinSIOp(x, y))

    def math(self, name: str, *operands: SSAValue) -> SSAValue:
        """An op of the math dialect by name: exp, log, tanh, erf, powf, fma, ..."""
        return self.add_op(MATH[name](*operands))

    def cmp(self, predicate: str, x: SSAValue, y: SSAValue, unsigned: bool = False) -> SSAValue:
        """eq ne lt le gt ge as numpy means them (NaN is unequal to all), and `nan`: either is NaN."""
        if self._float(x):
            return self.add_op(arith.CmpfOp(x, y, FLOAT_PREDICATES[predicate]))
        sign = "" if predicate in ("eq", "ne") else "u" if unsigned or x.type == IntegerType(1) else "s"
        return self.add_op(arith.CmpiOp(x, y, sign + predicate))

    def select(self, condition: SSAValue, x: SSAValue, y: SSAValue) -> SSAValue:
        """x where the condition holds, else y; both are computed."""
        return self.add_op(arith.SelectOp(condition, x, y))

    # Bits

    def and_(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """x & y."""
        return self.add_op(arith.AndIOp(x, y))

    def or_(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """x | y."""
        return self.add_op(arith.OrIOp(x, y))

    def xor(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """x ^ y."""
        return self.add_op(arith.XOrIOp(x, y))

    def not_(self, x: SSAValue) -> SSAValue:
        """~x."""
        return self.xor(x, self.const(-1, x.type))

    def shl(self, x: SSAValue, y: SSAValue) -> SSAValue:
        """x << y for y below the width."""
        return self.add_op(arith.ShLIOp(x, y))

    def shr(self, x: SSAValue, y: SSAValue, unsigned: bool = True) -> SSAValue:
        """x >> y for y below the width; zeros come in if unsigned, else copies of the sign."""
        return self.add_op(arith.ShRUIOp(x, y) if unsigned else arith.ShRSIOp(x, y))

    # Conversions

    def cast(self, x: SSAValue, to: Attribute, from_unsigned: bool = False, to_unsigned: bool = False) -> SSAValue:
        """The value in another type. To i1 it is x != 0; from i1 it is 0 or 1. A float out of the integer's range is
        undefined here (the rule of graph.cast guards it)."""
        source = x.type
        if source == to:
            return x
        if to == IntegerType(1):
            return self.cmp("ne", x, self.const(0, source))
        if isinstance(source, IndexType) or isinstance(to, IndexType):
            return self._index_cast(x, to)
        unsigned = from_unsigned or source == IntegerType(1)
        if isinstance(source, AnyFloat) and isinstance(to, AnyFloat):
            return self._float_cast(x, to)
        if isinstance(source, AnyFloat) and isinstance(to, IntegerType):
            return self.add_op(arith.FPToUIOp(x, to) if to_unsigned else arith.FPToSIOp(x, to))
        if isinstance(source, IntegerType) and isinstance(to, AnyFloat):
            return self.add_op(arith.UIToFPOp(x, to) if unsigned else arith.SIToFPOp(x, to))
        if not isinstance(source, IntegerType) or not isinstance(to, IntegerType):
            raise TypeError(f"no cast from {source} to {to}")
        if to.width.data < source.width.data:
            return self.add_op(arith.TruncIOp(x, to))
        return self.add_op(arith.ExtUIOp(x, to) if unsigned else arith.ExtSIOp(x, to))

    def _index_cast(self, x: SSAValue, to: Attribute) -> SSAValue:
        if isinstance(x.type, AnyFloat) or isinstance(to, AnyFloat):
            return self.cast(self.cast(x, IntegerType(64)), to)
        return self.add_op(arith.IndexCastOp(x, to))

    def _float_cast(self, x: SSAValue, to: AnyFloat) -> SSAValue:
        source = x.type
        assert isinstance(source, AnyFloat)
        if is_half(source) and is_half(to):
            return self._float_cast(self._float_cast(x, f32), to)
        return self.add_op(arith.ExtFOp(x, to) if to.bitwidth > source.bitwidth else arith.TruncFOp(x, to))

    # Control flow

    def loops(
        self,
        bounds: Sequence[SSAValue | int],
        inits: Sequence[SSAValue],
        body: Callable[["Body", tuple[SSAValue, ...], tuple[SSAValue, ...]], Sequence[SSAValue]],
    ) -> tuple[SSAValue, ...]:
        """A nest of scf.for from 0 to each bound. `body(t, positions, values)` answers the values of the next round;
        the answer here is those after the last."""
        return self._nest(list(bounds), (), tuple(inits), body)

    def _nest(
        self,
        bounds: list[SSAValue | int],
        outer: tuple[SSAValue, ...],
        values: tuple[SSAValue, ...],
        body: Callable[["Body", tuple[SSAValue, ...], tuple[SSAValue, ...]], Sequence[SSAValue]],
    ) -> tuple[SSAValue, ...]:
        if not bounds:
            return tuple(body(self, outer, values))
        bound = bounds[0]
        low, step = self.const(0, IndexType()), self.const(1, IndexType())
        high = self.const(bound, IndexType()) if isinstance(bound, int) else bound
        inner = Body(Block(arg_types=[IndexType(), *(v.type for v in values)]), self.location)
        position, *carried = inner.block.args
        results = inner._nest(bounds[1:], (*outer, position), tuple(carried), body)
        inner.append(scf.YieldOp(*results))
        loop = scf.ForOp(low, high, step, values, Region(inner.block))
        self.append(loop)
        return tuple(loop.results)

    def if_(
        self,
        condition: SSAValue,
        then: Callable[["Body"], Sequence[SSAValue]],
        other: Callable[["Body"], Sequence[SSAValue]],
    ) -> tuple[SSAValue, ...]:
        """An scf.if: the values of one of two bodies, of which only one runs."""
        bodies = Body(Block(), self.location), Body(Block(), self.location)
        values = [tuple(build(body)) for build, body in zip((then, other), bodies, strict=True)]
        for body, results in zip(bodies, values, strict=True):
            body.append(scf.YieldOp(*results))
        branch = scf.IfOp(condition, [v.type for v in values[0]], Region(bodies[0].block), Region(bodies[1].block))
        self.append(branch)
        return tuple(branch.results)

    def while_(
        self,
        inits: Sequence[SSAValue],
        condition: Callable[..., SSAValue],
        body: Callable[..., Sequence[SSAValue]],
    ) -> tuple[SSAValue, ...]:
        """An scf.while: `body(t, *values)` as long as `condition(t, *values)`; the values with which it stopped."""
        types = [v.type for v in inits]
        before, after = (Body(Block(arg_types=types), self.location) for _ in range(2))
        before.append(scf.ConditionOp(condition(before, *before.block.args), *before.block.args))
        after.append(scf.YieldOp(*body(after, *after.block.args)))
        loop = scf.WhileOp(inits, types, Region(before.block), Region(after.block))
        self.append(loop)
        return tuple(loop.results)
