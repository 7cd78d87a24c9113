"""Convolutions: pixels are the rows of a matrix; each channel by itself is the vector unit's."""

from dataclasses import dataclass

import numpy as np

from ....dialects._shape import shape
from ....dialects.graph._numbers import Numbers
from ....dialects.graph._window import Window
from ....dialects.graph.conv import ConvOp
from ..layer import Pads, Tensor, View
from .moves import move, same
from .place import CHANNEL, COLUMN, IMAGE, ROW, Factor, Place
from .reader import Reader, Unsupported, on_axes, reads
from .stacked import copies, stacked
from .sums import Sum, factors, in_integers, written

Pair = tuple[int, int]


@dataclass(frozen=True)
class Frame:
    """An image [N, C, spatial] as a view; `spatial` names the axes of the spatial dimensions, `table` the channel of
    the view that each channel is."""

    view: View
    spatial: tuple[int, ...]
    table: Numbers

    @property
    def ordered(self) -> bool:
        """Whether the channels are those of the view."""
        return len(self.table) == self.view.size[3] and np.array_equal(self.table, np.arange(len(self.table)))

    def pair(self, values: tuple[int, ...], rest: int) -> Pair:
        """Numbers by spatial dimension as those of rows and columns."""
        found = dict(zip(self.spatial, values, strict=True))
        return found.get(ROW, rest), found.get(COLUMN, rest)


def framed(reader: Reader, place: Place, *, whole: bool) -> Frame:
    """An image as a window moves over it, copied if it has to be; `whole`: nothing may lie beside it."""
    granule = reader.granule(place.tensor)
    if (frame := _frame(place, granule)) is not None and not (whole and _inside(frame.view)):
        return frame
    dims = place.shape
    spatial = (COLUMN,) if len(dims) == 3 else (ROW, COLUMN)
    if len(dims) - 2 > 2:
        raise Unsupported(f"{len(dims) - 2} spatial dimensions")
    size = dict(zip((IMAGE, CHANNEL, *spatial), dims, strict=True))
    made = same(reader, place.tensor, [size.get(axis, 1) for axis in range(4)])
    target = on_axes(made, list(zip((IMAGE, CHANNEL, *spatial), dims, strict=True)))
    move(reader, place, target)
    frame = _frame(target, granule)
    assert frame is not None
    return frame


