"""How a matrix layer is cut for the array: blocks of pixels, groups of column tiles, slices of K.

for a group of column tiles (weights of the group are loaded once)
  for a block of pixels (half of ACC at most: the other half is being emptied)
    mm, or a slice of K after the other by mm.acc where the weights of all K have no room;   v.rq
"""

from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from ..cost import feeds, gemm_time, mm_time, vpu_busy
from ..layer import Matrix, Post, Product
from ..machine import Machine
from ..params import block_range, column_tiles, feed_sharing, shared_feeds, weight_bytes
from ..runs import LowerError
from ..store import BYTES


@dataclass(frozen=True)
class Slice:
    """A part of K whose weights lie together: kernel rows, kernel columns and blocks of channels (first, count); and
    how many lines of weights come before it, and are in it."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    blocks: tuple[int, int]
    before: int
    lines: int


@dataclass(frozen=True)
class Tiling:
    """A matrix layer's cut. A block is at most `rows` x `columns` pixels; `together` column tiles share a pass over
    the blocks; `live` lines of ACC may be waiting for further slices at once."""

    tile: int
    """Bytes of a weight tile."""
    lines: int
    """Weight tiles of all K."""
    tiles: int
    """Column tiles."""
    together: int
    rows: int
    columns: int
    live: int
    slices: tuple[Slice, ...]
    kpack: int
    df: int

    @property
    def parts(self) -> tuple[int, ...]:
        """Kernel rows in each slice, where taps share feeds."""
        return tuple(s.rows[1] for s in self.slices) if self.kpack else ()


@dataclass(frozen=True)
class Shares:
    """What a plan may take of the memories that data streams through: bytes of weights in one load, lines of ACC in a
    block and in all blocks that wait for a further slice."""

    weights: int
    block: int
    live: int

    @classmethod
    def of(cls, machine: Machine, weights: int = 0, parts: int = 4) -> "Shares":
        """A third of the weight memory (`weights` bytes of SPAD where there is none), one of `parts` of ACC."""
        lines = machine.acc.bytes // machine.acc.line
        room = machine.wmem.bytes or weights
        return cls(max(room // 3, machine.rows * machine.cols), max(lines // parts, 1), lines - lines // parts)


def tiling(layer: Matrix, machine: Machine, rows: int, shares: Shares) -> Tiling:
    """The cut of a layer that makes `rows` stacked rows at a time; LowerError if a row of pixels has no room."""
    element = weight_bytes(layer)
    lanes, out_lanes = machine.rows // element, machine.rows // BYTES[layer.out.tensor.type]
    kpack = feed_sharing(layer, machine)
    taps = layer.kernel[0] * layer.kernel[1]
    count = block_range(layer, 0, machine)[1]
    lines = shared_feeds(taps, kpack) if kpack else taps * count
    tile = lanes * machine.cols * element
    tiles, least = column_tiles(layer, machine), max(1, out_lanes // machine.cols)
    block = shares.block // least
    if block < 1:
        raise LowerError(f"{layer.name}: ACC is too small for a block of results")
    width = layer.out.size[2]
    columns = width if width <= block else ceil(width / ceil(width / block))
    most = max(1, block // columns)
    parts = ceil(rows / most)
    high = ceil(rows / parts)
    if kpack:
        slices = _shared(layer, shares.weights // least // tile, kpack)
        lines = sum(s.lines for s in slices)
    else:
        slices = _slices(layer, count, lines, tile, shares.weights // least)
    together = 1
    if layer.groups == 1:
        room = shares.block // (high * columns)
        if len(slices) == 1:
            room = min(room, shares.weights // (lines * tile))
        else:
            room = min(room, shares.weights // (max(s.lines for s in slices) * tile))
        together = min(max(least, room // least * least), tiles)
    df = _dataflow(layer, machine, high * columns, lines)
    return Tiling(tile, lines, tiles, together, high, columns, shares.live, slices, kpack, df)


def _shared(layer: Matrix, room: int, kpack: int) -> tuple[Slice, ...]:
    """Kernel rows in parts of at most `room` feeds, of which taps share each."""
    kh, kw = layer.kernel
    most = max(n for n in range(1, kh + 1) if n == 1 or shared_feeds(n * kw, kpack) <= room)
    found: list[Slice] = []
    for row, n in even(kh, most):
        before = sum(s.lines for s in found)
        found.append(Slice((row, n), (0, kw), (0, 1), before, shared_feeds(n * kw, kpack)))
    return tuple(found)


def _slices(layer: Matrix, count: int, lines: int, tile: int, room: int) -> tuple[Slice, ...]:
    """K in parts of at most `room` bytes a column tile, as coarse as possible."""
    kh, kw = layer.kernel
    whole = Slice((0, kh), (0, kw), (0, count), 0, lines)
    if lines * tile <= room:
        return (whole,)
    if kw * count * tile <= room:
        step = room // (kw * count * tile)
        cuts = even(kh, step)
        return tuple(Slice((a, n), (0, kw), (0, count), a * kw * count, n * kw * count) for a, n in cuts)
    if count * tile <= room:
        step = room // (count * tile)
        return tuple(
            Slice((r, 1), (a, n), (0, count), (r * kw + a) * count, n * count)
            for r in range(kh)
            for a, n in even(kw, step)
        )
    step = max(1, room // tile)
    return tuple(
        Slice((r, 1), (c, 1), (a, n), (r * kw + c) * count + a, n)
        for r in range(kh)
        for c in range(kw)
        for a, n in even(count, step)
    )


def even(size: int, most: int) -> list[tuple[int, int]]:
    """(start, length) of parts of nearly equal length, at most `most`."""
    parts = ceil(size / max(1, most))
    cuts = [size * p // parts for p in range(parts + 1)]
    return [(a, b - a) for a, b in pairwise(cuts)]


def _dataflow(layer: Matrix, machine: Machine, pixels: int, lines: int) -> int:
    """`df`: 2 (output stationary) where the machine has it and it takes less time for a block; else 0, its first."""
    if "os" not in machine.dataflow or machine.dataflow[0] == "os":
        return 0
    kind = array_type(layer.x.tensor.type)
    depth = layer.kernel[0] * layer.kernel[1] * layer.x.size[3]
    ws = mm_time(machine, pixels, feeds(machine, kind, lines), 1, depth, "ws")[1]
    os = mm_time(machine, pixels, feeds(machine, kind, lines), 1, ceil(depth / machine.rate[kind]), "os")[1]
    return 2 if os < ws else 0


def array_type(stored: str) -> str:
    """The array's name of a storage type as left operand with 8-bit weights, or bf16."""
    return {"i8": "i8", "i16": "i16xi8", "bf16": "bf16"}[stored]


