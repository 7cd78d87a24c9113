"""Sums of products as generics, operands and result described by labels, one a dimension.

product(b, Factor(x, "bmk"), Factor(w, "kn"), "bmn", f32)
  -->  linalg.generic (b, m, n, k) "pppr"  ins %x (b, m, k), %w (k, n)  outs %zero (b, m, n)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import IntegerType, Signedness
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from ....dialects._shape import element, shape
from ._body import Body, is_half, widened
from ._build import Build

Labels = Sequence[str]


@dataclass(frozen=True)
class Factor:
    """An operand with a label for each dimension, none twice; `unsigned` says how its integers are widened."""

    value: SSAValue
    labels: tuple[str, ...]
    unsigned: bool = False


def is_unsigned(value: SSAValue) -> bool:
    """Whether the elements of a graph-level value are unsigned integers."""
    kind = element(value)
    return isinstance(kind, IntegerType) and kind.signedness.data is Signedness.UNSIGNED


def sizes_of(*factors: Factor) -> dict[str, int]:
    """The size of each label: where one factor has 1 and another more, the latter."""
    sizes: dict[str, int] = {}
    for factor in factors:
        for label, size in zip(factor.labels, shape(factor.value), strict=True):
            sizes[label] = size if sizes.get(label, 1) == 1 else sizes[label]
    return sizes


def product(b: Build, lhs: Factor, rhs: Factor, out: Labels, kind: Attribute) -> SSAValue:
    """The sum of lhs * rhs over the labels that `out` lacks, which both must have; a dimension of 1 broadcasts. The
    dims of the generic are those of both factors, of lhs, of rhs, each in the order of `out`, then the summed ones. It
    accumulates in `kind`, the result's element type, or in f32 if that is a half float: see `settled`."""
    sizes, kind = sizes_of(lhs, rhs), widened(kind)
    dims = [sizes[label] for label in out]
    if 0 in dims:
        return b.empty(dims, kind)
    lhs, rhs = unbroadcast(b, lhs, sizes), unbroadcast(b, rhs, sizes)
    left, right = set(lhs.labels), set(rhs.labels)
    summed = [label for label in lhs.labels if label not in out]
    if any(sizes[label] == 0 for label in summed):
        return b.fill(0, dims, kind)
    order = [x for x in out if x in left & right] + [x for x in out if x in left - right]
    order += [x for x in out if x in right - left] + summed
    maps = [_map(labels, order) for labels in (lhs.labels, rhs.labels, out)]
    start = b.fill(0, dims, kind) if summed else b.empty(dims, kind)

    def body(t: Body, x: SSAValue, y: SSAValue, so_far: SSAValue) -> SSAValue:
        term = t.mul(t.cast(x, kind, from_unsigned=lhs.unsigned), t.cast(y, kind, from_unsigned=rhs.unsigned))
        return t.add(so_far, term) if summed else term

    iterators = "p" * len(out) + "r" * len(summed)
    return b.generic1([(lhs.value, maps[0]), (rhs.value, maps[1])], (start, maps[2]), iterators, body)


def settled(b: Build, value: SSAValue, kind: Attribute) -> SSAValue:
    """An accumulator rounded to the half float it stands for; the value itself for other kinds."""
    return b.pointwise([value], shape(value), kind, lambda t, x: x) if is_half(kind) else value


def unbroadcast(b: Build, factor: Factor, sizes: dict[str, int]) -> Factor:
    """Without the dimensions of 1 that stand for more."""
    kept = [
        (label, size) for label, size in zip(factor.labels, shape(factor.value), strict=True) if size == sizes[label]
    ]
    if len(kept) == len(factor.labels):
        return Factor(b[factor.value], factor.labels, factor.unsigned)
    value = reshaped(b, factor.value, [size for _, size in kept])
    return Factor(value, tuple(label for label, _ in kept), factor.unsigned)


def reshaped(b: Build, value: SSAValue, dims: Sequence[int]) -> SSAValue:
    """The elements under another shape; of a constant it makes a constant, which can still be packed."""
    if shape(value) == tuple(dims):
        return b[value]
    array = b.constant(value)
    return b.reshape(value, dims) if array is None else b.weight(array.reshape(tuple(dims)), "w")


def _map(labels: Labels, order: Sequence[str]) -> AffineMap:
    return AffineMap(len(order), 0, tuple(AffineDimExpr(order.index(label)) for label in labels))
