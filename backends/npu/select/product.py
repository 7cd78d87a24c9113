"""Products of matrices of activations: attention's. Every matrix of the batch is an item of one layer, a slice of
images or of channels, wherever the batch's dimensions lie.

scores [B, H, S, T] = q [B, H, S, D] @ k^T      images B*H, rows S, channels T
context = scores @ v, read as [B, S, H*D]       images B, rows S, channels H*D
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.ir import SSAValue

from ....dialects._shape import shape
from ....dialects.graph._numbers import Numbers
from ....dialects.graph.contraction import MatmulOp
from ..layer import Item, Post, Product, Residual, Tensor, View
from .dense import matmul, ordered, stacked
from .ends import SYMBOL, read_by, symbols
from .moves import like, move, same
from .place import CHANNEL, COLUMN, IMAGE, REPEATED, ROW, At, Dim, Factor, Place, Unplaceable, arranged, extent, offsets
from .reader import Reader, Unsupported, is_integer, reads
from .tail import Tail, affine, float_tail, integer_tail


@reads(MatmulOp)
def either(reader: Reader, op: MatmulOp) -> None:
    """With constant weights, or of activations."""
    left, right = (reader.constants.known(v) is not None for v in op.operands)
    if right and not left:
        matmul(reader, op)
    elif left or min(len(shape(v)) for v in op.operands) < 2:
        raise Unsupported("a product with a constant or a vector on its left")
    else:
        product(reader, op)


@dataclass(frozen=True)
class Operand:
    """Matrices of a batch as slices of a tensor: `starts` are their images and first channels."""

    view: View
    starts: tuple[At, ...]
    pixels: Dim
    """The dimension that lies along rows and columns, as it lies in the view."""
    channels: int
    """How many the dimension has that lies along channels."""


def product(reader: Reader, op: MatmulOp) -> None:
    """lhs [.., M, K] @ rhs [.., K, N]."""
    batch = shape(op.res)[:-2]
    places = [reader.place(v) for v in op.operands]
    gain = reader.gain(op.lhs) * reader.gain(op.rhs)
    start = Tail(op.res, len(batch) + 1)
    integers = all(map(is_integer, places)) and "i8" in reader.machine.dtypes
    tail = integer_tail(reader, start, op, affine) if integers else None
    if not integers:
        places = [reader.converted(p, "bf16") for p in places]
    tail = tail or float_tail(reader, start, op, affine)
    reader.take(tail.ops)
    x = operand(reader, batched(places[0], batch), pixel=-2)
    y, transposed = second(reader, batched(places[1], batch))
    width, rows = shape(op.res)[-1], x.view.size[1:3]
    probe = Tensor("", 1, 1, 1, 1, "bf16" if tail.out is None else "i8")
    layout = laid_out(op.res, batch, width, reader.granule(probe))
    size = (layout.images, *rows, layout.channels)
    made = reader.tensor(reader.stem(tail.ops[-1] if tail.ops else op), size, tail.out)
    local = Place(made, (0, 0, 0, 0), (*layout.dims, x.pixels, arranged(width, CHANNEL)))
    starts = zip(x.starts, y.starts, offsets(layout.dims), strict=True)
    items = tuple(Item((a[0], a[3]), (b[0], b[3]), (o[0], o[3])) for a, b, o in starts)
    rest = None
    if tail.residual is not None:
        rest = Residual(like(reader, reader.places[tail.residual], local, size), first=tail.first)
    reader.add(
        Product(
            name=made.name,
            x=x.view,
            y=y.view,
            out=View.whole(made),
            items=items,
            depth=x.channels,
            width=width,
            transposed=transposed,
            zeros=(x.view.tensor.zero, y.view.tensor.zero) if integers else (0, 0),
            post=post(tail, x.view.tensor, y.view.tensor, gain, width, layout.channels // width, integers, rest),
        )
    )
    reader.places[tail.value] = tail.place(local)


def post(
    tail: Tail, x: Tensor, y: Tensor, gain: float, width: int, repeats: int, integers: bool, rest: Residual | None
) -> Post:
    """Scale and bias by channel of the result; a residual is a floating one."""

    def spread(values: Numbers) -> Numbers:
        return np.tile(np.broadcast_to(values, (width,)), repeats)

    if not integers:
        scale, bias = spread(tail.scale * gain).astype(np.float32), spread(tail.bias).astype(np.float32)
        return Post(bias, scale, low=tail.low, high=tail.high, act=tail.act, residual=rest)
    unit = np.asarray(np.float32(x.scale) * np.float32(y.scale))
    exact = (tail.scale * gain == 1).all()
    ratio = unit if exact else (unit.astype(np.float64) * tail.scale * gain).astype(np.float32)
    bias = spread(np.rint(tail.bias / np.asarray(ratio, np.float64))).astype(np.int32)
    if tail.out is None:
        return Post(bias, spread(ratio), low=tail.low, high=tail.high, act=tail.act, residual=rest)
    low, high = tail.limits()
    return Post(
        bias, spread(np.divide(ratio, np.float32(tail.out.scale))).astype(np.float32), tail.out.stored, low, high
    )


def batched(place: Place, batch: Sequence[int]) -> Place:
    """A place with the dimensions of the whole batch; those that are not there repeat."""
    shape = place.shape
    return place.expand((*batch, *shape[-2:]))


def operand(reader: Reader, place: Place, pixel: int) -> Operand:
    """Matrices with dimension `pixel` (-1 or -2) along rows or columns and the other along channels; copied if need
    be."""
    try:
        return cut(reader, place, pixel)
    except Unplaceable:
        last = place if pixel == -2 else place.transpose([*range(len(place.dims) - 2), -1, -2])
        distinct = Place(place.tensor, place.at, tuple(() if repeats(d) else d for d in last.dims))
        sizes = distinct.shape
        made = same(reader, place.tensor, stacked(sizes))
        target = ordered(made, sizes)
        move(reader, distinct, target)
        return cut(reader, target.expand(last.shape), -2)


def repeats(dim: Dim) -> bool:
    """Whether all elements of a dimension are the same one."""
    return bool(dim) and all(f.axis == REPEATED for f in dim)


def cut(reader: Reader, place: Place, pixel: int) -> Operand:
    """As `operand`, without copies."""
    *batch, first, second = place.dims
    pixels, channels = (first, second) if pixel == -2 else (second, first)
    if any(f.axis not in (IMAGE, CHANNEL, REPEATED) for d in batch for f in d):
        raise Unplaceable("a batch along rows or columns")
    if len(pixels) > 1 or any(f.axis not in (ROW, COLUMN) or f.step != 1 for f in pixels):
        raise Unplaceable("a matrix whose rows do not lie along rows or columns")
    if len(channels) > 1 or any(f.axis != CHANNEL or f.step != 1 for f in channels):
        raise Unplaceable("a matrix whose columns are no channels")
    count = extent(channels)
    starts = tuple(added for added in (_plus(place.at, o) for o in offsets(batch)))
    lanes = reader.machine.channel_lanes(place.tensor.type)
    for start in starts:
        if start[3] % reader.granule(place.tensor) or (start[3] % lanes and start[3] % lanes + count > lanes):
            raise Unplaceable(f"a matrix from channel {start[3]} on")
    size = [place.tensor.images, 1, 1, place.tensor.channels]
    for factor in pixels:
        size[factor.axis] = len(factor)
    at = (0, place.at[1], place.at[2], 0)
    return Operand(View(place.tensor, at, (size[0], size[1], size[2], size[3])), starts, pixels, count)


def _plus(at: At, moved: At) -> At:
    return (at[0] + moved[0], at[1] + moved[1], at[2] + moved[2], at[3] + moved[3])


def second(reader: Reader, place: Place) -> tuple[Operand, bool]:
    """The second operand, and whether its pixels are the columns of the matrix."""
    for pixel in (-1, -2):
        try:
            return cut(reader, place, pixel), pixel == -1
        except Unplaceable:
            continue
    return operand(reader, place, -1), True


@dataclass(frozen=True)
class Layout:
    """Where the batch of a result lies."""

    images: int
    channels: int
    dims: tuple[Dim, ...]


def laid_out(value: SSAValue, batch: Sequence[int], width: int, granule: int) -> Layout:
    """Batch dimensions that are read together with the matrix's columns as one dimension become channels, the others
    images."""
    rank = len(batch) + 2
    inner = [d for d in together(value, rank - 1) if d < len(batch)] if width % granule == 0 else []
    steps = dict[int, tuple[int, int]]()
    channels, images = width, 1
    for d in reversed(inner):
        steps[d], channels = (CHANNEL, channels), channels * batch[d]
    for d in reversed(range(len(batch))):
        if d not in inner:
            steps[d], images = (IMAGE, images), images * batch[d]
    dims = [
        (Factor(steps[d][0], np.arange(n, dtype=np.int64) * steps[d][1]),) if n > 1 else () for d, n in enumerate(batch)
    ]
    return Layout(images, channels, tuple(dims))


def together(value: SSAValue, last: int) -> list[int]:
    """The dimensions that make up one dimension with the last one where the value is read, the outermost first."""
    for place in read_by(value, symbols(shape(value))):
        for dim in place.dims:
            found = [f.axis - SYMBOL for f in dim]
            if last in found and len(found) > 1 and found[-1] == last:
                return found[:-1]
    return []
