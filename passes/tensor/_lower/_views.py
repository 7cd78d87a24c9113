"""Ops of the tensor level that only move elements: reshapes, transposes, slices, padding, concatenation."""

from collections.abc import Sequence
from math import prod

from xdsl.dialects import tensor
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, IndexType, IntegerAttr, TensorType, i64
from xdsl.ir import Block, Region, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap

from ....dialects._shape import element, shape
from ....dialects._xdsl import TransposeOp
from ._body import Body
from ._generics import Generics, Number

Groups = list[list[int]]


def collapse_groups(dims: Sequence[int], into: Sequence[int]) -> Groups | None:
    """Which neighbouring dims make up each dim of `into`; None if they do not. Ones join the group on their left."""
    groups: Groups = []
    position = 0
    for size in into:
        group: list[int] = []
        product = 1
        while position < len(dims) and (not group or product < size):
            group.append(position)
            product *= dims[position]
            position += 1
        if not group or product != size:
            return None
        groups.append(group)
    if any(dims[i] != 1 for i in range(position, len(dims))):
        return None
    if groups:
        groups[-1].extend(range(position, len(dims)))
    return groups


class Views(Generics):
    """Adds the views to the structured ops."""

    def reshape(self, value: SSAValue, dims: Sequence[int]) -> SSAValue:
        """The same elements in row-major order: a collapse, an expand, or both through one dimension."""
        value = self[value]
        source, target = shape(value), tuple(dims)
        if source == target:
            return value
        if 0 in source:
            return self.empty(target, element(value))
        if len(source) > len(target) and (groups := collapse_groups(source, target)) is not None:
            return self._collapse(value, target, groups)
        if len(source) < len(target) and (groups := collapse_groups(target, source)) is not None:
            return self._expand(value, target, groups)
        flat = self.reshape(value, [prod(source)])
        return self.reshape(flat, target)

    def _collapse(self, value: SSAValue, dims: Sequence[int], groups: Groups) -> SSAValue:
        result = TensorType(element(value), list(dims))
        op = tensor.CollapseShapeOp.create(
            operands=[value], result_types=[result], properties={"reassociation": _reassociation(groups)}
        )
        return self.one(op)

    def _expand(self, value: SSAValue, dims: Sequence[int], groups: Groups) -> SSAValue:
        result = TensorType(element(value), list(dims))
        return self.one(tensor.ExpandShapeOp(value, (), _reassociation(groups), list(dims), result))

    def transpose(self, value: SSAValue, permutation: Sequence[int]) -> SSAValue:
        """Dimension i of the result is dimension permutation[i] of the value."""
        value = self[value]
        dims = shape(value)
        start = self.empty([dims[p] for p in permutation], element(value))
        return self.one(TransposeOp(value, start, DenseArrayBase.from_list(i64, list(permutation))))

    def slice(
        self, value: SSAValue, offsets: Sequence[int], sizes: Sequence[int], strides: Sequence[int] | None = None
    ) -> SSAValue:
        """`sizes` elements from `offsets` on, every stride-th; strides may be negative (then it is a copy)."""
        value, steps = self[value], list(strides or [1] * len(sizes))
        if tuple(sizes) == shape(value) and not any(offsets) and all(s > 0 for s in steps):
            return value
        result = TensorType(element(value), list(sizes))
        if all(step > 0 for step in steps):
            return self.one(tensor.ExtractSliceOp(value, list(offsets), list(sizes), steps, result))
        if 0 in sizes:
            return self.empty(sizes, element(value))
        reads = [_line(i, o, s) for i, (o, s) in enumerate(zip(offsets, steps, strict=True))]
        rank = len(reads)
        inputs = [(value, AffineMap(rank, 0, tuple(reads)))]
        out = self.empty(sizes, element(value)), AffineMap.identity(rank)
        return self.generic1(inputs, out, "p" * rank, lambda t, x, old: x)

    def pad(self, value: SSAValue, low: Sequence[int], high: Sequence[int], number: Number | SSAValue) -> SSAValue:
        """Elements of one number before and after each dimension; negative amounts take away."""
        value = self.crop(self[value], low, high)
        low, high = [max(0, n) for n in low], [max(0, n) for n in high]
        if not any((*low, *high)):
            return value
        dims, kind = shape(value), element(value)
        block = Block(arg_types=[IndexType()] * len(dims))
        body = Body(block, self.location)
        filler = number if isinstance(number, SSAValue) else body.const(number, kind)
        body.append(tensor.YieldOp(filler))
        result = TensorType(kind, [n + a + b for n, a, b in zip(dims, low, high, strict=True)])
        return self.one(tensor.PadOp(value, (), (), Region(block), low, high, result))

    def crop(self, value: SSAValue, low: Sequence[int], high: Sequence[int]) -> SSAValue:
        """What negative padding leaves."""
        offsets = [max(0, -n) for n in low]
        sizes = [n - a - max(0, -b) for n, a, b in zip(shape(value), offsets, high, strict=True)]
        return self.slice(value, offsets, sizes)

    def concat(self, values: Sequence[SSAValue], axis: int) -> SSAValue:
        """The values one after the other along an axis; empty ones are left out."""
        present = [self[v] for v in values if 0 not in shape(v)]
        if not present:
            dims = list(shape(values[0]))
            dims[axis] = sum(shape(v)[axis] for v in values)
            return self.empty(dims, element(values[0]))
        if len(present) == 1:
            return present[0]
        dims = list(shape(present[0]))
        axis %= len(dims)
        dims[axis] = sum(shape(v)[axis] for v in present)
        return self.one(tensor.ConcatOp(present, axis, TensorType(element(present[0]), dims)))


def _line(dim: int, offset: int, step: int) -> AffineExpr:
    """offset + step * dim."""
    expr = AffineDimExpr(dim) if step == 1 else AffineDimExpr(dim) * step
    return expr if offset == 0 else expr + AffineConstantExpr(offset)


def _reassociation(groups: Groups) -> ArrayAttr[ArrayAttr[IntegerAttr]]:
    return ArrayAttr([ArrayAttr([IntegerAttr(i, i64) for i in group]) for group in groups])
