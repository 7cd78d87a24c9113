"""Windows over images without weights: pooling, and means of whole images."""

from dataclasses import replace

import numpy as np
from xdsl.ir import Operation, SSAValue

from ....dialects._shape import shape
from ....dialects.graph.pool import AveragePoolOp, MaxPoolOp
from ....dialects.graph.reduction import ReduceMaxOp, ReduceMeanOp, ReduceSumOp
from ..layer import Pool, Reduce, Tensor, View
from .conv import framed, geometry, result_place
from .place import CHANNEL, COLUMN, ROW, Factor, Place
from .reader import Reader, Unsupported, reads
from .tail import Tail, integer_tail, placed

LARGE = 0.25
"""The part of SPAD above which a plane is reduced by rows first."""


@reads(MaxPoolOp, AveragePoolOp)
def pool(reader: Reader, op: MaxPoolOp | AveragePoolOp) -> None:
    """The maximum or the mean of each window."""
    window, outputs = op.geometry()
    largest, place = isinstance(op, MaxPoolOp), reader.plain(op.x)
    tail = None
    if not largest:
        tail, place = mean_tail(reader, op, op.x, op.res)
    if any(d > 1 and k > 1 for d, k in zip(window.dilations, window.kernel, strict=True)) or max(window.strides) > 7:
        raise Unsupported("a pool with dilation or a stride above 7")
    if len(outputs) > 2 or max(window.kernel) > 15:
        raise Unsupported(f"a pool over a window of {'x'.join(map(str, window.kernel))}")
    window = replace(window, high=window.needed(shape(op.x)[2:], outputs))
    frame = framed(reader, place, whole=any(window.low) or any(window.high))
    kernel, stride, _, pads = geometry(frame, window)
    rows, columns = frame.pair(outputs, 1)
    size = (frame.view.size[0], rows, columns, frame.view.size[3])
    x, out = place.tensor, tail.out if tail is not None else None
    made = reader.tensor(reader.stem(op), size, out, x.type)
    if largest:
        made.type, made.scale, made.zero, made.unsigned = x.type, x.scale, x.zero, x.unsigned
    mode = "max" if largest else "avgp" if isinstance(op, AveragePoolOp) and op.count_pads else "avg"
    zeros = (x.zero, made.zero)
    reader.add(
        Pool(
            name=made.name,
            x=frame.view,
            out=View.whole(made),
            mode=mode,
            scale=ratio(x, tail),
            zeros=zeros,
            kernel=kernel,
            stride=stride,
            pads=pads,
        )
    )
    found = result_place(made, frame, size)
    channels = (Factor(CHANNEL, frame.table - frame.table[0]),) if len(frame.table) > 1 else ()
    found = Place(made, (0, 0, 0, int(frame.table[0])), (found.dims[0], channels, *found.dims[2:]))
    placed(reader, op.res, found, tail)


def mean_tail(reader: Reader, op: Operation, x: SSAValue, value: SSAValue) -> tuple[Tail | None, Place]:
    """The end of a mean in integers, and where to read; floating numbers if there is no such end."""
    tail = integer_tail(reader, Tail(value, 1), op)
    if tail is None or tail.limits() != (-128, 127) or tail.residual is not None:
        return None, reader.real(x)[0]
    reader.take(tail.ops)
    return tail, reader.plain(x)


def ratio(x: Tensor, tail: Tail | None) -> float:
    """By what a mean is multiplied before it is rounded."""
    if tail is None or tail.out is None:
        return 1.0
    return float(np.float32(x.scale if x.type == "i8" else 1.0) / np.float32(tail.out.scale))


@reads(ReduceMeanOp, ReduceSumOp, ReduceMaxOp)
def reduce(reader: Reader, op: ReduceMeanOp | ReduceSumOp | ReduceMaxOp) -> None:
    """One number of rows, columns, both, or channels."""
    mode = {ReduceMeanOp: "mean", ReduceSumOp: "sum", ReduceMaxOp: "max"}[type(op)]
    tail, place = mean_tail(reader, op, op.input, op.result)
    if all(len(place.dims[a]) == 0 for a in op.dims):
        raise Unsupported("a reduction of nothing")
    gone = {f.axis for a in op.dims for f in place.dims[a]}
    axis = {frozenset({ROW}): "rows", frozenset({COLUMN}): "columns", frozenset({CHANNEL}): "channels"}.get(
        frozenset(gone), "plane" if gone == {ROW, COLUMN} else ""
    )
    kept = [d for a, d in enumerate(place.dims) if a not in op.dims]
    if not axis or gone & {f.axis for d in kept for f in d}:
        raise Unsupported("a reduction over other than rows, columns or channels")
    view, local = reader.boxed(place)
    if axis == "channels" and view.size[CHANNEL] != len(place.dims[op.dims[0]][0]):
        raise Unsupported("a reduction over some of the channels")
    if any(view.size[a] != sum(len(f) for d in op.dims for f in place.dims[d] if f.axis == a) for a in gone):
        raise Unsupported("a reduction over scattered elements")
    made = reduced(reader, reader.stem(op), view, mode, axis, tail)
    dims = [() if a in op.dims else d for a, d in enumerate(local.dims)]
    found = Place(made, local.at, tuple(d for a, d in enumerate(dims) if op.keepdims or a not in op.dims))
    placed(reader, op.result, found, tail)


def reduced(reader: Reader, name: str, view: View, mode: str, axis: str, tail: Tail | None) -> Tensor:
    """The tensor of a reduction. That of a large plane is made in two steps, of which the first goes by rows and so by
    strips; what lies between is float32, for integers the sum."""
    x, zero = view.tensor, view.tensor.zero
    scale = ratio(x, tail)
    if axis == "plane" and reader.bytes(view) > reader.machine.spad.bytes * LARGE:
        between = reader.tensor(f"{name}_rows", (*view.size[:2], 1, view.size[3]), type="f32")
        if mode == "max":
            between.type, between.scale, between.zero, between.unsigned = x.type, x.scale, x.zero, x.unsigned
        elif mode == "mean" and tail is not None:
            mode, scale = "sum", scale / (view.size[1] * view.size[2])
        out, zeros = View.whole(between), (zero, between.zero)
        reader.add(Reduce(name=between.name, x=view, out=out, mode=mode, axis="columns", zeros=zeros))
        view, zero, axis = out, between.zero, "rows"
    gone = {"rows": {ROW}, "columns": {COLUMN}, "plane": {ROW, COLUMN}, "channels": {CHANNEL}}[axis]
    images, rows, columns, channels = (1 if a in gone else n for a, n in enumerate(view.size))
    made = reader.tensor(name, (images, rows, columns, channels), tail.out if tail else None, x.type)
    scale, out, zeros = float(np.float32(scale)), View.whole(made), (zero, made.zero)
    reader.add(Reduce(name=made.name, x=view, out=out, mode=mode, axis=axis, scale=scale, zeros=zeros))
    return made
