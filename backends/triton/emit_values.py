"""Values as Triton expressions: names, literals, precedence, and the shape that the text has where it stands.

A block that only repeats others is printed without repeating: `x[:, None] + 1.0` stands for a block of 128x64, of shape
(128, 1) as written. Elementwise text broadcasts by itself; `exact` spells a shape out where one is needed.
"""

import keyword
from collections.abc import Sequence
from dataclasses import dataclass, field

import ml_dtypes
import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import FloatAttr, IntegerAttr
from xdsl.ir import Attribute, Operation, SSAValue

from ...dialects._shape import dtype
from ...dialects.tile._block import dims, kind
from ...dialects.tile.index import FullOp

CALL, UNARY, PRODUCT, SUM, SHIFT, AND, XOR, OR, COMPARE = range(9, 0, -1)
"""How tightly a text binds."""
TYPES = {
    "float16": "tl.float16",
    "bfloat16": "tl.bfloat16",
    "float32": "tl.float32",
    "float64": "tl.float64",
    "bool": "tl.int1",
    "int8": "tl.int8",
    "int16": "tl.int16",
    "int32": "tl.int32",
    "int64": "tl.int64",
    "uint8": "tl.uint8",
    "uint16": "tl.uint16",
    "uint32": "tl.uint32",
    "uint64": "tl.uint64",
}
WIDE = ("float32", "float64", "int32", "int64", "bool")
"""Types that a literal beside a scalar of them does not change."""
TAKEN = {*keyword.kwlist, "tl", "triton", "range", "float"}


def type_name(value: SSAValue | Attribute) -> str:
    """Triton's name of an element type."""
    return TYPES[dtype(kind(value)).name]


@dataclass(frozen=True)
class Expr:
    """A text, how tightly it binds, the shape that it has; whether it is a literal."""

    text: str
    level: int = CALL
    shape: tuple[int, ...] = ()
    literal: bool = False

    def at(self, level: int) -> str:
        """The text as an operand of what binds as `level`."""
        return self.text if self.level >= level else f"({self.text})"


def literal(value: IntegerAttr | FloatAttr) -> Expr:
    """A number as Python reads it, and Triton rounds it back to exactly this."""
    element = dtype(value.type)
    if element == np.bool_:
        return Expr("True" if value.value.data else "False", literal=True)
    number = value.value.data
    if isinstance(number, int):
        return Expr(str(number), CALL if number >= 0 else UNARY, literal=True)
    if not np.isfinite(number):
        return Expr(f'float("{number}")', literal=True)
    if element in (np.float16, ml_dtypes.bfloat16):
        short = str(float(np.asarray(number).astype(element)))
    else:
        short = repr(float(str(np.asarray(number).astype(element)[()])))
    return Expr(short, UNARY if short[0] == "-" else CALL, literal=True)


def joined(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape that texts of these shapes broadcast to."""
    full = [s for s in shapes if s]
    return tuple(max(sizes) for sizes in zip(*full, strict=True))


def sizes(value: SSAValue) -> str:
    """A block's shape as a tuple."""
    shape = dims(value)
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


@dataclass
class Text:
    """One function under construction: its lines, and what stands for each value."""

    lines: list[str] = field(default_factory=list[str])
    depth: int = 1
    values: dict[SSAValue, Expr] = field(default_factory=dict[SSAValue, Expr])
    taken: set[str] = field(default_factory=lambda: set(TAKEN))
    helpers: set[str] = field(default_factory=set[str])
    inlined: set[Operation] = field(default_factory=set[Operation])
    renamed: dict[SSAValue, str] = field(default_factory=dict[SSAValue, str])
    count: int = 0

    def line(self, text: str) -> None:
        """Append a line."""
        self.lines.append("    " * self.depth + text)

    def fresh(self, hint: str | None) -> str:
        """A name of its own: the hint, or the hint with a number behind it, or v0, v1, ..."""
        if hint is not None and hint.isidentifier() and hint not in self.taken:
            self.taken.add(hint)
            return hint
        while (name := f"{hint}_{self.count}" if hint and hint.isidentifier() else f"v{self.count}") in self.taken:
            self.count += 1
        self.taken.add(name)
        return name

    def of(self, value: SSAValue) -> Expr:
        """The text of a value; ValueError if it has none."""
        if (found := self.values.get(value)) is None:
            raise ValueError(f"no text for {value.type} of {value.owner}")
        return found

    def name(self, value: SSAValue, shape: tuple[int, ...]) -> str:
        """Give a value a name: that of the loop's variable it becomes, if it is one."""
        name = self.renamed.get(value) or self.fresh(value.name_hint)
        self.values[value] = Expr(name, shape=shape)
        return name

    def define(self, value: SSAValue, made: Expr) -> None:
        """A line that names the value, unless it is folded into its one reader."""
        owner = value.owner
        if isinstance(owner, Operation) and owner in self.inlined and len(made.text) <= 60:
            self.values[value] = made
            return
        if value in self.renamed and made.shape != dims(value):
            made = Expr(f"tl.broadcast_to({made.text}, {sizes(value)})", shape=dims(value))
        self.line(f"{self.name(value, made.shape)} = {made.text}")

    def exact(self, value: SSAValue) -> Expr:
        """A text of the value's own type and shape."""
        found, shape = self.of(value), dims(value)
        if found.literal:
            zero = found.text in ("0", "0.0") and shape
            made = f"tl.zeros({sizes(value)}, " if zero else f"tl.full({sizes(value)}, {found.text}, "
            return Expr(f"{made}{type_name(value)})", shape=shape)
        if found.shape != shape:
            return Expr(f"tl.broadcast_to({found.text}, {sizes(value)})", shape=shape)
        return found


def constant(op: Operation) -> Expr | None:
    """The literal that an op stands for."""
    if isinstance(op, arith.ConstantOp | FullOp) and isinstance(op.value, IntegerAttr | FloatAttr):
        return literal(op.value)
    return None
