"""Convolutions of one tap over an image of which a spatial dimension lies along the channels, beside the channels.

x [1, 16, 4, 2100] in channels 0 to 63: 4 times 16, w [1, 16, 1, 1]      4 `Matrix`, of 16 channels each
"""

from dataclasses import replace

from ....dialects._shape import shape
from ....dialects.graph._window import Window
from ....dialects.graph.conv import ConvOp
from ..layer import Tensor, View
from .place import CHANNEL, ROW, Factor, Place, added, arranged
from .reader import Reader
from .sums import Phase, Sum, factors, written


def copies(place: Place, op: ConvOp, window: Window) -> tuple[int, int]:
    """Which dimension lies beside the channels, and its extent; (0, 1) if none does or the convolution looks at more
    than one pixel."""
    plain = max(*window.kernel, *window.strides) == 1 and not any((*window.low, *window.high)) and op.groups == 1
    channels, count = place.dims[1], shape(op.x)[1]
    if not plain or [(f.axis, f.step) for f in channels] != [(CHANNEL, 1)] or place.at[CHANNEL]:
        return 0, 1
    for d, factors_ in enumerate(place.dims):
        if d > 1 and [(f.axis, f.step) for f in factors_] == [(CHANNEL, count)]:
            return d, len(factors_[0])
    return 0, 1


def apart(factor: Factor, times: int) -> Factor:
    """The same with so many times the rows."""
    return Factor(ROW, factor.table * times) if factor.axis == ROW else factor


def stacked(reader: Reader, op: ConvOp, place: Place, dim: int, times: int) -> bool:
    """Writes the convolution of each part of the channels to every so manyth row; False if the channels hold anything
    else, or a part begins where no instruction can."""
    view, local = reader.boxed(place)
    outputs, inputs = shape(op.w)[:2]
    images, rows, columns, channels = view.size
    if local.at[CHANNEL] or channels != times * inputs or inputs % reader.granule(view.tensor):
        return False
    weights = factors(reader, op.w, lambda w: w.reshape(outputs, inputs).T[None, None], 0, "stacked")

    def result(tensor: Tensor) -> Place:
        spread = (tuple(apart(f, times) for f in old) for old in local.dims)
        rest = {1: arranged(outputs, CHANNEL), dim: arranged(times, ROW)}
        at = (local.at[0], local.at[1] * times, local.at[2], 0)
        return Place(tensor, at, tuple(rest.get(d, old) for d, old in enumerate(spread)))

    whole = Sum(
        op=op,
        value=op.res,
        axis=1,
        x=view,
        size=(images, times * rows, columns, outputs),
        place=result,
        factors=weights,
        shape=(1, 1, inputs, outputs),
        bias=op.bias,
    )
    parts = [
        View(view.tensor, added(view.at, (0, 0, 0, i * inputs)), (images, rows, columns, inputs), view.step)
        for i in range(times)
    ]
    size = (images, rows, columns, outputs)
    phases = (Phase((i, 0), (times, 1), replace(whole, x=x, size=size)) for i, x in enumerate(parts))
    written(reader, replace(whole, phases=tuple(phases)))
    return True
