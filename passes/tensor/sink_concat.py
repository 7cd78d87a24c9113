"""Computes the parts of a concatenation of slices each in its place, instead of concatenating first.

    %a = tensor.extract_slice %x[0, 32] [64, 32] [1, 1]         %n = linalg.generic (i, j) negf of %a
    %b = tensor.extract_slice %x[0, 0] [64, 32] [1, 1]
    %c = tensor.concat dim(1) %n, %b
    %y = linalg.generic (i, j) mulf of %c, %s
-->
    %0 = linalg.generic (i, j) mulf of %n, (tensor.extract_slice %s[0, 0] [64, 32] [1, 1])
    %1 = linalg.generic (i, j) mulf of %b, (tensor.extract_slice %s[0, 32] [64, 32] [1, 1])
    %y = tensor.concat dim(1) %0, %1

A slice lies where its source lies, so a concatenation copies it; what is computed of it is written where it belongs.
Pointwise readers follow while each is the only one, and what only they read is computed in parts, too. Concatenations
of whole tensors stay: those are made in place.

Before `fold-views`, because what is left to read of a slice or a transpose goes into indexing maps there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Block, SSAValue
from xdsl.passes import ModulePass

from ...dialects._generic import Generic, generic
from ...dialects._report import rewriting
from ...dialects._shape import element, shape
from ...dialects._xdsl import GenericOp, IndexOp
from ._dead import erase_dead, readers
from ._edit import inserted
from ._margins import slices_of_one
from ._moves import copied_from, generalize
from ._reshape import is_fresh, start


@dataclass(frozen=True)
class SinkConcat(ModulePass):
    """Changes no result's value or type. `narrowest`: elements along the innermost axis that a part must have."""

    name = "sink-concat"
    narrowest: int = 8

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in [f for f in op.ops if isinstance(f, func.FuncOp) and not f.is_declaration]:
            for block in function.body.blocks:
                generalize(block)
                self._block(block)
                erase_dead(block)

    def _block(self, block: Block) -> None:
        for op in list(block.ops):
            if isinstance(op, tensor.ConcatOp):
                self._sink(op)
            elif not isinstance(op, GenericOp):
                for region in op.regions:
                    for inner in region.blocks:
                        self._block(inner)

    def _sink(self, op: tensor.ConcatOp) -> None:
        if not any(map(is_slice, op.inputs)) or any(slices_of_one(op)):
            return
        if not all(shape(v)[-1] >= self.narrowest for v in op.inputs):
            return
        if (found := _last(op)) is None or not rewriting(found[0], "sink-concat"):
            return
        last, axis = found
        made: list[SSAValue] = []
        at = 0
        for number, value in enumerate(op.inputs):
            size = shape(value)[op.dim.value.data]
            made.append(_Part(op, number, last, at, size).of(last.results[0], axis))
            at += size
        kind = TensorType(element(last.results[0]), shape(last.results[0]))
        joined = inserted(tensor.ConcatOp(made, axis, kind), last)
        last.results[0].replace_all_uses_with(joined.results[0])


@dataclass(frozen=True)
class _Part:
    """What is `size` long from `start` on of the tensors that a part meets; its ops go before the `last` reader."""

    concat: tensor.ConcatOp
    number: int
    last: GenericOp
    start: int
    size: int

    def of(self, value: SSAValue, axis: int) -> SSAValue:
        """The part of a tensor along an axis: computed, if all that reads the tensor is; else a slice."""
        owner = value.owner
        if value is self.concat.result and axis == self.concat.dim.value.data:
            return self.concat.inputs[self.number]
        if not isinstance(owner, GenericOp) or (owner is not self.last and not self.is_own(owner)):
            return self.slice(value, axis)
        if not is_divisible(view := generic(owner), axis):
            return self.slice(value, axis)
        operands = [self.of(a.value, i) if (i := a.axis(axis)) is not None else a.value for a in view.inputs]
        dims = [self.size if i == axis else n for i, n in enumerate(shape(value))]
        init = start(view.outputs[0].value, dims, self.last)
        assert init is not None, "an initial value that differs from place to place"
        made = GenericOp(operands, [init], owner.body.clone(), owner.indexing_maps, owner.iterator_types, [init.type])
        inserted(made, self.last).location = owner.location
        return made.results[0]

    def is_own(self, owner: GenericOp) -> bool:
        """Whether one op alone reads what a generic makes, in the block of the last; not what follows a product or a
        reduction, which it had better stay with."""
        makers = [generic(v.owner) for v in owner.inputs if isinstance(v.owner, GenericOp)]
        one = len({id(op) for op in readers(owner.results[0])}) == 1
        return one and owner.parent is self.last.parent and all(view.is_pointwise for view in makers)

    def slice(self, value: SSAValue, axis: int) -> SSAValue:
        """A view of the part."""
        dims = shape(value)
        starts = [self.start if i == axis else 0 for i in range(len(dims))]
        sizes = [self.size if i == axis else n for i, n in enumerate(dims)]
        kind = TensorType(element(value), sizes)
        op = tensor.ExtractSliceOp(value, starts, sizes, [1] * len(dims), kind)
        return inserted(op, self.last).results[0]


def is_slice(value: SSAValue) -> bool:
    """Whether a tensor is part of another, moved or not."""
    while isinstance(value.owner, GenericOp) and (copied := copied_from(value.owner)) is not None:
        value = copied[0]
    return isinstance(value.owner, tensor.ExtractSliceOp)


def is_divisible(view: Generic, axis: int) -> bool:
    """Whether a pointwise generic can run over a part of an axis of its result: each input has the axis as it stands,
    once, or not at all, and the body does not ask where it is."""
    if not view.is_pointwise or view.is_gather or len(view.outputs) != 1 or not is_fresh(view.outputs[0].value):
        return False
    if any(isinstance(op, IndexOp) and op.dim.value.data == axis for op in view.op.body.walk()):
        return False
    return all(sum(i.dim == axis for i in a.indices) == (axis in a.dims) for a in view.inputs) and all(
        i.dim == axis or not i.coefficient(axis) for a in view.inputs for i in a.indices
    )


def _last(op: tensor.ConcatOp) -> tuple[GenericOp, int] | None:
    """The last of the pointwise readers of a concatenation, and the axis of its result that the parts lie along; None
    if they only move it."""
    found: tuple[GenericOp, int] | None = None
    for reader, axis in _readers(op.result, op.dim.value.data):
        if copied_from(reader) is None or found is not None:
            found = reader, axis
    return found


def _readers(value: SSAValue, axis: int) -> Iterator[tuple[GenericOp, int]]:
    """One after the other, the generics that alone read a tensor or the result of the last, and its axis there."""
    while True:
        uses = [use for use in value.uses if use.operation in readers(value)]
        reader = uses[0].operation if uses else None
        if not isinstance(reader, GenericOp) or any(use.operation is not reader for use in uses):
            return
        view = generic(reader)
        if any(use.index >= len(view.inputs) for use in uses) or reader.parent is not value.owner.parent:
            return
        dims = {view.inputs[use.index].indices[axis].dim for use in uses}
        if len(dims) != 1 or (dim := dims.pop()) is None or not is_divisible(view, dim):
            return
        yield reader, dim
        value, axis = reader.results[0], dim
