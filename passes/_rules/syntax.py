"""The text of a `.rules` file as rules: patterns, results, conditions, each with its place in the text.

rule double-negation: neg(neg(x)) => x
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import cast

from lark import Lark, Token, Transformer, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError
from xdsl.utils.exceptions import DiagnosticException

Simple = int | float | bool | str | tuple["Simple", ...] | Token
"""A property's value in a pattern; a token is a variable's name."""
Expr = Tree[Token]
WORDS = {"RULE": "a rule's name", "NAME": "a name", "NUMBER": "a number", "INT": "a whole number", "STRING": "a text"}
WORDS |= {"COMPARE": "a comparison", "SIGN": "+ or -", "TIMES": "* or // or %", "$END": "the end of the file"}


class RuleError(DiagnosticException):
    """A `.rules` file is wrong: file, line and column, what was expected, the line with a caret."""


@dataclass(frozen=True)
class Variable:
    """Any value of these kinds; `_` is not bound, `none` is an operand that is absent."""

    name: Token
    kinds: tuple[Token, ...] = ()


@dataclass(frozen=True)
class Number:
    """A constant all of whose elements are this number, of its very bits: 0 is not -0.0."""

    text: Token

    @property
    def value(self) -> int | float:
        """The number."""
        return number(self.text)


@dataclass(frozen=True)
class Rest:
    """All operands of a variadic group."""

    name: Token


@dataclass(frozen=True)
class Op:
    """What an op makes. `name` is the op's, or that of a family whose member is called `member`."""

    name: Token
    member: Token | None
    fields: Mapping[Token, Simple]
    others: Token | None
    operands: "tuple[Pattern, ...]"
    alias: Token | None


@dataclass(frozen=True)
class Made:
    """An op to build, or the member of a family that was matched."""

    name: Token
    settings: Mapping[Token, Expr]
    others: Token | None
    operands: "tuple[Result, ...]"


Pattern = Op | Variable | Number | Rest
Result = Made | Token | Number | Rest


@dataclass(frozen=True)
class Rule:
    """`pattern => result`, where `condition` holds; `fast`, in units of rounding, if it changes rounding; `ordered` if
    operands may not change places."""

    name: Token
    pattern: Op
    result: Result
    shared: Mapping[Token, Result]
    condition: Expr | None
    fast: int | None
    benefit: int
    ordered: bool
    source: "Source"


@dataclass(frozen=True)
class Source:
    """A text and what it is called."""

    name: str
    text: str = field(repr=False)

    def error(self, at: Token | None, message: str, *, near: str = "") -> RuleError:
        """The error at a token, with its line and a caret, and a proposal."""
        lines = self.text.splitlines() or [""]
        row, column = (at.line or 1, at.column or 1) if at is not None else (len(lines), len(lines[-1]) + 1)
        width = max(1, (at.end_column or column + 1) - column if at is not None and at.end_line == row else 1)
        line = lines[min(row, len(lines)) - 1]
        told = message + (f"; did you mean {near}?" if near else "")
        return RuleError(f"{self.name}:{row}:{column}: {told}\n  {line}\n  {' ' * (column - 1)}{'^' * width}")


def number(text: str) -> int | float:
    """A number as it is written: whole without point or exponent."""
    return int(text) if text.lstrip("-").isdecimal() else float(text)


@cache
def _parser() -> Lark:
    grammar = (Path(__file__).parent / "rules.lark").read_text(encoding="utf8")
    return Lark(grammar, parser="lalr", maybe_placeholders=True, propagate_positions=True)


def parse(source: Source) -> tuple[Rule, ...]:
    """The rules of a text; RuleError where it breaks the grammar, or names two rules alike."""
    try:
        tree = _parser().parse(source.text)
        rules = cast(list[Rule], _Rules(source).transform(tree))
    except UnexpectedInput as error:
        raise _unexpected(source, error) from None
    except VisitError as error:
        raise error.orig_exc from None
    seen: dict[str, Rule] = {}
    for rule in rules:
        if rule.name in seen:
            raise source.error(rule.name, f"a rule {rule.name} stands in line {seen[rule.name].name.line} already")
        seen[rule.name] = rule
    return tuple(rules)


