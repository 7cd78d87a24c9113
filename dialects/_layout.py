"""Layouts: where in its buffer each element of a tensor or memref lies.

    tensor<2x3x4x5xf32>                                             row-major
    tensor<2x3x4x5xf32, strided<[60, 1, 15, 3]>>                    the same elements, channels last
    tensor<8x6xf32, affine_map<(n, k) -> (n floordiv 4, k, n mod 4)>>   packed in panels of 4, for weights only

One layout has one spelling: row-major is written as no layout, and the stride of a dimension of size 1 is the extent
of the others, so that equal layouts are equal attributes.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import AffineMapAttr, MemRefLayoutAttr, MemRefType, NoneAttr, StridedLayoutAttr, TensorType
from xdsl.ir import Attribute
from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineDimExpr,
    AffineExpr,
    AffineMap,
)

from ._shape import Array

Layout = StridedLayoutAttr | AffineMapAttr | NoneAttr
Digit = tuple[int, int, int | None]
ROW_MAJOR = NoneAttr()


def layout_of(type: Attribute) -> Layout:
    """The encoding of a tensor type or the layout of a memref type; TypeError for anything else."""
    match type:
        case TensorType():
            found = type.encoding
        case MemRefType():
            found = type.layout
        case _:
            raise TypeError(f"expected a tensor or memref, found {type}")
    if not isinstance(found, StridedLayoutAttr | AffineMapAttr | NoneAttr):
        raise TypeError(f"expected a strided layout or an affine map, found {found}")
    return found


def laid_out(type: TensorType[Attribute], layout: Attribute) -> TensorType[Attribute]:
    """The same tensor type with another layout."""
    return TensorType(type.element_type, type.get_shape(), layout)


def memref_of(type: TensorType[Attribute]) -> MemRefType[Attribute]:
    """The buffer of a tensor: same shape, elements and layout."""
    layout = layout_of(type)
    return MemRefType(type.element_type, type.get_shape(), cast(MemRefLayoutAttr | NoneAttr, layout))


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of a dense array whose last dimension moves fastest."""
    strides, step = [0] * len(shape), 1
    for i in reversed(range(len(shape))):
        strides[i] = step
        step *= shape[i]
    return tuple(strides)


def strides_of(type: Attribute) -> tuple[int, tuple[int, ...]] | None:
    """(offset, strides) in elements; None where the layout is an affine map or has dynamic parts."""
    match layout_of(type):
        case NoneAttr():
            return 0, row_major(_shape(type))
        case StridedLayoutAttr() as layout:
            offset, strides = layout.get_offset(), layout.get_strides()
            if offset is None or None in strides:
                return None
            return offset, cast(tuple[int, ...], tuple(strides))
        case AffineMapAttr():
            return None


def strided(shape: Sequence[int], strides: Sequence[int], offset: int = 0) -> StridedLayoutAttr | NoneAttr:
    """The canonical layout of these strides (elements): none if row-major, dimensions of size 1 normalised."""
    natural = row_major(shape)
    if offset == 0 and (0 in shape or all(s == n for s, n, d in zip(strides, natural, shape, strict=True) if d != 1)):
        return ROW_MAJOR
    extent = max((s * d for s, d in zip(strides, shape, strict=True) if d != 1), default=1)
    return StridedLayoutAttr([extent if d == 1 else s for s, d in zip(strides, shape, strict=True)], offset)


def ordered(shape: Sequence[int], order: Sequence[int]) -> StridedLayoutAttr | NoneAttr:
    """Dense, with the dimensions stored in `order`, outermost first: channels-last is `ordered(s, (0, 2, 3, 1))`."""
    if sorted(order) != list(range(len(shape))):
        raise ValueError(f"expected an order of {len(shape)} dimensions, found {tuple(order)}")
    strides = [0] * len(shape)
    for dim, stride in zip(order, row_major([shape[d] for d in order]), strict=True):
        strides[dim] = stride
    return strided(shape, strides)


