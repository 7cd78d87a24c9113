"""Transposed convolutions: with stride s, s x s convolutions, each of which makes every s-th row and column.

y = conv_transpose(x, w [C, OC, 2, 2], strides 2)     4 `Matrix` of one tap: rows 0, 2, .. or 1, 3, .., columns likewise

Along one axis, o = s j + r for phase r: y[o] = sum over k, i with s i + k = o + low of x[i] w[k]. With q = r + low
these are k = q mod s + s t and i = j + q // s - t for t = 0, 1, ..: a convolution with every s-th tap, the last
one first.
"""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from ....dialects._shape import shape
from ....dialects.graph._numbers import Numbers
from ....dialects.graph.conv import ConvTransposeOp
from .conv import Frame, framed, result_place, scattered
from .place import COLUMN, ROW
from .reader import Reader, Unsupported, reads
from .sums import Phase, Sum, factors, in_integers, written


@dataclass(frozen=True)
class Taps:
    """One phase along one axis: the filter's taps in the order of a convolution (none: the result is the bias), and
    the pads of an input of `size` for `count` results."""

    first: int
    taps: tuple[int, ...]
    before: int
    after: int
    count: int

    @property
    def kernel(self) -> int:
        """Taps of the convolution, at least one."""
        return max(1, len(self.taps))


def phases(kernel: int, stride: int, low: int, size: int, outputs: int) -> list[Taps]:
    """The phases along an axis that have results."""
    found: list[Taps] = []
    for r in range(min(stride, outputs)):
        q = r + low
        taps = tuple(range(q % stride, kernel, stride))[::-1]
        count, before = -(-(outputs - r) // stride), max(1, len(taps)) - 1 - q // stride
        found.append(Taps(r, taps, before, count - 1 + max(1, len(taps)) - before - size, count))
    return found


@reads(ConvTransposeOp)
def conv_transpose(reader: Reader, op: ConvTransposeOp) -> None:
    """A transposed convolution with constant filters."""
    window, outputs = op.geometry()
    if len(outputs) > 2 or any(d > 1 and k > 1 for d, k in zip(window.dilations, window.kernel, strict=True)):
        raise Unsupported("a transposed convolution with dilation, or of more than two spatial dimensions")
    weights = factors(reader, op.w, lambda w: w, 1)
    place = reader.place(op.x)
    if not in_integers(reader, place, weights):
        place = reader.floating(op.x)
    elif op.groups > 1 and weights.scaled is not None and weights.scaled.scale.ndim:
        raise Unsupported("a transposed convolution in groups, with scales by output channel")
    frame = framed(reader, place, whole=True)
    low, stride, kernel = (frame.pair(v, n) for v, n in ((window.low, 0), (window.strides, 1), (window.kernel, 1)))
    if max(kernel) > 63 * min(stride):
        raise Unsupported(f"a kernel of {kernel[0]}x{kernel[1]}, above 63 taps a phase")
    rows, columns = frame.pair(outputs, 1)
    size = (frame.view.size[0], rows, columns, shape(op.res)[1])
    whole = Sum(
        op=op,
        value=op.res,
        axis=1,
        x=frame.view,
        size=size,
        place=lambda tensor: result_place(tensor, frame, size),
        factors=weights,
        shape=(),
        bias=op.bias,
        groups=op.groups if frame.ordered else 1,
    )
    down, across = (phases(kernel[i], stride[i], low[i], frame.view.size[1 + i], size[1 + i]) for i in range(2))
    parts = tuple(
        Phase((v.first, h.first), stride, phase(reader, op, frame, whole, v, h)) for v, h in product(down, across)
    )
    written(reader, replace(whole, phases=parts))


def phase(reader: Reader, op: ConvTransposeOp, frame: Frame, whole: Sum, v: Taps, h: Taps) -> Sum:
    """The convolution of one phase of rows and one of columns."""
    inputs, each = shape(op.w)[:2]

    def arrange(w: Numbers) -> Numbers:
        """[C, OC / groups, kernel] as [rows, columns, C / groups, OC]."""
        turned = w.swapaxes(2, 3) if frame.spatial == (COLUMN, ROW) else w
        spatial = turned.reshape(op.groups, inputs // op.groups, each, *frame.pair(w.shape[2:], 1))
        taken = np.zeros((*spatial.shape[:3], v.kernel, h.kernel), w.dtype)
        taken[..., : len(v.taps), : len(h.taps)] = spatial[..., list(v.taps), :][..., list(h.taps)]
        found = taken.transpose(3, 4, 1, 0, 2).reshape(v.kernel, h.kernel, inputs // op.groups, op.groups * each)
        return found if frame.ordered else scattered(found, frame.table, frame.view.size[3], op.groups)

    depth = inputs // op.groups if frame.ordered else frame.view.size[3]
    return replace(
        whole,
        size=(whole.size[0], v.count, h.count, whole.size[3]),
        factors=factors(reader, op.w, arrange, 1, frame.spatial, frame.table, v, h),
        shape=(v.kernel, h.kernel, depth, whole.size[3]),
        kernel=(v.kernel, h.kernel),
        pads=(v.before, h.before, v.after, h.after),
    )
