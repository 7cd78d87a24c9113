"""Importers of what moves elements: reshapes, transposes, slices, splits, concatenation, padding, repetition."""

from itertools import pairwise
from math import prod

import numpy as np
from xdsl.ir import SSAValue

from .....dialects._shape import dtype, shape
from .....dialects.graph.view import ConcatOp, ExpandOp, PadOp, ReshapeOp, SliceOp, TransposeOp, resolved
from ..node import Node
from ..registry import onnx_op
from ._axes import axes_of, axis_of, given, integers


def reshaped(n: Node, x: SSAValue, dims: tuple[int, ...] | list[int]) -> SSAValue:
    """x under another shape; x itself if that is its shape."""
    return x if shape(x) == tuple(dims) else n.emit(ReshapeOp, x, shape=list(dims))


def transposed(n: Node, x: SSAValue, perm: tuple[int, ...] | list[int]) -> SSAValue:
    """x with its axes in another order; x itself if they stay."""
    return x if list(perm) == list(range(len(perm))) else n.emit(TransposeOp, x, perm=list(perm))


def expanded(n: Node, x: SSAValue, dims: tuple[int, ...] | list[int]) -> SSAValue:
    """x broadcast; x itself if that is its shape."""
    return x if shape(x) == tuple(dims) else n.emit(ExpandOp, x, shape=list(dims))


def sliced(n: Node, x: SSAValue, axis: int, offset: int, size: int, stride: int = 1) -> SSAValue:
    """x cut along one axis; x itself if nothing goes."""
    dims, rank = shape(x), len(shape(x))
    if (offset, size, stride) == (0, dims[axis], 1):
        return x
    offsets = [offset if i == axis else 0 for i in range(rank)]
    sizes = [size if i == axis else d for i, d in enumerate(dims)]
    strides = [stride if i == axis else 1 for i in range(rank)]
    return n.emit(SliceOp, x, offsets=offsets, sizes=sizes, strides=strides)


@onnx_op("Reshape")
def reshape(n: Node) -> SSAValue:
    """-1 takes what is left, 0 copies a dimension unless `allowzero`."""
    wanted = given(n, "shape", 1)
    if wanted is None:
        raise ValueError("a shape is required")
    return reshaped(n, n.input(0), resolved(n.input(0), wanted, keep_zeros=bool(n.int("allowzero", 0))))


@onnx_op("Flatten")
def flatten(n: Node) -> SSAValue:
    """Two dimensions, parted before `axis`."""
    dims, axis = n.shape(0), n.int("axis", 1)
    if not -len(dims) <= axis <= len(dims):
        raise ValueError(f"axis: expected a number in [{-len(dims)}, {len(dims)}], found {axis}")
    axis = axis + len(dims) if axis < 0 else axis
    return reshaped(n, n.input(0), (prod(dims[:axis]), prod(dims[axis:])))


@onnx_op("Squeeze")
def squeeze(n: Node) -> SSAValue:
    """Without axes, all dimensions of size 1 go."""
    dims, axes = n.shape(0), given(n, "axes", 1)
    gone = axes_of(axes, len(dims)) if axes is not None else tuple(i for i, d in enumerate(dims) if d == 1)
    if wrong := [i for i in gone if dims[i] != 1]:
        raise ValueError(f"expected dimensions of size 1 on axes {wrong}, found shape {list(dims)}")
    return reshaped(n, n.input(0), [d for i, d in enumerate(dims) if i not in gone])


@onnx_op("Unsqueeze")
def unsqueeze(n: Node) -> SSAValue:
    """Axes count in the result."""
    if (axes := given(n, "axes", 1)) is None:
        raise ValueError("axes are required")
    rank = n.rank(0) + len(axes)
    new, old = axes_of(axes, rank), iter(n.shape(0))
    return reshaped(n, n.input(0), [1 if i in new else next(old) for i in range(rank)])


