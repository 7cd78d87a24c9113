"""The rules of `lower-graph-to-tensor`: one function per class of graph op, found along the op's bases."""

import pkgutil
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from xdsl.ir import Operation, SSAValue

if TYPE_CHECKING:
    from ._build import Build

O = TypeVar("O", bound=Operation)
Lowered = SSAValue | Sequence[SSAValue]
Rule = Callable[[Any, "Build"], Lowered]

_rules: dict[type[Operation], Rule] = {}


def lowering(*classes: type[Operation]) -> Callable[[Callable[[O, "Build"], Lowered]], Callable[[O, "Build"], Lowered]]:
    """Registers a function as the rule for these classes of op and for what derives from them."""

    def register(rule: Callable[[O, "Build"], Lowered]) -> Callable[[O, "Build"], Lowered]:
        for known in classes:
            if known in _rules:
                raise ValueError(f"{known.__name__} has two rules: {_rules[known].__module__} and {rule.__module__}")
            _rules[known] = rule
        return rule

    return register


@cache
def load_rules() -> None:
    """Imports every rule file of this room: those whose names do not begin with `_`."""
    package = __name__.rpartition(".")[0]
    for info in pkgutil.iter_modules(import_module(package).__path__):
        if not info.name.startswith("_"):
            import_module(f"{package}.{info.name}")


def rule_for(kind: type[Operation]) -> Rule | None:
    """The rule of the nearest base of an op's class, None if no base has one."""
    return next((_rules[base] for base in kind.__mro__ if base in _rules), None)
