"""exp, tanh, erf, sigmoid, gelu and softmax by fewer operations, with less precision; with `fast=true` only.

    %y = graph.tanh %x     -->     a quotient of two polynomials of %x, cut to 4.8
    %y = graph.exp %x      -->     2 to a whole number by its bits, times a polynomial of what is left
    %y = graph.softmax %x  -->     %e = graph.exp (graph.sub %x, (graph.reduce_max %x))
                                   %y = graph.div %e, (graph.reduce_sum %e)

The rules, with the error of each, stand in `fast_math.rules`.
"""

from dataclasses import dataclass

from .._rules import RulePass


@dataclass(frozen=True)
class FastMath(RulePass):
    """Rules on functions of f32."""

    name = "fast-math"
