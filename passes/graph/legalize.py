"""Ops that a target cannot do become chains of ops that it can: rules from the target's own folder.

    legalize{rules="aic.backends.npu"}      rule smallest: reduce_min{..how}(x: float) => neg(reduce_max{..how}(neg(x)))

    %0 = graph.neg %x
    %y = graph.reduce_min %x     -->     %1 = graph.reduce_max %0
                                         %y = graph.neg %1

The target names its package, or a path, in its pipeline. Rules that change rounding run, too, because there is no other
way; `fast=false` keeps them out. After fold-constants, because what is known decides whether a chain will do.
"""

from dataclasses import dataclass

from .._rules import RulePass


@dataclass(frozen=True)
class Legalize(RulePass):
    """No rules of its own."""

    name = "legalize"
    fast: bool = True
