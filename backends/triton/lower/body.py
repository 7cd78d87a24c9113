"""A generic's body on blocks: arith and math as they are, comparisons, choices and casts as the tile level has them.

%c = arith.cmpf ogt %x, %z : f32      -->     %c = tile.cmp gt %x, %z : tensor<128xf32> .. -> tensor<128xi1>
%e = tensor.extract %t[%i, %j]        -->     %e = tile.load %t[%i, %j]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from xdsl.dialects import arith, math, tensor
from xdsl.dialects.builtin import FloatAttr, IndexType, IntegerAttr, IntegerType, i32, i64
from xdsl.ir import Attribute, Operation, SSAValue

from ....dialects._shape import dtype
from ....dialects._xdsl import IndexOp, YieldOp
from ....dialects.tile._block import block, dims, is_bool, kind
from ....dialects.tile.compute import CastOp, CmpOp, SelectOp
from .axis import Form
from .views import Index

if TYPE_CHECKING:
    from ....dialects._stages import Member
    from .code import Code
    from .values import Point, Values


class Unsupported(ValueError):
    """What a tile kernel cannot be made of."""


CASTS = (
    arith.ExtFOp,
    arith.TruncFOp,
    arith.ExtUIOp,
    arith.ExtSIOp,
    arith.TruncIOp,
    arith.SIToFPOp,
    arith.UIToFPOp,
    arith.FPToSIOp,
    arith.FPToUIOp,
    arith.IndexCastOp,
)
ORDERS = {"eq": "eq", "ne": "ne", "slt": "lt", "sle": "le", "sgt": "gt", "sge": "ge"}
"""arith.cmpi's predicates -> tile.cmp's."""
UNSIGNED_ORDERS = ("ult", "ule", "ugt", "uge")
"""arith.cmpi's predicates of numbers without a sign."""
FLOAT_ORDERS = {"oeq": "eq", "olt": "lt", "ole": "le", "ogt": "gt", "oge": "ge", "une": "ne"}
"""arith.cmpf's predicates that tile.cmp has."""
NEGATED = {"ult": "ge", "ule": "gt", "ugt": "le", "uge": "lt"}
"""arith.cmpf's predicates that are the opposite of one that tile.cmp has."""
PLAIN = (
    arith.AddiOp, arith.SubiOp, arith.MuliOp, arith.MinSIOp, arith.MaxSIOp, arith.AndIOp, arith.OrIOp, arith.XOrIOp,
    arith.ShLIOp, arith.ShRSIOp, arith.AddfOp, arith.SubfOp, arith.MulfOp, arith.DivfOp, arith.NegfOp,
    arith.MaximumfOp, arith.MinimumfOp, arith.MaxnumfOp, arith.MinnumfOp,
    math.ExpOp, math.Exp2Op, math.LogOp, math.Log2Op, math.SqrtOp, math.RsqrtOp, math.SinOp, math.CosOp, math.ErfOp,
    math.FloorOp, math.CeilOp, math.AbsFOp, math.AbsIOp, math.FmaOp,
)  # fmt: skip
"""Ops that the tile level has as they are."""


