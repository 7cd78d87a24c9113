"""The smallest part of a model that still fails in the same way.

412 nodes  --ddmin-->  2 nodes  -->  one output  -->  no attribute that does not matter  -->  smaller sizes
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from onnx import ModelProto, numpy_helper

from ...dialects._shape import Array
from ..errors import UsageError
from ..frontends.onnx.model import Model
from .ddmin import ddmin
from .submodel import Arrays, Part, cut, port_of

Fails = Callable[[Part], str]
"""The kind of failure of a part, "" if it does not fail: parts of another kind are another story."""


@dataclass
class Reducer:
    """Cuts a model down; `values` are those of all its tensors in one run. `checks` counts the questions asked."""

    model: Model
    values: Arrays
    fails: Fails
    tell: Callable[[str], None] = lambda _: None
    checks: int = 0
    kind: str = field(default="", init=False)

    def run(self) -> Part:
        """The reduced model with its inputs; UsageError if the whole does not fail."""
        nodes = self.nodes
        whole = self._part(nodes)
        self.kind = self._asked(whole)
        if not self.kind:
            raise UsageError("the model does not fail: there is nothing to reduce", code="no-failure")
        kept = ddmin(nodes, lambda chosen: self._same(self._part(chosen)))
        self.tell(f"{len(nodes)} nodes reduced to {len(kept)}")
        return self._smaller(self._without_attributes(self._one_output(kept)))

    @property
    def nodes(self) -> list[int]:
        """The main graph's nodes that are no constants."""
        return [i for i, node in enumerate(self.model.proto.graph.node) if node.op_type != "Constant"]

    def _part(self, nodes: Sequence[int], outputs: Sequence[str] | None = None) -> Part:
        given = {port.name for port in self.model.inputs}
        return cut(self.model, nodes, self.values, outputs, lambda name: name not in given and self._is_index(name))

    def _is_index(self, name: str) -> bool:
        """Whether a tensor at a cut stays what it was: random integers are no valid indices or shapes."""
        return self.values[name].dtype.kind in "iub"

    def _asked(self, part: Part) -> str:
        self.checks += 1
        return self.fails(part)

    def _same(self, part: Part) -> bool:
        found = self._asked(part) == self.kind
        if found:
            self.tell(f"{len(part.model.proto.graph.node)} nodes still fail")
        return found

    def _one_output(self, nodes: Sequence[int]) -> Part:
        whole = self._part(nodes)
        names = [output.name for output in whole.model.proto.graph.output]
        if len(names) < 2:
            return whole
        return self._part(nodes, ddmin(names, lambda chosen: self._same(self._part(nodes, list(chosen)))))

    def _without_attributes(self, part: Part) -> Part:
        """Leaves out each attribute whose default fails as well."""
        for index, node in enumerate(part.model.proto.graph.node):
            for name in [a.name for a in node.attribute] if node.op_type != "Constant" else []:
                proto = ModelProto()
                proto.CopyFrom(part.model.proto)
                attributes = proto.graph.node[index].attribute
                del attributes[next(i for i, a in enumerate(attributes) if a.name == name)]
                smaller = Part(replace(part.model, proto=proto), part.feed)
                if self._same(smaller):
                    return self._without_attributes(smaller)
        return part

    def _smaller(self, part: Part) -> Part:
        """Shrinks the axes of each size, the largest first, in inputs and weights together."""
        weights = [tensor.dims for tensor in part.model.proto.graph.initializer]
        sizes = {int(d) for dims in (*weights, *(a.shape for a in part.feed.values())) for d in dims}
        for size in sorted(sizes, reverse=True):
            for to in sorted({1, 2, size // 2}):
                if 0 < to < size and self._same(found := shrunk(part, size, to)):
                    return self._smaller(found)
        return part


def shrunk(part: Part, size: int, to: int) -> Part:
    """The part with axes of this size cut to another, in inputs and weights, but for vectors of
    integers; of the outputs' shapes only the rank is told."""

    def cut(array: Array) -> Array:
        return np.ascontiguousarray(array[tuple(slice(to if d == size else d) for d in array.shape)])

    proto, weights = ModelProto(), part.model.proto.graph.initializer
    proto.CopyFrom(part.model.proto)
    feed = {name: cut(array) for name, array in part.feed.items()}
    del proto.graph.initializer[:], proto.graph.input[:], proto.graph.value_info[:]
    for index, tensor in enumerate(weights):
        array = part.model.initializer(index)
        array = array if array.dtype.kind in "iub" and array.ndim < 2 else cut(array)
        proto.graph.initializer.append(numpy_helper.from_array(array, tensor.name))
    proto.graph.input.extend(port_of(name, array) for name, array in feed.items())
    for output in proto.graph.output:
        for dim in output.type.tensor_type.shape.dim:
            dim.Clear()
    return Part(Model(proto, part.model.name, {}), feed)


def summary(model: Model) -> str:
    """The ops that a model has: `Conv, Relu`."""
    return ", ".join(node.op_type for node in model.proto.graph.node if node.op_type != "Constant")
