"""Each op in one spelling of the several that mean the same.

    softmax(x) along axis -1                    -->    softmax(x) along axis 3
    add(2, x)  sub(x, 2)  max(x, 0.0)           -->    add(x, 2)  add(x, -2)  relu(x)
    gemm(a, b, c) {alpha = 1.0}                 -->    gemm(a, b, c)

What is left computes the same bits. The rules stand in `canonicalize_ops.rules`. (`canonicalize` is xDSL's own.)
"""

from dataclasses import dataclass

from .._rules import RulePass


@dataclass(frozen=True)
class CanonicalizeOps(RulePass):
    """Rules from one spelling to another."""

    name = "canonicalize-ops"