@onnx_op("Transpose")
def transpose(n: Node) -> SSAValue:
    """Without perm, the axes in reverse."""
    return transposed(n, n.input(0), n.ints("perm", None) or tuple(reversed(range(n.rank(0)))))


@onnx_op("Concat")
def concat(n: Node) -> SSAValue:
    """Before opset 4 the axis is 1 if not given."""
    axis = n.int("axis", 1) if n.opset < 4 else n.int("axis")
    if n.count == 1:
        axis_of(axis, n.rank(0))
        return n.input(0)
    return n.emit(ConcatOp, [n.input(i) for i in range(n.count)], axis=axis_of(axis, n.rank(0)))


@onnx_op("Split")
def split(n: Node) -> list[SSAValue]:
    """A slice for each output; without sizes, equal ones (from opset 18 on the last may be smaller)."""
    axis = axis_of(n.int("axis", 0), n.rank(0))
    dim, parts, sizes = n.shape(0)[axis], n.int("num_outputs", n.outputs), given(n, "split", 1)
    if sizes is None:
        if parts < 1 or (dim % parts and n.opset < 18):
            raise ValueError(f"expected a dimension that {parts} parts divide, found {dim}")
        chunk = -(-dim // parts)
        sizes = tuple(max(min(chunk, dim - i * chunk), 0) for i in range(parts))
    if sum(sizes) != dim or min(sizes, default=0) < 0:
        raise ValueError(f"split: expected sizes of sum {dim}, found {list(sizes)}")
    if len(sizes) != n.outputs:
        raise ValueError(f"split: expected {n.outputs} sizes, one per output, found {list(sizes)}")
    ends = np.cumsum([0, *sizes]).tolist()
    return [sliced(n, n.input(0), axis, start, end - start) for start, end in pairwise(ends)]


@onnx_op("Slice")
def slice_(n: Node) -> SSAValue:
    """Python's slices: starts and ends clamped, negative ones from the end, negative steps backwards."""
    dims, rank = n.shape(0), n.rank(0)
    starts, ends = given(n, "starts", 1), given(n, "ends", 2)
    if starts is None or ends is None:
        raise ValueError("starts and ends are required")
    axes = given(n, "axes", 3)
    axes = axes_of(tuple(range(len(starts))) if axes is None else axes, rank)
    steps = integers(n, 4) if n.has(4) else (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise ValueError(
            f"expected as many ends, axes and steps as {len(starts)} starts, "
            f"found {len(ends)}, {len(axes)}, {len(steps)}"
        )
    if 0 in steps:
        raise ValueError(f"steps: expected numbers other than 0, found {list(steps)}")
    walk = [range(d) for d in dims]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        walk[axis] = range(*slice(start, end, step).indices(dims[axis]))
    if all(w == range(d) for w, d in zip(walk, dims, strict=True)):
        return n.input(0)
    offsets, strides = [w.start if len(w) else 0 for w in walk], [w.step if len(w) > 1 else 1 for w in walk]
    return n.emit(SliceOp, n.input(0), offsets=offsets, sizes=[len(w) for w in walk], strides=strides)


@onnx_op("Expand")
def expand(n: Node) -> SSAValue:
    """Broadcasting both ways: the shape may have 1 where the input has more."""
    old, wanted = n.shape(0), integers(n, 1)
    rank = max(len(old), len(wanted))
    pairs = list(zip((1,) * (rank - len(old)) + old, (1,) * (rank - len(wanted)) + wanted, strict=True))
    if any(a != b and a != 1 and b != 1 for a, b in pairs) or min(wanted, default=0) < 0:
        raise ValueError(f"shape: expected one that broadcasts with {list(old)}, found {list(wanted)}")
    return expanded(n, n.input(0), [b if a == 1 else a for a, b in pairs])


@onnx_op("Tile")
def tile(n: Node) -> SSAValue:
    """A new axis before each repeated one, broadcast, then merged with it."""
    x, dims, repeats = n.input(0), n.shape(0), integers(n, 1)
    if n.opset < 6:
        axis = axis_of(integers(n, 2)[0], len(dims))
        repeats = tuple(repeats[0] if i == axis else 1 for i in range(len(dims)))
    if len(repeats) != len(dims) or min(repeats, default=0) < 0:
        raise ValueError(f"repeats: expected {len(dims)} numbers of at least 0, found {list(repeats)}")
    pairs = list(zip(repeats, dims, strict=True))
    apart = reshaped(n, x, [k for r, d in pairs for k in ((d,) if r == 1 else (1, d))])
    full = expanded(n, apart, [k for r, d in pairs for k in ((d,) if r == 1 else (r, d))])
    return reshaped(n, full, [r * d for r, d in pairs])


@onnx_op("Pad")
def pad(n: Node) -> SSAValue:
    """Pads on all axes, or (from opset 18 on) on the axes named."""
    rank, pads = n.rank(0), given(n, "pads", 1)
    if pads is None:
        pads = n.ints("paddings")
    axes = axes_of(integers(n, 3), rank) if n.has(3) else tuple(range(rank))
    if len(pads) != 2 * len(axes):
        raise ValueError(f"pads: expected a length of {2 * len(axes)}, two per axis, found {list(pads)}")
    low, high = [0] * rank, [0] * rank
    for i, axis in enumerate(axes):
        low[axis], high[axis] = pads[i], pads[i + len(axes)]
    if not any(pads):
        return n.input(0)
    mode, filler = n.str("mode", "constant"), None
    if mode == "constant" and n.has(2):
        filler = reshaped(n, n.input(2), ())
    elif mode == "constant" and n.present("value"):
        filler = n.const(np.array(n.float("value"), dtype(n.input(0).type)))
    return n.emit(PadOp, n.input(0), filler, low=low, high=high, mode=mode)


def _block_size(n: Node, dims: tuple[int, ...]) -> int:
    size = n.int("blocksize")
    if len(dims) != 4 or size < 1:
        raise ValueError(f"expected rank 4 and a positive blocksize, found shape {list(dims)}, blocksize {size}")
    return size


@onnx_op("DepthToSpace")
def depth_to_space(n: Node) -> SSAValue:
    """Channels become blocks: in mode DCR the block's axes are the outer part of the channels, in CRD the inner."""
    dims, size, mode = n.shape(0), _block_size(n, n.shape(0)), n.str("mode", "DCR")
    batch, channels, height, width = dims
    if channels % (size * size) or mode not in ("DCR", "CRD"):
        raise ValueError(f"expected channels divisible by {size * size} and mode DCR or CRD, found {channels}, {mode}")
    depth = channels // (size * size)
    split_up = (batch, size, size, depth, height, width) if mode == "DCR" else (batch, depth, size, size, height, width)
    perm = (0, 3, 4, 1, 5, 2) if mode == "DCR" else (0, 1, 4, 2, 5, 3)
    moved = transposed(n, reshaped(n, n.input(0), split_up), perm)
    return reshaped(n, moved, (batch, depth, height * size, width * size))


@onnx_op("SpaceToDepth")
def space_to_depth(n: Node) -> SSAValue:
    """Blocks become channels: in mode DCR the block's axes are the outer part of the channels, in CRD the inner."""
    dims, size, mode = n.shape(0), _block_size(n, n.shape(0)), n.str("mode", "DCR")
    batch, channels, height, width = dims
    if height % size or width % size or mode not in ("DCR", "CRD"):
        raise ValueError(
            f"expected height and width divisible by {size} and mode DCR or CRD, found {height}, {width}, {mode}"
        )
    apart = reshaped(n, n.input(0), (batch, channels, height // size, size, width // size, size))
    moved = transposed(n, apart, (0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4))
    return reshaped(n, moved, (batch, channels * size * size, height // size, width // size))