def _inside(view: View) -> bool:
    full = [(n - 1) // s + 1 for n, s in zip(view.tensor.shape[1:3], view.step, strict=True)]
    return view.at[1:3] != (0, 0) or list(view.size[1:3]) != full


def _frame(place: Place, granule: int) -> Frame | None:
    images, channels, *spatial = place.dims
    free = [axis for axis in (COLUMN, ROW) if all(f.axis != axis for d in spatial for f in d)]
    axes, step = [], [1, 1, 1, 1]
    for dim in spatial:
        if len(dim) > 1 or (dim and (dim[0].axis not in (ROW, COLUMN) or dim[0].step < 1)):
            return None
        axes.append(dim[0].axis if dim else free.pop(0) if free else -1)
        if dim:
            step[dim[0].axis] = dim[0].step
    if len(set(axes)) < len(axes) or -1 in axes or any(len(d) > 1 for d in (images, channels)):
        return None
    if any(f.axis != IMAGE or f.step != 1 for f in images) or any(f.axis != CHANNEL for f in channels):
        return None
    table = channels[0].table if channels else np.zeros(1, np.int64)
    low = int(table.min())
    low -= (place.at[3] + low) % granule
    at = (*place.at[:3], place.at[3] + low)
    count = dict(zip(axes, (len(d[0]) if d else 1 for d in spatial), strict=True))
    size = (len(images[0]) if images else 1, count.get(ROW, 1), count.get(COLUMN, 1), int(table.max()) - low + 1)
    return Frame(View(place.tensor, at, size, (step[ROW], step[COLUMN])), tuple(axes), table - low)


@reads(ConvOp)
def conv(reader: Reader, op: ConvOp) -> None:
    """A convolution with constant filters."""
    window, outputs = op.geometry()
    padded = any(window.low) or any(window.high)
    weights = factors(reader, op.w, lambda w: w, 0)
    place = reader.place(op.x)
    if not in_integers(reader, place, weights):
        place = reader.floating(op.x)
    if len(outputs) > 2:
        raise Unsupported(f"{len(outputs)} spatial dimensions")
    dim, times = copies(place, op, window)
    if dim and stacked(reader, op, place, dim, times):
        return
    frame = framed(reader, place, whole=padded)
    groups, count, filters = op.groups, shape(op.x)[1], shape(op.w)[0]
    fits = all(d == 1 for d in window.dilations) and max(window.kernel) <= 15 and max(window.strides) <= 7
    if groups == count == filters and (groups > 1 or weights.known.shape[1] == 1) and fits:
        _depthwise(reader, op, frame, window, outputs)
    else:
        _matrix(reader, op, frame, window, outputs)


def geometry(frame: Frame, window: Window) -> tuple[Pair, Pair, Pair, Pads]:
    """Kernel, stride, dilation, pads by rows and columns."""
    (top, left), (bottom, right) = frame.pair(window.low, 0), frame.pair(window.high, 0)
    kernel, stride, dilation = (frame.pair(v, 1) for v in (window.kernel, window.strides, window.dilations))
    return kernel, stride, dilation, (top, left, bottom, right)


def _matrix(reader: Reader, op: ConvOp, frame: Frame, window: Window, outputs: tuple[int, ...]) -> None:
    kernel, stride, dilation, pads = geometry(frame, window)
    if max(kernel) > 63:
        raise Unsupported(f"a kernel of {kernel[0]}x{kernel[1]}, above 63")
    rows, columns = frame.pair(outputs, 1)
    filters, each = shape(op.w)[:2]
    size = (frame.view.size[0], rows, columns, filters)
    groups = op.groups if frame.ordered else 1
    inputs = each if frame.ordered else frame.view.size[3]
    turned = frame.spatial == (COLUMN, ROW)

    def arrange(w: Numbers) -> Numbers:
        spatial = w.reshape(filters, each, *(window.kernel if len(window.kernel) == 2 else kernel))
        w = spatial.transpose(3, 2, 1, 0) if turned else spatial.transpose(2, 3, 1, 0)
        return w if frame.ordered else scattered(w, frame.table, inputs, op.groups)

    written(
        reader,
        Sum(
            op=op,
            value=op.res,
            axis=1,
            x=frame.view,
            size=size,
            place=lambda tensor: result_place(tensor, frame, size),
            factors=factors(reader, op.w, arrange, 0, frame.spatial, frame.table, inputs),
            shape=(*kernel, inputs, filters),
            bias=op.bias,
            kernel=kernel,
            stride=stride,
            dilation=dilation,
            pads=pads,
            groups=groups,
        ),
    )


def _depthwise(reader: Reader, op: ConvOp, frame: Frame, window: Window, outputs: tuple[int, ...]) -> None:
    kernel, stride, _, pads = geometry(frame, window)
    rows, columns = frame.pair(outputs, 1)
    channels = frame.view.size[3]
    size = (frame.view.size[0], rows, columns, channels)
    turned = frame.spatial == (COLUMN, ROW)

    def ordered(array: Numbers) -> Numbers:
        if frame.ordered:
            return array
        wide = np.zeros((*array.shape[:-1], channels), array.dtype)
        wide[..., frame.table] = array
        return wide

    def arrange(w: Numbers) -> Numbers:
        spatial = w.reshape(len(w), *(window.kernel if len(window.kernel) == 2 else kernel))
        return ordered(spatial.transpose(2, 1, 0) if turned else spatial.transpose(1, 2, 0))

    def place(tensor: Tensor) -> Place:
        found = result_place(tensor, frame, size)
        table = (Factor(CHANNEL, frame.table - frame.table[0]),) if len(frame.table) > 1 else ()
        dims = (found.dims[0], table, *found.dims[2:])
        return Place(tensor, (0, 0, 0, int(frame.table[0])), dims)

    written(
        reader,
        Sum(
            op=op,
            value=op.res,
            axis=1,
            x=frame.view,
            size=size,
            place=place,
            factors=factors(reader, op.w, arrange, 0, frame.spatial, frame.table, channels),
            shape=(*kernel, channels),
            bias=op.bias,
            kernel=kernel,
            stride=stride,
            pads=pads,
            depthwise=True,
            order=ordered,
        ),
    )


def result_place(tensor: Tensor, frame: Frame, size: tuple[int, int, int, int]) -> Place:
    """Where an image [N, C, spatial] lies that is computed from a frame."""
    return on_axes(tensor, [(axis, size[axis]) for axis in (IMAGE, CHANNEL, *frame.spatial)])


def scattered(w: Numbers, table: Numbers, channels: int, groups: int = 1) -> Numbers:
    """[kh, kw, Cin / groups, Cout] over the channels of a view, zero where the sum takes none."""
    kh, kw, each, outputs = w.shape
    wide = np.zeros((kh, kw, channels, outputs), w.dtype)
    share = outputs // groups
    for g in range(groups):
        cut = slice(g * share, (g + 1) * share)
        wide[:, :, table[g * each : (g + 1) * each], cut] = w[..., cut]
    return wide
