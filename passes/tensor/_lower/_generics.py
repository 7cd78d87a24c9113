"""The structured ops of the tensor level: one call a generic, fill, or weight.

%e = tensor.empty() : tensor<4x8xf32>
%y = linalg.generic {maps, iterators} ins(%x, %b) outs(%e) { ^(%xe, %be, %old): ... linalg.yield %r }
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod

import numpy as np
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import (
    AffineMapAttr,
    ArrayAttr,
    IntegerType,
    LocationAttr,
    Signedness,
    TensorType,
    UnknownLoc,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from ....dialects._shape import Array, element, shape
from ....dialects._shape import tensor as tensor_type
from ....dialects._xdsl import FillOp, GenericOp, IteratorType, IteratorTypeAttr, YieldOp
from ....dialects.graph.weight import SMALL, ConstantOp, WeightOp, WeightStore, array_of
from ._body import Body, is_half, scalar_attribute, widened

Number = int | float | bool | np.generic
BodyOf = Callable[..., SSAValue | Sequence[SSAValue]]

_ITERATORS = {
    "p": IteratorTypeAttr(IteratorType.PARALLEL),
    "r": IteratorTypeAttr(IteratorType.REDUCTION),
}


def signless(kind: Attribute) -> Attribute:
    """The tensor level's type for a graph-level one: integers (and tensors of them) lose their signedness."""
    match kind:
        case IntegerType() if kind.signedness.data is not Signedness.SIGNLESS:
            return IntegerType(kind.width.data)
        case TensorType():
            return TensorType(signless(kind.element_type), kind.shape, kind.encoding)
        case _:
            return kind


@lru_cache(maxsize=4096)
def broadcast_map(source: tuple[int, ...], target: tuple[int, ...]) -> AffineMap:
    """The map from the target's dims to an input's, as numpy broadcasts: aligned right, 0 where size 1 is repeated."""
    skipped = len(target) - len(source)
    results = [
        AffineDimExpr(i + skipped) if size == target[i + skipped] else AffineConstantExpr(0)
        for i, size in enumerate(source)
    ]
    return AffineMap(len(target), 0, tuple(results))


