"""Affine accesses as numpy views: an operand seen from every point of an iteration space, without copying.

    map (n, c, oh, ow, kh, kw) -> (n, c, 2 oh + kh, 2 ow + kw)     view.strides = (sn, sc, 2 sh, 2 sw, sh, sw)

A view has one axis for each loop; the axis has extent 1 where the loop takes no part, so that views broadcast.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineDimExpr,
    AffineExpr,
    AffineMap,
)

from ...dialects._shape import Array

Terms = tuple[dict[int, int], int]


@dataclass(frozen=True)
class Access:
    """A map over loops of these extents into an array of this shape; IndexError if it leaves the array."""

    map: AffineMap
    sizes: tuple[int, ...]
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if 0 in self.sizes or (terms := self.linear) is None:
            return
        for axis, ((factors, offset), n) in enumerate(zip(terms, self.shape, strict=True)):
            ends = [c * (self.sizes[d] - 1) for d, c in factors.items()]
            low, high = offset + sum(e for e in ends if e < 0), offset + sum(e for e in ends if e > 0)
            if low < 0 or high >= n:
                raise IndexError(f"map {self.map}, dimension {axis}: reads {low}..{high} of {n} elements")

    @property
    def linear(self) -> list[Terms] | None:
        """Each result as ({loop: factor}, offset); None if one is no sum of multiples."""
        found = [linear(result) for result in self.map.results]
        return None if None in found else [f for f in found if f is not None]

    @property
    def loops(self) -> frozenset[int]:
        """The loops that take part."""
        return frozenset(d for d in range(len(self.sizes)) if any(d in r.used_dims() for r in self.map.results))

    @property
    def is_identity(self) -> bool:
        """Whether the view is the array itself."""
        return self.shape == self.sizes and self.map == AffineMap.identity(len(self.sizes))

    def view(self, array: Array) -> Array:
        """The operand from every point."""
        if self.is_identity:
            return array
        loops = self.loops
        extents = tuple(n if d in loops else 1 for d, n in enumerate(self.sizes))
        if 0 in extents:
            return np.empty(extents, array.dtype)
        if (terms := self.linear) is None:
            grid: Any = np.indices(self.sizes, sparse=True)
            index = tuple(np.broadcast_to(r.eval(grid, ()), extents) for r in self.map.results)
            return array[index]
        strides = [0] * len(self.sizes)
        for (factors, _), stride in zip(terms, array.strides, strict=True):
            for d, c in factors.items():
                strides[d] += c * stride
        start = array[(*(slice(offset, None) for _, offset in terms), ...)]
        return np.lib.stride_tricks.as_strided(start, extents, strides)


def linear(expr: AffineExpr) -> Terms | None:
    """An expression as ({dim: factor}, offset); None if it is no sum of multiples."""
    match expr:
        case AffineConstantExpr():
            return {}, expr.value
        case AffineDimExpr():
            return {expr.position: 1}, 0
        case AffineBinaryOpExpr(kind, lhs, rhs):
            if (a := linear(lhs)) is None or (b := linear(rhs)) is None:
                return None
            if kind is AffineBinaryOpKind.Add:
                dims = {d: a[0].get(d, 0) + b[0].get(d, 0) for d in a[0] | b[0]}
                return dims, a[1] + b[1]
            if kind is AffineBinaryOpKind.Mul and (not a[0] or not b[0]):
                (factors, offset), by = (b, a[1]) if not a[0] else (a, b[1])
                return {d: c * by for d, c in factors.items()}, offset * by
            return None
        case _:
            return None
