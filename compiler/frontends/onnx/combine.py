"""Nodes put together that one ONNX op says and several graph ops do.

Max(x, 0), Min(., 6)                        -->  Clip(x, 0, 6)
Slice(x, 0:4), Slice(x, 4:8) on one axis    -->  Split(x, [4, 4])
Slice(x, 2:3), Reshape without that axis    -->  Gather(x, 2)
MatMul(a, b) of matrices, Add(., c)         -->  Gemm(a, b, c)
HardSigmoid(x, 1/6, 1/2), Mul(x, .)         -->  HardSwish(x)
Reshape(Reshape(x)); Slice(Slice(x)) of other axes   -->  Reshape(x); Slice(x)

A node in between goes only if nobody else reads what it makes.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isclose

import numpy as np
from onnx import AttributeProto, GraphProto, NodeProto, helper

from ....dialects._shape import Array
from .writer import Writer

Dims = tuple[int, ...]


def combined(graph: GraphProto, writer: Writer) -> None:
    """Rewrite a graph and its subgraphs in place."""
    names = [output.name for output in graph.output]
    reads = Counter(names)
    _count(graph, reads)
    _rewrite(graph, writer, reads)


def _count(graph: GraphProto, reads: Counter[str]) -> None:
    for node in graph.node:
        reads.update(node.input)
        for inner in _subgraphs(node):
            reads.update(output.name for output in inner.output)
            _count(inner, reads)


def _subgraphs(node: NodeProto) -> list[GraphProto]:
    return [a.g for a in node.attribute if a.type == AttributeProto.GRAPH]


def _rewrite(graph: GraphProto, writer: Writer, reads: Counter[str]) -> None:
    for node in graph.node:
        for inner in _subgraphs(node):
            _rewrite(inner, writer, reads)
    nodes = list(graph.node)
    at = Combining(writer, reads, {output: node for node in nodes for output in node.output})
    for node in nodes:
        if node.op_type == "Slice":
            slices(at, node)
    nodes = at.split([node for node in nodes if id(node) not in at.gone])
    for node in nodes:
        if (rule := RULES.get(node.op_type)) is not None:
            rule(at, node)
    kept = [node for node in nodes if id(node) not in at.gone]
    del graph.node[:]
    graph.node.extend(kept)


@dataclass
class Combining:
    """One graph being rewritten: who makes each name, how often each is read, and the nodes that are gone."""

    w: Writer
    reads: Counter[str]
    maker: dict[str, NodeProto]

    def __post_init__(self) -> None:
        self.gone: set[int] = set()

    def dims(self, name: str) -> Dims | None:
        """A value's shape; None for what stands between an op's nodes."""
        type = self.w.types[name].tensor_type
        return tuple(d.dim_value for d in type.shape.dim) if type.HasField("shape") else None

    def kind(self, name: str) -> int:
        """A value's element type."""
        return self.w.types[name].tensor_type.elem_type

    def constant(self, name: str) -> Array | None:
        """A small known value."""
        dims = self.dims(name) if name in self.w.tensors else None
        return self.w.tensors[name]() if dims is not None and int(np.prod(dims)) <= 64 else None

    def scalar(self, name: str) -> Array | None:
        """A single known number."""
        value = self.constant(name)
        return value.reshape(()) if value is not None and value.size == 1 else None

    def only(self, name: str, op_type: str) -> NodeProto | None:
        """The node of this type that makes a value for one reader alone."""
        node = self.maker.get(name)
        wanted = node is not None and node.op_type == op_type and id(node) not in self.gone
        return node if wanted and self.reads[name] == 1 else None

    def become(self, node: NodeProto, op_type: str, inputs: Sequence[str], *gone: NodeProto, **attributes: int) -> None:
        """Let a node, which keeps its name and outputs, be another that needs these nodes no more."""
        for other in (node, *gone):
            self.reads.subtract(other.input)
        self.gone |= {id(other) for other in gone}
        sources = [other.name for other in gone if other.name != node.name]
        node.op_type = op_type
        del node.input[:], node.attribute[:]
        node.input.extend(inputs)
        node.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())
        self.reads.update(inputs)
        if sources and not node.doc_string:
            node.doc_string = f"from {', '.join([*sources, node.name])}"

    def cut(self, node: NodeProto) -> tuple[int, int, int] | None:
        """(axis, start, size) of a Slice of one axis by steps of 1."""
        if node.op_type != "Slice" or len(node.input) != 4 or self.dims(node.output[0]) is None:
            return None
        starts, ends, axes = (self.constant(name) for name in node.input[1:])
        if starts is None or ends is None or axes is None or axes.size != 1:
            return None
        start, end = int(starts.reshape(-1)[0]), int(ends.reshape(-1)[0])
        return (int(axes.reshape(-1)[0]), start, end - start) if end > start else None

    def split(self, nodes: list[NodeProto]) -> list[NodeProto]:
        """One Split for the slices of a value that lie side by side and leave nothing out, unless all are Gathers."""
        groups: defaultdict[tuple[str, int], dict[int, NodeProto]] = defaultdict(dict)
        for node in nodes:
            if (cut := self.cut(node)) is not None:
                groups[node.input[0], cut[0]].setdefault(cut[1], node)
        instead: dict[int, NodeProto] = {}
        for (source, axis), parts in groups.items():
            order = [parts[start] for start in sorted(parts)]
            if len(order) < 2 or not self._whole(source, axis, order) or all(self._picked(n) for n in order):
                continue
            sizes = [(self.dims(n.output[0]) or ())[axis] for n in order]
            inputs = [source, self.w.ints(sizes)]
            outputs = [n.output[0] for n in order]
            made = helper.make_node("Split", inputs, outputs, order[0].name, axis=axis)
            self.reads.update(inputs)
            for n in order:
                self.reads.subtract(n.input)
            self.maker.update(dict.fromkeys(outputs, made))
            first = min(order, key=lambda n: next(i for i, m in enumerate(nodes) if m is n))
            instead[id(first)] = made
            self.gone |= {id(n) for n in order if n is not first}
        return [instead.get(id(node), node) for node in nodes if id(node) not in self.gone]

    def _whole(self, source: str, axis: int, order: Sequence[NodeProto]) -> bool:
        end = 0
        for node in order:
            _, start, size = self.cut(node) or (0, -1, 0)
            if start != end:
                return False
            end = start + size
        return end == (self.dims(source) or (-1,) * (axis + 1))[axis]

    def _picked(self, node: NodeProto) -> bool:
        """Whether all that reads a slice is one reshape that drops its axis."""
        return node.output[0] in self.dropping and self.reads[node.output[0]] == 1

    @property
    def dropping(self) -> dict[str, NodeProto]:
        """The reshapes of slices of one that drop the axis, by what they read."""
        if not hasattr(self, "_dropping"):
            makers = {id(n): n for n in self.maker.values() if n.op_type == "Reshape"}
            self._dropping = {n.input[0]: n for n in makers.values() if self.drops(n)}
        return self._dropping

    def drops(self, node: NodeProto) -> bool:
        """Whether a Reshape drops the axis that a slice before it cut to one."""
        source = self.maker.get(node.input[0])
        cut = self.cut(source) if source is not None else None
        before, after = self.dims(node.input[0]), self.dims(node.output[0])
        return (
            cut is not None and before is not None and cut[2] == 1 and after == before[: cut[0]] + before[cut[0] + 1 :]
        )


