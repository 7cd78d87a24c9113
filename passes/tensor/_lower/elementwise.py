"""Arithmetic and the functions of calculus. No operation here is undefined for any operand."""

from xdsl.dialects.builtin import AnyFloat, f64
from xdsl.ir import SSAValue

from ....dialects.graph import elementwise as graph
from ._build import Body
from ._scalars import is_unsigned, literal, scalar


@scalar(graph.AbsOp)
def absolute(t: Body, op: graph.AbsOp, x: SSAValue) -> SSAValue:
    """|x|."""
    return x if is_unsigned(op.x) else t.abs(x)


@scalar(graph.NegOp)
def negative(t: Body, op: graph.NegOp, x: SSAValue) -> SSAValue:
    """-x."""
    return t.neg(x)


@scalar(graph.SignOp)
def sign(t: Body, op: graph.SignOp, x: SSAValue) -> SSAValue:
    """-1 or 1, or x + x where that is 0 or NaN."""
    zero, one = t.const(0, x.type), t.const(1, x.type)
    rest = t.add(x, x) if isinstance(x.type, AnyFloat) else zero
    if is_unsigned(op.x):
        return t.select(t.cmp("eq", x, zero), zero, one)
    return t.select(t.cmp("gt", x, zero), one, t.select(t.cmp("lt", x, zero), t.const(-1, x.type), rest))


@scalar(graph.FloorOp, graph.CeilOp, graph.SqrtOp, graph.ExpOp, graph.LogOp, graph.ErfOp)
def named(t: Body, op: graph.FloatUnaryOp, x: SSAValue) -> SSAValue:
    """The function that the math dialect calls by the op's name."""
    return t.math(op.name.removeprefix("graph."), x)


@scalar(graph.RoundOp)
def round_even(t: Body, op: graph.RoundOp, x: SSAValue) -> SSAValue:
    """The nearest integer, the even one of two."""
    return t.math("roundeven", x)


@scalar(graph.ReciprocalOp)
def reciprocal(t: Body, op: graph.ReciprocalOp, x: SSAValue) -> SSAValue:
    """1 / x."""
    return t.div(t.const(1, x.type), x)


@scalar(graph.AddOp)
def add(t: Body, op: graph.AddOp, x: SSAValue, y: SSAValue) -> SSAValue:
    """x + y."""
    return t.add(x, y)


@scalar(graph.SubOp)
def sub(t: Body, op: graph.SubOp, x: SSAValue, y: SSAValue) -> SSAValue:
    """x - y."""
    return t.sub(x, y)


@scalar(graph.MulOp)
def mul(t: Body, op: graph.MulOp, x: SSAValue, y: SSAValue) -> SSAValue:
    """x * y."""
    return t.mul(x, y)


@scalar(graph.MaxOp)
def maximum(t: Body, op: graph.MaxOp, x: SSAValue, y: SSAValue) -> SSAValue:
    """The larger."""
    return t.max(x, y, unsigned=is_unsigned(op.lhs))


@scalar(graph.MinOp)
def minimum(t: Body, op: graph.MinOp, x: SSAValue, y: SSAValue) -> SSAValue:
    """The smaller."""
    return t.min(x, y, unsigned=is_unsigned(op.lhs))


@scalar(graph.DivOp)
def div(t: Body, op: graph.DivOp, x: SSAValue, y: SSAValue) -> SSAValue:
    """x / y; of integers 0 if y is 0, and -x, wrapping, if it is -1."""
    unsigned = is_unsigned(op.lhs)
    if isinstance(x.type, AnyFloat) or harmless(y):
        return t.div(x, y, unsigned)
    quotient = t.div(x, divisor(t, y, unsigned), unsigned)
    if not unsigned:
        quotient = t.select(t.cmp("eq", y, t.const(-1, y.type)), t.neg(x), quotient)
    zero = t.const(0, y.type)
    return t.select(t.cmp("eq", y, zero), zero, quotient)


@scalar(graph.ModOp)
def mod(t: Body, op: graph.ModOp, x: SSAValue, y: SSAValue) -> SSAValue:
    """The rest with x's sign, and then y added where its sign is wanted and is another."""
    unsigned = is_unsigned(op.lhs)
    if isinstance(x.type, AnyFloat):
        rest = float_rest(t, x, y)
    else:
        rest = t.rem(x, y if harmless(y) else divisor(t, y, unsigned), unsigned)
    if op.fmod or unsigned:
        return rest
    zero = t.const(0, x.type)
    other = t.xor(t.cmp("lt", rest, zero), t.cmp("lt", y, zero))
    return t.select(t.and_(t.cmp("ne", rest, zero), other), t.add(rest, y), rest)


def harmless(y: SSAValue) -> bool:
    """Whether a divisor is a constant that neither traps nor overflows."""
    return literal(y) not in (None, 0, -1)


def divisor(t: Body, y: SSAValue, unsigned: bool) -> SSAValue:
    """y, or 1 where y is 0 or the signed -1: dividing by it is defined, and its rest then is 0."""
    bad = t.cmp("eq", y, t.const(0, y.type))
    if not unsigned:
        bad = t.or_(bad, t.cmp("eq", y, t.const(-1, y.type)))
    return t.select(bad, t.const(1, y.type), y)


def float_rest(t: Body, x: SSAValue, y: SSAValue) -> SSAValue:
    """fmod: x if |x| < |y|, else x - y trunc(x / y), in f64 and without a rounding if the quotient is under 2^26. As
    that may be rounded up to the next integer, a rest of the wrong sign means |y| less."""
    kind = x.type
    x, y = t.cast(x, f64), t.cast(y, f64)
    whole = t.math("trunc", t.div(x, y))
    if kind == f64:
        high, low = halves(t, y)
        rest = t.sub(t.sub(x, t.mul(whole, high)), t.mul(whole, low))
    else:
        rest = t.sub(x, t.mul(whole, y))
    size, zero = t.abs(rest), t.const(0, f64)
    overshot = t.and_(t.cmp("ne", rest, zero), t.xor(t.cmp("lt", rest, zero), t.cmp("lt", x, zero)))
    size = t.select(overshot, t.sub(t.abs(y), size), size)
    rest = t.select(t.cmp("lt", x, zero), t.neg(size), size)
    return t.cast(t.select(t.cmp("lt", t.abs(x), t.abs(y)), x, rest), kind)


def halves(t: Body, y: SSAValue) -> tuple[SSAValue, SSAValue]:
    """An f64 as a sum of two of 26 bits (Veltkamp's splitting; Dekker, Numer. Math. 18, 1971)."""
    scaled = t.mul(t.const(2.0**27 + 1, f64), y)
    high = t.sub(scaled, t.sub(scaled, y))
    return high, t.sub(y, high)
