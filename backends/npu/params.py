"""What a layer needs beside activations, as bytes: parameter records, look-up tables, packed weights.

    record of L channels       bias[L] int32 | mult[L] | shift[L] int32          (floating: bias, mult float32)
    depthwise record           weights[kh][kw][L] | bias | mult | shift | 0 up to 16 bytes
    norm record                gamma[L] float32 | beta[L] float32
    weights                    [N1][kh][kw][C1][L][C], or [N1][ceil(kh*kw/p)][L][C] where p taps share a feed

Channels that do not exist have weight, bias and mult 0.
"""

from collections.abc import Callable, Sequence

import ml_dtypes
import numpy as np

from ...dialects._shape import Array
from .layer import Activation, Depthwise, Layer, Matrix, Norm, Post, Product
from .machine import Machine
from .runs import Lanes, Run, lanes_of, runs

ROUNDINGS = ("tflite", "gemmlowp", "ort", "onnx")


def pad(size: int, unit: int) -> int:
    """`size` rounded up to a multiple of `unit`."""
    return -(-size // unit) * unit


def as_bytes(array: Array) -> Array:
    """The bytes of an array, in order."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def fixed_point(scale: Array) -> tuple[Array, Array]:
    """scale = mult * 2**(-31 - shift), 2**30 <= mult < 2**31 (0 for 0): int32 mult, int32 right shift, as TFLite's
    QuantizeMultiplier."""
    fraction, exponent = np.frexp(scale.astype(np.float64))
    mult = np.rint(fraction * (1 << 31)).astype(np.int64)
    high = mult == 1 << 31
    return np.where(high, mult >> 1, mult).astype(np.int32), -(exponent + high).astype(np.int32)


def planes(post: Post, channels: int) -> tuple[Array, Array, Array]:
    """Bias, mult and shift of every output channel, 4 bytes each; values fewer than the channels repeat."""
    bias = np.resize(post.bias, channels)
    bias = bias.astype(np.int32) if np.issubdtype(bias.dtype, np.integer) else bias.astype(np.float32)
    scale = np.resize(post.scale, channels).astype(np.float32)
    if post.rounding in ("tflite", "gemmlowp"):
        return bias, *fixed_point(scale)
    return bias, scale, np.zeros(channels, np.int32)


def by_block(values: Array, before: int, lanes: int) -> Array:
    """[..., channels] as [blocks, ..., lanes], the first channel in lane `before` of block 0, zeros around."""
    channels = values.shape[-1]
    blocks = -(-(before + channels) // lanes)
    wide = np.zeros((*values.shape[:-1], blocks * lanes), values.dtype)
    wide[..., before : before + channels] = values
    return np.moveaxis(wide.reshape(*values.shape[:-1], blocks, lanes), -2, 0)


def post_record_bytes(lanes: int) -> int:
    """Bytes of the record of a block."""
    return 12 * lanes


def post_records(post: Post, channels: int, out: Lanes) -> Array:
    """Records by blocks of the destination's lines: channel 0 is in its own lane. An instruction that begins in lane
    l of a block finds all three planes 4*l bytes further; therefore 4*L bytes follow the last record."""
    cut = np.stack([by_block(p, out.at, out.width).view(np.uint8) for p in planes(post, channels)], axis=1)
    uneven = (out.at + channels) % out.width != 0 or out.at != 0
    return np.concatenate([cut.reshape(-1), np.zeros(4 * out.width if uneven else 0, np.uint8)])


def post_offset(channel: int, out: Lanes) -> int:
    """Where the record of a run lies that begins at `channel` of the out view."""
    block, lane = divmod(out.at + channel, out.width)
    return block * post_record_bytes(out.width) + 4 * lane


def depthwise_runs(layer: Depthwise, machine: Machine) -> list[Run]:
    """The runs of a depthwise layer, one record for each block of each; within a line they begin with a record."""
    return list(runs(layer.out.size[3], lanes_of(layer.x, machine), lanes_of(layer.out, machine)))


def depthwise_record_bytes(layer: Depthwise, machine: Machine) -> int:
    """Bytes of the record of a block."""
    lanes, element = machine.channel_lanes(layer.x.tensor.type), 2 if layer.x.tensor.type == "bf16" else 1
    return pad(layer.kernel[0] * layer.kernel[1] * lanes * element + post_record_bytes(lanes), 16)


def depthwise_records(layer: Depthwise, machine: Machine) -> Array:
    """The records of all runs of a depthwise layer."""
    lanes, size = machine.channel_lanes(layer.x.tensor.type), depthwise_record_bytes(layer, machine)
    weights = stored(layer.weights.read())
    bias = planes(layer.post, layer.out.size[3])
    made = []
    for run in depthwise_runs(layer, machine):
        cut = slice(run.start, run.start + run.count)
        parts = [weights[..., cut], *(p[cut] for p in bias)]
        blocks = [by_block(p, 0, lanes) for p in parts]
        rows = [np.ascontiguousarray(b).reshape(len(b), -1).view(np.uint8) for b in blocks]
        record = np.concatenate(rows, axis=1)
        made.append(np.pad(record, ((0, 0), (0, size - record.shape[1]))).reshape(-1))
    return np.concatenate(made)


def norm_records(layer: Norm, machine: Machine) -> Array:
    """gamma and beta by blocks of the input's lines."""
    lanes, channels = machine.channel_lanes(layer.x.tensor.type), layer.x.size[3]
    both = np.stack([np.resize(v, channels).astype(np.float32) for v in (layer.gamma, layer.beta)])
    return as_bytes(by_block(both, 0, lanes))


def records(layer: Layer, machine: Machine) -> Array:
    """The parameter records of a layer, uint8; empty where it needs none."""
    match layer:
        case Depthwise():
            return depthwise_records(layer, machine)
        case Matrix() | Product():
            return post_records(layer.post, layer.out.size[3], lanes_of(layer.out, machine))
        case Norm():
            return norm_records(layer, machine)
        case _:
            return np.zeros(0, np.uint8)


def record_bytes(layer: Layer, machine: Machine) -> tuple[int, int]:
    """Bytes of one record and of all, without reading a weight."""
    match layer:
        case Depthwise():
            lanes, size = machine.channel_lanes(layer.x.tensor.type), depthwise_record_bytes(layer, machine)
            return size, size * sum(-(-r.count // lanes) for r in depthwise_runs(layer, machine))
        case Matrix() | Product():
            out, channels = lanes_of(layer.out, machine), layer.out.size[3]
            size, uneven = post_record_bytes(out.width), out.at != 0 or channels % out.width != 0
            return size, size * -(-(out.at + channels) // out.width) + (4 * out.width if uneven else 0)
        case Norm():
            lanes = machine.channel_lanes(layer.x.tensor.type)
            return 8 * lanes, 8 * lanes * -(-layer.x.size[3] // lanes)
        case _:
            return 0, 0


def table(layer: Layer) -> Array | None:
    """A layer's look-up table, 256 bytes for the stored values -128 to 127, if it has one."""
    match layer:
        case Activation(lut=lut) | Matrix(post=Post(lut=lut)) | Depthwise(post=Post(lut=lut)):
            found = lut
        case Product(post=Post(lut=lut)):
            found = lut
        case _:
            found = None
    return None if found is None else as_bytes(found.astype(np.int8))


def stored(weights: Array) -> Array:
    """Weights as the machine stores them: integers as they are, floating ones as bf16."""
    return weights if np.issubdtype(weights.dtype, np.integer) else weights.astype(ml_dtypes.bfloat16)


def weight_bytes(layer: Matrix) -> int:
    """Bytes of a stored weight."""
    return {"i8": 1, "i16": 1, "bf16": 2}[layer.x.tensor.type]


def channel_groups(layer: Matrix, tile: int, machine: Machine) -> tuple[int, int]:
    """The first input channel (of the view) that a column tile reads, and the one after the last."""
    inputs, outputs = layer.x.size[3] // layer.groups, layer.out.size[3] // layer.groups
    first, last = tile * machine.cols, min((tile + 1) * machine.cols, layer.out.size[3]) - 1
    return first // outputs * inputs, (last // outputs + 1) * inputs


def column_tiles(layer: Matrix, machine: Machine) -> int:
    """How many column tiles the array makes of a layer's output channels."""
    return -(-layer.out.size[3] // machine.cols)


def block_range(layer: Matrix, tile: int, machine: Machine) -> tuple[int, int]:
    """The blocks of channels that a column tile reads: the first, counted from the tensor's channel 0, and how many,
    the same for all tiles. Where a tile's groups need fewer, the others' weights are 0."""
    lanes, at = machine.channel_lanes(layer.x.tensor.type), layer.x.at[3]
    if layer.groups == 1:
        return at // lanes, -(-(at + layer.x.size[3]) // lanes) - at // lanes
    spans = [channel_groups(layer, t, machine) for t in range(column_tiles(layer, machine))]
    blocks = [((at + low) // lanes, -(-(at + high) // lanes)) for low, high in spans]
    count = max(high - low for low, high in blocks)
    return min(blocks[tile][0], -(-(at + layer.x.size[3]) // lanes) - count), count


def last_lanes(layer: Matrix, tile: int, machine: Machine) -> int:
    """`klast`: the lanes of a tile's last block that exist, 0 for all; those before the view's have weight 0."""
    first, count = block_range(layer, tile, machine)
    lanes = machine.channel_lanes(layer.x.tensor.type)
    return min(layer.x.at[3] + layer.x.size[3] - (first + count - 1) * lanes, lanes) % lanes


def feed_sharing(layer: Matrix, machine: Machine) -> int:
    """`kpack` of the most taps that can share a feed: 0, 1 or 2 for 1, 2 or 4."""
    taps, lanes = layer.kernel[0] * layer.kernel[1], machine.channel_lanes(layer.x.tensor.type)
    able = [k for k in (1, 2) if 1 << k <= min(machine.feeder_groups, taps) and layer.x.size[3] <= lanes >> k]
    return max(able, default=0) if layer.groups == 1 and layer.x.at[3] % lanes == 0 else 0


def shared_feeds(taps: int, kpack: int) -> int:
    """Feeds for so many taps of which 2**kpack share one."""
    return -(-taps >> kpack)


def dense(weights: Array, groups: int) -> Callable[[int, int], Array]:
    """[kh, kw, Cin / groups, Cout] -> a function of output channels low..high: [kh, kw, Cin, high - low], zero where
    input and output are of different groups."""
    kh, kw, inputs, outputs = weights.shape

    def columns(low: int, high: int) -> Array:
        if groups == 1:
            return weights[..., low:high]
        wide = np.zeros((kh, kw, groups, inputs, high - low), weights.dtype)
        here = np.arange(low, high)
        wide[:, :, here // (outputs // groups), :, here - low] = np.moveaxis(weights[..., low:high], -1, 0)
        return wide.reshape(kh, kw, groups * inputs, high - low)

    return columns


def packed_weights(layer: Matrix, machine: Machine, kpack: int = 0, parts: Sequence[int] = ()) -> Array:
    """A matrix layer's weights in tiles of L x C, uint8: [N1][kh][kw][C1][L][C] with the blocks of `block_range`, or,
    2**kpack taps sharing a feed, [N1][ceil(kh*kw / 2**kpack)][L][C]; `parts` (kernel rows in each, by default all)
    share none with each other."""
    lanes, cols, at = machine.channel_lanes(layer.x.tensor.type), machine.cols, layer.x.at[3]
    weights = stored(layer.weights.read())
    kh, kw = weights.shape[:2]
    columns, channels, outputs = dense(weights, layer.groups), layer.x.size[3], layer.out.size[3]
    tiles = []
    for n in range(column_tiles(layer, machine)):
        low, high = n * cols, min((n + 1) * cols, outputs)
        part = columns(low, high)
        if kpack:
            share = 1 << kpack
            first, blocks = 0, list[Array]()
            for rows in parts or (kh,):
                taps = part[first : first + rows].reshape(rows * kw, channels, -1)
                blocks.append(np.zeros((pad(rows * kw, share), lanes // share, cols), weights.dtype))
                blocks[-1][: rows * kw, :channels, : high - low] = taps
                first += rows
            room = np.concatenate(blocks)
        else:
            first, count = block_range(layer, n, machine)
            room = np.zeros((kh, kw, count * lanes, cols), weights.dtype)
            start, end = max(at, first * lanes), min(at + channels, (first + count) * lanes)
            room[:, :, start - first * lanes : end - first * lanes, : high - low] = part[:, :, start - at : end - at]
        tiles.append(as_bytes(room))
    return np.concatenate(tiles)


def packed_bytes(layer: Matrix, machine: Machine, kpack: int = 0, parts: Sequence[int] = ()) -> int:
    """Bytes of `packed_weights`, without reading one."""
    (kh, kw), count = layer.kernel, 1 if kpack else block_range(layer, 0, machine)[1]
    feeds = sum(shared_feeds(rows * kw, kpack) for rows in parts or (kh,)) * count
    tile = machine.channel_lanes(layer.x.tensor.type) * machine.cols * weight_bytes(layer)
    return column_tiles(layer, machine) * feeds * tile
