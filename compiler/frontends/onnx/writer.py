"""An ONNX graph under construction: names for SSA values, constants as initializers, subgraphs, types of what is named.

w.node("Gemm", op, op.a, op.b, transB=1)      the op's results are the node's outputs
mid = w.value("Floor", op.x)                  a node between
w.node("Mul", op, mid, w.ints([2, 3]))
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import NoReturn

import numpy as np
from onnx import GraphProto, NodeProto, TypeProto, ValueInfoProto, helper
from xdsl.ir import Block, Operation, Region, SSAValue

from ....dialects._location import origins
from ....dialects._shape import Array, dtype, shape
from ....dialects.graph.weight import ConstantOp, WeightOp, WeightStore, array_of
from .export_registry import NoExport, exporters

Value = SSAValue | str | None
Attribute = int | float | str | Sequence[int] | Sequence[float] | Sequence[str] | GraphProto | None
Fetch = Callable[[], Array]


@dataclass
class Writer:
    """One model being written. `nodes` is the list of the graph or subgraph at hand; `tensors` are the initializers of
    the whole model, which subgraphs see, each with a function that gives its array; `types` are those of all names."""

    weights: WeightStore
    nodes: list[NodeProto] = field(default_factory=list[NodeProto])
    tensors: dict[str, Fetch] = field(default_factory=dict[str, Fetch])
    types: dict[str, TypeProto] = field(default_factory=dict[str, TypeProto])
    least: int = 18
    """The lowest opset that can say what was written so far, as far as the forms of ops go."""
    _names: dict[SSAValue, str] = field(default_factory=dict[SSAValue, str])
    _taken: set[str] = field(default_factory=set[str])
    _labels: set[str] = field(default_factory=set[str])
    _yielded: set[str] = field(default_factory=set[str])
    _known: dict[tuple[str, tuple[int, ...], bytes], str] = field(
        default_factory=dict[tuple[str, tuple[int, ...], bytes], str]
    )

    def reserve(self, name: str) -> None:
        """Keep a name for a graph input or output."""
        self._taken.add(name)

    def bind(self, value: SSAValue, name: str) -> None:
        """The name that stands for a value."""
        self._names[value] = name
        self.types[name] = type_proto(value)

    def bound(self, value: SSAValue) -> bool:
        """Whether a value has a name yet."""
        return value in self._names

    def fresh(self, stem: str) -> str:
        """`stem`, or `stem_1`, `stem_2`, ... if that is taken."""
        return _unused(stem or "v", self._taken)

    def name(self, value: Value) -> str:
        """The name of a value; that of an absent one is empty."""
        if not isinstance(value, SSAValue):
            return value or ""
        if (found := self._names.get(value)) is None:
            self.bind(value, self._constant(value.owner))
            found = self._names[value]
        return found

    def own(self, value: SSAValue | None) -> str:
        """The name of a value that, if it is a constant, is an initializer of its own: onnxruntime changes the zero
        points of weights in place, and fails where two nodes share one."""
        if value is None or not isinstance(op := value.owner, ConstantOp | WeightOp):
            return self.name(value)
        return self._constant(op)

    def array(self, value: SSAValue) -> Array | None:
        """The value of a constant or a weight."""
        return array_of(value, self.weights)

    def _constant(self, op: Operation | Block) -> str:
        """A fresh initializer."""
        match op:
            case ConstantOp():
                fetch = op.array
            case WeightOp() if op.weight in self.weights:
                fetch = partial(self.weights.__getitem__, op.weight)
            case WeightOp():
                raise NoExport(f"the weight @{op.weight} has no array")
            case _:
                raise NoExport("an operand of it is written nowhere")
        name = self.fresh(op.weight if isinstance(op, WeightOp) else "const")
        self.tensors[name], self.types[name] = fetch, type_proto(op.res)
        return name

    def tensor(self, array: Array) -> str:
        """A small constant; equal ones are one initializer."""
        kept = np.array(array, order="C")
        key = (str(kept.dtype), kept.shape, kept.tobytes())
        if (name := self._known.get(key)) is None:
            name = self._known[key] = self.fresh("const")
            self.tensors[name] = lambda: kept
            self.types[name] = tensor_type(kept.dtype, kept.shape)
        return name

    def ints(self, values: Sequence[int]) -> str:
        """A list of i64, as ONNX takes axes and shapes."""
        return self.tensor(np.array(values, np.int64))

    def node(self, op_type: str, op: Operation, *inputs: Value, **attributes: Attribute) -> None:
        """Append a node whose outputs are the op's results."""
        outputs = [self.result(op, index) for index in range(len(op.results))]
        self._append(op_type, op, [self.name(i) for i in inputs], outputs, attributes)

    def outputs(self, op_type: str, op: Operation, inputs: Sequence[Value], outputs: Sequence[str],
                **attributes: Attribute) -> None:  # fmt: skip
        """Append a node with outputs that are not in order the op's results: names from `result`, or ""."""
        self._append(op_type, op, [self.name(i) for i in inputs], list(outputs), attributes)

    def value(self, op_type: str, op: Operation, *inputs: Value, kind: np.dtype[np.generic] | None = None,
              **attributes: Attribute) -> str:  # fmt: skip
        """Append a node on the way to the op's; the name of its output. Elements are of `kind`, or of the first input's
        type."""
        names = [self.name(i) for i in inputs]
        output = self.fresh(f"{self.label(op)}_{op_type}")
        first = self.types[names[0]].tensor_type.elem_type
        self.types[output] = helper.make_tensor_type_proto(
            first if kind is None else helper.np_dtype_to_tensor_dtype(kind), None
        )
        self._append(op_type, op, names, [output], attributes)
        return output

    def result(self, op: Operation, index: int) -> str:
        """The name of one of the op's results."""
        if (result := op.results[index]) not in self._names:
            stem = self.label(op)
            self.bind(result, self.fresh(stem if len(op.results) == 1 else f"{stem}_{index}"))
        return self._names[result]

    def label(self, op: Operation) -> str:
        """What an op is called: the first ONNX node it comes from, else its own name."""
        return next(iter(origins(op.location)), "") or op.name.rpartition(".")[2]

    def _append(
        self, op_type: str, op: Operation, inputs: list[str], outputs: list[str], attributes: Mapping[str, Attribute]
    ) -> None:
        while inputs and not inputs[-1]:
            inputs.pop()
        node = helper.make_node(op_type, inputs, outputs, _unused(self.label(op), self._labels))
        node.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items() if v is not None)
        if len(found := origins(op.location)) > 1:
            node.doc_string = f"from {', '.join(found)}"
        self.nodes.append(node)

    def need(self, opset: int) -> None:
        """What was written means this only from an opset on."""
        self.least = max(self.least, opset)

    def refuse(self, reason: str) -> NoReturn:
        """The op cannot be said in ONNX."""
        raise NoExport(reason)

    def op(self, op: Operation) -> None:
        """Write an op; NoExport if there is no way."""
        if isinstance(op, ConstantOp | WeightOp):
            return
        if (write := exporters().get(type(op))) is None:
            raise NoExport("the op has no exporter")
        write(self, op)

    @contextmanager
    def inside(self) -> Iterator[list[NodeProto]]:
        """Write into a fresh list of nodes meanwhile."""
        outer, self.nodes = self.nodes, []
        try:
            yield self.nodes
        finally:
            self.nodes = outer

    def subgraph(self, op: Operation, region: Region, before: Sequence[ValueInfoProto] = ()) -> GraphProto:
        """A region as a graph: `before` and the block's arguments are its inputs, what is yielded its
        outputs."""
        block = region.block
        inputs = list(before)
        for argument in block.args:
            if argument not in self._names:
                self.bind(argument, self.fresh(f"{self.label(op)}_arg{argument.index}"))
            inputs.append(value_info(self._names[argument], self.types[self._names[argument]]))
        with self.inside() as nodes:
            last = block.last_op
            for inner in block.ops:
                if inner is not last:
                    self.guarded(inner)
            outputs = [self.yielded(op, v) for v in (last.operands if last else ())]
        infos = [value_info(name, self.types[name]) for name in outputs]
        return helper.make_graph(nodes, self.fresh(f"{self.label(op)}_body"), inputs, infos)

    def guarded(self, op: Operation) -> None:
        """`op`, a refusal told with the op's name and origin."""
        try:
            self.op(op)
        except NoExport as error:
            error.op = error.op or op
            raise

    def yielded(self, op: Operation, value: SSAValue) -> str:
        """The name of a graph's output, which a node of that very graph has to make, and only once."""
        name = self.name(value)
        made = {output for node in self.nodes for output in node.output}
        if name not in made or name in self._yielded:
            name = self.value("Identity", op, value)
            self.types[name] = type_proto(value)
        self._yielded.add(name)
        return name

    def copy(self, value: SSAValue, name: str) -> None:
        """Let a graph output of this name have the value, by a node if it has another name."""
        if (found := self.name(value)) != name:
            self.types[name] = type_proto(value)
            self.nodes.append(helper.make_node("Identity", [found], [name], _unused(name, self._labels)))


def _unused(stem: str, taken: set[str]) -> str:
    name, count = stem, 0
    while name in taken:
        count += 1
        name = f"{stem}_{count}"
    taken.add(name)
    return name


def tensor_type(kind: np.dtype[np.generic], dims: Sequence[int] | None) -> TypeProto:
    """The type of a tensor."""
    return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(kind), dims)


def type_proto(value: SSAValue) -> TypeProto:
    """The type of a value."""
    return tensor_type(dtype(value.type), shape(value))


def value_info(name: str, type: TypeProto) -> ValueInfoProto:
    """A declaration."""
    return helper.make_value_info(name, type)