class Body:
    """One generic's body at a point of the frame of `values`."""

    def __init__(self, values: Values, member: Member, point: Point):
        self.values, self.member, self.point, self.code = values, member, point, values.code
        self.known: dict[SSAValue, SSAValue | Form] = {}

    def yielded(self) -> list[SSAValue]:
        """What the body yields."""
        last = self.member.generic.op.body.block.last_op
        assert isinstance(last, YieldOp)
        return [self.value(v) for v in last.operands]

    def value(self, value: SSAValue) -> SSAValue:
        """The block or scalar that stands for a value of the body."""
        found = self.find(value)
        if not isinstance(found, Form):
            return found
        made = self.values.index(found)
        return made if isinstance(value.type, IndexType) else self.code.emit(CastOp(made, value.type))

    def find(self, value: SSAValue) -> SSAValue | Form:
        """As `value`, indices of the space kept as forms."""
        if value not in self.known:
            self.known[value] = self._argument(value) if not isinstance(value.owner, Operation) else self._op(value)
        return self.known[value]

    def _argument(self, value: SSAValue) -> SSAValue:
        arguments = list[SSAValue](self.member.generic.op.body.block.args)
        if value not in arguments:
            raise Unsupported(f"expected a value of the body, found {value}")
        views = (*self.member.generic.inputs, *self.member.generic.outputs)
        view = views[arguments.index(value)]
        return self.values.at(view.value, self.values.forms(view, self.member, self.point))

    def _op(self, value: SSAValue) -> SSAValue | Form:
        op = value.owner
        assert isinstance(op, Operation)
        self.code.location = op.location
        match op:
            case arith.ConstantOp(value=IntegerAttr() as number) if isinstance(number.type, IndexType):
                return Form((), number.value.data)
            case arith.ConstantOp(value=IntegerAttr() | FloatAttr() as number):
                return self.code.constant(number)
            case IndexOp():
                return self.point[self.member.dims[op.dim.value.data]]
            case tensor.ExtractOp():
                return self._extract(op)
            case arith.CmpiOp() | arith.CmpfOp():
                return self._compare(op)
            case arith.SelectOp():
                chosen, yes, no = self.code.same(*(self.value(v) for v in op.operands))
                return self.code.emit(SelectOp(chosen, yes, no))
            case _ if isinstance(op, CASTS):
                return self._cast(op)
            case arith.AddiOp() | arith.SubiOp() | arith.MuliOp() if (form := self._linear(op)) is not None:
                return form
            case _ if isinstance(op, PLAIN):
                return self._plain(op)
            case _ if (written := WRITTEN.get(type(op))) is not None:
                return written(self.code, *self.code.same(*(self.value(v) for v in op.operands)))
            case _:
                raise Unsupported(f"{op.name} has no form on blocks")

    def _linear(self, op: arith.AddiOp | arith.SubiOp | arith.MuliOp) -> Form | None:
        lhs, rhs = self.find(op.lhs), self.find(op.rhs)
        if not isinstance(lhs, Form) or not isinstance(rhs, Form):
            return None
        if not isinstance(op, arith.MuliOp):
            return lhs.plus(rhs, 1 if isinstance(op, arith.AddiOp) else -1)
        scaled, number = (lhs, rhs) if not rhs.terms else (rhs, lhs)
        return None if number.terms else Form().plus(scaled, number.offset)

    def _extract(self, op: tensor.ExtractOp) -> SSAValue:
        places: list[Index] = []
        for index in op.indices:
            found = self.find(index)
            places.append(found)
        return self.values.at(op.tensor, places)

    def _compare(self, op: arith.CmpiOp | arith.CmpfOp) -> SSAValue:
        name = str(op.predicate.value.data)
        order = PREDICATES[type(op)][int(name)]
        lhs, rhs = self.code.pair(self.value(op.lhs), self.value(op.rhs))
        if isinstance(op, arith.CmpiOp) and order in UNSIGNED_ORDERS:
            lhs, rhs = self._counted(lhs), self._counted(rhs)
            return self.code.emit(CmpOp(order[1:], lhs, rhs))
        if order in (known := ORDERS if isinstance(op, arith.CmpiOp) else FLOAT_ORDERS):
            return self.code.emit(CmpOp(known[order], lhs, rhs))
        if order in NEGATED:
            return self._not(self.code.emit(CmpOp(NEGATED[order], lhs, rhs)))
        apart = self.code.emit(
            arith.OrIOp(self.code.emit(CmpOp("ne", lhs, lhs)), self.code.emit(CmpOp("ne", rhs, rhs)))
        )
        match order:
            case "uno":
                return apart
            case "ord":
                return self._not(apart)
            case "ueq":
                return self.code.emit(arith.OrIOp(apart, self.code.emit(CmpOp("eq", lhs, rhs))))
            case "one":
                return self.code.emit(arith.AndIOp(self._not(apart), self.code.emit(CmpOp("ne", lhs, rhs))))
            case _:
                raise Unsupported(f"arith.cmpf {order}")

    def _not(self, value: SSAValue) -> SSAValue:
        return self.code.emit(arith.XOrIOp(*self.code.pair(value, self.code.number(1, kind(value)))))

    def _cast(self, op: Operation) -> SSAValue | Form:
        found, to = self.find(op.operands[0]), op.results[0].type
        if isinstance(found, Form):
            return found
        to = i32 if isinstance(to, IndexType) else to
        if to == kind(found):
            return found
        if isinstance(op, arith.ExtUIOp | arith.UIToFPOp) and not is_bool(kind(found)):
            found = self._counted(found)
            if kind(found) == to:
                return found
        if isinstance(op, arith.FPToUIOp) and not is_bool(to):
            found = self.code.emit(CastOp(found, i64 if dtype(to).itemsize >= 4 else i32))
        if isinstance(op, arith.TruncIOp) and is_bool(to):
            one = self.code.emit(arith.AndIOp(*self.code.pair(found, self.code.number(1, kind(found)))))
            return self.code.emit(CmpOp("ne", *self.code.pair(one, self.code.number(0, kind(found)))))
        made = self.code.emit(CastOp(found, to))
        if isinstance(op, arith.ExtSIOp | arith.SIToFPOp) and is_bool(kind(found)):
            zero = self.code.number(0, to)
            zero, made = self.code.pair(zero, made)
            whole = isinstance(to, IntegerType)
            return self.code.emit(arith.SubiOp(zero, made) if whole else arith.SubfOp(zero, made))
        return made

    def _counted(self, value: SSAValue) -> SSAValue:
        """An integer without a sign in a type that has room for all its values: sign bits are cut off."""
        bits = 8 * dtype(kind(value)).itemsize
        if bits >= 64:
            raise Unsupported("unsigned numbers of 64 bits")
        wide = self.code.emit(CastOp(value, i32 if bits < 32 else i64))
        ones = self.code.number(2**bits - 1, kind(wide))
        return self.code.emit(arith.AndIOp(*self.code.pair(wide, ones)))

    def _plain(self, op: Operation) -> SSAValue:
        operands = self.code.same(*(self.value(v) for v in op.operands))
        return self.code.emit(like(op, operands))


