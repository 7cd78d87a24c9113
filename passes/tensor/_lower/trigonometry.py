"""Circular and hyperbolic functions: each is an op of the math dialect."""

from xdsl.ir import SSAValue

from ....dialects.graph import trigonometry as graph
from ._build import Body
from ._scalars import scalar


@scalar(
    *(graph.SinOp, graph.CosOp, graph.TanOp, graph.AsinOp, graph.AcosOp, graph.AtanOp),
    *(graph.SinhOp, graph.CoshOp, graph.TanhOp, graph.AsinhOp, graph.AcoshOp, graph.AtanhOp),
)
def named(t: Body, op: graph.FloatUnaryOp, x: SSAValue) -> SSAValue:
    """The function that the math dialect calls by the op's name."""
    return t.math(op.name.removeprefix("graph."), x)