def clip(at: Combining, node: NodeProto) -> None:
    """Min(Max(x, low), high)."""
    for inner, bound in ((node.input[0], node.input[-1]), (node.input[-1], node.input[0])):
        below = at.only(inner, "Max")
        high = at.scalar(bound)
        if below is None or high is None or len(below.input) != 2 or len(node.input) != 2:
            continue
        for x, other in ((below.input[0], below.input[1]), (below.input[1], below.input[0])):
            low = at.scalar(other)
            if low is not None and at.dims(x) == at.dims(node.output[0]) and at.dims(x) is not None:
                at.become(node, "Clip", [x, at.w.tensor(low), at.w.tensor(high)], below)
                return


def reshape(at: Combining, node: NodeProto) -> None:
    """Of a slice that picks one index a Gather, of a reshape a reshape of what that reads."""
    source = at.only(node.input[0], "Slice")
    cut = at.cut(source) if source is not None else None
    if source is not None and cut is not None and at.drops(node):
        axis, start, _ = cut
        at.become(node, "Gather", [source.input[0], at.w.tensor(np.array(start, np.int64))], source, axis=axis)
        return
    before = at.only(node.input[0], "Reshape")
    if before is not None:
        zero = {"allowzero": 1} if any(a.name == "allowzero" for a in node.attribute) else {}
        at.become(node, "Reshape", [before.input[0], node.input[1]], before, **zero)


def slices(at: Combining, node: NodeProto) -> None:
    """A slice of a slice along other axes."""
    before = at.only(node.input[0], "Slice")
    if before is None or not len(node.input) == len(before.input) == 4:
        return
    pairs = [(at.constant(a), at.constant(b)) for a, b in zip(before.input[1:], node.input[1:], strict=True)]
    known = [(a.tolist(), b.tolist()) for a, b in pairs if a is not None and b is not None]
    if len(known) == 3 and not set(known[2][0]) & set(known[2][1]):
        at.become(node, "Slice", [before.input[0], *(at.w.ints([*a, *b]) for a, b in known)], before)


def gemm(at: Combining, node: NodeProto) -> None:
    """MatMul of matrices of floats, and a known row or matrix added."""
    for inner, bias in ((node.input[0], node.input[1]), (node.input[1], node.input[0])):
        product = at.only(inner, "MatMul")
        if product is None or bias not in at.w.tensors or at.kind(inner) not in (1, 10, 11):
            continue
        shapes = [at.dims(name) for name in (*product.input, bias, node.output[0], inner)]
        ranks = [len(s) if s is not None else -1 for s in shapes]
        if [*ranks[:2], *ranks[3:]] == [2] * 4 and 0 <= ranks[2] <= 2 and shapes[3] == shapes[4]:
            at.become(node, "Gemm", [*product.input, bias], product)
            return


def hard_swish(at: Combining, node: NodeProto) -> None:
    """x times its hard sigmoid of slope 1/6."""
    for x, inner in ((node.input[0], node.input[1]), (node.input[1], node.input[0])):
        gate = at.only(inner, "HardSigmoid")
        if gate is None or gate.input[0] != x:
            continue
        slope = {a.name: a.f for a in gate.attribute}
        if isclose(slope["alpha"], 1 / 6, rel_tol=1e-6) and slope["beta"] == 0.5:
            at.become(node, "HardSwish", [x], gate)
            return


RULES: dict[str, Callable[[Combining, NodeProto], None]] = {
    "Min": clip,
    "Reshape": reshape,
    "Add": gemm,
    "Mul": hard_swish,
}
"""What may end in a node of this type."""
