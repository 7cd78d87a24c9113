"""Comparisons, classification of floats, and the choice between two values."""

from xdsl.ir import SSAValue

from ....dialects.graph import compare as graph
from ._build import Body
from ._scalars import is_unsigned, isinf, scalar

PREDICATES = {
    graph.EqualOp: "eq",
    graph.LessOp: "lt",
    graph.LessEqualOp: "le",
    graph.GreaterOp: "gt",
    graph.GreaterEqualOp: "ge",
}


@scalar(*PREDICATES)
def compare(t: Body, op: graph.CompareOp, x: SSAValue, y: SSAValue) -> SSAValue:
    """As numbers of the operands' signedness."""
    return t.cmp(PREDICATES[type(op)], x, y, unsigned=is_unsigned(op.lhs))


@scalar(graph.IsNanOp)
def is_nan(t: Body, op: graph.IsNanOp, x: SSAValue) -> SSAValue:
    """x is unordered with itself."""
    return t.cmp("nan", x, x)


@scalar(graph.IsInfOp)
def is_inf(t: Body, op: graph.IsInfOp, x: SSAValue) -> SSAValue:
    """x is one of the infinities asked for."""
    match bool(op.negative), bool(op.positive):
        case True, True:
            return isinf(t, x)
        case True, False:
            return t.cmp("eq", x, t.const(float("-inf"), x.type))
        case False, True:
            return t.cmp("eq", x, t.const(float("inf"), x.type))
        case _:
            return t.cmp("ne", t.const(0, x.type), t.const(0, x.type))


@scalar(graph.WhereOp)
def where(t: Body, op: graph.WhereOp, condition: SSAValue, x: SSAValue, y: SSAValue) -> SSAValue:
    """A select."""
    return t.select(condition, x, y)
