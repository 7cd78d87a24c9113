"""Known factors beside products and convolutions go into their weights; the rules stand in `fold_scale.rules`.

    %0 = graph.matmul %x, %w
    %1 = graph.add %0, %b                  -->    %0 = graph.matmul %x, (%w * %c)
    %2 = graph.mul %1, %c                         %2 = graph.add %0, (%b * %c)

    graph.conv (graph.mul %x, %c), %w      -->    graph.conv %x, (%w * %c by input channel)
    graph.mul (graph.relu (graph.conv %x, %w)), %c     -->    graph.relu (graph.conv %x, (%w * %c by output channel))

The factor is one number or one for each column or channel; before a product, one number or one for each row. An offset
before a convolution goes into its bias if there is no padding: padding's zeros would not have it. The new weights are
fold-constants' to compute. Rounding changes: all rules want `fast`. What follows convolutions is fold-batch-norm's.
"""

from dataclasses import dataclass

from .._rules import RulePass


@dataclass(frozen=True)
class FoldScale(RulePass):
    """A weight or a product that others use too stays as it is."""

    name = "fold-scale"
