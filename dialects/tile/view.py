"""The type of a tile kernel's memory arguments: a strided window on device memory, its sizes numbers or symbols.

    !tile.view<f16, [M, 768]>                                row-major, its base aligned to 16 bytes
    !tile.view<f16, [64, 64, 9], strides [576, 1, 64], align 4>
    !tile.view<f32, [B, S, 768*H]>                           an extent is a number times symbols

A symbol names one of the kernel's scalar arguments. Strides count elements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from xdsl.dialects.builtin import ArrayAttr, IntAttr, StringAttr
from xdsl.ir import Attribute, ParametrizedAttribute, TypeAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

ALIGN = 16
"""Bytes that a view's base is aligned to, unless it says otherwise."""


@dataclass(frozen=True)
class Extent:
    """A size or stride: a number times symbols, these sorted."""

    factor: int
    symbols: tuple[str, ...] = ()

    @classmethod
    def of(cls, value: "int | str | Extent") -> "Extent":
        """From a number, or from text such as `768*S`; ValueError for other text."""
        if isinstance(value, Extent):
            return value
        if isinstance(value, int):
            return cls(value)
        factor, symbols = 1, list[str]()
        for part in value.split("*"):
            if part.lstrip("-").isdigit():
                factor *= int(part)
            elif part.isidentifier():
                symbols.append(part)
            else:
                raise ValueError(f"extent: expected numbers and names joined by *, found {value!r}")
        return cls(factor, tuple(sorted(symbols)))

    def __mul__(self, other: "Extent") -> "Extent":
        return Extent(self.factor * other.factor, tuple(sorted((*self.symbols, *other.symbols))))

    def __str__(self) -> str:
        parts = [str(self.factor)] if self.factor != 1 or not self.symbols else []
        return "*".join([*parts, *self.symbols])

    @property
    def static(self) -> int | None:
        """The number, where there are no symbols."""
        return None if self.symbols else self.factor

    def value(self, symbols: Mapping[str, int]) -> int:
        """The number that it is for these values of the symbols."""
        return self.factor * prod(symbols[s] for s in self.symbols)


def row_major(sizes: Sequence[Extent]) -> tuple[Extent, ...]:
    """The strides of a dense view, the last dimension closest."""
    strides = [Extent(1)]
    for size in reversed(sizes[1:]):
        strides.append(strides[-1] * size)
    return tuple(reversed(strides)) if sizes else ()


@irdl_attr_definition
class ViewType(ParametrizedAttribute, TypeAttribute):
    """Elements at `base + sum(strides[d] * index[d])`, each index from 0 to its size."""

    name = "tile.view"
    element: Attribute
    extents: ArrayAttr[StringAttr]
    steps: ArrayAttr[StringAttr]
    alignment: IntAttr

    @classmethod
    def of(
        cls,
        element: Attribute,
        sizes: Sequence[int | str | Extent],
        strides: Sequence[int | str | Extent] | None = None,
        align: int = ALIGN,
    ) -> "ViewType":
        """A view of these sizes; row-major unless strides are given."""
        dims = tuple(map(Extent.of, sizes))
        steps = row_major(dims) if strides is None else tuple(map(Extent.of, strides))
        return cls(element, _strings(dims), _strings(steps), IntAttr(align))

    @property
    def sizes(self) -> tuple[Extent, ...]:
        """The number of elements along each dimension."""
        return tuple(Extent.of(e.data) for e in self.extents)

    @property
    def strides(self) -> tuple[Extent, ...]:
        """Elements from one index of a dimension to the next."""
        return tuple(Extent.of(e.data) for e in self.steps)

    @property
    def align(self) -> int:
        """Bytes that the base is a multiple of."""
        return self.alignment.data

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols in its sizes and strides, sorted."""
        return tuple(sorted({s for e in (*self.sizes, *self.strides) for s in e.symbols}))

    def verify(self) -> None:
        if len(self.extents) != len(self.steps):
            raise VerifyException(f"tile.view: {len(self.extents)} sizes, {len(self.steps)} strides")
        if (align := self.align) < 1 or align & (align - 1):
            raise VerifyException(f"tile.view: expected an alignment that is a power of two, found {align}")

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_attribute(self.element)
            printer.print_string(f", [{', '.join(map(str, self.sizes))}]")
            if self.strides != row_major(self.sizes):
                printer.print_string(f", strides [{', '.join(map(str, self.strides))}]")
            if self.align != ALIGN:
                printer.print_string(f", align {self.align}")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        align, strides = ALIGN, None
        with parser.in_angle_brackets():
            element = parser.parse_type()
            parser.parse_punctuation(",")
            sizes = _extents(parser)
            while parser.parse_optional_punctuation(",") is not None:
                if parser.parse_optional_keyword("strides") is not None:
                    strides = _extents(parser)
                else:
                    parser.parse_keyword("align")
                    align = parser.parse_integer()
        made = cls.of(element, sizes, strides, align)
        return made.element, made.extents, made.steps, made.alignment


def _strings(extents: Sequence[Extent]) -> ArrayAttr[StringAttr]:
    return ArrayAttr([StringAttr(str(e)) for e in extents])


def _extents(parser: AttrParser) -> list[Extent]:
    def factor() -> Extent:
        number = parser.parse_optional_integer(allow_boolean=False)
        return Extent.of(parser.parse_identifier() if number is None else number)

    def extent() -> Extent:
        found = factor()
        while parser.parse_optional_punctuation("*") is not None:
            found *= factor()
        return found

    return parser.parse_comma_separated_list(parser.Delimiter.SQUARE, extent)
