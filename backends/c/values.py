"""The text under construction: names of values, constants as literals, the helpers that a function turned out to need.

%3 = arith.addf %1, %2 : vector<8xf32>    const f32x8 v3 = v1 + v2;
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    BFloat16Type,
    Float16Type,
    Float32Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    VectorType,
)
from xdsl.ir import Attribute, Operation, SSAValue

from ...dialects.loop import SplatOp
from .types import bits, code, lanes, number, scalar

Rule = Callable[["Text", Operation], None]
NAME = "@NAME@"
"""Stands for a kernel's name until it is known what the text goes into."""


@dataclass
class Helpers:
    """What the prelude must define: vector types as (element, lanes), functions by name -> text; what it may refer to:
    the kernels' C names, and where in the blob each weight lies."""

    vectors: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    functions: dict[str, str] = field(default_factory=dict[str, str])
    kernels: Mapping[str, str] = field(default_factory=dict[str, str])
    weights: Mapping[Operation, int] = field(default_factory=dict[Operation, int])
    timed: Mapping[Operation, int] = field(default_factory=dict[Operation, int])
    """The numbers of launches that a timer goes round."""
    parts: list[str] = field(default_factory=list[str])
    """The functions that a pool of threads runs, in which a kernel's NAME is open."""

    def vector(self, short: str, count: int) -> str:
        """The name of a vector type, which the prelude will define; bf16 lanes are their bits."""
        short = "i16" if short == "bf16" else short
        self.vectors.add((short, count))
        return f"{short}x{count}"


class Text:
    """Writes one function: lines at a depth, a name for each value, the lane width of each mask."""

    def __init__(self, helpers: Helpers, rules: Mapping[type[Operation], Rule]):
        self.helpers = helpers
        self.rules = rules
        self.lines: list[str] = []
        self.depth = 1
        self.names: dict[SSAValue, str] = {}
        self.masks: dict[SSAValue, int] = {}

    def emit(self, op: Operation) -> None:
        """Append the C of one op; ValueError if there is no rule for it."""
        if (rule := self.rules.get(type(op))) is None:
            raise ValueError(f"no C for {op.name}: expected a pass to have lowered it")
        rule(self, op)

    def line(self, text: str) -> None:
        """Append a line at the present depth."""
        self.lines.append("  " * self.depth + text)

    def name(self, value: SSAValue) -> str:
        """The C name of a value defined before."""
        return self.names[value]

    def fresh(self, value: SSAValue) -> str:
        """Name a value v0, v1, ...; nothing of the model's own names comes in."""
        self.names[value] = f"v{len(self.names)}"
        return self.names[value]

    def type(self, value: SSAValue) -> str:
        """The C type of a scalar or vector value."""
        return self.type_of(value.type, self.masks.get(value))

    def type_of(self, type: Attribute, mask: int | None = None) -> str:
        """The C type of a scalar or vector type; a vector of booleans needs its lanes' width."""
        if not isinstance(type, VectorType):
            return scalar(type)
        short = code(number(type))
        if short == "b1":
            short = f"i{mask or 32}"
        return self.helpers.vector(short, lanes(type))

    def define(self, value: SSAValue, text: str) -> None:
        """`const T v = text;`"""
        self.line(f"const {self.type(value)} {self.fresh(value)} = {text};")

    def mask(self, value: SSAValue, width: int) -> str:
        """A vector of booleans with lanes of `width` bits."""
        name, held = self.name(value), self.masks.get(value, 32)
        if held == width:
            return name
        return f"__builtin_convertvector({name}, {self.helpers.vector(f'i{width}', lanes(value.type))})"


def literal(value: Attribute) -> str:
    """A number as a C expression that gives exactly its bits."""
    match value:
        case IntegerAttr() if isinstance(value.type, IntegerType) and value.type.width.data == 1:
            return "1" if value.value.data else "0"
        case IntegerAttr():
            if value.value.data == -(1 << 63):
                return "INT64_MIN"
            wide = isinstance(value.type, IndexType) or value.type.width.data == 64
            return f"INT64_C({value.value.data})" if wide else str(value.value.data)
        case FloatAttr():
            return _float(value)
        case _:
            raise TypeError(f"expected a number, found {value}")


def _float(value: FloatAttr) -> str:
    number = value.value.data
    if isinstance(value.type, BFloat16Type):
        return f"aic_to_bf16({_plain(number, 'f')})"
    single = isinstance(value.type, Float32Type | Float16Type)
    text = _plain(number, "f" if single else "")
    return f"(_Float16){text}" if isinstance(value.type, Float16Type) else text


def _plain(number: float, suffix: str) -> str:
    if number != number:
        return "NAN"
    if number in (float("inf"), float("-inf")):
        return "INFINITY" if number > 0 else "-INFINITY"
    if suffix:
        number = struct.unpack("f", struct.pack("f", number))[0]
    return number.hex() + suffix


def is_plain_number(value: SSAValue) -> bool:
    """Whether a value is a constant that is not NaN (or a splat of one)."""
    while isinstance(value.owner, SplatOp):
        value = value.owner.value
    if not isinstance(value.owner, arith.ConstantOp) or not isinstance(value.owner.value, FloatAttr):
        return False
    return value.owner.value.value.data == value.owner.value.value.data


def mask_width(type: Attribute) -> int:
    """The lanes' width of the mask that comparing vectors of this type gives."""
    return bits(code(number(type)))
