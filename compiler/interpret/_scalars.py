"""arith and math: on scalars, vectors and whole arrays alike; arithmetic in the op's type, integers wrap around."""

import math as pymath
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, FloatAttr, IndexType, IntegerAttr, VectorType
from xdsl.ir import Attribute, Operation

from ...dialects._shape import dtype
from ._machine import Env, Scope, Step, rule

Function = Callable[..., Any]


def kind(type: Attribute) -> np.dtype[np.generic]:
    """The numpy type of a scalar, or of the elements of a vector or tensor."""
    return dtype(type.element_type if isinstance(type, VectorType) else type)


def constant(value: Attribute) -> Any:
    """The value of a constant's attribute: an int for index, a numpy scalar, or an array."""
    match value:
        case IntegerAttr(value=number, type=IndexType()):
            return number.data
        case IntegerAttr(value=number, type=type) | FloatAttr(value=number, type=type):
            found = kind(type)
            return np.bool_(number.data != 0) if found == np.bool_ else np.array(number.data).astype(found)[()]
        case DenseIntOrFPElementsAttr(type=type):
            return np.array(value.get_values()).astype(kind(type)).reshape(type.get_shape())
        case _:
            raise TypeError(f"expected a number or dense<>, found {value}")


def unsigned(x: Any) -> Any:
    """The same bits, read as unsigned."""
    if isinstance(x, int):
        x = np.int64(x)
    return x if x.dtype == np.bool_ else x.view(np.dtype(f"uint{8 * x.dtype.itemsize}"))


def signed(x: Any) -> Any:
    """The same bits, read as signed; a bool is 0 or -1."""
    if isinstance(x, int):
        return np.int64(x)
    return -(x.astype(np.int8)) if x.dtype == np.bool_ else x.view(np.dtype(f"int{8 * x.dtype.itemsize}"))


def _wide(x: Any) -> Any:
    return np.int64(x) if isinstance(x, int) else x


def _modular(on_ints: Function, on_bools: Function) -> Function:
    """Arithmetic modulo 2 for i1, which numpy would saturate or refuse."""

    def apply(a: Any, b: Any) -> Any:
        return on_bools(a, b) if getattr(a, "dtype", None) == np.bool_ else on_ints(a, b)

    return apply


def _divsi(a: Any, b: Any) -> Any:
    a, b = _wide(a), _wide(b)
    quotient = a // b
    return quotient + ((quotient * b != a) & ((a < 0) != (b < 0)) & (b != 0)).astype(quotient.dtype)


