"""What `memref` and `vector` lack for a kernel's loops: reads and writes at an affine address, scalar or vector.

    %v = loop.load %x[768 * %i + %k + 16] : memref<4x768xf32> -> vector<8xf32>
    loop.store %v, %y[16 * %i] : vector<8xf32>, memref<4x16xf32>
    %s = loop.load %x[%i] stride 4 : memref<4x768xf32> -> vector<8xf32>       // elements 0, 4, 8, ... from there
    %h = loop.reduce add %v : vector<8xf32>
    loop.parallel 2 { ^0(%part: index, %parts: index): .. }               // for %part in 0 .. %parts - 1, at a time

The address counts elements from the memref's first one, in memory order: layouts are already multiplied out.
"""

from collections.abc import Sequence
from enum import auto
from typing import ClassVar

from xdsl.dialects import arith
from xdsl.dialects.builtin import DenseArrayBase, IndexType, IntegerAttr, MemRefType, StringAttr, VectorType, i64
from xdsl.ir import Attribute, Block, Operation, Region, SpacedOpaqueSyntaxAttribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import Parser, UnresolvedOperand
from xdsl.printer import Printer
from xdsl.traits import MemoryReadEffect, MemoryWriteEffect, NoTerminator, Pure, RecursiveMemoryEffect
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from ._xdsl import EnumAttribute
from .graph._base import ints


class _Access(IRDLOperation):
    """An affine address in one memref: `offset + sum(coefficients[i] * indices[i])` elements."""

    MEMREF: ClassVar[int]
    coefficients = prop_def(DenseArrayBase)
    offset = prop_def(IntegerAttr)
    stride = opt_prop_def(IntegerAttr)

    @property
    def step(self) -> int:
        """Elements between two lanes of a vector access."""
        return 1 if self.stride is None else self.stride.value.data

    @property
    def terms(self) -> tuple[tuple[int, SSAValue], ...]:
        """The address's (coefficient, index) pairs."""
        return tuple(zip(ints(self.coefficients), self.operands[self.MEMREF + 1 :], strict=True))

    def _verify_access(self, value: Attribute) -> None:
        element = value.element_type if isinstance(value, VectorType) else value
        memref = self.operands[self.MEMREF].type
        if not isinstance(memref, MemRefType) or memref.element_type != element:
            raise VerifyException(f"{self.name}: expected elements of {memref}, found {value}")
        indices = len(self.operands) - self.MEMREF - 1
        if len(ints(self.coefficients)) != indices:
            raise VerifyException(f"{self.name}: {len(ints(self.coefficients))} coefficients, {indices} indices")

    def _print_address(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.operands[self.MEMREF])
        printer.print_string("[")
        first = True
        for coefficient, index in self.terms:
            printer.print_string("" if first else " + ")
            first = False
            if coefficient != 1:
                printer.print_string(f"{coefficient} * ")
            printer.print_operand(index)
        offset = self.offset.value.data
        if offset or first:
            printer.print_string(f"{offset}" if first else f" + {offset}")
        printer.print_string("]")
        if self.stride is not None:
            printer.print_string(f" stride {self.step}")


def _parse_address(parser: Parser) -> tuple[list[SSAValue], dict[str, Attribute], UnresolvedOperand]:
    memref = parser.parse_unresolved_operand()
    coefficients: list[int] = []
    offset = 0
    operands: list[SSAValue] = []

    def term() -> None:
        nonlocal offset
        number = parser.parse_optional_integer(allow_boolean=False)
        if number is not None and parser.parse_optional_punctuation("*") is None:
            offset += number
            return
        coefficients.append(1 if number is None else number)
        operands.append(parser.resolve_operand(parser.parse_unresolved_operand(), IndexType()))

    parser.parse_punctuation("[")
    term()
    while parser.parse_optional_punctuation("+") is not None:
        term()
    parser.parse_punctuation("]")
    properties: dict[str, Attribute] = {
        "coefficients": DenseArrayBase.from_list(i64, coefficients),
        "offset": IntegerAttr(offset, i64),
    }
    if parser.parse_optional_keyword("stride") is not None:
        properties["stride"] = IntegerAttr(parser.parse_integer(), i64)
    return operands, properties, memref


def _properties(terms: Sequence[tuple[int, SSAValue]], offset: int, stride: int) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {
        "coefficients": DenseArrayBase.from_list(i64, [c for c, _ in terms]),
        "offset": IntegerAttr(offset, i64),
    }
    if stride != 1:
        found["stride"] = IntegerAttr(stride, i64)
    return found