class Generics:
    """Appends tensor-level ops to a block; each gets the location of the graph op that is lowered."""

    def __init__(self, weights: WeightStore, block: Block):
        self.weights = weights
        self.block = block
        self.location: LocationAttr = UnknownLoc()
        self._values: dict[SSAValue, SSAValue] = {}

    def __getitem__(self, value: SSAValue) -> SSAValue:
        """The tensor-level value of a graph-level one; one of the tensor level is its own. A small constant becomes a
        weight here, at its use as a tensor."""
        if (found := self._values.get(value)) is not None:
            return found
        return self.weight(value.owner.array()) if isinstance(value.owner, ConstantOp) else value

    def constant(self, value: SSAValue) -> Array | None:
        """The compile-time value of a value of either level, None if it has none."""
        return array_of(value, self.weights)

    def operand(self, value: SSAValue) -> SSAValue | Array:
        """A tensor-level value, or the array of a small constant whose elements are all equal."""
        if prod(shape(value)) <= SMALL and (array := self.constant(value)) is not None and _splat(array):
            return array
        return self[value]

    def add(self, op: Operation) -> SSAValue | tuple[SSAValue, ...]:
        """Append an op. Its one result, or a tuple if it has none or several."""
        op.location = self.location
        self.block.add_op(op)
        return op.results[0] if len(op.results) == 1 else tuple(op.results)

    def one(self, op: Operation) -> SSAValue:
        """Append an op of one result."""
        op.location = self.location
        self.block.add_op(op)
        return op.results[0]

    @property
    def host(self) -> Body:
        """Scalar ops at the same place, for conditions and bounds."""
        return Body(self.block, self.location)

    def scalar(self, value: Number, kind: Attribute) -> SSAValue:
        """A host constant of a graph-level or signless scalar type."""
        kind = signless(kind)
        return self.one(arith.ConstantOp(scalar_attribute(value, kind), kind))

    def empty(self, dims: Sequence[int], kind: Attribute) -> SSAValue:
        """A tensor without contents."""
        return self.one(tensor.EmptyOp((), TensorType(signless(kind), list(dims))))

    def fill(self, value: Number | SSAValue, dims: Sequence[int], kind: Attribute) -> SSAValue:
        """A tensor of one number, given or of type `kind`."""
        start = self.empty(dims, kind)
        number = value if isinstance(value, SSAValue) else self.scalar(value, kind)
        return self.one(FillOp((number,), (start,)))

    def weight(self, array: Array, stem: str = "c") -> SSAValue:
        """A new entry of the WeightStore and its name in the IR."""
        name = self.weights.fresh(stem, array)
        return self.one(WeightOp(name, signless(tensor_type(array.dtype, array.shape))))

    def generic(
        self,
        inputs: Sequence[tuple[SSAValue, AffineMap]],
        outs: Sequence[tuple[SSAValue, AffineMap]],
        iterators: str,
        body: BodyOf,
    ) -> SSAValue | tuple[SSAValue, ...]:
        """A linalg.generic; `iterators` has a p or an r for each dim, `body(t, *inputs, *outs)` answers the results."""
        operands = [value for value, _ in (*inputs, *outs)]
        block = Block(arg_types=[element(value) for value in operands])
        t = Body(block, self.location)
        results = body(t, *block.args)
        t.append(YieldOp(*([results] if isinstance(results, SSAValue) else results)))
        return self.add(
            GenericOp(
                operands[: len(inputs)],
                operands[len(inputs) :],
                Region(block),
                ArrayAttr([AffineMapAttr(map) for _, map in (*inputs, *outs)]),
                ArrayAttr([_ITERATORS[i] for i in iterators]),
                [value.type for value, _ in outs],
            )
        )

    def generic1(
        self,
        inputs: Sequence[tuple[SSAValue, AffineMap]],
        out: tuple[SSAValue, AffineMap],
        iterators: str,
        body: BodyOf,
    ) -> SSAValue:
        """A generic of one output."""
        result = self.generic(inputs, [out], iterators, body)
        assert isinstance(result, SSAValue)
        return result

    def pointwise(self, values: Sequence[SSAValue], dims: Sequence[int], kind: Attribute, body: BodyOf) -> SSAValue:
        """One output element from one element of each input, broadcast as numpy does. `body(t, *elements)` computes in
        f32 where an element is a half float, and may answer f32 for a half `kind`."""
        dims, kind = tuple(dims), signless(kind)
        sources = [self.operand(value) for value in values]
        inputs = [(s, broadcast_map(shape(s), dims)) for s in sources if isinstance(s, SSAValue)]

        def whole(t: Body, *elements: SSAValue) -> SSAValue:
            reads = iter(elements)
            scalars: list[SSAValue] = []
            for value, source in zip(values, sources, strict=True):
                if isinstance(source, SSAValue):
                    read = next(reads)
                    scalars.append(t.cast(read, widened(read.type)))
                else:
                    type = widened(signless(element(value)))
                    scalars.append(t.const(source.reshape(-1)[0], type))
            result = body(t, *scalars)
            assert isinstance(result, SSAValue)
            return t.cast(result, kind) if is_half(kind) else result

        out = self.empty(dims, kind), AffineMap.identity(len(dims))
        return self.generic1(inputs, out, "p" * len(dims), whole)

    def copy(self, value: SSAValue, dims: Sequence[int] | None = None) -> SSAValue:
        """The same elements in a new tensor, broadcast to `dims` if given."""
        target = shape(value) if dims is None else tuple(dims)
        out = self.empty(target, element(value)), AffineMap.identity(len(target))
        inputs = [(value, broadcast_map(shape(value), target))]
        return self.generic1(inputs, out, "p" * len(target), lambda t, x, old: x)

    def reduce(
        self,
        value: SSAValue,
        axes: Sequence[int],
        init: Number,
        body: Callable[[Body, SSAValue, SSAValue], SSAValue],
        kind: Attribute | None = None,
    ) -> SSAValue:
        """`body(t, element, so_far)` over whole axes, which the result lacks; `init` is its neutral element. Of half
        floats it accumulates in f32, and rounds to `kind` (the input's type if not given) at the end."""
        value = self[value]
        dims, wanted = shape(value), signless(kind or element(value))
        reduced = {axis % len(dims) for axis in axes}
        kept = [i for i in range(len(dims)) if i not in reduced]
        sizes = [dims[i] for i in kept]
        inputs = [(value, AffineMap.identity(len(dims)))]
        out = self.fill(init, sizes, widened(wanted)), AffineMap(len(dims), 0, tuple(map(AffineDimExpr, kept)))
        iterators = "".join("r" if i in reduced else "p" for i in range(len(dims)))
        found = self.generic1(inputs, out, iterators, lambda t, x, a: body(t, t.cast(x, widened(x.type)), a))
        return self.pointwise([found], sizes, wanted, lambda t, x: x) if is_half(wanted) else found


def _splat(array: Array) -> bool:
    """Whether an array repeats one element, bit for bit."""
    flat = array.reshape(-1)
    return flat.size > 0 and all(v.tobytes() == flat[0].tobytes() for v in flat)
