"""Importers of what puts elements into place: unpooling, cropping, columns to images, affine grids."""

from math import prod

import numpy as np
from xdsl.ir import SSAValue

from .....dialects._shape import Array
from .....dialects.graph.contraction import EinsumOp
from .....dialects.graph.conv import ConvTransposeOp
from .....dialects.graph.elementwise import AddOp, MulOp
from .....dialects.graph.gather import GatherOp
from .....dialects.graph.roi import RoiAlignOp
from .....dialects.graph.sample import GridSampleOp
from .....dialects.graph.scatter import ScatterElementsOp
from .....dialects.graph.view import ExpandOp, PadOp, ReshapeOp, TransposeOp
from ..node import Node
from ..registry import onnx_op
from ._pads import Sliding, padding, per_dim, sliding

Dims = tuple[int, ...]


@onnx_op("MaxUnpool")
def max_unpool(n: Node) -> SSAValue:
    """Each element goes to its flat position in zeros of the shape that the window implies; `output_shape` puts more
    zeros behind those."""
    dims, kernel = n.shape(0), n.ints("kernel_shape")
    rank = len(dims) - 2
    if len(kernel) != rank:
        raise ValueError(f"kernel_shape: expected {rank} numbers, found {list(kernel)}")
    strides, pads = per_dim(n, "strides", rank, 1), padding(n, rank)
    rows = zip(dims[2:], strides, kernel, pads[:rank], pads[rank:], strict=True)
    implied = (*dims[:2], *((size - 1) * s - lo - hi + k for size, s, k, lo, hi in rows))
    count = prod(dims)
    zero = n.const(np.zeros((1,), n.dtype(0)))
    base = n.emit(ExpandOp, zero, shape=(prod(implied),))
    values, indices = (n.emit(ReshapeOp, n.input(i), shape=(count,)) for i in (0, 1))
    flat = n.emit(ScatterElementsOp, base, indices, values, axis=0, reduction="none")
    y = n.emit(ReshapeOp, flat, shape=implied)
    if not n.has(2):
        return y
    wanted = tuple(int(d) for d in n.constant(2))
    if len(wanted) != len(implied):
        raise ValueError(f"output_shape: expected {len(implied)} numbers, found {list(wanted)}")
    return resized(n, y, (0,) * len(wanted), tuple(w - d for w, d in zip(wanted, implied, strict=True)))


def resized(n: Node, x: SSAValue, low: Dims, high: Dims) -> SSAValue:
    """x with zeros put before and after its dimensions, or elements taken away where the numbers are negative."""
    return n.emit(PadOp, x, None, low=low, high=high, mode="constant")


@onnx_op("CenterCropPad")
def center_crop_pad(n: Node) -> SSAValue:
    """The middle of each axis, or the axis in the middle of zeros; the odd one goes to the end."""
    dims, wanted = n.shape(0), [int(d) for d in n.constant(1)]
    axes = n.ints("axes", None) or tuple(range(len(dims)))
    if len(axes) != len(wanted) or not all(-len(dims) <= a < len(dims) for a in axes):
        raise ValueError(f"axes: expected one of {list(dims)} for each of shape {wanted}, found {list(axes)}")
    low, high = [0] * len(dims), [0] * len(dims)
    for axis, size in zip(axes, wanted, strict=True):
        more = size - dims[axis]
        low[axis] = more // 2 if more > 0 else -(-more // 2)
        high[axis] = more - low[axis]
    return resized(n, n.input(0), tuple(low), tuple(high))


