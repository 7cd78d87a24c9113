"""Tensors with an axis in blocks, and how to have one from the other: the block's number stays where the axis was, the
place in the block comes last, and the last block is filled up.

    tensor<1x20x7x7xf32>  -->  tensor<1x3x7x7x8xf32>     pad 20 to 24, split to 3 x 8, copy permuted
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import AffineMapAttr, ArrayAttr, IndexType, TensorType
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from ...dialects._generic import Access, Generic
from ...dialects._shape import Array, element, shape
from ...dialects._xdsl import GenericOp, IteratorTypeAttr
from ._edit import inserted
from ._lower._body import scalar_attribute
from ._moves import copy
from ._reshape import reshaped, start

Dims = tuple[int, ...]


@dataclass(frozen=True)
class Split:
    """A generic of which some dims become two: the block in the dim's place, the place in it last of its kind."""

    view: Generic
    dims: Dims
    block: int

    @cached_property
    def order(self) -> list[tuple[int, bool]]:
        """The new dims: the old one that each is made of, and whether it is the place in the block."""
        kinds = (self.view.parallel, self.view.reduction)
        return [(d, inner) for kind in kinds for inner in (False, True) for d in kind if not inner or d in self.dims]

    def axes(self, access: Access) -> Dims | None:
        """The axes of an operand that are split, those of reduced dims first; None where one cannot be."""
        found: list[int] = []
        for axis, index in enumerate(access.indices):
            if not any(index.coefficient(d) for d in self.dims):
                continue
            if (dim := index.dim) is None or shape(access.value)[axis] != self.view.sizes[dim]:
                return None
            found.append(axis)
        return tuple(sorted(found, key=lambda a: (access.indices[a].dim not in self.view.reduction, a)))

    def map(self, access: Access) -> AffineMapAttr:
        """The operand's map, once its axes are in blocks."""
        at = {key: AffineDimExpr(i) for i, key in enumerate(self.order)}
        outer = [at[d, False] for d in range(len(self.view.sizes))]
        results = [e.replace_dims_and_symbols(outer, ()) for e in access.map.results]
        for axis in self.axes(access) or ():
            dim = access.indices[axis].dim
            assert dim is not None
            results.append(at[dim, True])
        return AffineMapAttr(AffineMap(len(self.order), 0, tuple(results)))

    def made(self, operands: Sequence[SSAValue]) -> GenericOp | None:
        """The generic on operands that are in blocks already, inserted before the old one; None if its initial value
        differs from place to place."""
        op, out = self.view.op, self.view.outputs[0]
        dims = blocked_shape(shape(out.value), self.axes(out) or (), self.block)
        if (init := start(out.value, dims, op)) is None:
            return None
        maps = [self.map(access) for access in (*self.view.inputs, out)]
        kinds = [op.iterator_types.data[d] for d, _ in self.order]
        iterators: ArrayAttr[IteratorTypeAttr] = ArrayAttr(kinds)
        new = GenericOp(operands, [init], op.body.clone(), ArrayAttr(maps), iterators, [init.type])
        inserted(new, op)
        return new


def blocked_shape(dims: Sequence[int], axes: Sequence[int], block: int) -> Dims:
    """The shape with these axes in blocks."""
    return (*(-(-n // block) if a in axes else n for a, n in enumerate(dims)), *(block for _ in axes))


def blocked_array(array: Array, axes: Sequence[int], block: int) -> Array:
    """An array with these axes in blocks, filled up with zeros."""
    whole = np.pad(array, [(0, -n % block if a in axes else 0) for a, n in enumerate(array.shape)])
    dims: list[int] = []
    inner: dict[int, int] = {}
    for axis, n in enumerate(whole.shape):
        if axis in axes:
            inner[axis] = len(dims) + 1
        dims += [n // block, block] if axis in axes else [n]
    last = [inner[axis] for axis in axes]
    order = [i for i in range(len(dims)) if i not in last] + last
    return np.ascontiguousarray(whole.reshape(dims).transpose(order))


def to_blocks(value: SSAValue, block: int, before: Operation) -> SSAValue:
    """A tensor with its second axis in blocks."""
    dims = shape(value)
    n, c, rest = dims[0], dims[1], dims[2:]
    if c % block:
        value = _filled_up(value, -c % block, before)
    split = reshaped(value, (n, -(-c // block), block, *rest), before)
    assert split is not None, "an axis splits into blocks"
    every = [AffineDimExpr(i) for i in range(len(dims) + 1)]
    return _copied(split, (every[0], every[1], every[-1], *every[2:-1]), blocked_shape(dims, (1,), block), before)


def from_blocks(value: SSAValue, dims: Sequence[int], before: Operation) -> SSAValue:
    """The tensor of this shape that another is with its second axis in blocks."""
    n, blocks, *rest, block = shape(value)
    every = [AffineDimExpr(i) for i in range(len(rest) + 3)]
    if rest:
        value = _copied(value, (*every[:2], *every[3:], every[2]), (n, blocks, block, *rest), before)
    whole = reshaped(value, (n, blocks * block, *rest), before)
    assert whole is not None, "blocks join to an axis"
    if shape(whole) == tuple(dims):
        return whole
    kind = TensorType(element(value), dims)
    part = tensor.ExtractSliceOp(whole, [0] * len(dims), list(dims), [1] * len(dims), kind)
    return inserted(part, before).results[0]


def _copied(value: SSAValue, reads: Sequence[AffineDimExpr], dims: Dims, before: Operation) -> SSAValue:
    empty = inserted(tensor.EmptyOp((), TensorType(element(value), dims)), before)
    return inserted(copy(value, AffineMap(len(dims), 0, tuple(reads)), empty.results[0]), before).results[0]


def _filled_up(value: SSAValue, more: int, before: Operation) -> SSAValue:
    """Zeros behind the second axis."""
    dims, kind = shape(value), element(value)
    block = Block(arg_types=[IndexType()] * len(dims))
    zero = arith.ConstantOp(scalar_attribute(0, kind), kind)
    block.add_ops([zero, tensor.YieldOp(zero.result)])
    high = [more if a == 1 else 0 for a in range(len(dims))]
    result = TensorType(kind, [n + h for n, h in zip(dims, high, strict=True)])
    return inserted(tensor.PadOp(value, (), (), Region(block), [0] * len(dims), high, result), before).results[0]