def _ceildivsi(a: Any, b: Any) -> Any:
    return -((-_wide(a)) // _wide(b))


def _ceildivui(a: Any, b: Any) -> Any:
    a, b = unsigned(a), unsigned(b)
    return signed(a // b + (a % b != 0).astype(a.dtype))


def _on_unsigned(f: Function) -> Function:
    def apply(a: Any, b: Any) -> Any:
        found = f(unsigned(a), unsigned(b))
        return found if found.dtype == np.bool_ else signed(found)

    return apply


def _erf(x: Any) -> Any:
    wide = np.asarray(x, np.float64)
    return np.asarray(_erf_of(wide) if x.dtype == np.float64 else erf(wide), np.float64).astype(x.dtype)[()]


_erf_of = np.frompyfunc(pymath.erf, 1, 1)
ERF = (
    (
        1.85777706184603153e-1,
        3.16112374387056560e0,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
ERFC = (
    (
        2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
        2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
        1.23033935479799725e3,
    ),
    (
        1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
        3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
    ),
)  # fmt: skip
"""Numerators and denominators, the highest power first: of erf near 0, and of erfc."""


def erf(x: Any) -> Any:
    """The error function to a few bits of f64, and exactly 1 from 4 on, which f32 cannot tell from it (W. J. Cody,
    Rational Chebyshev approximations for the error function, 1969)."""
    y = np.minimum(np.abs(x), 4.0)
    near = x * np.polyval(ERF[0], y * y) / np.polyval(ERF[1], y * y)
    far = np.where(y < 4.0, 1 - np.exp(-y * y) * np.polyval(ERFC[0], y) / np.polyval(ERFC[1], y), 1.0)
    return np.where(y <= 0.46875, near, np.copysign(np.where(np.isnan(x), x, far), x))


def _round(x: Any) -> Any:
    whole = np.trunc(x)
    return np.where(np.abs(x - whole) >= x.dtype.type(0.5), whole + np.copysign(x.dtype.type(1), x), whole)[()]


def fma(a: Any, b: Any, c: Any) -> Any:
    """a * b + c, rounded once for f32 and narrower (by way of f64)."""
    if a.dtype == np.float64:
        return a * b + c
    return (a.astype(np.float64) * b.astype(np.float64) + c.astype(np.float64)).astype(a.dtype)


def _bits(x: Any) -> Any:
    """One bool for each bit, highest first, along a new last axis."""
    x = np.asarray(unsigned(x))
    shifts = np.arange(8 * x.dtype.itemsize - 1, -1, -1).astype(x.dtype)
    return (x[..., None] >> shifts & x.dtype.type(1)).astype(bool)


def _leading_zeros(bits: Any) -> Any:
    return np.where(bits.any(-1), bits.argmax(-1), bits.shape[-1])


def _counted(count: Function) -> Function:
    return lambda x: np.asarray(count(_bits(x))).astype(np.asarray(x).dtype)[()]


def _ipow(a: Any, b: Any) -> Any:
    a, b = _wide(a), _wide(b)
    inverse = np.where(np.abs(a) == 1, np.where(b % 2 == 0, a * a, a), 0)
    return np.where(b < 0, inverse, np.power(a, np.maximum(b, 0))).astype(a.dtype)[()]


def _select(condition: Any, yes: Any, no: Any) -> Any:
    if isinstance(condition, np.ndarray):
        return np.where(condition, yes, no)
    return yes if condition else no


SAME: dict[type[Operation], Function] = {
    arith.AddfOp: operator.add,
    arith.SubfOp: operator.sub,
    arith.MulfOp: operator.mul,
    arith.DivfOp: operator.truediv,
    arith.NegfOp: operator.neg,
    arith.MaximumfOp: np.maximum,
    arith.MinimumfOp: np.minimum,
    arith.MaxnumfOp: np.fmax,
    arith.MinnumfOp: np.fmin,
    arith.AddiOp: _modular(operator.add, operator.xor),
    arith.SubiOp: _modular(operator.sub, operator.xor),
    arith.MuliOp: _modular(operator.mul, operator.and_),
    arith.DivSIOp: _divsi,
    arith.DivUIOp: _on_unsigned(operator.floordiv),
    arith.FloorDivSIOp: lambda a, b: _wide(a) // _wide(b),
    arith.CeilDivSIOp: _ceildivsi,
    arith.CeilDivUIOp: _ceildivui,
    arith.RemSIOp: lambda a, b: np.fmod(_wide(a), _wide(b)),
    arith.RemUIOp: _on_unsigned(operator.mod),
    arith.MaxSIOp: lambda a, b: np.maximum(a, b),
    arith.MinSIOp: lambda a, b: np.minimum(a, b),
    arith.MaxUIOp: _on_unsigned(np.maximum),
    arith.MinUIOp: _on_unsigned(np.minimum),
    arith.AndIOp: operator.and_,
    arith.OrIOp: operator.or_,
    arith.XOrIOp: operator.xor,
    arith.ShLIOp: lambda a, b: np.left_shift(a, b),
    arith.ShRUIOp: _on_unsigned(np.right_shift),
    arith.ShRSIOp: lambda a, b: np.right_shift(a, b),
    arith.SelectOp: _select,
    math.AbsFOp: np.abs,
    math.AbsIOp: np.abs,
    math.AcosOp: np.arccos,
    math.AcoshOp: np.arccosh,
    math.AsinOp: np.arcsin,
    math.AsinhOp: np.arcsinh,
    math.AtanOp: np.arctan,
    math.AtanhOp: np.arctanh,
    math.Atan2Op: np.arctan2,
    math.CbrtOp: np.cbrt,
    math.CeilOp: np.ceil,
    math.CopySignOp: np.copysign,
    math.CosOp: np.cos,
    math.CoshOp: np.cosh,
    math.CountLeadingZerosOp: _counted(_leading_zeros),
    math.CountTrailingZerosOp: _counted(lambda bits: _leading_zeros(bits[..., ::-1])),
    math.CtPopOp: _counted(lambda bits: bits.sum(-1)),
    math.ErfOp: _erf,
    math.ExpOp: np.exp,
    math.Exp2Op: np.exp2,
    math.ExpM1Op: np.expm1,
    math.FPowIOp: lambda a, b: np.power(a, b.astype(a.dtype)),
    math.FloorOp: np.floor,
    math.FmaOp: fma,
    math.IPowIOp: _ipow,
    math.LogOp: np.log,
    math.Log10Op: np.log10,
    math.Log1pOp: np.log1p,
    math.Log2Op: np.log2,
    math.PowFOp: np.power,
    math.RoundEvenOp: np.rint,
    math.RoundOp: _round,
    math.RsqrtOp: lambda x: x.dtype.type(1) / np.sqrt(x),
    math.SinOp: np.sin,
    math.SinhOp: np.sinh,
    math.SqrtOp: np.sqrt,
    math.TanOp: np.tan,
    math.TanhOp: np.tanh,
    math.TruncOp: np.trunc,
}
"""Ops whose result has the operands' type."""


def _to_unsigned(x: Any, to: np.dtype[np.generic]) -> Any:
    return signed(x.astype(np.uint64)) if to.itemsize == 8 else x.astype(np.int64).astype(to)


def _index_cast(x: Any, to: np.dtype[np.generic]) -> Any:
    return np.int64(x).astype(to) if isinstance(x, int) else x.astype(to)


def _to_index(x: Any, _: np.dtype[np.generic]) -> Any:
    return x.astype(np.int64) if isinstance(x, np.ndarray) else int(x)


def _trunci(x: Any, to: np.dtype[np.generic]) -> Any:
    return (x & x.dtype.type(1)) != 0 if to == np.bool_ else x.astype(to)


CASTS: dict[type[Operation], Callable[[Any, np.dtype[np.generic]], Any]] = {
    arith.ExtFOp: lambda x, to: x.astype(to),
    arith.TruncFOp: lambda x, to: x.astype(to),
    arith.ExtSIOp: lambda x, to: signed(x).astype(to),
    arith.ExtUIOp: lambda x, to: unsigned(x).astype(to),
    arith.TruncIOp: _trunci,
    arith.SIToFPOp: lambda x, to: signed(x).astype(to),
    arith.UIToFPOp: lambda x, to: unsigned(x).astype(to),
    arith.FPToSIOp: lambda x, to: x.astype(to),
    arith.FPToUIOp: _to_unsigned,
    arith.IndexCastOp: _index_cast,
    arith.BitcastOp: lambda x, to: _wide(x).view(to),
}

CMPI: tuple[Function, ...] = (
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
)


def _cmpi(predicate: int, type: Attribute) -> Function:
    if predicate < 2 or (predicate < 6 and kind(type) != np.bool_):
        return CMPI[predicate]
    compare, read = (CMPI[predicate - 4], unsigned) if predicate >= 6 else (CMPI[predicate], signed)
    return lambda a, b: compare(read(a), read(b))


def _cmpf(predicate: int) -> Function:
    """Predicates 1..6 are false when a side is NaN, 8..13 true; 0, 7, 14, 15 are false, ord, uno, true."""
    ordered = (operator.eq, operator.gt, operator.ge, operator.lt, operator.le, lambda a, b: (a < b) | (a > b))

    def nan(a: Any, b: Any) -> Any:
        return (a != a) | (b != b)

    match predicate:
        case 0:
            return lambda a, b: nan(a, b) & False
        case 7:
            return lambda a, b: np.logical_not(nan(a, b))
        case 14:
            return nan
        case 15:
            return lambda a, b: nan(a, b) | True
        case _ if predicate < 7:
            return ordered[predicate - 1]
        case _:
            return lambda a, b: ordered[predicate - 8](a, b) | nan(a, b)


def function(op: Operation) -> Function | None:
    """What a one-result elementwise op computes from its operands' values; None for other ops."""
    match op:
        case arith.CmpiOp():
            return _cmpi(op.predicate.value.data, op.lhs.type)
        case arith.CmpfOp():
            return _cmpf(op.predicate.value.data)
        case _ if (same := SAME.get(type(op))) is not None:
            return same
        case _ if (cast_to := CASTS.get(type(op))) is not None:
            if isinstance(op.results[0].type, IndexType):
                return lambda x: _to_index(x, np.dtype(np.int64))
            to = kind(op.results[0].type)
            return lambda x: cast_to(x, to)
        case _:
            return None


@rule(arith.CmpiOp, arith.CmpfOp, *SAME, *CASTS)
def elementwise(op: Operation, scope: Scope) -> Step:
    """One closure per number of operands."""
    f = function(op)
    if f is None:
        raise TypeError(f"expected an elementwise op, found {op.name}")
    (result,) = scope.of(op.results)
    match scope.of(op.operands):
        case [a]:

            def unary(env: Env) -> None:
                env[result] = f(env[a])

            return unary
        case [a, b]:

            def binary(env: Env) -> None:
                env[result] = f(env[a], env[b])

            return binary
        case slots:

            def general(env: Env) -> None:
                env[result] = f(*[env[i] for i in slots])

            return general


@rule(arith.ConstantOp)
def constants(op: arith.ConstantOp, scope: Scope) -> Step:
    """The value is made once."""
    value, result = constant(op.value), scope.slot(op.result)

    def step(env: Env) -> None:
        env[result] = value

    return step


@rule(arith.AddUIExtendedOp)
def add_extended(op: arith.AddUIExtendedOp, scope: Scope) -> Step:
    """Sum and carry."""
    a, b, total, carry = scope.of([op.lhs, op.rhs, op.sum, op.overflow])

    def step(env: Env) -> None:
        x, y = unsigned(env[a]), unsigned(env[b])
        env[total], env[carry] = signed(x + y), x + y < x

    return step


@rule(arith.MulUIExtendedOp, arith.MulSIExtendedOp)
def mul_extended(op: arith.MulUIExtendedOp | arith.MulSIExtendedOp, scope: Scope) -> Step:
    """Low and high half of the product, by Python's unbounded ints."""
    a, b, low, high = scope.of([op.lhs, op.rhs, op.low, op.high])
    read = unsigned if isinstance(op, arith.MulUIExtendedOp) else signed

    def step(env: Env) -> None:
        x, y = (np.asarray(read(env[i])).astype(object) for i in (a, b))
        made = np.asarray(env[a]).dtype
        width, product = 8 * made.itemsize, np.asarray(x * y)
        half = [np.asarray(p & (2**width - 1)).astype(np.uint64).astype(made)[()] for p in (product, product >> width)]
        env[low], env[high] = half

    return step