def order_of(type: Attribute) -> tuple[int, ...] | None:
    """The dimensions from the widest stride to the narrowest (ties in their own order); None for an affine map."""
    if (found := strides_of(type)) is None:
        return None
    return tuple(sorted(range(len(found[1])), key=lambda d: -found[1][d]))


def is_contiguous(type: Attribute) -> bool:
    """Whether the elements lie in row-major order without gaps (the first may have an offset)."""
    if (found := strides_of(type)) is None:
        return False
    return strided(_shape(type), found[1]) == ROW_MAJOR


def is_dense(type: Attribute) -> bool:
    """Whether the elements fill a block without gaps, in whichever order of dimensions."""
    if (order := order_of(type)) is None or (found := strides_of(type)) is None:
        return False
    return strided(_shape(type), found[1]) == ordered(_shape(type), order)


def footprint(type: Attribute) -> int:
    """Elements from the buffer's start to the end of the last element, padding and gaps included."""
    shape = _shape(type)
    if (found := strides_of(type)) is None:
        return prod(physical_shape(_map(type), shape))
    if 0 in shape:
        return 0
    offset, strides = found
    return offset + 1 + sum((d - 1) * s for d, s in zip(shape, strides, strict=True))


def reshaped(shape: Sequence[int], strides: Sequence[int], wanted: Sequence[int]) -> tuple[int, ...] | None:
    """The strides under which `wanted` shows the same elements in the same logical order; None if none do."""
    if prod(shape) != prod(wanted):
        raise ValueError(f"expected {prod(shape)} elements as in {tuple(shape)}, found {tuple(wanted)}")
    if 0 in shape:
        return row_major(wanted)
    old = [(d, s) for d, s in zip(shape, strides, strict=True) if d != 1]
    result, at = [1] * len(wanted), len(old) - 1
    room, step = 1, 1
    for i in reversed(range(len(wanted))):
        if (need := wanted[i]) == 1:
            continue
        if room == 1:
            (room, step), at = old[at], at - 1
        while room % need and at >= 0 and old[at][1] == step * room:
            room, at = room * old[at][0], at - 1
        if room % need:
            return None
        result[i], room, step = step, room // need, step * need
    return tuple(result)


def transposed(strides: Sequence[int], permutation: Sequence[int]) -> tuple[int, ...]:
    """The strides of a transpose: result dimension i is operand dimension `permutation[i]`."""
    return tuple(strides[p] for p in permutation)


def sliced(
    offset: int, strides: Sequence[int], starts: Sequence[int], steps: Sequence[int]
) -> tuple[int, tuple[int, ...]]:
    """(offset, strides) of the elements from `starts` on, every `steps`-th."""
    moved = offset + sum(a * s for a, s in zip(starts, strides, strict=True))
    return moved, tuple(s * t for s, t in zip(strides, steps, strict=True))


def physical_shape(map: AffineMap, shape: Sequence[int]) -> tuple[int, ...]:
    """The array that a packed layout fills: `x mod c` has c places, filled or not."""
    return tuple(_top(result, shape) + 1 for result in map.results)


def physical(type: Attribute) -> tuple[tuple[int, ...], Callable[[Array], Array]]:
    """The shape of the array that lies in memory, and the function that lays a logical array out so.

    Places that no element maps to hold zero: gaps between strides, and the ends of panels that do not divide."""
    shape = _shape(type)
    if layout_of(type) == ROW_MAJOR:
        return shape, np.ascontiguousarray
    if (found := strides_of(type)) is not None:
        return (footprint(type),), lambda array: _scattered(array, found[0], found[1], footprint(type))
    map = _map(type)
    stored = physical_shape(map, shape)
    if (digits := _digits(map)) is not None:
        return stored, lambda array: _packed(array, digits, stored)
    return stored, lambda array: _indexed(array, map, stored)


