"""What a model spells out with simpler ops becomes the op it means; the rules stand in `recompose.rules`.

    %0 = graph.div %x, %sqrt2
    %1 = graph.add (graph.erf %0), %one                 -->    %y = graph.gelu %x {approximate = "none"}
    %y = graph.mul (graph.mul %x, %1), %half

    %0 = graph.min (graph.max (graph.add %x, %three), %zero), %six
    %y = graph.div (graph.mul %x, %0), %six             -->    %y = graph.mul %x, (graph.hard_sigmoid %x)

GELU by erf and by tanh, sigmoid, hard sigmoid and swish, softplus, softsign, ReLU and its leaky kinds. Rounding changes
with most of them: they want `fast`. Normalisations are `recompose-norms`'. After fold-constants, because the numbers
must be constants.
"""

from dataclasses import dataclass

from .._rules import RulePass


@dataclass(frozen=True)
class Recompose(RulePass):
    """Ops in between stay where others use them; dead ones are left to dce."""

    name = "recompose"
