"""Known factors beside a product of matrices go into its weight; the rules stand in `fold_scale.rules`.

    %0 = graph.matmul %x, %w
    %1 = graph.add %0, %b                  -->    %0 = graph.matmul %x, (%w * %c)
    %2 = graph.mul %1, %c                         %2 = graph.add %0, (%b * %c)

The factor is one number or one for each column; before the product, one number or one for each row. The new weights are
fold-constants' to compute. Rounding changes: all rules want `fast`. What follows convolutions is fold-batch-norm's.
"""

from dataclasses import dataclass

from .._rules import RulePass


@dataclass(frozen=True)
class FoldScale(RulePass):
    """A weight or a product that others use too stays as it is."""

    name = "fold-scale"