@irdl_op_definition
class LoadOp(_Access):
    """Reads one element, or the lanes of a vector that lie `stride` elements apart."""

    name = "loop.load"
    MEMREF: ClassVar[int] = 0
    memref = operand_def(MemRefType)
    indices = var_operand_def(IndexType())
    res = result_def()
    traits = traits_def(MemoryReadEffect())

    @classmethod
    def at(
        cls, memref: SSAValue, terms: Sequence[tuple[int, SSAValue]], offset: int, type: Attribute, stride: int = 1
    ) -> "LoadOp":
        """The load of `type` at `offset + sum(c * index for c, index in terms)`."""
        return cls.create(
            operands=[memref, *(index for _, index in terms)],
            result_types=[type],
            properties=_properties(terms, offset, stride),
        )

    def verify_(self) -> None:
        self._verify_access(self.res.type)

    def print(self, printer: Printer) -> None:
        self._print_address(printer)
        printer.print_string(" : ")
        printer.print_attribute(self.memref.type)
        printer.print_string(" -> ")
        printer.print_attribute(self.res.type)

    @classmethod
    def parse(cls, parser: Parser) -> "LoadOp":
        operands, properties, memref = _parse_address(parser)
        parser.parse_punctuation(":")
        base = parser.resolve_operand(memref, parser.parse_type())
        parser.parse_punctuation("->")
        return cls.create(operands=[base, *operands], result_types=[parser.parse_type()], properties=properties)


@irdl_op_definition
class StoreOp(_Access):
    """Writes one element, or the lanes of a vector `stride` elements apart."""

    name = "loop.store"
    MEMREF: ClassVar[int] = 1
    value = operand_def()
    memref = operand_def(MemRefType)
    indices = var_operand_def(IndexType())
    traits = traits_def(MemoryWriteEffect())

    @classmethod
    def at(
        cls,
        value: SSAValue,
        memref: SSAValue,
        terms: Sequence[tuple[int, SSAValue]],
        offset: int,
        stride: int = 1,
    ) -> "StoreOp":
        """The store of `value` at `offset + sum(c * index for c, index in terms)`."""
        return cls.create(
            operands=[value, memref, *(index for _, index in terms)], properties=_properties(terms, offset, stride)
        )

    def verify_(self) -> None:
        self._verify_access(self.value.type)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.value)
        printer.print_string(",")
        self._print_address(printer)
        printer.print_string(" : ")
        printer.print_attribute(self.value.type)
        printer.print_string(", ")
        printer.print_attribute(self.memref.type)

    @classmethod
    def parse(cls, parser: Parser) -> "StoreOp":
        value = parser.parse_unresolved_operand()
        parser.parse_punctuation(",")
        operands, properties, memref = _parse_address(parser)
        parser.parse_punctuation(":")
        stored = parser.resolve_operand(value, parser.parse_type())
        parser.parse_punctuation(",")
        base = parser.resolve_operand(memref, parser.parse_type())
        return cls.create(operands=[stored, base, *operands], properties=properties)


@irdl_op_definition
class PrefetchOp(_Access):
    """Asks for the line of an element that will be read; it may lie beyond the buffer, and means nothing then."""

    name = "loop.prefetch"
    MEMREF: ClassVar[int] = 0
    memref = operand_def(MemRefType)
    indices = var_operand_def(IndexType())

    @classmethod
    def at(cls, memref: SSAValue, terms: Sequence[tuple[int, SSAValue]], offset: int) -> "PrefetchOp":
        """The line of the element at `offset + sum(c * index for c, index in terms)`."""
        return cls.create(operands=[memref, *(index for _, index in terms)], properties=_properties(terms, offset, 1))

    def verify_(self) -> None:
        if isinstance(self.memref.type, MemRefType):
            self._verify_access(self.memref.type.element_type)

    def print(self, printer: Printer) -> None:
        self._print_address(printer)
        printer.print_string(" : ")
        printer.print_attribute(self.memref.type)

    @classmethod
    def parse(cls, parser: Parser) -> "PrefetchOp":
        operands, properties, memref = _parse_address(parser)
        parser.parse_punctuation(":")
        base = parser.resolve_operand(memref, parser.parse_type())
        return cls.create(operands=[base, *operands], properties=properties)


class Combine(StrEnum):
    """How the lanes of a vector are combined; `max` and `min` answer NaN if a lane is NaN."""

    ADD = auto()
    MUL = auto()
    MAX = auto()
    MIN = auto()
    UMAX = auto()
    UMIN = auto()
    AND = auto()
    OR = auto()
    XOR = auto()


@irdl_attr_definition
class CombineAttr(EnumAttribute[Combine], SpacedOpaqueSyntaxAttribute):
    """A Combine, as an attribute."""

    name = "loop.combine"


@irdl_op_definition
class ReduceOp(IRDLOperation):
    """The lanes of a vector combined to one element, pairwise by halves."""

    name = "loop.reduce"
    kind = prop_def(CombineAttr)
    vector = operand_def(VectorType)
    res = result_def()
    traits = traits_def(Pure())
    assembly_format = "$kind $vector attr-dict `:` type($vector) `->` type($res)"

    def __init__(self, kind: Combine, vector: SSAValue):
        if not isinstance(vector.type, VectorType):
            raise TypeError(f"expected a vector, found {vector.type}")
        super().__init__(
            operands=[vector], result_types=[vector.type.element_type], properties={"kind": CombineAttr(kind)}
        )


