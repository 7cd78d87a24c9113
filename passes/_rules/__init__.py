"""Rules of algebra as data: a language (`rules.lark`), and a compiler from files of rules to one rewriter.

rule times-one: mul(x, 1) => x            rule there-and-back: transpose{perm = p}(transpose{perm = q}(x)) => ...

`docs/rules.md` tells the language. `RulePass` is a pass made of the rules in the file beside it.
"""

from .rewriter import Rewriter, read, rewriter
from .rule_pass import RulePass
from .syntax import RuleError

__all__ = ["Rewriter", "RuleError", "RulePass", "read", "rewriter"]