def array_cycles(layer: Matrix, machine: Machine, rows: int, cut: Tiling) -> int:
    """Cycles of the array for `rows` stacked rows."""
    kind = array_type(layer.x.tensor.type)
    width = layer.out.size[2]
    depth = layer.kernel[0] * layer.kernel[1] * layer.x.size[3]
    total = 0
    for _, high in even(rows, cut.rows):
        for _, wide in even(width, cut.columns):
            df = "os" if cut.df == 2 else (machine.dataflow[0] if machine.dataflow else "")
            total += mm_time(machine, high * wide, feeds(machine, kind, cut.lines), cut.tiles, depth, df)[1]
    return total


def product_cycles(layer: Product, machine: Machine) -> int:
    """Cycles of the array for all items of a product of activations."""
    kind = array_type(layer.x.tensor.type).replace("i16xi8", "i16")
    lanes = machine.channel_lanes(layer.x.tensor.type)
    fields = {
        "my": layer.out.size[1],
        "mx": layer.out.size[2],
        "nc1": ceil(layer.depth / lanes),
        "nn": ceil(layer.width / machine.cols),
        "dtype": ("i8", "i16xi8", "i16", "bf16").index(kind),
    }
    return len(layer.items) * gemm_time(machine, fields)[1]


def post_cycles(post: Post, machine: Machine, elements: int) -> int:
    """Cycles of the vector unit for the requantisation of so many elements (padded channels included)."""
    name = "v.rq" + (".res" if post.residual is not None else "") + (f".{post.act}" if post.act != "none" else "")
    fields = {"ny": elements, "odt": 0}
    lanes = machine.rows
    return vpu_busy(machine, name, {**fields, "ny": ceil(elements / lanes)})
