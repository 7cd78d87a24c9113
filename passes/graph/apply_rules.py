"""Rules from files, or from packages that offer them.

    apply-rules{rules="mine.rules"}             rule twice: mul(x, 2) => add(x, x)

    %0 = graph.mul %x, %twos     -->     %0 = graph.add %x, %x

A name that does not end in `.rules` is that of an entry point in the group `aic.rules`: a path, or a package that holds
files of rules.
"""

from dataclasses import dataclass

from .._rules import RulePass


@dataclass(frozen=True)
class ApplyRules(RulePass):
    """No rules of its own."""

    name = "apply-rules"