def like(op: Operation, operands: list[SSAValue]) -> Operation:
    """An op of arith or math on blocks of one shape."""
    element = operands[0].type if not dims(operands[0]) else kind(operands[0])
    return type(op).create(
        operands=operands, result_types=[block(element, dims(operands[0]))], properties=dict(op.properties)
    )


def stored_as(code: Code, value: SSAValue, element: Attribute) -> SSAValue:
    """A value in the element type of the memory it goes to."""
    return value if kind(value) == element else code.emit(CastOp(value, element))


def _constant(code: Code, number: float, like: SSAValue) -> SSAValue:
    return code.wide(code.number(number, kind(like)), dims(like)) if dims(like) else code.number(number, kind(like))


def _tanh(code: Code, x: SSAValue) -> SSAValue:
    """1 - 2 / (exp(2 x) + 1), which is 1 and -1 at the ends; near 0, where that rounds off, the series."""
    one, two = _constant(code, 1.0, x), _constant(code, 2.0, x)
    grown = code.emit(arith.AddfOp(code.emit(math.ExpOp(code.emit(arith.MulfOp(x, two)))), one))
    far = code.emit(arith.SubfOp(one, code.emit(arith.DivfOp(two, grown))))
    square = code.emit(arith.MulfOp(x, x))
    tail = _constant(code, 62.0 / 2835, x)
    for factor in (-17.0 / 315, 2.0 / 15, -1.0 / 3, 1.0):
        tail = code.emit(arith.AddfOp(code.emit(arith.MulfOp(tail, square)), _constant(code, factor, x)))
    near = code.emit(arith.MulfOp(x, tail))
    is_near = code.emit(CmpOp("lt", code.emit(math.AbsFOp(x)), _constant(code, 0.25, x)))
    return code.emit(SelectOp(is_near, near, far))


def _power(code: Code, x: SSAValue, y: SSAValue) -> SSAValue:
    """exp2(y log2 |x|), negative for a negative x and an odd y, NaN for a negative x and a y that is not whole."""
    zero, half, one = (_constant(code, v, x) for v in (0.0, 0.5, 1.0))
    size = code.emit(math.Exp2Op(code.emit(arith.MulfOp(y, code.emit(math.Log2Op(code.emit(math.AbsFOp(x))))))))
    whole = code.emit(CmpOp("eq", code.emit(math.FloorOp(y)), y))
    halved = code.emit(arith.MulfOp(y, half))
    even = code.emit(CmpOp("eq", code.emit(math.FloorOp(halved)), halved))
    minus = code.emit(SelectOp(even, size, code.emit(arith.NegfOp(size))))
    below = code.emit(SelectOp(whole, minus, _constant(code, float("nan"), x)))
    found = code.emit(SelectOp(code.emit(CmpOp("lt", x, zero)), below, size))
    return code.emit(SelectOp(code.emit(CmpOp("eq", y, zero)), one, found))


def _round_even(code: Code, x: SSAValue) -> SSAValue:
    """Adding and subtracting 1.5 * 2**23 rounds what is smaller than 2**22; what is larger is whole or nearly so."""
    big = _constant(code, 1.5 * 2**23, x)
    near = code.emit(arith.SubfOp(code.emit(arith.AddfOp(x, big)), big))
    small = code.emit(CmpOp("lt", code.emit(math.AbsFOp(x)), _constant(code, 2.0**22, x)))
    return code.emit(SelectOp(small, near, x))


def _log1p(code: Code, x: SSAValue) -> SSAValue:
    """log(u) x / (u - 1) with u = 1 + x (Kahan); x where u is 1."""
    one = _constant(code, 1.0, x)
    u = code.emit(arith.AddfOp(x, one))
    less = code.emit(arith.SubfOp(u, one))
    safe = code.emit(SelectOp(code.emit(CmpOp("eq", less, _constant(code, 0.0, x))), one, less))
    far = code.emit(arith.MulfOp(code.emit(math.LogOp(u)), code.emit(arith.DivfOp(x, safe))))
    return code.emit(SelectOp(code.emit(CmpOp("eq", u, one)), x, far))


WRITTEN: dict[type[Operation], Callable[..., SSAValue]] = {
    math.TanhOp: _tanh,
    math.PowFOp: _power,
    math.RoundEvenOp: _round_even,
    math.Log1pOp: _log1p,
}
"""Ops that are written by others."""
PREDICATES: dict[type[Operation], list[str]] = {
    arith.CmpiOp: ["eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"],
    arith.CmpfOp: [
        "false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord",
        "ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true",
    ],
}  # fmt: skip
"""The names of predicates in the order of their numbers."""
