"""Patterns as functions: from a value to the ways in which it fits.

mul(x, 1) on  %2 = graph.mul %0, %1  -->  {x: %0} if %1 is a constant of ones, {x: %1} if %0 is
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from lark import Token
from xdsl.ir import SSAValue
from xdsl.traits import Commutative

from ...dialects._shape import Array, dtype, element
from ...dialects.graph._base import GraphOp
from ...dialects.graph.weight import ConstantOp
from .syntax import Number, Op, Pattern, Rest, Simple, Source, Variable
from .vocabulary import (
    FAMILIES,
    KINDS,
    TYPES,
    Kind,
    field_of,
    groups,
    is_of,
    members,
    nearest,
    operands,
    ops,
    properties,
    same,
)

Operand = SSAValue | Sequence[SSAValue] | None


@dataclass(frozen=True)
class Match:
    """What the names of a pattern stand for - values, properties, ops of a family - and the ops that it covers."""

    names: Mapping[str, object]
    ops: tuple[GraphOp, ...] = ()

    def bound(self, name: str, found: object) -> "Match | None":
        """With this name bound; None if it stands for something else."""
        if name in self.names:
            return self if same(self.names[name], found) else None
        return replace(self, names={**self.names, name: found})


Matcher = Callable[[Operand, Match], Iterator[Match]]


@dataclass
class Patterns:
    """Compiles the pattern of one rule; collects what each name is: `value`, `values`, `field`, `fields`, `op`."""

    source: Source
    sorts: dict[str, str]
    ordered: bool = False

    def pattern(self, pattern: Pattern) -> Matcher:
        """The pattern as a function; RuleError if it cannot be."""
        match pattern:
            case Op():
                return self.op(pattern)
            case Number():
                return _number(pattern.value)
            case Rest():
                raise self.source.error(pattern.name, f"{pattern.name}... stands where one operand is expected")
            case Variable():
                return self.variable(pattern)

    def variable(self, pattern: Variable) -> Matcher:
        """A value of some kinds."""
        if pattern.name == "none":
            return _absent
        known = {**KINDS, **TYPES, "const": None}
        for kind in pattern.kinds:
            if kind not in known:
                raise self.source.error(kind, f"unknown kind {kind}", near=nearest(kind, known))
        kinds = tuple(map(str, pattern.kinds))
        if pattern.name == "_":
            return lambda value, m: iter((m,) if not kinds or _all_of(value, kinds) else ())
        return _named(self.named(pattern.name, "value"), kinds)

    def named(self, name: Token, sort: str) -> str:
        """Note what a name stands for; RuleError if it stands for something of another sort already."""
        if name in ("none", "true", "false", "inf", "nan", *TYPES):
            raise self.source.error(name, f"{name} is a word of its own, not a name")
        if (known := self.sorts.setdefault(str(name), sort)) != sort:
            raise self.source.error(name, f"{name} stands for a {known} already, not a {sort}")
        return str(name)

    def kinds_of(self, op: Op) -> tuple[Kind, ...]:
        """The ops that a pattern names; RuleError if there are none."""
        if op.member is not None:
            if op.name not in FAMILIES:
                raise self.source.error(op.name, f"unknown family {op.name}", near=nearest(op.name, FAMILIES))
            return tuple(k for k in members(op.name) if len(groups(k)) == len(op.operands))
        if op.name not in ops():
            raise self.source.error(op.name, f"unknown op {op.name}", near=nearest(op.name, ops()))
        return (ops()[op.name],)

    def op(self, op: Op) -> Matcher:
        """What one of the ops makes."""
        kinds = self.kinds_of(op)
        check_op(self.source, op.name, kinds[0], op.fields, op.operands)
        member = None if op.member is None else self.named(op.member, "op")
        fields = [(str(k), self.field(v)) for k, v in op.fields.items()]
        others = None if op.others is None else self.named(op.others, "fields")
        parts = [self.part(o) for o in op.operands]
        alias = None if op.alias is None else self.named(op.alias, "value")
        both = len(parts) == 2 and not self.ordered and all(k.has_trait(Commutative) for k in kinds)
        swap = both and op.operands[0] != op.operands[1]
        named = frozenset(map(str, op.fields))

        def match(value: Operand, m: Match) -> Iterator[Match]:
            if not isinstance(value, SSAValue) or not isinstance(found := value.owner, kinds):
                return
            found = cast(GraphOp, found)
            start: Match | None = replace(m, ops=(*m.ops, found))
            for name, take in fields:
                start = start and take(field_of(found, name), start)
            for name, what in ((member, found), (alias, value)):
                start = start.bound(name, what) if start and name else start
            if start and others:
                rest = {k: v for k, v in found.properties.items() if k not in named and k != "operandSegmentSizes"}
                start = start.bound(others, rest)
            if start is not None:
                given = operands(found)
                yield from _each(parts, given, start)
                if swap:
                    yield from _each(parts, given[::-1], start)

        return match

    def part(self, operand: Pattern) -> Matcher:
        """An operand, or all those of a variadic group."""
        if isinstance(operand, Rest):
            name = self.named(operand.name, "values")
            return lambda value, m: _maybe(None if _is_value(value) else m.bound(name, tuple(cast(list, value))))
        return _single(self.pattern(operand))

    def field(self, wanted: Simple) -> Callable[[object, Match], Match | None]:
        """A property of a value, or any under a name; `none` if it is absent."""
        if isinstance(wanted, Token):
            if wanted == "none":
                return lambda found, m: m if found is None else None
            if wanted in TYPES:
                kind = TYPES[wanted]
                return lambda found, m: m if found == kind else None
            name = self.named(wanted, "field")
            return lambda found, m: None if found is None else m.bound(name, found)
        if isinstance(wanted, tuple):
            parts = [self.field(w) for w in wanted]
            return lambda found, m: _fields(parts, found, m)
        return lambda found, m: m if found is not None and found == wanted else None


def check_op(source: Source, name: Token, kind: Kind, fields: Mapping[Token, object], given: Sequence[object]) -> None:
    """RuleError unless the op has such properties, as many operands, and one result."""
    if (results := len(kind.get_irdl_definition().results)) != 1:
        raise source.error(name, f"{name} makes {results} results; rules are about ops that make one")
    for field in fields:
        if field not in properties(kind):
            has = ", ".join(properties(kind)) or "none"
            near = nearest(field, properties(kind))
            raise source.error(field, f"{name} has no property {field}, it has {has}", near=near)
    wanted = groups(kind)
    many = any(sort == "many" for _, sort in wanted)
    if len(given) != len(wanted) and not many:
        told = ", ".join(n for n, _ in wanted)
        raise source.error(name, f"{name} has {len(wanted)} operands ({told}), found {len(given)}")


def _is_value(value: Operand) -> bool:
    return isinstance(value, SSAValue)


def _all_of(value: Operand, kinds: tuple[str, ...]) -> bool:
    return isinstance(value, SSAValue) and all(is_of(value, kind) for kind in kinds)


def _absent(value: Operand, m: Match) -> Iterator[Match]:
    if value is None:
        yield m


def _maybe(m: Match | None) -> Iterator[Match]:
    if m is not None:
        yield m


def _single(matcher: Matcher) -> Matcher:
    """One value; of a variadic group, its only one."""

    def match(value: Operand, m: Match) -> Iterator[Match]:
        if value is not None and not isinstance(value, SSAValue):
            if len(value) != 1:
                return
            value = value[0]
        yield from matcher(value, m)

    return match


def _named(name: str, kinds: tuple[str, ...]) -> Matcher:
    def match(value: Operand, m: Match) -> Iterator[Match]:
        if _all_of(value, kinds) and (found := m.bound(name, value)) is not None:
            yield found

    return match


def _number(number: int | float) -> Matcher:
    def match(value: Operand, m: Match) -> Iterator[Match]:
        if isinstance(value, SSAValue) and isinstance(op := value.owner, ConstantOp) and is_all(op, number):
            yield m

    return match


def is_all(op: ConstantOp, number: int | float) -> bool:
    """Whether all elements of a constant, one at least, have the very bits of a number in their type."""
    kind = dtype(element(op.res))
    if (one := as_type(number, kind)) is None:
        return False
    array = op.array()
    return array.size > 0 and array.tobytes() == one.tobytes() * array.size


def as_type(number: int | float, kind: "np.dtype[np.generic]") -> Array | None:
    """A number in a type, as an array without dimensions; None if it is none of that type's. A fraction is rounded."""
    if kind.kind in "fV":
        with np.errstate(all="ignore"):
            return np.asarray(number, np.float64).astype(kind)
    if number != number or number in (float("inf"), float("-inf")) or number != int(number):
        return None
    ends = (0, 1) if kind.kind == "b" else (np.iinfo(kind.name).min, np.iinfo(kind.name).max)
    return np.asarray(int(number)).astype(kind) if ends[0] <= number <= ends[1] else None


def _fields(parts: Sequence[Callable[[object, Match], Match | None]], found: object, m: Match) -> Match | None:
    if not isinstance(found, tuple) or len(found) != len(parts):
        return None
    at: Match | None = m
    for take, one in zip(parts, cast(tuple[object, ...], found), strict=True):
        at = at and take(one, at)
    return at


def _each(parts: Sequence[Matcher], given: Sequence[Operand], m: Match) -> Iterator[Match]:
    """All ways in which operands fit their patterns."""
    if len(given) != len(parts):
        if len(given) != 1 or isinstance(given[0], SSAValue) or given[0] is None or len(given[0]) != len(parts):
            return
        given = given[0]
    if not parts:
        yield m
        return
    for found in parts[0](given[0], m):
        yield from _each(parts[1:], given[1:], found) if len(parts) > 1 else (found,)
