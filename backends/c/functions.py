"""The math dialect in C: libm on scalars, the runtime's vector functions where it has them, else libm lane by lane."""

from xdsl.dialects import math
from xdsl.ir import Operation

from .arithmetic import call, lanewise
from .types import bits, code, lanes, number
from .values import Rule, Text

VECTOR = {"exp": "AIC_EXP_F32", "log": "AIC_LOG_F32", "tanh": "AIC_TANH_F32", "erf": "AIC_ERF_F32"}
NEEDS = {"exp": ("max", "min"), "tanh": ("max", "min"), "erf": ("max", "min")}


def libm(name: str, *, arguments: int = 1) -> Rule:
    """A function of libm; `name` without the f of the single-precision one."""

    def rule(t: Text, op: Operation) -> None:
        result = op.results[0]
        short, count = code(number(result.type)), lanes(result.type)
        operands = ", ".join(map(t.name, op.operands))
        function = name + ("f" if short == "f32" else "")
        if count == 1:
            t.define(result, f"{function}({operands})")
        elif name in VECTOR and short == "f32":
            t.define(result, f"{vector_function(t, name, count)}({operands})")
        else:
            wide = f"aic_{function}x{count}"
            vector = t.helpers.vector(short, count)
            t.helpers.functions[wide] = f"AIC_EACH{arguments}({wide}, {vector}, {count}, {function})"
            t.define(result, f"{wide}({operands})")

    return rule


def vector_function(t: Text, name: str, count: int) -> str:
    """Instantiate a vector function of the runtime for a number of lanes."""
    t.helpers.vector("f32", count)
    t.helpers.vector("i32", count)
    for which in NEEDS.get(name, ()):
        lanewise(t, f"aic_pick_{which}_f32", "f32", count, 2)
    wide = f"aic_{name}_f32x{count}"
    t.helpers.functions[wide] = f"{VECTOR[name]}({count})"
    return wide


def absolute(t: Text, op: Operation) -> None:
    """|x|: the sign bit cleared."""
    result = op.results[0]
    if (count := lanes(result.type)) == 1:
        libm("fabs")(t, op)
        return
    width = bits(code(number(result.type)))
    mask = t.helpers.vector(f"i{width}", count)
    keep = f"INT{width}_MAX"
    t.define(result, f"({t.type(result)})(({mask}){t.name(op.operands[0])} & {keep})")


def absolute_integer(t: Text, op: Operation) -> None:
    """|x|; the least integer stays as it is."""
    call(t, op.results[0], "aic_abs", [op.operands[0]])


def integer_power(t: Text, op: Operation) -> None:
    """a to the n, wrapped."""
    call(t, op.results[0], "aic_powi", list(op.operands))


def fused(t: Text, op: Operation) -> None:
    """a * b + c; the compiler contracts it where the ISA has one instruction for it."""
    a, b, c = map(t.name, op.operands)
    t.define(op.results[0], f"{a} * {b} + {c}")


def reciprocal_root(t: Text, op: Operation) -> None:
    """1 / sqrt(x), exactly rounded twice."""
    result = op.results[0]
    short, count = code(number(result.type)), lanes(result.type)
    root = "sqrtf" if short == "f32" else "sqrt"
    if count > 1:
        wide = f"aic_{root}x{count}"
        t.helpers.functions[wide] = f"AIC_EACH1({wide}, {t.helpers.vector(short, count)}, {count}, {root})"
        root = wide
    t.define(result, f"1.0{'f' if short == 'f32' else ''} / {root}({t.name(op.operands[0])})")


TABLE: dict[type[Operation], Rule] = {
    **{
        op: libm(op.name.removeprefix("math."))
        for op in (
            math.AcosOp, math.AcoshOp, math.AsinOp, math.AsinhOp, math.AtanOp, math.AtanhOp, math.CbrtOp, math.CeilOp,
            math.CosOp, math.CoshOp, math.ErfOp, math.ExpOp, math.Exp2Op, math.ExpM1Op, math.FloorOp, math.LogOp,
            math.Log10Op, math.Log1pOp, math.Log2Op, math.RoundOp, math.SinOp, math.SinhOp, math.SqrtOp, math.TanOp,
            math.TanhOp, math.TruncOp,
        )
    },
    math.RoundEvenOp: libm("rint"),
    math.PowFOp: libm("pow", arguments=2),
    math.Atan2Op: libm("atan2", arguments=2),
    math.CopySignOp: libm("copysign", arguments=2),
    math.AbsFOp: absolute,
    math.AbsIOp: absolute_integer,
    math.IPowIOp: integer_power,
    math.FmaOp: fused,
    math.RsqrtOp: reciprocal_root,
}  # fmt: skip