def _shape(type: Attribute) -> tuple[int, ...]:
    if not isinstance(type, TensorType | MemRefType):
        raise TypeError(f"expected a tensor or memref, found {type}")
    return type.get_shape()


def _map(type: Attribute) -> AffineMap:
    if not isinstance(layout := layout_of(type), AffineMapAttr):
        raise TypeError(f"expected static strides or an affine map, found {layout}")
    return layout.data


def _top(expr: AffineExpr, shape: Sequence[int]) -> int:
    match expr:
        case AffineConstantExpr():
            return expr.value
        case AffineDimExpr():
            return max(shape[expr.position] - 1, 0)
        case AffineBinaryOpExpr(AffineBinaryOpKind.Add, lhs, rhs):
            return _top(lhs, shape) + _top(rhs, shape)
        case AffineBinaryOpExpr(kind, lhs, AffineConstantExpr(value)) if value > 0:
            match kind:
                case AffineBinaryOpKind.Mul:
                    return _top(lhs, shape) * value
                case AffineBinaryOpKind.FloorDiv:
                    return _top(lhs, shape) // value
                case AffineBinaryOpKind.CeilDiv:
                    return -(-_top(lhs, shape) // value)
                case _:
                    return value - 1
        case _:
            raise ValueError(f"expected a packed layout of sums, products, floordiv and mod, found {expr}")


def _digit(expr: AffineExpr) -> Digit | None:
    """`(d floordiv c) mod m` as (d, c, m), where c may be 1 and m absent."""
    modulus: int | None = None
    divisor = 1
    if isinstance(expr, AffineBinaryOpExpr) and expr.kind is AffineBinaryOpKind.Mod:
        modulus, expr = cast(AffineConstantExpr, expr.rhs).value, expr.lhs
    if isinstance(expr, AffineBinaryOpExpr) and expr.kind is AffineBinaryOpKind.FloorDiv:
        divisor, expr = cast(AffineConstantExpr, expr.rhs).value, expr.lhs
    return (expr.position, divisor, modulus) if isinstance(expr, AffineDimExpr) else None


def _digits(map: AffineMap) -> tuple[Digit, ...] | None:
    """The results as digits, if those of each dimension tell its indices apart (a mixed-radix number); else None."""
    digits = [digit for result in map.results if (digit := _digit(result)) is not None]
    if len(digits) != len(map.results):
        return None
    for dim in range(map.num_dims):
        need: int | None = 1
        for _, divisor, modulus in sorted(d for d in digits if d[0] == dim):
            if divisor != need:
                return None
            need = None if modulus is None else divisor * modulus
        if need is not None:
            return None
    return tuple(digits)


def _packed(array: Array, digits: tuple[Digit, ...], stored: tuple[int, ...]) -> Array:
    """Pad each dimension to whole panels, split it into its digits, and bring the digits into their order."""
    places = sorted(range(len(digits)), key=lambda i: (digits[i][0], -digits[i][1]))
    padded = [1] * array.ndim
    for (dim, *_), size in zip(digits, stored, strict=True):
        padded[dim] *= size
    widths = [(0, p - n) for p, n in zip(padded, array.shape, strict=True)]
    whole = np.pad(array, widths) if any(after for _, after in widths) else array
    split = whole.reshape([stored[i] for i in places])
    return np.ascontiguousarray(split.transpose([places.index(i) for i in range(len(places))]))


def _scattered(array: Array, offset: int, strides: tuple[int, ...], size: int) -> Array:
    flat = np.zeros(size, array.dtype)
    steps = [s * array.itemsize for s in strides]
    np.lib.stride_tricks.as_strided(flat[offset:], array.shape, steps)[...] = array
    return flat


def _indexed(array: Array, map: AffineMap, stored: tuple[int, ...]) -> Array:
    out = np.zeros(stored, array.dtype)
    grid: Any = np.indices(array.shape, sparse=True)
    out[tuple(np.broadcast_to(r.eval(grid, ()), array.shape) for r in map.results)] = array
    return out
