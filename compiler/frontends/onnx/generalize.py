"""One model with symbolic dimensions from two exports of it at different sizes.

Reshape(x, [3, 50]) at N = 3, Reshape(x, [5, 50]) at N = 5     -->     Reshape(x, [-1, 50]), x: [N, 50]

The graph level knows numbers only. What does not differ between the exports does not hang on the sizes; of what differs
each op has a way to say it without the number, or the dimension cannot be kept.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TypeProto

from ....dialects._shape import Array
from ...errors import ShapeError
from .exporter import Exported
from .names import printable

Dims = tuple[int, ...]
END = int(np.iinfo(np.int64).max)


class _Fixed(Exception):
    """The value of a dimension is part of what a node computes."""


def generalized(first: Exported, second: Exported, symbols: Mapping[tuple[int, int], str]) -> Exported:
    """The model of both; `symbols` are names by the sizes in the first and the second. ShapeError names the node that
    has a size built in."""
    model = ModelProto()
    model.CopyFrom(first.model)
    work = _Work(first, second, dict(symbols), dict(first.tensors))
    if first.model.opset_import[0].version != second.model.opset_import[0].version:
        raise ShapeError("no dimension can be kept: the sizes decide the opset", code="fixed-dim")
    work.graph(model.graph, second.model.graph)
    used = {name for name in work.used if name in work.tensors}
    return replace(first, model=model, tensors={n: fetch for n, fetch in work.tensors.items() if n in used})


@dataclass
class _Work:
    first: Exported
    second: Exported
    symbols: dict[tuple[int, int], str]
    tensors: dict[str, Callable[[], Array]]

    def __post_init__(self) -> None:
        self.used: set[str] = set()

    def graph(self, mine: GraphProto, other: GraphProto) -> None:
        """Make a graph of the first model mean both."""
        if [n.op_type for n in mine.node] != [n.op_type for n in other.node]:
            raise ShapeError("no dimension can be kept: the sizes decide which nodes there are", code="fixed-dim")
        for node, twin in zip(mine.node, other.node, strict=True):
            try:
                self.node(node, twin)
            except _Fixed as error:
                raise ShapeError(
                    f"a dimension cannot be kept: {printable(node.name)} ({node.op_type}) has {error} built in",
                    code="fixed-dim",
                    suggestion="give its size: --dim N=..",
                ) from None
        for info, twin in zip((*mine.input, *mine.output), (*other.input, *other.output), strict=True):
            self.type(info.type, twin.type)

    def type(self, mine: TypeProto, other: TypeProto) -> None:
        """Name the dimensions that differ."""
        for dim, twin in zip(mine.tensor_type.shape.dim, other.tensor_type.shape.dim, strict=True):
            if (pair := (dim.dim_value, twin.dim_value))[0] != pair[1]:
                dim.dim_param = self.symbols.setdefault(pair, f"d{len(self.symbols)}")

    def node(self, mine: NodeProto, other: NodeProto) -> None:
        """Make a node of the first model mean both."""
        for a, b in zip(mine.attribute, other.attribute, strict=True):
            if a.type == AttributeProto.GRAPH and a.name == b.name:
                self.graph(a.g, b.g)
            elif a != b:
                raise _Fixed(f"attribute {a.name}")
        for index, (name, twin) in enumerate(zip(mine.input, other.input, strict=True)):
            if name in self.first.tensors and twin in self.second.tensors:
                self.constant(mine, other, index)
            elif name != twin:
                raise _Fixed(f"input {index}")
            self.used.add(mine.input[index])

    def constant(self, mine: NodeProto, other: NodeProto, index: int) -> None:
        """Let a constant input hold for both."""
        a, b = self.first.tensors[mine.input[index]](), self.second.tensors[other.input[index]]()
        if a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
            return
        say = WAYS.get((mine.op_type, index))
        if say is None or a.shape != b.shape or a.dtype != np.int64:
            raise _Fixed(f"a constant of {a.size} numbers")
        found = say(self.both(a, b), self.dims(mine, other, 0), self.axes(mine))
        name = f"{mine.input[index]}_any"
        while name in self.tensors and not np.array_equal(self.tensors[name](), found):
            name += "_"
        self.tensors[name] = lambda: np.array(found, np.int64)
        mine.input[index] = name

    @staticmethod
    def both(a: Array, b: Array) -> list[tuple[int, int]]:
        """The numbers of two lists side by side."""
        return list(zip(map(int, a.reshape(-1)), map(int, b.reshape(-1)), strict=True))

    def dims(self, mine: NodeProto, other: NodeProto, index: int) -> list[tuple[int, int]]:
        """The dimensions of an input in both; none if they are not known."""
        types = self.first.types.get(mine.input[index]), self.second.types.get(other.input[index])
        rows = [[d.dim_value for d in t.tensor_type.shape.dim] for t in types if t is not None]
        return list(zip(rows[0], rows[1], strict=True)) if len(rows) == 2 else []

    def axes(self, node: NodeProto) -> list[int]:
        """The axes of a Slice."""
        if node.op_type != "Slice" or node.input[3] not in self.first.tensors:
            return []
        return [int(n) for n in self.first.tensors[node.input[3]]().reshape(-1)]


Pairs = Sequence[tuple[int, int]]


def reshape(wanted: Pairs, dims: Pairs, axes: Sequence[int]) -> list[int]:
    """0 copies a dimension of the input, one -1 takes what is left."""
    del axes
    found = [a if a == b else None for a, b in wanted]
    copied = [i for i, pair in enumerate(wanted) if found[i] is None and i < len(dims) and dims[i] == pair]
    open_ = [i for i, n in enumerate(found) if n is None]
    if 0 in [a for a, _ in wanted] or len([i for i in open_ if i not in copied]) > 1:
        raise _Fixed(f"shape {[a for a, _ in wanted]}")
    rest = next((i for i in open_ if i not in copied), open_[0])
    return [-1 if i == rest else 0 if n is None else n for i, n in enumerate(found)]


def expand(wanted: Pairs, dims: Pairs, axes: Sequence[int]) -> list[int]:
    """1 leaves a dimension as the input has it."""
    del axes
    own = [(1, 1)] * (len(wanted) - len(dims)) + list(dims)
    if any(pair[0] != pair[1] and pair != mine for pair, mine in zip(wanted, own, strict=True)):
        raise _Fixed(f"shape {[a for a, _ in wanted]}")
    return [a if a == b else 1 for a, b in wanted]


def slice_end(wanted: Pairs, dims: Pairs, axes: Sequence[int]) -> list[int]:
    """What ends where the input does ends there."""
    found: list[int] = []
    for pair, axis in zip(wanted, axes, strict=True):
        if pair[0] != pair[1] and (not dims or dims[axis] != pair):
            raise _Fixed(f"end {pair[0]}")
        found.append(pair[0] if pair[0] == pair[1] else END)
    return found


WAYS: dict[tuple[str, int], Callable[[Pairs, Pairs, Sequence[int]], list[int]]] = {
    ("Reshape", 1): reshape,
    ("Expand", 1): expand,
    ("Slice", 2): slice_end,
}
"""By op and input, how a list of numbers that hang on the sizes can be said without them."""
