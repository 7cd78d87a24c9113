"""Ops that do nothing to their operand go, and those whose work the next op does anyway.

    cast(x, its type)  reshape(x, its shape)  slice(x, all of it)  pad(x, by nothing)  concat(x)       -->    x
    max(x, over one element)  max_pool(x, 1 x 1, by 1, no pads)                                        -->    x
    transpose(x) that moves ones only  expand(x) by ones                                               -->    reshape(x)
    add(expand(x), y) where y has the result's shape                                                   -->    add(x, y)

What is left computes the same bits. The rules stand in `drop_redundant.rules`.
"""

from dataclasses import dataclass

from .._rules import RulePass


@dataclass(frozen=True)
class DropRedundant(RulePass):
    """Rules on ops that can be left out."""

    name = "drop-redundant"
