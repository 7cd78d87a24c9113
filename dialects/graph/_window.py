"""Sliding windows: the geometry that convolutions and pools share, and their sums on numpy arrays.

Window `o` of one spatial dimension covers, in the input, o * stride - low + i * dilation for i in 0..kernel-1.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from xdsl.ir import Operation
from xdsl.utils.exceptions import VerifyException

from ._numbers import Numbers

Dims = tuple[int, ...]


@dataclass(frozen=True)
class Window:
    """One window per output point; all tuples have one entry per spatial dimension, pads are at least 0."""

    kernel: Dims
    strides: Dims
    dilations: Dims
    low: Dims
    high: Dims

    @property
    def extents(self) -> Dims:
        """How far a window reaches: dilation * (kernel - 1) + 1."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilations, strict=True))

    def outputs(self, spatial: Dims, ceil: bool = False) -> Dims:
        """How many windows fit; with `ceil` a last partial one counts if it starts inside the input or the low pad."""
        found: list[int] = []
        for n, s, lo, hi, e in zip(spatial, self.strides, self.low, self.high, self.extents, strict=True):
            room = n + lo + hi - e
            count = (-(-room // s) if ceil else room // s) + 1
            if ceil and (count - 1) * s >= n + lo:
                count -= 1
            found.append(count)
        return tuple(found)

    def needed(self, spatial: Dims, outputs: Dims) -> Dims:
        """The high pads with which every one of `outputs` windows lies inside the padded input."""
        reach = ((o - 1) * s + e for o, s, e in zip(outputs, self.strides, self.extents, strict=True))
        return tuple(max(0, r - n - lo) for r, n, lo in zip(reach, spatial, self.low, strict=True))

    def over(self, x: Numbers, outputs: Dims, fill: float | int) -> Numbers:
        """A view [..., outputs, kernel] of `x` [..., spatial], padded with `fill`."""
        rank = len(self.kernel)
        lead = x.ndim - rank
        high = self.needed(x.shape[lead:], outputs)
        if any(self.low) or any(high):
            width = [(0, 0)] * lead + list(zip(self.low, high, strict=True))
            x = np.pad(x, width, constant_values=np.asarray(fill, x.dtype)[()])
        view = sliding_window_view(x, self.extents, tuple(range(lead, x.ndim)))
        starts = tuple(slice(0, (o - 1) * s + 1, s) for o, s in zip(outputs, self.strides, strict=True))
        steps = tuple(slice(None, None, d) for d in self.dilations)
        return view[(slice(None),) * lead + starts + steps]


def checked(op: Operation, spatial: Dims, kernel: Dims, strides: Dims, pads: Dims, dilations: Dims) -> Window:
    """The window of an op; VerifyException unless each number is there for each spatial dimension and large enough.
    Empty tuples stand for the defaults: strides and dilations 1, pads 0."""
    rank = len(spatial)
    window = Window(
        kernel, strides or (1,) * rank, dilations or (1,) * rank, pads[:rank] or (0,) * rank, pads[rank:] or (0,) * rank
    )
    for what, values, length, least in (
        ("kernel sizes", kernel, rank, 1),
        ("strides", window.strides, rank, 1),
        ("dilations", window.dilations, rank, 1),
        ("pads", (*window.low, *window.high), 2 * rank, 0),
    ):
        if len(values) != length or any(v < least for v in values):
            raise VerifyException(f"{op.name}: expected {length} {what} of at least {least}, found {list(values)}")
    return window


def windowed(
    op: Operation, spatial: Dims, kernel: Dims, strides: Dims, pads: Dims, dilations: Dims, ceil: bool = False
) -> tuple[Window, Dims]:
    """As `checked`, and how many outputs there are; VerifyException also if the kernel exceeds the padded input."""
    window = checked(op, spatial, kernel, strides, pads, dilations)
    padded = [n + lo + hi for n, lo, hi in zip(spatial, window.low, window.high, strict=True)]
    if any(e > p for e, p in zip(window.extents, padded, strict=True)):
        raise VerifyException(
            f"{op.name}: expected a dilated kernel no larger than the padded input {padded}, "
            f"found {list(window.extents)}"
        )
    return window, window.outputs(spatial, ceil)


def taps(window: Window, outputs: Dims) -> list[tuple[Dims, tuple[slice, ...]]]:
    """Each position in the kernel, with the slices of the padded input that it meets over all outputs."""
    found: list[tuple[Dims, tuple[slice, ...]]] = []
    for at in product(*(range(k) for k in window.kernel)):
        first = tuple(i * d for i, d in zip(at, window.dilations, strict=True))
        ends = zip(first, outputs, window.strides, strict=True)
        found.append((at, tuple(slice(f, f + (o - 1) * s + 1, s) for f, o, s in ends)))
    return found


def convolve(x: Numbers, w: Numbers, window: Window, outputs: Dims, group: int) -> Numbers:
    """Cross-correlation of x [N, C, spatial] with w [OC, C / group, kernel], in the dtype of the arrays."""
    n, c = x.shape[:2]
    views = window.over(x, outputs, 0).reshape(n, group, c // group, *outputs, *window.kernel)
    filters = w.reshape(group, w.shape[0] // group, -1)
    rank = len(outputs)
    if c == group:
        return _depthwise(views[:, :, 0], filters).reshape(n, w.shape[0], *outputs)
    order = (0, 1, 2, *range(3 + rank, 3 + 2 * rank), *range(3, 3 + rank))
    columns = views.transpose(order).reshape(n, group, filters.shape[2], int(np.prod(outputs)))
    return np.matmul(filters, columns).reshape(n, w.shape[0], *outputs)


def _depthwise(views: Numbers, filters: Numbers) -> Numbers:
    """views [N, G, outputs, kernel], filters [G, M, taps] -> [N, G, M, outputs]."""
    rank = (views.ndim - 2) // 2
    total = np.zeros((*views.shape[:2], filters.shape[1], *views.shape[2 : 2 + rank]), views.dtype)
    for tap, at in enumerate(np.ndindex(*views.shape[2 + rank :])):
        weight = filters[:, :, tap].reshape(*filters.shape[:2], *(1,) * rank)
        total += views[(..., *at)][:, :, None] * weight
    return total
