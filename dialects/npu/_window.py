"""Windows over rows and columns: depthwise convolution and pooling of [blocks, rows, columns, lanes].

What lies outside of the input counts as nothing: no product, no tap of a mean, no candidate of a maximum.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ._meaning import Numbers

F32 = np.float32


@dataclass(frozen=True)
class Window:
    """Extent (rows, columns) of the result, of the kernel, its stride, and what it covers outside: top, left, bottom,
    right."""

    out: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pads: tuple[int, int, int, int]

    @property
    def input(self) -> tuple[int, int]:
        """Rows and columns of the input."""
        top, left, bottom, right = self.pads
        rows, columns = ((n - 1) * s + k for n, s, k in zip(self.out, self.stride, self.kernel, strict=True))
        return max(rows - top - bottom, 0), max(columns - left - right, 0)

    def padded(self, x: Numbers, fill: float, kind: type[np.generic]) -> Numbers:
        """The input with its surroundings, as another type."""
        top, left, _, _ = self.pads
        rows, columns = self.input
        if not any(self.pads):
            return x.astype(kind)
        wide = np.full((len(x), rows + top + self.pads[2], columns + left + self.pads[3], x.shape[3]), fill, kind)
        wide[:, top : top + rows, left : left + columns] = x
        return wide

    def along(self, x: Numbers, axis: int) -> Iterator[Numbers]:
        """For each tap of rows (axis 0) or columns (1): what it meets."""
        count, stride = self.out[axis], self.stride[axis]
        for tap in range(self.kernel[axis]):
            cut = slice(tap, tap + (count - 1) * stride + 1, stride)
            yield x[:, cut] if axis == 0 else x[:, :, cut]

    def inside(self) -> Numbers:
        """Taps that lie inside of the input: [rows, columns], int64."""
        counts = []
        for axis in (0, 1):
            first = np.arange(self.out[axis]) * self.stride[axis] - self.pads[axis]
            taps = first[:, None] + np.arange(self.kernel[axis])
            counts.append(((taps >= 0) & (taps < self.input[axis])).sum(1))
        return counts[0][:, None] * counts[1]


def depthwise(x: Numbers, weights: Numbers, window: Window, zero: int = 0) -> Numbers:
    """sum over taps of (x - zero) * weights[blocks, kernel rows, kernel columns, lanes]: int32 (mod 2**32) for
    integers, float32 for floating x and weights."""
    exact = np.float32 if x.dtype.itemsize == 1 or not np.issubdtype(x.dtype, np.integer) else np.float64
    factors = weights.astype(exact)
    wide = window.padded(x.astype(exact) - exact(zero) if zero else x, 0, exact)
    total = np.zeros((len(x), *window.out, x.shape[3]), exact)
    term = np.empty_like(total)
    for i, rows in enumerate(window.along(wide, 0)):
        for j, taps in enumerate(window.along(rows, 1)):
            np.multiply(taps, factors[:, i, j][:, None, None, :], out=term)
            total += term
    if not np.issubdtype(x.dtype, np.integer):
        return total
    return total.astype(np.int32) if exact is np.float32 else total.astype(np.int64).astype(np.int32)


def maximum(x: Numbers, window: Window) -> Numbers:
    """The greatest value of each window, in the type of x."""
    floating = not np.issubdtype(x.dtype, np.integer)
    y = window.padded(x, -np.inf if floating else np.iinfo(x.dtype).min, x.dtype.type)
    for axis in (0, 1):
        parts = window.along(y, axis)
        y = next(parts)
        for part in parts:
            y = np.maximum(y, part)
    return y


def mean(x: Numbers, window: Window, ratio: float, zero: int = 0, all_taps: bool = False) -> Numbers:
    """(sum - taps * zero) * float32(ratio / taps), float32; taps inside of the input, or `all_taps` of the kernel."""
    exact = F32 if x.dtype.itemsize == 1 or not np.issubdtype(x.dtype, np.integer) else np.float64
    y = window.padded(x.astype(exact) - exact(zero) if zero else x, 0, exact)
    for axis in (0, 1):
        parts = window.along(y, axis)
        y = np.array(next(parts))
        for part in parts:
            y += part
    taps = np.full(window.out, window.kernel[0] * window.kernel[1]) if all_taps else window.inside()
    factors = (F32(ratio) / np.maximum(taps, 1).astype(F32)).astype(F32)
    return y.astype(F32) * factors[None, :, :, None]
