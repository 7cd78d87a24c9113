"""Constants: small ones stand in the IR (`graph.constant`), larger ones are names into a WeightStore (`graph.weight`).

%w = graph.weight @w0 : tensor<768x3072xf32>
%c = graph.constant dense<[1.0, 2.0]> : tensor<2xf32>
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import AnyFloat, DenseIntOrFPElementsAttr, MemRefType, SymbolRefAttr, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, prop_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import ConstantLike, Pure
from xdsl.utils.exceptions import VerifyException

from .._shape import Array, dtype, shape, tensor

SMALL = 64
"""Elements up to which a constant stands in the IR itself."""


@irdl_op_definition
class WeightOp(IRDLOperation):
    """A read-only array of the WeightStore, by name; a tensor down to `bufferize`, a memref after it."""

    name = "graph.weight"
    ref = prop_def(SymbolRefAttr)
    res = result_def(TensorType | MemRefType)
    traits = traits_def(Pure())
    assembly_format = "$ref attr-dict `:` type($res)"

    def __init__(self, name: str, type: Attribute):
        super().__init__(properties={"ref": SymbolRefAttr(name)}, result_types=[type])

    @property
    def weight(self) -> str:
        """The name in the WeightStore."""
        return self.ref.root_reference.data


@irdl_op_definition
class ConstantOp(IRDLOperation):
    """A tensor of at most 64 elements, its value in the IR."""

    name = "graph.constant"
    value = prop_def(DenseIntOrFPElementsAttr)
    res = result_def(TensorType)
    traits = traits_def(Pure(), ConstantLike())

    def __init__(self, array: Array):
        type = tensor(array.dtype, array.shape)
        super().__init__(properties={"value": dense(array)}, result_types=[type])

    def verify_(self) -> None:
        if self.value.type != self.res.type:
            raise VerifyException(
                f"graph.constant: expected the type of its value {self.value.type}, found {self.res.type}"
            )

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_attribute(self.value)
        printer.print_op_attributes(self.attributes)

    @classmethod
    def parse(cls, parser: Parser) -> "ConstantOp":
        value = parser.parse_attribute()
        if not isinstance(value, DenseIntOrFPElementsAttr):
            parser.raise_error("expected dense<...> : tensor<...>")
        fields = parser.parse_optional_attr_dict()
        return cls.create(properties={"value": value}, result_types=[value.type], attributes=fields)

    def array(self) -> Array:
        """The value as a read-only array of the result's shape and dtype."""
        kind = dtype(self.value.type)
        return np.array(self.value.get_values(), dtype=kind).reshape(shape(self.value.type))


def dense(array: Array) -> DenseIntOrFPElementsAttr:
    """`dense<...>` of an array."""
    values = array.reshape(-1).astype(np.float64 if array.dtype.kind in "fV" else object).tolist()
    if array.dtype == np.bool_:
        values = [int(v) for v in values]
    return DenseIntOrFPElementsAttr.from_list(cast(TensorType[AnyFloat], tensor(array.dtype, array.shape)), values)


@dataclass
class WeightStore:
    """Arrays by name, read-only: views of the model file, or thunks run once at first use."""

    _made: dict[str, Array] = field(default_factory=dict[str, Array])
    _thunks: dict[str, Callable[[], Array]] = field(default_factory=dict[str, Callable[[], Array]])

    def add(self, name: str, value: Array | Callable[[], Array]) -> str:
        """Enter an array, or a function that makes it at first use; KeyError if the name is taken. Returns the name."""
        if name in self:
            raise KeyError(f"weight {name} exists")
        self._thunks[name] = value if callable(value) else lambda: value
        return name

    def fresh(self, stem: str, value: Array | Callable[[], Array]) -> str:
        """Enter under `stem`, or under `stem_1`, `stem_2`, ... if that is taken. Returns the name."""
        name, count = stem, 0
        while name in self:
            count += 1
            name = f"{stem}_{count}"
        return self.add(name, value)

    def __contains__(self, name: str) -> bool:
        return name in self._made or name in self._thunks

    def __iter__(self) -> Iterator[str]:
        yield from self._made
        yield from self._thunks

    def __getitem__(self, name: str) -> Array:
        if name not in self._made:
            array = self._thunks.pop(name)().view()
            array.flags.writeable = False
            self._made[name] = array
        return self._made[name]

    def recipe(self, name: str) -> Callable[[], Array]:
        """A function that gives the array without keeping it here, for another weight to be made from."""
        if (made := self._made.get(name)) is not None:
            return lambda: made
        return self._thunks[name]

    def digest(self, name: str) -> str:
        """A hash of the bytes, for caches and for finding equal weights; it reads the whole array."""
        data = np.ascontiguousarray(self[name]).reshape(-1).view(np.uint8).data
        return hashlib.blake2b(data, digest_size=16).hexdigest()


Recipe = Callable[[], Array]


def recipe(value: SSAValue, weights: WeightStore) -> Recipe | None:
    """How to have the array of a constant or a weight; None for any other value, and for a weight that has no array."""
    match value.owner:
        case ConstantOp() as op:
            return op.array
        case WeightOp() as op if op.weight in weights:
            return weights.recipe(op.weight)
        case _:
            return None


def array_of(value: SSAValue, weights: WeightStore) -> Array | None:
    """The array of a constant or a weight, which the store keeps; None as `recipe`."""
    match value.owner:
        case ConstantOp() as op:
            return op.array()
        case WeightOp() as op if op.weight in weights:
            return weights[op.weight]
        case _:
            return None


@dataclass
class AicContext(Context):
    """xDSL's context with the weights that the IR names."""

    weights: WeightStore = field(default_factory=WeightStore)

    def clone(self) -> "AicContext":
        return AicContext(**vars(super().clone()), weights=self.weights)


def constant_array(value: SSAValue) -> Array | None:
    """The array of a value made by `graph.constant`, else None."""
    return value.owner.array() if isinstance(value.owner, ConstantOp) else None
