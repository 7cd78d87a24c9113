"""The words that rules may use: ops and families of ops, kinds of values, element types; and how ops are read.

mul -> MulOp        unary -> every UnaryOp        float -> a value of f16, bf16, f32 or f64
"""

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import cast

import numpy as np
from xdsl.dialects.builtin import (
    AnyFloat,
    DenseArrayBase,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import OptOperandDef, VarOperandDef

from ...dialects import graph
from ...dialects._shape import dtype, element, element_of
from ...dialects.graph._base import GraphOp, ints
from ...dialects.graph._pointwise import BinaryOp, FloatUnaryOp, UnaryOp
from ...dialects.graph.reduction import ReduceOp
from ...dialects.graph.weight import ConstantOp, WeightOp

Kind = type[GraphOp]
Field = int | float | bool | str | tuple[int, ...] | Attribute | None
FAMILIES: Mapping[str, Kind] = {"unary": UnaryOp, "float_unary": FloatUnaryOp, "binary": BinaryOp, "reduce": ReduceOp}
"""Families of ops: functions of an element, of a real number, of two elements; reductions of axes."""
NAMES = "f16 bf16 f32 f64 i8 i16 i32 i64 ui8 ui16 ui32 ui64 i1"


def _of_numpy(name: str) -> np.dtype[np.generic]:
    if name.startswith("bf"):
        return dtype(import_module("xdsl.dialects.builtin").bf16)
    long = {"f": "float", "i": "int", "ui": "uint"}[name.rstrip("0123456789")]
    return np.dtype(np.bool_) if name == "i1" else np.dtype(long + name.lstrip("fui"))


TYPES: Mapping[str, Attribute] = {name: element_of(_of_numpy(name)) for name in NAMES.split()}
"""Element types by name."""


def is_integer(kind: Attribute) -> bool:
    """An integer type, i1 excluded."""
    return isinstance(kind, IntegerType) and kind.width.data > 1


KINDS: Mapping[str, Callable[[Attribute], bool]] = {
    "float": lambda t: isinstance(t, AnyFloat),
    "int": is_integer,
    "signed": lambda t: is_integer(t) and dtype(t).kind == "i",
    "unsigned": lambda t: is_integer(t) and dtype(t).kind == "u",
    "bool": lambda t: t == TYPES["i1"],
    "number": lambda t: t != TYPES["i1"],
    "bits": lambda t: isinstance(t, IntegerType),
}
"""Sorts of element types."""


@cache
def ops() -> Mapping[str, Kind]:
    """Every op of the graph dialect by its name without `graph.`."""
    found: dict[str, Kind] = {}
    for file in pkgutil.iter_modules(graph.__path__, f"{graph.__name__}."):
        for thing in vars(import_module(file.name)).values():
            if isinstance(thing, type) and issubclass(thing, GraphOp) and "name" in vars(thing):
                found[thing.name.removeprefix("graph.")] = thing
    return found


@cache
def members(family: str) -> tuple[Kind, ...]:
    """The ops of a family."""
    return tuple(kind for kind in ops().values() if issubclass(kind, FAMILIES[family]))


def nearest(word: str, known: Sequence[str] | Mapping[str, object]) -> str:
    """The known word most like this one, "" if none is."""
    return next(iter(get_close_matches(word, list(known), 1)), "")


@cache
def groups(kind: Kind) -> tuple[tuple[str, str], ...]:
    """An op's operands in order: the name of each, and `one`, `optional` or `many`."""
    sorts = {VarOperandDef: "many", OptOperandDef: "optional"}
    return tuple((n, sorts.get(type(d), "one")) for n, d in kind.get_irdl_definition().operands)


@cache
def is_plain(kind: Kind) -> bool:
    """Whether each operand is exactly one value."""
    return all(sort == "one" for _, sort in groups(kind))


@cache
def properties(kind: Kind) -> Mapping[str, bool]:
    """An op's properties: the name of each, and whether it may be absent."""
    found = kind.get_irdl_definition().properties
    return {n: "Opt" in type(d).__name__ for n, d in found.items() if n != "operandSegmentSizes"}


def operands(op: GraphOp) -> Sequence[SSAValue | Sequence[SSAValue] | None]:
    """An op's operands, one for each of its groups: a value, None for an absent one, a sequence for many."""
    if is_plain(type(op)):
        return op.operands
    return [cast(SSAValue | Sequence[SSAValue] | None, getattr(op, name)) for name, _ in groups(type(op))]


def field_of(op: GraphOp, name: str) -> Field:
    """A property as a plain value, None if it is absent; an attribute that has none, a type, as it is."""
    match op.properties.get(name):
        case None:
            return None
        case IntegerAttr() as found if isinstance(found.type, IntegerType) and found.type.width.data == 1:
            return bool(found.value.data)
        case IntegerAttr() as found:
            return found.value.data
        case FloatAttr() as found:
            return found.value.data
        case StringAttr() as found:
            return found.data
        case DenseArrayBase() as found:
            return ints(found)
        case found:
            return found


def is_constant(value: SSAValue) -> bool:
    """Whether a value is known at compile time."""
    return isinstance(value.owner, ConstantOp | WeightOp)


def is_of(value: SSAValue, kind: str) -> bool:
    """Whether a value is of a kind: `const`, a sort of types, or a type."""
    if kind == "const":
        return is_constant(value)
    of = element(value)
    return KINDS[kind](of) if kind in KINDS else of == TYPES[kind]


def same(x: object, y: object) -> bool:
    """Whether two values are one: the same SSA value, or constants of the same bits and type."""
    if x is y:
        return True
    if not (isinstance(x, SSAValue) and isinstance(y, SSAValue)):
        return x == y and type(x) is type(y)
    match x.owner, y.owner:
        case (ConstantOp() as a, ConstantOp() as b):
            return a.value == b.value
        case (WeightOp() as a, WeightOp() as b):
            return a.ref == b.ref and x.type == y.type
        case _:
            return False