@onnx_op("Col2Im")
def col2im(n: Node) -> SSAValue:
    """Columns [N, C * block, L] added up where blocks overlap: a transposed convolution, each channel of a block by a
    filter that is 1 at its own point."""
    image, block = (tuple(int(d) for d in n.constant(i)) for i in (1, 2))
    rank = len(image)
    if len(block) != rank or min(block, default=1) < 1:
        raise ValueError(f"block_shape: expected {rank} positive numbers, found {list(block)}")
    strides, dilations, pads = per_dim(n, "strides", rank, 1), per_dim(n, "dilations", rank, 1), padding(n, rank)
    extents = [d * (k - 1) + 1 for k, d in zip(block, dilations, strict=True)]
    rows = list(zip(image, pads[:rank], pads[rank:], extents, strides, strict=True))
    counts = [(size + lo + hi - e) // s + 1 for size, lo, hi, e, s in rows]
    extra = [(size + lo + hi - e) % s for size, lo, hi, e, s in rows]
    batch, width, length = n.shape(0)
    if min(counts) < 1 or prod(counts) != length or width % prod(block):
        raise ValueError(f"expected {prod(counts)} columns of a multiple of {prod(block)}, found {list(n.shape(0))}")
    taps = np.eye(prod(block), dtype=n.dtype(0)).reshape(-1, 1, *block)
    filters = np.tile(taps, (width // prod(block), *(1,) * (rank + 1)))
    x = n.emit(ReshapeOp, n.input(0), shape=(batch, width, *counts))
    return n.emit(
        ConvTransposeOp,
        *(x, n.const(filters), None),
        strides=strides,
        dilations=dilations,
        pads=pads,
        group=width // prod(block),
        output_padding=extra,
    )


@onnx_op("AffineGrid")
def affine_grid(n: Node) -> SSAValue:
    """theta [N, d, d + 1] times the homogeneous coordinates of the points of an image of shape `size`."""
    batch, _, *spatial = (int(d) for d in n.constant(1))
    if n.rank(0) != 3 or n.shape(0) != (batch, len(spatial), len(spatial) + 1):
        raise ValueError(f"theta: expected {[batch, len(spatial), len(spatial) + 1]}, found {list(n.shape(0))}")
    points = n.const(_points(spatial, n.int("align_corners", 0) != 0).astype(n.dtype(0)))
    grid = n.emit(EinsumOp, [points, n.input(0)], equation="pk,ndk->npd")
    return n.emit(ReshapeOp, grid, shape=(batch, *spatial, len(spatial)))


def _points(spatial: list[int], align: bool) -> Array:
    """[points, d + 1]: x, y, ..., 1 in -1..1, the last dimension's coordinate first."""
    lines = [
        np.linspace(-1, 1, size) if align else (np.arange(size) * 2 + 1) / size - 1 if size else np.zeros(0)
        for size in spatial
    ]
    axes = np.meshgrid(*lines, indexing="ij")[::-1]
    return np.stack([*(a.reshape(-1) for a in axes), np.ones(prod(spatial))], axis=-1)


SAMPLE_MODES = {"bilinear": "linear", "bicubic": "cubic", "linear": "linear", "cubic": "cubic", "nearest": "nearest"}


@onnx_op("GridSample")
def grid_sample(n: Node) -> SSAValue:
    """Samples at the points of a grid; before opset 20 the modes had their names for two dimensions."""
    mode, padding = n.str("mode", "linear"), n.str("padding_mode", "zeros")
    if mode not in SAMPLE_MODES:
        raise ValueError(f"mode: expected {', '.join(SAMPLE_MODES)}, found {mode!r}")
    align = n.int("align_corners", 0) != 0
    return n.emit(GridSampleOp, n.input(0), n.input(1), mode=SAMPLE_MODES[mode], padding=padding, align=align)


@onnx_op("DeformConv")
def deform_conv(n: Node) -> SSAValue:
    """A convolution whose filter points are moved by offsets: samples of the image at the moved points, scaled by the
    mask, times the filters."""
    (batch, channels, *spatial), w = n.shape(0), n.shape(1)
    found = sliding(n, tuple(spatial), w[2:])
    group, parts = n.int("group", 1), n.int("offset_group", 1)
    rank, points, out = len(spatial), prod(found.kernel), n.shape(2)[2:]
    if min(group, parts) < 1 or channels % parts or channels != w[1] * group or w[0] % group:
        raise ValueError(
            f"expected {channels} channels to be divided by group {group} and offset_group {parts}, "
            f"found filters of shape {list(w)}"
        )
    x = n.emit(ReshapeOp, n.input(0), shape=(batch * parts, channels // parts, *spatial))
    grid = _moved(n, found, tuple(spatial), parts)
    columns = n.emit(GridSampleOp, x, grid, mode="linear", padding="zeros", align=False)
    columns = n.emit(ReshapeOp, columns, shape=(batch, parts, channels // parts, points, *out))
    if n.has(4):
        mask = n.emit(ReshapeOp, n.input(4), shape=(batch, parts, 1, points, *out))
        columns = n.emit(MulOp, columns, mask)
    columns = n.emit(ReshapeOp, columns, shape=(batch, group, channels // group, points, prod(out)))
    filters = n.emit(ReshapeOp, n.input(1), shape=(group, w[0] // group, w[1], points))
    y = n.emit(EinsumOp, [columns, filters], equation="ngckp,gock->ngop")
    y = n.emit(ReshapeOp, y, shape=(batch, w[0], *out))
    if not n.has(3):
        return y
    return n.emit(AddOp, y, n.emit(ReshapeOp, n.input(3), shape=(w[0], *(1,) * rank)))


def _moved(n: Node, window: Sliding, spatial: Dims, parts: int) -> SSAValue:
    """The grid [N * parts, points * out, rank] of filter points moved by input 2 [N, parts * points * rank, out]."""
    rank, points, out = len(spatial), prod(window.kernel), n.shape(2)[2:]
    reach = zip(spatial, window.pads[:rank], window.pads[rank:], window.extents, window.strides, strict=True)
    counts = tuple((size + lo + hi - e) // s + 1 for size, lo, hi, e, s in reach)
    if n.shape(2)[1:] != (parts * points * rank, *counts):
        raise ValueError(f"offset: expected {[parts * points * rank, *counts]} per image, found {list(n.shape(2)[1:])}")
    base = np.zeros((*window.kernel, rank, *out))
    for i in range(rank):
        taps = np.arange(window.kernel[i]) * window.dilations[i] - window.pads[i]
        starts = np.arange(out[i]) * window.strides[i]
        lines = taps.reshape(-1, *(1,) * (2 * rank - 1 - i)), starts.reshape(-1, *(1,) * (rank - 1 - i))
        base[(*(slice(None),) * rank, i)] = lines[0] + lines[1]
    sizes = np.array(spatial).reshape(rank, *(1,) * rank)
    images, kind = n.shape(2)[0] * parts, n.dtype(2)
    offset = n.emit(ReshapeOp, n.input(2), shape=(images, points, rank, *out))
    place = n.const(((base.reshape(points, rank, *out) * 2 + 1) / sizes - 1).astype(kind))
    moved = n.emit(AddOp, place, n.emit(MulOp, offset, n.const((2 / sizes).astype(kind))))
    last_first = n.emit(GatherOp, moved, n.const(np.arange(rank)[::-1].copy()), axis=2)
    grid = n.emit(TransposeOp, last_first, perm=(0, 1, *range(3, 3 + rank), 2))
    return n.emit(ReshapeOp, grid, shape=(images, points * out[0], *out[1:], rank))


@onnx_op("RoiAlign")
def roi_align(n: Node) -> SSAValue:
    """Pools regions; before opset 16 their corners were not moved by half a pixel."""
    word = n.str("coordinate_transformation_mode", "half_pixel") if n.opset >= 16 else "output_half_pixel"
    if word not in ("half_pixel", "output_half_pixel"):
        raise ValueError(f"coordinate_transformation_mode: expected half_pixel or output_half_pixel, found {word!r}")
    return n.emit(
        RoiAlignOp,
        *(n.input(i) for i in range(3)),
        mode=n.str("mode", "avg"),
        height=n.int("output_height", 1),
        width=n.int("output_width", 1),
        ratio=n.int("sampling_ratio", 0),
        scale=n.float("spatial_scale", 1.0),
        half_pixel=word == "half_pixel",
    )
