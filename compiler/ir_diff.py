"""The difference of two IR texts, blind to how values are numbered: an op that was inserted does not change the rest.

-  %3 = graph.neg %2                  the lines as they are; %3 and %4 count as the same name
+  %3 = graph.relu %2
"""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from xdsl.dialects.builtin import ModuleOp

from .ir_text import elided_text

ELIDED = 8


def module_diff(before: ModuleOp, after: ModuleOp, context: int = 1) -> list[str]:
    """Two modules, constants of more than 8 elements left out."""
    return line_diff(*(elided_text(module, ELIDED).splitlines() for module in (before, after)), context=context)


def line_diff(before: Sequence[str], after: Sequence[str], context: int = 1) -> list[str]:
    """The lines that differ, `-` before and `+` after, with so many equal ones round them; [] if none does."""
    matcher = SequenceMatcher(None, _nameless(before), _nameless(after), autojunk=False)
    lines: list[str] = []
    for group in matcher.get_grouped_opcodes(context):
        first, last = group[0], group[-1]
        lines.append(f"@@ -{first[1] + 1},{last[2] - first[1]} +{first[3] + 1},{last[4] - first[3]} @@")
        for kind, a, b, c, d in group:
            if kind == "equal":
                lines += [f" {line}" for line in after[c:d]]
            else:
                lines += [f"-{line}" for line in before[a:b]] + [f"+{line}" for line in after[c:d]]
    return lines


def _nameless(lines: Sequence[str]) -> list[str]:
    return [re.sub(r"%\d+", "%", line) for line in lines]
