"""One ONNX node as its importer sees it: inputs as SSA values, checked attributes, and the means to emit graph ops."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast, overload

import numpy as np
from onnx import AttributeProto, GraphProto, NodeProto
from xdsl.dialects.builtin import LocationAttr, TensorType
from xdsl.ir import Attribute, Operation, Region, SSAValue

from ....dialects._shape import Array, dtype, shape
from ....dialects.graph._base import GraphOp, Plain
from .tensors import array

if TYPE_CHECKING:
    from .importer import Importing
    from .scope import Scope

# the builtins, under names that Node's methods do not hide
Int = int
Float = float
Str = str
D = TypeVar("D")
_KINDS = AttributeProto.AttributeType


class Refused(Exception):
    """The node cannot be imported: why, and what the user can do. Collected; nodes that depend on it are skipped."""

    def __init__(self, reason: str, do: str | None = None):
        super().__init__(reason)
        self.reason, self.do = reason, do


class Unknown(Refused):
    """A value is wanted at compile time and is not known; it hangs on these graph inputs (none: on no input alone)."""

    def __init__(self, reason: str, do: str | None, inputs: tuple[str, ...]):
        super().__init__(reason, do)
        self.inputs = inputs


@dataclass(eq=False)
class Node:
    """A node on its way into the IR. Indices count ONNX inputs; what `emit` makes gets the node's location."""

    proto: NodeProto
    name: Str
    opset: Int
    operands: Sequence[SSAValue | None]
    importing: "Importing" = field(repr=False)
    scope: "Scope" = field(repr=False)
    location: LocationAttr = field(repr=False)

    @property
    def op_type(self) -> Str:
        """The ONNX op type."""
        return self.proto.op_type

    @property
    def count(self) -> Int:
        """The number of inputs, absent optional ones before the last included."""
        return len(self.operands)

    def has(self, index: Int) -> bool:
        """Whether input `index` is given."""
        return index < len(self.operands) and self.operands[index] is not None

    def input(self, index: Int) -> SSAValue:
        """The value of input `index`; ValueError if it is absent."""
        if not self.has(index):
            raise ValueError(f"input {index} is required")
        return cast(SSAValue, self.operands[index])

    def shape(self, index: Int) -> tuple[Int, ...]:
        """The static shape of input `index`."""
        return shape(self.input(index))

    def rank(self, index: Int) -> Int:
        """The number of dimensions of input `index`."""
        return len(self.shape(index))

    def dtype(self, index: Int) -> np.dtype[np.generic]:
        """The numpy type of the elements of input `index`."""
        return dtype(self.input(index).type)

    def known(self, index: Int) -> Array | None:
        """The value of input `index` if it is a constant, a weight or a given graph input, else None."""
        return self.importing.constants.known(self.input(index)) if self.has(index) else None

    def constant(self, index: Int) -> Array:
        """The value of input `index` at compile time, computed if it hangs on known values only; refuses otherwise."""
        return self.importing.constants.demand(self.input(index), self.proto.input[index])

    @cached_property
    def attributes(self) -> dict[Str, AttributeProto]:
        """The node's attributes by name, references to a function's attributes resolved."""
        return self.scope.attributes_of(self.proto)

    def resolved(self) -> NodeProto:
        """The node with references to a function's attributes replaced by their values."""
        proto = NodeProto()
        proto.CopyFrom(self.proto)
        del proto.attribute[:]
        for name, attribute in self.attributes.items():
            proto.attribute.add().CopyFrom(attribute)
            proto.attribute[-1].name = name
        return proto

    def present(self, name: Str) -> bool:
        """Whether the attribute is given."""
        return name in self.attributes

    def _attribute(self, name: Str, kind: Str) -> AttributeProto | None:
        found = self.attributes.get(name)
        if found is not None and found.type != _KINDS.Value(kind):
            known = found.type in _KINDS.values()
            what = _KINDS.Name(found.type).lower() if known else f"type {Int(found.type)}"
            raise ValueError(f"attribute {name}: expected {kind.lower()}, found {what}")
        return found

    @overload
    def int(self, name: Str) -> Int: ...
    @overload
    def int(self, name: Str, default: D) -> Int | D: ...
    def int(self, name: Str, default: object = ...) -> object:
        """The integer attribute; ValueError if it is absent and has no default, or is of another type."""
        found = self._attribute(name, "INT")
        return _or_default(name, default) if found is None else Int(found.i)

    @overload
    def float(self, name: Str) -> Float: ...
    @overload
    def float(self, name: Str, default: D) -> Float | D: ...
    def float(self, name: Str, default: object = ...) -> object:
        """The float attribute; ValueError as `int`."""
        found = self._attribute(name, "FLOAT")
        return _or_default(name, default) if found is None else Float(found.f)

    @overload
    def str(self, name: Str) -> Str: ...
    @overload
    def str(self, name: Str, default: D) -> Str | D: ...
    def str(self, name: Str, default: object = ...) -> object:
        """The string attribute; ValueError as `int`."""
        found = self._attribute(name, "STRING")
        return _or_default(name, default) if found is None else found.s.decode()

    @overload
    def ints(self, name: Str) -> tuple[Int, ...]: ...
    @overload
    def ints(self, name: Str, default: D) -> tuple[Int, ...] | D: ...
    def ints(self, name: Str, default: object = ...) -> object:
        """The list of integers; ValueError as `int`."""
        found = self._attribute(name, "INTS")
        return _or_default(name, default) if found is None else tuple(map(Int, found.ints))

    @overload
    def floats(self, name: Str) -> tuple[Float, ...]: ...
    @overload
    def floats(self, name: Str, default: D) -> tuple[Float, ...] | D: ...
    def floats(self, name: Str, default: object = ...) -> object:
        """The list of floats; ValueError as `int`."""
        found = self._attribute(name, "FLOATS")
        return _or_default(name, default) if found is None else tuple(map(Float, found.floats))

    @overload
    def strs(self, name: Str) -> tuple[Str, ...]: ...
    @overload
    def strs(self, name: Str, default: D) -> tuple[Str, ...] | D: ...
    def strs(self, name: Str, default: object = ...) -> object:
        """The list of strings; ValueError as `int`."""
        found = self._attribute(name, "STRINGS")
        return _or_default(name, default) if found is None else tuple(s.decode() for s in found.strings)

    def tensor(self, name: Str) -> Array:
        """The tensor attribute as a read-only array; ValueError if it is absent."""
        if (found := self._attribute(name, "TENSOR")) is None:
            raise ValueError(f"attribute {name} is required")
        return array(found.t, f"attribute {name}", self.importing.model.folder)

    def graph(self, name: Str) -> GraphProto:
        """The graph attribute; ValueError if it is absent."""
        if (found := self._attribute(name, "GRAPH")) is None:
            raise ValueError(f"attribute {name} is required")
        return found.g

    def wants(self, index: Int) -> bool:
        """Whether output `index` is named."""
        return index < len(self.proto.output) and bool(self.proto.output[index])

    @property
    def outputs(self) -> Int:
        """The number of outputs listed, unnamed ones before the last included."""
        return len(self.proto.output)

    def refuse(self, reason: Str, do: Str | None = None) -> NoReturn:
        """Report the node as unsupported; all such nodes of a model are reported together."""
        raise Refused(reason, do)

    def emit(
        self,
        op: type[Operation],
        *operands: SSAValue | Sequence[SSAValue] | None,
        regions: Sequence[Region] = (),
        **properties: Plain,
    ) -> SSAValue:
        """Append an op, folded if its operands are known and small; its result, or the tuple of several."""
        results = self.emits(op, *operands, regions=regions, **properties)
        return results[0] if len(results) == 1 else cast(SSAValue, results)

    def emits(
        self,
        op: type[Operation],
        *operands: SSAValue | Sequence[SSAValue] | None,
        regions: Sequence[Region] = (),
        **properties: Plain,
    ) -> tuple[SSAValue, ...]:
        """As `emit`, always a tuple."""
        made = cast(type[GraphOp], op).make(*operands, regions=regions, **properties)
        return self.importing.add(made, self.location)

    def const(self, value: Array | Sequence[Int] | Sequence[Float] | Int | Float) -> SSAValue:
        """A compile-time value: in the IR up to 64 elements, a weight above."""
        return self.importing.const(np.asarray(value), self.location)

    def region(self, graph: GraphProto, args: Sequence[TensorType[Attribute]]) -> Region:
        """A subgraph as a region whose block takes `args` for the graph's inputs and ends in `graph.yield`."""
        return self.importing.region(graph, args, self)

    def inline(self, graph: GraphProto, *args: SSAValue) -> tuple[SSAValue, ...]:
        """A subgraph's ops here, its inputs bound to `args`; the values of its outputs."""
        return self.importing.inline(graph, args, self)


def _or_default(name: Str, default: object) -> object:
    if default is ...:
        raise ValueError(f"attribute {name} is required")
    return default
