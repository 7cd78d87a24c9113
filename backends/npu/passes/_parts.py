"""Part of a value along a dimension, computed by itself.

part(reshape(add(matmul(x, w), b)), heads 0..3)  -->  reshape(add(matmul(x, w[.., 0..255]), b[0..255]))
"""

from dataclasses import dataclass, field
from math import prod

from xdsl.ir import Operation, SSAValue

from ....dialects._shape import shape
from ....dialects.graph._base import GraphOp, ints
from ....dialects.graph._pointwise import PointwiseOp
from ....dialects.graph.contraction import MatmulOp
from ....dialects.graph.quantize import DequantizeOp, QuantizeOp
from ....dialects.graph.softmax import SoftmaxOp
from ....dialects.graph.view import ReshapeOp, SliceOp, TransposeOp

Key = tuple[SSAValue, int, int, int]


@dataclass
class Parts:
    """The ops so far; equal parts are made once."""

    ops: list[Operation] = field(default_factory=list[Operation])
    known: dict[Key, SSAValue] = field(default_factory=dict[Key, SSAValue])

    def add(self, op: GraphOp, like: Operation | None) -> SSAValue:
        """Append an op that does a part of another's work; its result."""
        if like is not None:
            op.location = like.location
        self.ops.append(op)
        return op.results[0]

    def part(self, value: SSAValue, dim: int, first: int, count: int) -> SSAValue:
        """`count` elements of a dimension, from `first` on."""
        if (first, count) == (0, shape(value)[dim]):
            return value
        key = (value, dim, first, count)
        if key not in self.known:
            self.known[key] = self._part(value, dim, first, count)
        return self.known[key]

    def _part(self, value: SSAValue, dim: int, first: int, count: int) -> SSAValue:
        match value.owner:
            case TransposeOp() as op:
                return self.add(TransposeOp.make(self.part(op.x, ints(op.perm)[dim], first, count), perm=op.perm), op)
            case ReshapeOp() as op if (found := source(op, dim, first, count)) is not None:
                dims = [count if d == dim else n for d, n in enumerate(shape(op.res))]
                return self.add(ReshapeOp.make(self.part(op.x, *found), shape=dims), op)
            case SliceOp() as op if set(ints(op.strides)) == {1}:
                whole = op.x
                for d, (offset, size) in enumerate(zip(ints(op.offsets), ints(op.sizes), strict=True)):
                    whole = self.part(whole, d, offset, size)
                again = self._cut if whole is value else self.part
                return again(whole, dim, first, count)
            case PointwiseOp() as op:
                return self._like(op, [self._beside(v, value, dim, first, count) for v in op.operands])
            case SoftmaxOp() as op if op.dim != dim:
                return self._like(op, [self.part(op.input, dim, first, count)])
            case QuantizeOp() | DequantizeOp() as op if (given := self._scaled(op, dim, first, count)) is not None:
                return self._like(op, given)
            case MatmulOp() as op if min(len(shape(v)) for v in op.operands) > 1:
                back = len(shape(value)) - dim
                lhs = op.lhs if back == 1 else self._beside(op.lhs, value, dim, first, count)
                rhs = op.rhs if back == 2 else self._beside(op.rhs, value, dim, first, count)
                return self._like(op, [lhs, rhs])
            case _:
                return self._cut(value, dim, first, count)

    def _like(self, op: GraphOp, operands: list[SSAValue]) -> SSAValue:
        """The same op of other operands."""
        probe = type(op).create(operands=operands, properties=dict(op.properties))
        types = probe.infer()
        probe.drop_all_references()
        return self.add(type(op).create(operands=operands, result_types=types, properties=dict(op.properties)), op)

    def _beside(self, operand: SSAValue, value: SSAValue, dim: int, first: int, count: int) -> SSAValue:
        """The part of an operand that repeats along dimensions that it has not."""
        own = dim - (len(shape(value)) - len(shape(operand)))
        return operand if own < 0 or shape(operand)[own] == 1 else self.part(operand, own, first, count)

    def _scaled(self, op: QuantizeOp | DequantizeOp, dim: int, first: int, count: int) -> list[SSAValue] | None:
        """The operands of a quantisation's part; None where they are not by number or by index of one dimension."""
        axis = None if op.axis is None else op.axis.value.data % len(shape(op.x))
        rest: list[SSAValue] = []
        for vector in op.operands[1:]:
            if len(shape(vector)) > 1:
                return None
            along = axis == dim and prod(shape(vector)) > 1
            rest.append(self.part(vector, 0, first, count) if along else vector)
        return [self.part(op.x, dim, first, count), *rest]

    def _cut(self, value: SSAValue, dim: int, first: int, count: int) -> SSAValue:
        dims = shape(value)
        offsets = [first if d == dim else 0 for d in range(len(dims))]
        sizes = [count if d == dim else n for d, n in enumerate(dims)]
        made = SliceOp.make(value, offsets=offsets, sizes=sizes, strides=[1] * len(dims))
        return self.add(made, value.owner if isinstance(value.owner, Operation) else None)

    def again(self, op: Operation, piece: SSAValue, axis: int, moved: int) -> SSAValue:
        """What `op` does to a part along `axis` of its operand, which is a part along `moved` of its result."""
        match op:
            case ReshapeOp():
                dims = list(shape(op.res))
                dims[moved] = dims[moved] * shape(piece)[axis] // shape(op.x)[axis]
                return self.add(ReshapeOp.make(piece, shape=dims), op)
            case TransposeOp():
                return self.add(TransposeOp.make(piece, perm=op.perm), op)
            case QuantizeOp() | DequantizeOp():
                return self._like(op, [piece, *op.operands[1:]])
            case _:
                raise ValueError(f"{op.name}: expected a view or a quantisation")


def source(op: ReshapeOp, dim: int, first: int, count: int) -> tuple[int, int, int] | None:
    """Which part of a reshape's operand is a part of its result; None where that is not one along one dimension."""
    old, new = shape(op.x), shape(op.res)
    for d, n in enumerate(old):
        if n == 1 or prod(old[:d]) != prod(new[:dim]):
            continue
        if n % new[dim] == 0:
            return d, first * (n // new[dim]), count * (n // new[dim])
        inner = new[dim] // n
        if new[dim] % n == 0 and first % inner == 0 and count % inner == 0:
            return d, first // inner, count // inner
    return None


def kept_apart(op: Operation, axis: int) -> int | None:
    """The dimension of an op's result along which the parts along `axis` of its operand lie one after another."""
    match op:
        case TransposeOp():
            return ints(op.perm).index(axis)
        case ReshapeOp():
            old, new = shape(op.x), shape(op.res)
            for d, n in enumerate(new):
                if n > 1 and prod(new[:d]) == prod(old[:axis]) and n % old[axis] == 0:
                    return d
            return None
        case QuantizeOp() | DequantizeOp():
            return axis if prod(shape(op.operands[1])) == 1 else None
        case _:
            return None
