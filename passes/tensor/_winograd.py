"""Winograd's minimal filtering F(m x m, 3 x 3): the transforms' matrices, and products with them as straight-line code.

    y = A' ((G w G') * (B' x B)) A          x: m+2 by m+2 pixels     w: 3 by 3     y: m by m

Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (2016), for the points 0, 1, -1 (2, -2) and infinity.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, TypeVar

import numpy as np

from ...dialects._shape import Array

Matrix = tuple[tuple[int, ...], ...]
T = TypeVar("T")


@dataclass(frozen=True)
class Filtering:
    """`m` outputs from m + 2 inputs along a dimension: how inputs, filters and sums are transformed."""

    m: int
    inputs: Matrix
    filters: tuple[tuple[Fraction, ...], ...]
    outputs: Matrix

    @property
    def points(self) -> int:
        """Products along a dimension."""
        return self.m + 2

    def filtered(self, w: Array) -> Array:
        """[OC, C, 3, 3] -> [points * points, C, OC], computed in double."""
        g = np.array([[float(v) for v in row] for row in self.filters])
        u = np.einsum("ai,bj,ocij->abco", g, g, w.astype(np.float64), optimize=True)
        return np.ascontiguousarray(u.reshape(self.points**2, w.shape[1], w.shape[0]), dtype=w.dtype)


def _fractions(*rows: str) -> tuple[tuple[Fraction, ...], ...]:
    return tuple(tuple(Fraction(v) for v in row.split()) for row in rows)


FILTERINGS = {
    2: Filtering(
        2,
        ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
        _fractions("1 0 0", "1/2 1/2 1/2", "1/2 -1/2 1/2", "0 0 1"),
        ((1, 1, 1, 0), (0, 1, -1, -1)),
    ),
    4: Filtering(
        4,
        (
            (4, 0, -5, 0, 1, 0),
            (0, -4, -4, 1, 1, 0),
            (0, 4, -4, -1, 1, 0),
            (0, -2, -1, 2, 1, 0),
            (0, 2, -1, -2, 1, 0),
            (0, 4, 0, -5, 0, 1),
        ),
        _fractions("1/4 0 0", "-1/6 -1/6 -1/6", "-1/6 1/6 -1/6", "1/24 1/12 1/6", "1/24 -1/12 1/6", "0 0 1"),
        ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1)),
    ),
}
"""By m. Largest error over the largest output, 64 to 256 channels of normal numbers: 5e-7 for 2, 4e-6 to 6e-6 for 4."""


@dataclass(frozen=True)
class Arithmetic(Generic[T]):
    """The operations that a product with a matrix takes."""

    add: Callable[[T, T], T]
    sub: Callable[[T, T], T]
    scale: Callable[[T, int], T]


def transformed(matrix: Matrix, values: Sequence[Sequence[T]], by: Arithmetic[T]) -> list[list[T]]:
    """matrix * values * matrix', in few operations."""
    columns = [multiplied(matrix, column, by) for column in zip(*values, strict=True)]
    return [multiplied(matrix, row, by) for row in zip(*columns, strict=True)]


def multiplied(matrix: Matrix, vector: Sequence[T], by: Arithmetic[T]) -> list[T]:
    """matrix * vector. Two columns that differ in signs only are summed and subtracted once for all rows, and of two
    rows like that both halves are computed once."""
    width = len(matrix[0])
    for c in range(width):
        for d in range(c + 1, width):
            pairs = [(row[c], row[d]) for row in matrix]
            even = [a == b for a, b in pairs]
            if all(abs(a) == abs(b) for a, b in pairs) and any(e and a for e, (a, _) in zip(even, pairs, strict=True)):
                joined = tuple(
                    (*row[:c], row[c] if e else 0, *row[c + 1 : d], 0 if e else row[c], *row[d + 1 :])
                    for row, e in zip(matrix, even, strict=True)
                )
                both = [*vector]
                both[c], both[d] = by.add(vector[c], vector[d]), by.sub(vector[c], vector[d])
                return multiplied(joined, both, by)
    return _by_rows(matrix, vector, by)


def _by_rows(matrix: Matrix, vector: Sequence[T], by: Arithmetic[T]) -> list[T]:
    made: dict[int, T] = {}
    for i, row in enumerate(matrix):
        for j in range(i + 1, len(matrix)):
            same = tuple(a if a == b else 0 for a, b in zip(row, matrix[j], strict=True))
            other = tuple(a if a == -b else 0 for a, b in zip(row, matrix[j], strict=True))
            alike = all(abs(a) == abs(b) for a, b in zip(row, matrix[j], strict=True))
            if i not in made and j not in made and alike and any(same) and any(other):
                first, second = _dot(same, vector, by), _dot(other, vector, by)
                made[i], made[j] = by.add(first, second), by.sub(first, second)
        if i not in made:
            made[i] = _dot(row, vector, by)
    return [made[i] for i in range(len(matrix))]


def _dot(row: Sequence[int], vector: Sequence[T], by: Arithmetic[T]) -> T:
    """The terms with coefficient 1 or -1 first, so that the others can be fused multiply-adds."""
    terms = sorted(((a, v) for a, v in zip(row, vector, strict=True) if a), key=lambda t: (abs(t[0]) != 1, t[0] < 0))
    a, v = terms[0]
    total = v if a == 1 else by.scale(v, a)
    for a, v in terms[1:]:
        match a:
            case 1:
                total = by.add(total, v)
            case -1:
                total = by.sub(total, v)
            case _:
                total = by.add(total, by.scale(v, a))
    return total
