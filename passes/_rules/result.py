"""What a rule puts in the place of what it found, as a function that builds ops.

mul(x, reciprocal(y))  -->  %1 = graph.reciprocal %y
                            %2 = graph.mul %x, %1
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import cast

from lark import Token
from xdsl.dialects.builtin import LocationAttr
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from ...dialects._location import fused
from ...dialects._shape import Array, dtype, element, shape
from ...dialects.graph._base import GraphOp, Plain
from ...dialects.graph.view import ExpandOp
from ...dialects.graph.weight import SMALL, ConstantOp
from ..graph._made import Made as Ops
from .expression import Expressions, Names
from .functions import Facts
from .pattern import Match, as_type, check_op
from .syntax import Made, Number, Rest, Result, Rule
from .vocabulary import Field, nearest, ops

Operand = SSAValue | Sequence[SSAValue] | None


@dataclass
class Site:
    """One place where a rule applies: the root it replaces, what the match bound, the ops made so far."""

    root: GraphOp
    names: Names
    facts: Facts
    ops: Ops
    shared: dict[str, SSAValue] = field(default_factory=dict[str, SSAValue])

    def scalar(self, number: int | float, kind: Attribute) -> SSAValue:
        """A constant without dimensions; VerifyException if the type has no such number."""
        if (found := as_type(number, dtype(kind))) is None:
            raise VerifyException(f"{kind} has no {number}")
        return self.ops.number(found)

    def make(self, kind: type[GraphOp], operands: Sequence[Operand], fields: Mapping[str, Field]) -> SSAValue:
        """An op; its value at once if its operands are constants and it is small."""
        op = kind.make(*operands, regions=(), **cast(Mapping[str, Plain], fields))
        small = prod(shape(op.results[0])) <= SMALL
        if not small or not op.operands or not all(isinstance(v.owner, ConstantOp) for v in op.operands):
            return self.ops.add(op)
        arrays = [cast(ConstantOp, v.owner).array() for v in op.operands]
        (value,) = op.evaluate(*arrays)
        op.drop_all_references()
        return self.ops.number(cast(Array, value))


Build = Callable[[Site], SSAValue]


@dataclass
class Results:
    """Compiles the result of one rule."""

    rule: Rule
    sorts: Mapping[str, str]

    def whole(self) -> Build:
        """What takes the root's place."""
        if isinstance(result := self.rule.result, Number):
            value = result.value
            return lambda site: spread(site, value)
        return self.result(result)

    def result(self, result: Result) -> Build:
        """One value of the result."""
        match result:
            case Made():
                return self.made(result)
            case Token():
                return self.name(result)
            case _:
                raise TypeError(f"expected an op or a name, found {result}")

    def name(self, name: Token) -> Build:
        """What is bound, or made once for the whole result."""
        bound = str(name)
        if name in self.rule.shared:
            inner = self.result(self.rule.shared[name])

            def build(site: Site) -> SSAValue:
                if bound not in site.shared:
                    site.shared[bound] = inner(site)
                return site.shared[bound]

            return build
        if self.sorts.get(bound) != "value":
            known = [n for n, sort in self.sorts.items() if sort == "value"] + list(self.rule.shared)
            raise self.rule.source.error(name, f"no value is called {name}", near=nearest(name, known))
        return lambda site: cast(SSAValue, site.names[bound])

    def made(self, made: Made) -> Build:
        """An op, or the member of a family that the pattern matched."""
        source, member = self.rule.source, self.sorts.get(str(made.name)) == "op"
        kind = None
        if not member:
            if made.name not in ops():
                raise source.error(made.name, f"unknown op {made.name}", near=nearest(made.name, ops()))
            kind = ops()[made.name]
            check_op(source, made.name, kind, made.settings, made.operands)
        expressions = Expressions(source, self.sorts)
        settings = {str(k): expressions.compute(e) for k, e in made.settings.items()}
        others, operands = self.others(made.others), self.operands(made)
        name = str(made.name)

        def build(site: Site) -> SSAValue:
            like = site.names[name] if member else None
            fields: dict[str, Field] = {}
            if isinstance(like, GraphOp):
                fields |= {k: v for k, v in like.properties.items() if k != "operandSegmentSizes"}
            if others is not None:
                fields |= cast(Mapping[str, Field], site.names[others])
            fields |= {k: cast(Field, f(site.names, site.facts)) for k, f in settings.items()}
            return site.make(kind or cast(GraphOp, like).__class__, operands(site), fields)

        return build

    def others(self, name: Token | None) -> str | None:
        """The name of properties to copy."""
        if name is not None and self.sorts.get(str(name)) != "fields":
            raise self.rule.source.error(name, f"no properties are called {name}")
        return None if name is None else str(name)

    def operands(self, made: Made) -> Callable[[Site], list[Operand]]:
        """An op's operands; numbers have the type of the last of the others, or else the root's."""
        parts: list[tuple[str, object]] = []
        for operand in made.operands:
            match operand:
                case Number():
                    parts.append(("number", operand.value))
                case Rest(name):
                    if self.sorts.get(str(name)) != "values":
                        raise self.rule.source.error(name, f"no values are called {name}")
                    parts.append(("values", str(name)))
                case Token() if operand == "none":
                    parts.append(("none", None))
                case Token() if self.sorts.get(str(operand)) == "field":
                    parts.append(("field", str(operand)))
                case _:
                    parts.append(("value", self.result(operand)))
        many = made.name in ops() and _is_variadic(ops()[made.name]) and all(sort == "value" for sort, _ in parts)

        def build(site: Site) -> list[Operand]:
            found: list[Operand] = [None] * len(parts)
            kind = element(site.root.results[0])
            for i, (sort, what) in enumerate(parts):
                if sort == "value":
                    found[i] = value = cast(Build, what)(site)
                    kind = element(value)
                elif sort == "values":
                    found[i] = cast(Sequence[SSAValue], site.names[cast(str, what)])
            for i, (sort, what) in enumerate(parts):
                if sort in ("number", "field"):
                    number = site.names[cast(str, what)] if sort == "field" else what
                    found[i] = site.scalar(cast(float, number), kind)
            return [cast(list[SSAValue], found)] if many else found

        return build


def _is_variadic(kind: type[GraphOp]) -> bool:
    from .vocabulary import groups

    return [sort for _, sort in groups(kind)] == ["many"]


def spread(site: Site, number: int | float) -> SSAValue:
    """A number all over the root's shape."""
    result = site.root.results[0]
    value = site.scalar(number, element(result))
    dims = shape(result)
    return site.make(ExpandOp, [value], {"shape": dims}) if dims else value


def built(build: Build, root: GraphOp, match: Match, facts: Facts) -> tuple[list[Operation], SSAValue] | str:
    """The new ops and the value that takes the root's place, of the same type; or why there is none."""
    site = Site(root, match.names, facts, Ops(location_of(match)))
    try:
        value = build(site)
        if value.type == root.results[0].type:
            return site.ops.ops, value
        reason = f"the result would be {value.type}, not {root.results[0].type}"
    except VerifyException as error:
        reason = str(error)
    for op in reversed(site.ops.ops):
        op.drop_all_references()
    return reason


def location_of(match: Match) -> LocationAttr:
    """Where all that a match covers comes from, the root last."""
    return fused(op.location for op in reversed(match.ops))