@irdl_op_definition
class SplatOp(IRDLOperation):
    """One scalar in all lanes."""

    name = "loop.splat"
    value = operand_def()
    res = result_def(VectorType)
    traits = traits_def(Pure())
    assembly_format = "$value attr-dict `:` type($value) `->` type($res)"

    def __init__(self, value: SSAValue, lanes: int):
        super().__init__(operands=[value], result_types=[VectorType(value.type, [lanes])])


@irdl_op_definition
class StepOp(IRDLOperation):
    """`base, base + 1, ...` in the lanes: the indices of a vectorised dimension."""

    name = "loop.step"
    base = operand_def()
    res = result_def(VectorType)
    traits = traits_def(Pure())
    assembly_format = "$base attr-dict `:` type($base) `->` type($res)"

    def __init__(self, base: SSAValue, lanes: int):
        super().__init__(operands=[base], result_types=[VectorType(base.type, [lanes])])


LANEWISE: dict[str, type[Operation]] = {
    op.name: op
    for op in (
        arith.CmpfOp,
        arith.CmpiOp,
        arith.SelectOp,
        arith.ExtSIOp,
        arith.ExtUIOp,
        arith.TruncIOp,
        arith.SIToFPOp,
        arith.UIToFPOp,
        arith.FPToSIOp,
        arith.FPToUIOp,
        arith.IndexCastOp,
        arith.BitcastOp,
    )
}
"""The ops of arith that xDSL takes on scalars only, where MLIR takes vectors too."""


@irdl_op_definition
class LanesOp(IRDLOperation):
    """An op of arith lane by lane: `loop.lanes "arith.cmpf" predicate 4 : i64 %a, %b : (...) -> vector<8xi1>`."""

    name = "loop.lanes"
    callee = prop_def(StringAttr)
    predicate = opt_prop_def(IntegerAttr)
    arguments = var_operand_def(VectorType)
    res = result_def(VectorType)
    traits = traits_def(Pure())
    assembly_format = "$callee (`predicate` $predicate^)? $arguments attr-dict `:` functional-type($arguments, $res)"

    @classmethod
    def of(cls, op: Operation, arguments: Sequence[SSAValue], lanes: int) -> "LanesOp":
        """What `op`, one of LANEWISE, does to scalars, on vectors."""
        properties: dict[str, Attribute] = {"callee": StringAttr(op.name)}
        if "predicate" in op.properties:
            properties["predicate"] = op.properties["predicate"]
        types = [VectorType(op.results[0].type, [lanes])]
        return cls.create(operands=arguments, result_types=types, properties=properties)

    def scalar(self) -> Operation:
        """The op that each lane goes through, on placeholders."""
        elements = [v.type.element_type for v in self.arguments if isinstance(v.type, VectorType)]
        properties: dict[str, Attribute] = {} if self.predicate is None else {"predicate": self.predicate}
        if self.callee.data == "arith.cmpf":
            properties["fastmath"] = arith.FastMathFlagsAttr("none")
        return LANEWISE[self.callee.data].create(
            operands=Block(arg_types=elements).args,
            result_types=[self.res.type.element_type],
            properties=properties,
        )

    def verify_(self) -> None:
        if self.callee.data not in LANEWISE:
            raise VerifyException(f"loop.lanes: expected one of {', '.join(LANEWISE)}, found {self.callee.data}")
        if any(
            v.type.get_shape() != self.res.type.get_shape() for v in self.arguments if isinstance(v.type, VectorType)
        ):
            raise VerifyException("loop.lanes: expected operands and result of as many lanes")


@irdl_op_definition
class ParallelOp(IRDLOperation):
    """The body once for each part, in any order or at the same time; all are done when it is. It is told its part, and
    how many there are: at most `threads`, at least one. No part writes what another one reads or writes."""

    name = "loop.parallel"
    threads = prop_def(IntegerAttr)
    body = region_def("single_block")
    traits = traits_def(NoTerminator(), RecursiveMemoryEffect())
    assembly_format = "$threads $body attr-dict"

    def __init__(self, threads: int):
        body = Region(Block(arg_types=[IndexType(), IndexType()]))
        super().__init__(properties={"threads": IntegerAttr(threads, i64)}, regions=[body])

    def verify_(self) -> None:
        if (count := self.threads.value.data) < 1:
            raise VerifyException(f"loop.parallel: expected 1 thread or more, found {count}")
        if tuple(self.body.block.arg_types) != (IndexType(), IndexType()):
            found = ", ".join(map(str, self.body.block.arg_types))
            raise VerifyException(f"loop.parallel: expected the indices of a part and of all, found {found}")
