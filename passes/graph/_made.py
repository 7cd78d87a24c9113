"""New ops in order, as a rewrite makes them from one place."""

from dataclasses import dataclass, field

from xdsl.dialects.builtin import LocationAttr, TensorType
from xdsl.ir import Attribute, Operation, SSAValue

from ...dialects._shape import Array, shape
from ...dialects.graph._base import GraphOp, Plain
from ...dialects.graph.view import ReshapeOp, SliceOp
from ...dialects.graph.weight import ConstantOp, WeightStore
from ._constants import Recipe, constant


@dataclass
class Made:
    """`made(MulOp, a, b)` is the product's value; `made.ops` are the ops so far, which have one location."""

    location: LocationAttr
    ops: list[Operation] = field(default_factory=list[Operation])

    def __call__(
        self, kind: type[GraphOp], *operands: SSAValue | list[SSAValue] | None, **properties: Plain
    ) -> SSAValue:
        return self.add(kind.make(*operands, regions=(), **properties))

    def add(self, op: Operation) -> SSAValue:
        """Append an op; its first result."""
        op.location = self.location
        self.ops.append(op)
        return op.results[0]

    def number(self, array: Array) -> SSAValue:
        """A constant of at most 64 elements."""
        return self.add(ConstantOp(array))

    def known(self, make: Recipe, type: TensorType[Attribute], weights: WeightStore, stem: str) -> SSAValue:
        """A constant or, above 64 elements, a weight that is made when it is first used."""
        return self.add(constant(make, type, weights, stem))

    def reshaped(self, x: SSAValue, *dims: int) -> SSAValue:
        """x in another shape."""
        return x if shape(x) == dims else self(ReshapeOp, x, shape=dims)

    def part(self, x: SSAValue, axis: int, first: int, count: int) -> SSAValue:
        """`count` elements along an axis, from `first` on."""
        dims = shape(x)
        offsets = [first if i == axis else 0 for i in range(len(dims))]
        sizes = [count if i == axis else n for i, n in enumerate(dims)]
        return self(SliceOp, x, offsets=offsets, sizes=sizes, strides=[1] * len(dims))

    def plane(self, x: SSAValue, index: int) -> SSAValue:
        """x[index]; of a matrix a matrix of one row."""
        dims = shape(x)
        part = self.part(x, 0, index, 1)
        return part if len(dims) == 2 else self.reshaped(part, *dims[1:])
