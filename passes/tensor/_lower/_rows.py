"""Generics over rows: values of the full shape beside values of one number a row, or one a channel.

rows = Rows(b, x, axes=(1,))                                                            // x: tensor<4x8xf32>
m = rows.reduce(float("-inf"), lambda t, x, so_far: t.max(x, so_far), rows.full(x))     // tensor<4xf32>
e = rows.apply(f32, lambda t, x, m: t.sub(x, m), rows.full(x), rows.row(m))             // tensor<4x8xf32>
"""

from collections.abc import Callable, Sequence
from math import prod

from xdsl.dialects.builtin import f32, f64
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from ....dialects._shape import element, shape
from ._body import Body, widened
from ._build import Build
from ._generics import Number, broadcast_map, signless

Read = tuple[SSAValue, AffineMap]
Scalars = Callable[..., SSAValue]


class Rows:
    """A full shape and the axes that its rows run along. Bodies compute in f32, or f64 if the elements are."""

    def __init__(self, b: Build, like: SSAValue, axes: Sequence[int]):
        self.b = b
        self.dims = shape(like)
        self.wide = f64 if element(like) == f64 else f32
        self.axes = tuple(axes)
        self.kept = tuple(i for i in range(len(self.dims)) if i not in axes)
        self.outer = tuple(self.dims[i] for i in self.kept)

    @property
    def count(self) -> int:
        """The elements of a row."""
        return prod(self.dims[i] for i in self.axes)

    def full(self, value: SSAValue) -> Read:
        """A value of the full shape, or one that broadcasts to it as numpy does."""
        value = self.b[value]
        return value, broadcast_map(shape(value), self.dims)

    def row(self, value: SSAValue) -> Read:
        """A value of one number a row."""
        return self.along(value, *self.kept)

    def along(self, value: SSAValue, *dims: int) -> Read:
        """A value whose dimensions are these of the full shape."""
        return self.b[value], AffineMap(len(self.dims), 0, tuple(map(AffineDimExpr, dims)))

    def reduce(self, init: Number, body: Scalars, *reads: Read) -> SSAValue:
        """`body(t, *elements, so_far)` along the rows: one wide number each."""
        out = self.b.fill(init, self.outer, self.wide), self.row(reads[0][0])[1]
        iterators = "".join("r" if i in self.axes else "p" for i in range(len(self.dims)))
        return self.b.generic1(reads, out, iterators, lambda t, *e: body(t, *_widen(t, e)))

    def per_row(self, body: Scalars, *values: SSAValue) -> SSAValue:
        """One wide number a row from others."""
        return self.b.pointwise(values, self.outer, self.wide, body)

    def apply(self, kind: Attribute, body: Scalars, *reads: Read) -> SSAValue:
        """A value of the full shape and of type `kind`, element by element."""
        kind = signless(kind)
        out = self.b.empty(self.dims, kind), AffineMap.identity(len(self.dims))
        iterators = "p" * len(self.dims)
        return self.b.generic1(reads, out, iterators, lambda t, *e: t.cast(body(t, *_widen(t, e[:-1])), kind))


def _widen(t: Body, elements: Sequence[SSAValue]) -> list[SSAValue]:
    return [t.cast(e, widened(e.type)) for e in elements]
