"""An op of one kind becomes an op of another that does the same on these operands.

    prelu(x, slopes that are all a)             -->    leaky_relu(x) {alpha = a}
    batch_norm(x, known parameters)             -->    add(mul(x, factors), offsets)
    conv(image of one pixel, 1 x 1 filters)     -->    gemm
    matmul(x, known weights)                    -->    conv of a row of pixels by 1 x 1 filters
    average_pool over all of an image           -->    reduce_mean

Which of them a target is better off with it says by name: `substitute-ops{only=leaky-relu,scale-for-norm fast=true}`.
Sums in another order are rounded otherwise: all but the first want `fast`. The rules stand in `substitute_ops.rules`.
"""

from dataclasses import dataclass

from .._rules import RulePass


@dataclass(frozen=True)
class SubstituteOps(RulePass):
    """Rules from one kind of op to another."""

    name = "substitute-ops"
