"""Rules for ops on single elements: what such an op adds to a pointwise generic is its scalar body.

@scalar(AddOp)
def add(t: Body, op: AddOp, x: SSAValue, y: SSAValue) -> SSAValue:
    return t.add(x, y)
"""

from collections.abc import Callable
from typing import Any

from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerAttr, IntegerType, Signedness
from xdsl.ir import SSAValue

from ....dialects._shape import element, shape
from ....dialects.graph._pointwise import PointwiseOp
from ._build import Body, Build, lowering

Scalar = Callable[..., SSAValue]


def scalar(*classes: type[PointwiseOp]) -> Callable[[Scalar], Scalar]:
    """Registers `body(t, op, *elements)` as what these ops do with an element of each operand."""

    def register(body: Scalar) -> Scalar:
        def rule(op: Any, b: Build) -> SSAValue:
            return apply(op, b, body)

        rule.__module__ = body.__module__
        lowering(*classes)(rule)
        return body

    return register


def apply(op: PointwiseOp, b: Build, body: Scalar) -> SSAValue:
    """The pointwise generic of an op with this body."""
    return b.pointwise(op.operands, shape(op.res), element(op.res), lambda t, *elements: body(t, op, *elements))


def is_unsigned(value: SSAValue) -> bool:
    """Whether a graph-level value's elements are unsigned integers."""
    kind = element(value)
    return isinstance(kind, IntegerType) and kind.signedness.data is Signedness.UNSIGNED


def literal(value: SSAValue) -> int | None:
    """The number behind an integer constant in a body, else None."""
    if isinstance(value.owner, arith.ConstantOp) and isinstance(value.owner.value, IntegerAttr):
        return value.owner.value.value.data
    return None


def isinf(t: Body, x: SSAValue) -> SSAValue:
    """Whether a float is infinite."""
    return t.cmp("eq", t.abs(x), t.const(float("inf"), x.type))