def _unexpected(source: Source, error: UnexpectedInput) -> RuleError:
    if isinstance(error, UnexpectedToken):
        at = None if error.token.type == "$END" else error.token
        wanted, found = error.accepts or error.expected, "the end of the file" if at is None else repr(str(error.token))
    else:
        assert isinstance(error, UnexpectedCharacters)
        at = Token("?", error.char, line=error.line, column=error.column, end_line=error.line)
        wanted, found = error.allowed or (), repr(error.char)
    names = sorted(WORDS.get(w) or f"'{_parser().get_terminal(w).pattern.value}'" for w in wanted)
    return source.error(at, f"expected {' or '.join(names)}, found {found}")


class _Rules(Transformer[Token, object]):
    """The parse tree as rules; expressions stay trees."""

    def __init__(self, source: Source):
        super().__init__()
        self._source = source

    def start(self, rules: list[Rule]) -> list[Rule]:
        return rules

    def rule(self, parts: list) -> Rule:
        name, *marks, pattern, result, shared, condition = parts
        if not isinstance(pattern, Op):
            raise self._source.error(name, f"rule {name}: expected an op to be looked for, found no op")
        known = dict(marks)
        fast, benefit, ordered = known.get("fast"), known.get("benefit", 1), "ordered" in known
        return Rule(name, pattern, as_result(result), shared or {}, condition, fast, benefit, ordered, self._source)

    def fast(self, parts: list[Token]) -> tuple[str, int]:
        return "fast", int(parts[0])

    def benefit(self, parts: list[Token]) -> tuple[str, int]:
        return "benefit", int(parts[0])

    def ordered(self, parts: list[Token]) -> tuple[str, int]:
        del parts
        return "ordered", 1

    def op(self, parts: list) -> Op:
        name, fields, *operands, alias = parts
        return self._op(name, None, fields, operands, alias)

    def family(self, parts: list) -> Op:
        name, member, fields, *operands, alias = parts
        return self._op(name, member, fields, operands, alias)

    def _op(self, name: Token, member: Token | None, fields: tuple | None, operands: list, alias: Token | None) -> Op:
        found, others = fields or ({}, None)
        return Op(name, member, found, others, tuple(o for o in operands if o is not None), alias)

    def variable(self, parts: list) -> Variable | Number:
        name, *kinds = parts
        return Variable(name, tuple(k for k in kinds if k is not None))

    def rest(self, parts: list[Token]) -> Rest:
        return Rest(parts[0])

    def number(self, parts: list[Token]) -> Number:
        return Number(parts[0])

    def fields(self, parts: list) -> tuple[dict[Token, Simple], Token | None]:
        others = [p for p in parts if isinstance(p, Token)]
        return self._unique([p for p in parts if not isinstance(p, Token)]), others[0] if others else None

    settings = fields

    def _unique(self, pairs: Sequence[tuple[Token, Simple]]) -> dict[Token, Simple]:
        found: dict[Token, Simple] = {}
        for key, value in pairs:
            if key in found:
                raise self._source.error(key, f"{key} is given twice")
            found[key] = value
        return found

    def field(self, parts: list) -> tuple[Token, Simple]:
        key, value = parts
        return key, plain(value)

    def setting(self, parts: list) -> tuple[Token, Expr]:
        return parts[0], parts[1]

    def others(self, parts: list[Token]) -> Token:
        return parts[0]

    def made(self, parts: list) -> Made:
        name, settings, *operands = parts
        found, others = settings or ({}, None)
        return Made(name, found, others, tuple(as_result(o) for o in operands if o is not None))

    def binding(self, parts: list) -> tuple[Token, Result]:
        return parts[0], as_result(parts[1])

    def with_(self, pairs: list[tuple[Token, Result]]) -> dict[Token, Result]:
        return dict(pairs)

    def where_(self, parts: list[Expr]) -> Expr:
        return parts[0]


def as_result(found: object) -> Result:
    """A name in a result is a value's."""
    return cast(Result, found.children[0] if isinstance(found, Tree) else found)


def plain(value: object) -> Simple:
    """A property's value as it is written in a pattern."""
    match value:
        case Number():
            return value.value
        case Tree(data="string"):
            return str(value.children[0])[1:-1]
        case Tree(data="list"):
            return tuple(plain(v) for v in value.children if v is not None)
        case Tree(data="name"):
            name = cast(Token, value.children[0])
            return {"true": True, "false": False}.get(str(name), name)
        case _:
            raise TypeError(f"no value of a property: {value}")
