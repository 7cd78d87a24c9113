"""Matrix layers and products of activations: blocks of `mm`, each followed by the `v.rq` that empties it.

strip of a layer, two groups of column tiles, two blocks of rows, K in two slices
ld.w (group 0, slice 0)   mm block 0   mm block 1
ld.w (group 0, slice 1)   mm.acc block 0   v.rq block 0   mm.acc block 1   v.rq block 1
ld.w (group 1, slice 0)   ...
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from ..acc import AccBlock
from ..code import Ref
from ..layer import Item, Matrix, Product, View
from ..params import block_range, last_lanes, record_bytes
from ..plan.plan import Keep
from ..plan.strips import Piece
from ..plan.tiling import Shares, Slice, Tiling, array_type, even
from ..store import Store
from ..vector.requant import requant
from .emitter import PARAMETERS, Emitter

GEMM = ("i8", "i16xi8", "i16", "bf16")
Stores = Mapping[int, Store]
Saved = Callable[[Store, View, Piece, tuple[int, int], tuple[int, int]], None]
"""Told of results in SPAD: where, the view, rows of an image, columns and channels [low, high) of the view."""


@dataclass(frozen=True)
class Block:
    """Rows of results that are computed at once: the first (image, row), how many stacked rows, the columns [low,
    high), and which of the rows are wanted."""

    image: int
    row: int
    rows: int
    columns: tuple[int, int]
    wanted: tuple[Piece, ...]


def lower_matrix(
    e: Emitter, layer: Matrix, cut: Tiling, pieces: Sequence[Piece], stores: Stores, keep: Keep, saved: Saved
) -> None:
    """The operations that make `pieces` of a layer's output."""
    x = stores[id(layer.x.tensor)]
    pitch = _pitch(layer, x)
    blocks = [b for columns in even(layer.out.size[2], cut.columns) for b in _blocks(pieces, pitch, cut.rows, columns)]
    whole = max(1, e.machine.channel_lanes(layer.out.tensor.type) // e.machine.cols)
    for first, count in even_aligned(cut.tiles, cut.together, whole) if layer.groups == 1 else even(cut.tiles, 1):
        params = e.params(layer, _records(e, layer, first, count), keep.records)
        for batch in _batches(blocks, cut, count):
            final = cut.slices[len(cut.slices) - 1]
            accs = [_acc(e, b, pitch, first, count) for b in batch]
            for part in cut.slices:
                weights = e.weights(layer, cut, first, count, part, keep.weights)
                for block, acc in zip(batch, accs, strict=True):
                    _multiply(e, layer, cut, part, block, acc, x, weights)
                    if part is final:
                        _finish(e, layer, block, acc, stores, params, saved)
            if not keep.weights and len(cut.slices) > 1:
                e.forget(layer, "weights")
        if not keep.weights:
            e.forget(layer, "weights")


def _records(e: Emitter, layer: Matrix, first: int, count: int) -> tuple[int, int] | None:
    """Blocks of parameter records to load for column tiles: all, or, where that is much, a range."""
    size, total = record_bytes(layer, e.machine)
    if total <= PARAMETERS:
        return None
    lanes, cols, at = size // 12, e.machine.cols, layer.out.at[3]
    low = (at % lanes + first * cols) // lanes
    high = ceil((at % lanes + min((first + count) * cols, layer.out.size[3])) / lanes)
    return low, high - low


def _pitch(layer: Matrix, x: Store) -> int:
    """Output rows from one image to the next if a block may run through several images, else 0."""
    step = layer.stride[0] * layer.x.step[0]
    return x.pitch // step if layer.out.size[0] > 1 and x.pitch % step == 0 else 0


def _blocks(pieces: Sequence[Piece], pitch: int, most: int, columns: tuple[int, int]) -> Iterator[Block]:
    """Cut pieces into blocks of at most `most` stacked rows, through images if they have a pitch."""
    low, width = columns
    span = (low, low + width)
    if not pitch:
        for image, first, last in pieces:
            for at, rows in even(last - first, most):
                yield Block(image, first + at, rows, span, ((image, first + at, first + at + rows),))
        return
    rows = [(image * pitch + first, image * pitch + last, image) for image, first, last in pieces]
    if not rows:
        return
    start, end = rows[0][0], rows[-1][1]
    for at, count in even(end - start, most):
        here = [(max(a, start + at), min(b, start + at + count), i) for a, b, i in rows]
        wanted = tuple((i, a - i * pitch, b - i * pitch) for a, b, i in here if a < b)
        if wanted:
            first = wanted[0]
            last = wanted[-1]
            stacked = last[0] * pitch + last[2] - first[0] * pitch - first[1]
            yield Block(first[0], first[1], stacked, span, wanted)


def _batches(blocks: Sequence[Block], cut: Tiling, tiles: int) -> Iterator[Sequence[Block]]:
    """Blocks that share a pass over the slices of K: as many as may wait in ACC; one by one if there is one slice."""
    if len(cut.slices) == 1:
        yield from ([b] for b in blocks)
        return
    batch: list[Block] = []
    lines = 0
    for block in blocks:
        more = block.rows * (block.columns[1] - block.columns[0]) * tiles
        if batch and lines + more > cut.live:
            yield batch
            batch, lines = [], 0
        batch.append(block)
        lines += more
    if batch:
        yield batch


def _acc(e: Emitter, block: Block, pitch: int, first: int, count: int) -> AccBlock:
    width = block.columns[1] - block.columns[0]
    lines, line = block.rows * width, e.machine.acc.line
    buffer = e.code.buffer("acc", lines * count * line, f"acc{len(e.code.ops)}", stream=True)
    return AccBlock(Ref(buffer), line, lines, width, block.columns[0], block.image, block.row, pitch, first, count)


def _multiply(
    e: Emitter, layer: Matrix, cut: Tiling, part: Slice, block: Block, acc: AccBlock, x: Store, weights: Ref
) -> None:
    """One `mm`: a block of pixels times the weights of some column tiles and a slice of K."""
    view, (sy, sx), (dy, dx) = layer.x, layer.stride, layer.dilation
    py, px = view.step
    base, _ = block_range(layer, acc.tile, e.machine)
    row = view.at[1] + py * (block.row * sy - layer.pads[0] + part.rows[0] * dy)
    column = view.at[2] + px * (block.columns[0] * sx - (layer.pads[1] if x.tensor.packed is None else 0))
    column += px * part.columns[0] * dx
    channel = view.at[3] if cut.kpack else (base + part.blocks[0]) * x.lanes
    tiles, cols = acc.tiles, e.machine.cols
    last = acc.tile + tiles == cut.tiles
    ends = part.blocks[0] + part.blocks[1] == cut.slices[-1].blocks[0] + cut.slices[-1].blocks[1]
    fields: dict[str, int | float] = {
        "my": block.rows,
        "mx": block.columns[1] - block.columns[0],
        "ay": sy * py * x.row // 16,
        "ax": sx * px * x.line // 16,
        "nkh": part.rows[1],
        "nkw": part.columns[1],
        "nc1": 1 if cut.kpack else part.blocks[1],
        "skh": dy * py * x.row // 16,
        "skw": dx * px * x.line // 16,
        "sc1": x.block // 16,
        "nn": tiles,
        "kpack": cut.kpack,
        "klast": view.size[3] if cut.kpack else last_lanes(layer, acc.tile, e.machine) if ends else 0,
        "nlast": layer.out.size[3] % cols if last else 0,
        "dtype": GEMM.index(array_type(x.tensor.type)),
        "df": cut.df,
    }
    image = view.at[0] + (block.image if view.size[0] > 1 else 0)
    name = "mm" if part.before == 0 else "mm.acc"
    e.code.add(name, x=x.at(image, row, column, channel), y=weights, z=acc.ref, desc=("gemm", fields), layer=e.number)


def _finish(
    e: Emitter,
    layer: Matrix | Product,
    block: Block,
    acc: AccBlock,
    stores: Stores,
    params: dict[str, Ref],
    saved: Saved,
) -> None:
    """Requantise the wanted rows of a block. A tensor that has no store passes through: its residual comes from DRAM,
    and its result goes there."""
    channels = (acc.tile * e.machine.cols, min((acc.tile + acc.tiles) * e.machine.cols, layer.out.size[3]))
    residual = layer.post.residual
    for piece in block.wanted:
        here = dict(stores)
        if id(layer.out.tensor) not in here:
            here[id(layer.out.tensor)] = _passing(e, layer.out, piece, channels)
        if residual is not None and id(residual.x.tensor) not in here:
            store = here[id(residual.x.tensor)] = _passing(e, residual.x, piece, channels)
            low, high = (residual.x.at[1] + row for row in piece[1:])
            blocks = (store.origin, store.buffer.bytes // store.block)
            e.load(store, residual.x.at[0] + piece[0], low, high, blocks)
        requant(e.code, e.machine, layer, e.number, piece, here, params, acc)
        saved(here[id(layer.out.tensor)], layer.out, piece, block.columns, channels)


def _passing(e: Emitter, view: View, piece: Piece, channels: tuple[int, int]) -> Store:
    lanes, tensor = e.machine.channel_lanes(view.tensor.type), view.tensor
    first, last = (view.at[3] + channels[0]) // lanes, -(-(view.at[3] + channels[1]) // lanes)
    row = (view.at[0] + piece[0]) * e.halos[id(tensor)].pitch + view.at[1] + piece[1]
    return e.passing(tensor, row, piece[2] - piece[1], (first, last - first))


def lower_product(
    e: Emitter, layer: Product, shares: Shares, images: Iterable[int], stores: Stores, keep: bool, saved: Saved
) -> None:
    """The operations of all items whose output image is one of `images`."""
    wanted = frozenset(images)
    params = e.params(layer, None, keep)
    rows, columns = layer.out.size[1:3]
    wide = ceil(columns / ceil(columns / shares.block))
    high = max(1, min(rows, shares.block // wide))
    tiles = ceil(layer.width / e.machine.cols)
    align = max(1, e.machine.channel_lanes(layer.out.tensor.type) // e.machine.cols)
    together = min(tiles, max(align, shares.block // (high * wide) // align * align))
    for item in layer.items:
        if layer.out.at[0] + item.out[0] not in wanted:
            continue
        one = _single(layer, item)
        for part in even(columns, wide):
            for block in _blocks([(0, 0, rows)], 0, high, part):
                for first, count in even_aligned(tiles, together, align):
                    acc = _acc(e, block, 0, first, count)
                    _product(e, layer, block, acc, item, stores)
                    _finish(e, one, block, acc, stores, params, saved)


def even_aligned(size: int, most: int, unit: int) -> list[tuple[int, int]]:
    """`even` whose parts, but for the last, are multiples of `unit`."""
    return [(a * unit, min(n * unit, size - a * unit)) for a, n in even(ceil(size / unit), max(1, most // unit))]


def _single(layer: Product, item: Item) -> Product:
    """The layer of one item, as `v.rq` sees it."""
    _, rows, columns, _ = layer.out.size

    def part(view: View) -> View:
        image, row, column, channel = view.at
        at = (image + item.out[0], row, column, channel + item.out[1])
        return replace(view, at=at, size=(1, rows, columns, layer.width))

    rest = layer.post.residual
    post = layer.post if rest is None else replace(layer.post, residual=replace(rest, x=part(rest.x)))
    return replace(layer, out=part(layer.out), post=post)


def _product(e: Emitter, layer: Product, block: Block, acc: AccBlock, item: Item, stores: Stores) -> None:
    x, y = stores[id(layer.x.tensor)], stores[id(layer.y.tensor)]
    cols, first = e.machine.cols, acc.tile * e.machine.cols
    pixel, channel = (first, item.y[1]) if layer.transposed else (0, item.y[1] + first)
    row, column = divmod(pixel, y.tensor.columns)
    py, px = layer.x.step
    fields: dict[str, int | float] = {
        "my": block.rows,
        "mx": acc.columns,
        "ay": py * x.row // 16,
        "ax": px * x.line // 16,
        "nc1": ceil(layer.depth / x.lanes),
        "sc1": x.block // 16,
        "nn": acc.tiles,
        "klast": layer.depth % x.lanes,
        "nlast": layer.width % cols if first + acc.tiles * cols > layer.width else 0,
        "dtype": GEMM.index(array_type(x.tensor.type).replace("i16xi8", "i16")),
        "bl": 1,
        "bt": int(layer.transposed),
        "sb": y.block // 16,
        "bp": y.line // 16,
        "za": layer.zeros[0],
        "zb": layer.zeros[1],
    }
    at, other = layer.x.at, layer.y.at
    e.code.add(
        "mm",
        x=x.at(at[0] + item.x[0], at[1] + py * block.row, at[2] + px * block.columns[0], at[3] + item.x[1]),
        y=y.at(other[0] + item.y[0], other[1] + row, other[2] + column, other[3] + channel),
        z=acc.ref,
        desc=("gemm", fields),
        layer=e.number,
    )
