"""What all ops of the `graph` dialect share: static tensors, one text form, types inferred, a meaning on numpy arrays.

%2 = graph.conv %x, %w {strides = array<i64: 2, 2>} : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x3x3xf32>
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Self, cast

import numpy as np
from xdsl.dialects.builtin import (
    ArrayAttr,
    BoolAttr,
    DenseArrayBase,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    TensorType,
    f64,
    i32,
    i64,
)
from xdsl.ir import Attribute, Operation, Region, SSAValue
from xdsl.irdl import IRDLOperation, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from .._shape import Array

Types = tuple[TensorType[Attribute], ...]
Plain = int | float | bool | str | Sequence[int] | Sequence[str] | Attribute | None


class Fusion(Enum):
    """How an op may join a kernel (the six classes of TVM's operator fusion, Chen et al., OSDI 2018)."""

    ELEMENTWISE = "one output element from the same element of each input"
    BROADCAST = "as elementwise, after broadcasting"
    INJECTIVE = "each output element from one input element elsewhere: views, gathers, concat"
    REDUCTION = "reduces whole axes"
    CONTRACTION = "a sum of products; takes elementwise epilogues"
    OPAQUE = "takes part in no fusion"


class GraphOp(IRDLOperation, ABC):
    """An operator on static tensors. `infer` is its shape rule, `evaluate` its meaning; neither reads its results."""

    traits = traits_def(Pure())
    if TYPE_CHECKING:
        fusion: ClassVar[Fusion]
    else:

        @property
        def fusion(self):
            return self.__fusion__

    def __init_subclass__(cls, **options: object):
        """Moves `fusion = Fusion.X` to `__fusion__`: IRDL takes no class field but its own, save dunder names."""
        super().__init_subclass__(**options)
        if isinstance(found := cls.__dict__.get("fusion"), Fusion):
            setattr(cls, "__fusion__", found)  # noqa: B010  pyright knows no such field
            del cls.fusion

    @abstractmethod
    def infer(self) -> Types:
        """The result types that the operands and properties imply; VerifyException if they do not fit together."""

    @abstractmethod
    def evaluate(self, *inputs: Array | None) -> tuple[Array, ...]:
        """The results for these arrays, one per operand in operand order (an op with regions says otherwise)."""

    @classmethod
    def make(
        cls, *operands: SSAValue | Sequence[SSAValue] | None, regions: Sequence[Region] = (), **properties: Plain
    ) -> Self:
        """Build the op with inferred result types. Operands go by definition: a value, a sequence for a variadic one,
        None for an absent optional one. Properties are plain Python values; None leaves one out."""
        fields = {name: attribute(value) for name, value in properties.items() if value is not None}
        groups = [[o] if isinstance(o, SSAValue) else list(o or ()) for o in operands]
        flat = [value for group in groups for value in group]
        if any("Segments" in type(option).__name__ for option in cls.get_irdl_definition().options):
            sizes = DenseArrayBase.from_list(i32, [len(group) for group in groups])
            fields["operandSegmentSizes"] = sizes
        probe = cls.create(operands=flat, properties=fields, regions=regions)
        types = probe.infer()
        held = [probe.detach_region(region) for region in list(probe.regions)]
        probe.drop_all_references()
        return cls.create(operands=flat, result_types=types, properties=fields, regions=held)

    def verify_(self) -> None:
        found = tuple(self.result_types)
        expected = self.infer()
        if found != tuple(expected):
            wanted, got = ", ".join(map(str, expected)), ", ".join(map(str, found))
            raise VerifyException(f"{self.name}: expected result {wanted}, found {got}")

    def print(self, printer: Printer) -> None:
        if self.operands:
            printer.print_string(" ")
            printer.print_list(self.operands, printer.print_operand)
        for region in self.regions:
            printer.print_string(" (")
            printer.print_region(region)
            printer.print_string(")")
        printer.print_op_attributes({**self.properties, **self.attributes})
        printer.print_string(" : ")
        printer.print_function_type(self.operand_types, self.result_types)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        position = parser.pos
        operands = []
        if (first := parser.parse_optional_unresolved_operand()) is not None:
            operands.append(first)
            while parser.parse_optional_punctuation(",") is not None:
                operands.append(parser.parse_unresolved_operand())
        regions: list[Region] = []
        while parser.parse_optional_punctuation("(") is not None:
            regions.append(parser.parse_region())
            parser.parse_punctuation(")")
        fields = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        kind = parser.parse_function_type()
        values = parser.resolve_operands(operands, kind.inputs.data, position)
        known = cls.get_irdl_definition().properties
        segments = {"operandSegmentSizes", "resultSegmentSizes"}
        properties = {k: v for k, v in fields.items() if k in known or k in segments}
        attributes = {k: v for k, v in fields.items() if k not in properties}
        return cls.create(
            operands=values,
            result_types=kind.outputs.data,
            properties=properties,
            attributes=attributes,
            regions=regions,
        )


def attribute(value: Plain) -> Attribute:
    """A Python value as a property: bool i1, int i64, float f64, str, ints a dense array, strings an array."""
    match value:
        case Attribute():
            return value
        case bool():
            return BoolAttr.from_bool(value)
        case int() | np.integer():
            return IntegerAttr(int(value), i64)
        case float() | np.floating():
            return FloatAttr(float(value), f64)
        case str():
            return StringAttr(value)
        case [str(), *_]:
            return ArrayAttr([StringAttr(v) for v in value])
        case list() | tuple():
            return DenseArrayBase.from_list(i64, [int(v) for v in value])
        case _:
            raise TypeError(f"no attribute for {value!r}")


def ints(attribute: DenseArrayBase | None) -> tuple[int, ...]:
    """The numbers of a dense i64 array, () if it is absent."""
    return () if attribute is None else cast(DenseArrayBase[IntegerType], attribute).get_values()


def normalized(axis: int, rank: int, op: Operation) -> int:
    """`axis` in 0..rank-1, negative ones counted from the end; VerifyException outside."""
    if not -rank <= axis < rank:
        raise VerifyException(f"{op.name}: expected an axis in [{-rank}, {rank - 1}], found {axis}")
    return axis % rank
