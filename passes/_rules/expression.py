"""Side conditions and computed properties as functions of what a match has bound.

p[0] == rank(x) - 1 and element(x) in [f16, f32]
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lark import Token, Tree

from .functions import FUNCTIONS, READING, Facts, arity
from .syntax import Expr, Number, Source
from .vocabulary import TYPES, nearest, same

Names = Mapping[str, object]
Compute = Callable[[Names, Facts], object]
OPERATORS: Mapping[str, Callable[[Any, Any], object]] = {
    "==": same,
    "!=": lambda a, b: not same(a, b),
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda a, b: a in b,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
}


@dataclass(frozen=True)
class Expressions:
    """Compiles the expressions of one rule, whose names are of these sorts."""

    source: Source
    sorts: Mapping[str, str]

    def compute(self, expr: Expr | Number) -> Compute:
        """An expression as a function; RuleError where it names what there is not."""
        match expr:
            case Number():
                value = expr.value
                return lambda names, facts: value
            case Tree(data="any", children=parts):
                found = [self.compute(p) for p in _exprs(parts)]
                return lambda names, facts: any(f(names, facts) for f in found)
            case Tree(data="all", children=parts):
                found = [self.compute(p) for p in _exprs(parts)]
                return lambda names, facts: all(f(names, facts) for f in found)
            case Tree(data="list", children=parts):
                found = [self.compute(p) for p in _exprs(parts)]
                return lambda names, facts: tuple(f(names, facts) for f in found)
            case Tree(data="string", children=[Token() as text]):
                quoted = str(text)[1:-1]
                return lambda names, facts: quoted
            case _:
                return self._compute(expr)

    def _compute(self, expr: Expr) -> Compute:
        match expr.data, expr.children:
            case "name", [Token() as name]:
                return self.name(name)
            case "call", [Token() as name, *given]:
                return self.call(name, _exprs(given))
            case "negate", [one]:
                (inner,) = map(self.compute, _exprs([one]))
                return lambda names, facts: not inner(names, facts)
            case "minus", [one]:
                (inner,) = map(self.compute, _exprs([one]))
                return lambda names, facts: operator.neg(inner(names, facts))  # pyright: ignore[reportArgumentType]
            case "index", [of, at]:
                whole, where = map(self.compute, _exprs([of, at]))
                return lambda names, facts: operator.getitem(whole(names, facts), where(names, facts))  # pyright: ignore
            case "binary", [first, Token() as sign, second]:
                left, right = map(self.compute, _exprs([first, second]))
                apply = OPERATORS[str(sign)]
                return lambda names, facts: apply(left(names, facts), right(names, facts))
            case _:
                raise TypeError(f"no such expression: {expr}")

    def name(self, name: Token) -> Compute:
        """What a name stands for: bound by the pattern, or an element type, or truth."""
        words = {**TYPES, "true": True, "false": False, "none": None}
        if name in words:
            word = words[str(name)]
            return lambda names, facts: word
        if name not in self.sorts:
            raise self.source.error(name, f"nothing is called {name}", near=nearest(name, self.sorts))
        bound = str(name)
        return lambda names, facts: names[bound]

    def call(self, name: Token, given: list[Expr | Number]) -> Compute:
        """A function of the vocabulary."""
        if name not in FUNCTIONS:
            raise self.source.error(name, f"unknown function {name}", near=nearest(name, FUNCTIONS))
        if len(given) != arity(name):
            raise self.source.error(name, f"{name} takes {arity(name)} arguments, found {len(given)}")
        f, parts = FUNCTIONS[name], [self.compute(g) for g in given]
        if name in READING:
            return lambda names, facts: f(facts, *(p(names, facts) for p in parts))
        return lambda names, facts: f(*(p(names, facts) for p in parts))


def _exprs(parts: list) -> list[Expr | Number]:
    return [p for p in parts if p is not None]
