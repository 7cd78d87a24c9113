"""Algebra on single elements: neutral and absorbing elements, signs, quotients, powers, known numbers, choices.

    %0 = graph.mul %x, %ones                            -->    %x
    %1 = graph.div %x, %fours                           -->    %1 = graph.mul %x, %quarters
    %2 = graph.add %x, (graph.neg %y)                   -->    %2 = graph.sub %x, %y
    %3 = graph.add (graph.add %x, %c), %d               -->    %3 = graph.add %x, (%c + %d)         of integers

Every bit stays, those of NaN, of infinities and of -0.0 too. With `fast` also what changes rounding: x / c becomes
x * (1 / c), a b + a c becomes a (b + c). The rules stand in `simplify_algebra.rules`.
"""

from dataclasses import dataclass

from .._rules import RulePass


@dataclass(frozen=True)
class SimplifyAlgebra(RulePass):
    """Rules on numbers, until none fits."""

    name = "simplify-algebra"
