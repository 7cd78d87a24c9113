"""What `mm` does: gather A, take B, one BLAS product per exact chunk of K, add it to ACC.

A [my][mx][taps][channels] int8  -> float32 [M, K]   gathered by blocks of rows that a cache holds
B [nn][taps][blocks][L][C] int8  -> float32 [K, N]   kept until its bytes change
"""

from collections.abc import Iterator, Mapping

import ml_dtypes
import numpy as np

from ....dialects.npu._isa import MATRIX_TYPES
from ....dialects.npu._meaning import Numbers
from ....dialects.npu._product import products, whole, work_type
from ..machine import Machine
from ..program import Instruction
from .memory import Memories, Memory, Walk

TYPES = {"i8": ("i1", "i1"), "i16xi8": ("i2", "i1"), "i16": ("i2", "i2"), "bf16": ("bf16", "bf16")}
BLOCK = 1 << 20
"""Elements of A that are gathered at once."""


def element(name: str) -> np.dtype[np.generic]:
    """A numpy type, bf16 included."""
    return np.dtype(ml_dtypes.bfloat16 if name == "bf16" else name)


class Product:
    """The walks of one descriptor; `depth` products are summed for each element of C, `width` of its columns count."""

    def __init__(self, machine: Machine, ins: Instruction, fields: Mapping[str, int]):
        self.dtype = MATRIX_TYPES[fields["dtype"]]
        self.add, self.kind = ins.acc, work_type(self.dtype)
        self.za, self.zb = fields["za"], fields["zb"]
        a, b = (element(name) for name in TYPES[self.dtype])
        lanes = machine.rows // a.itemsize
        share = self.share = 1 << fields["kpack"]
        self.rows, self.columns = fields["my"], fields["mx"]
        self.cols, self.tiles = machine.cols, fields["nn"]
        taps, blocks = (fields["nkh"], fields["nkw"]), fields["nc1"]
        last = fields["klast"] or lanes // share
        self.channels = (blocks - 1) * lanes + last
        self.depth = taps[0] * taps[1] * self.channels
        self.width = (self.tiles - 1) * self.cols + (fields["nlast"] or self.cols)
        outer = (self.rows, self.columns, *taps)
        strides = tuple(16 * fields[f] for f in ("ay", "ax", "skh", "skw"))
        self.full = blocks - 1 if last < lanes else blocks
        step = 16 * fields["sc1"]
        self.a = Walk.of((*outer, self.full, lanes), (*strides, step, a.itemsize), a) if self.full else None
        self.tail = Walk.of((*outer, last), (*strides, a.itemsize), a) if last < lanes else None
        self.tail_at, self.lanes = (blocks - 1) * step, lanes
        self.b = self._activations(b, machine, fields) if fields["bl"] else self._tiles(b, lanes, share, fields)
        self.bl, self.bt = fields["bl"], fields["bt"]
        kind = np.dtype(np.float32 if self.dtype == "bf16" else np.int32)
        lines = self.rows * self.columns
        self.c = Walk.of((self.tiles, lines, self.cols), (4 * lines * self.cols, 4 * self.cols, 4), kind)

    def _tiles(self, b: np.dtype[np.generic], lanes: int, share: int, fields: Mapping[str, int]) -> Walk:
        """[tiles][taps, or feeds of shared taps][blocks, or 1][lanes][columns]."""
        taps = fields["nkh"] * fields["nkw"]
        feeds, blocks = (-(-taps // share), 1) if share > 1 else (taps, fields["nc1"])
        tile = lanes * self.cols * b.itemsize
        strides = (16 * fields["sb"] or feeds * blocks * tile, blocks * tile, tile, self.cols * b.itemsize, b.itemsize)
        return Walk.of((self.tiles, feeds, blocks, lanes, self.cols), strides, b)

    def _activations(self, b: np.dtype[np.generic], machine: Machine, fields: Mapping[str, int]) -> Walk:
        """[rows][blocks][lanes] of a matrix in activation layout; rows are k, or columns of C if transposed."""
        rows, channels = (self.width, self.depth) if fields["bt"] else (self.depth, self.width)
        lanes = machine.rows // b.itemsize
        blocks = -(-channels // lanes)
        row, step = 16 * fields["bp"], 16 * fields["sb"]
        reach = (rows - 1) * row + (blocks - 1) * step + (channels - (blocks - 1) * lanes) * b.itemsize
        if blocks > 1:
            reach = max(reach, (rows - 1) * row + (blocks - 2) * step + lanes * b.itemsize)
        return Walk((rows, blocks, lanes), (row, step, b.itemsize), b, reach)

    def run(self, memories: Memories, ins: Instruction) -> None:
        """C = A B, or C += A B."""
        (sx, x), (sy, y), (sz, z) = (ins.local(f) for f in "xyz")
        right = self.right(memories.local[sy], y, ins.d)
        c = memories.local[sz].target(self.c, z)
        spad = memories.local[sx]
        full = None if self.a is None else spad.view(self.a, x)
        tail = None if self.tail is None else spad.view(self.tail, x + self.tail_at)
        for rows, columns in self.blocks():
            left = self.left(full, tail, rows, columns)
            first = rows.start * self.columns + columns.start
            self.store(c[:, first : first + len(left)], left, right)

    def blocks(self) -> Iterator[tuple[slice, slice]]:
        """Rows and columns of pixels that are gathered together."""
        whole_rows = BLOCK // (self.depth * self.columns)
        if whole_rows:
            for y in range(0, self.rows, whole_rows):
                yield slice(y, min(y + whole_rows, self.rows)), slice(0, self.columns)
            return
        step = max(BLOCK // self.depth, 1)
        for y in range(self.rows):
            for x in range(0, self.columns, step):
                yield slice(y, y + 1), slice(x, min(x + step, self.columns))

    def left(self, full: Numbers | None, tail: Numbers | None, rows: slice, columns: slice) -> Numbers:
        """[pixels, depth] in the work type, without the zero point."""
        shape = next(v for v in (full, tail) if v is not None)[rows, columns].shape[:4]
        made = np.empty((*shape, self.channels), self.kind)
        inner = self.full * self.lanes
        if full is not None:
            np.copyto(made[..., :inner].reshape(*shape, self.full, self.lanes), full[rows, columns])
        if tail is not None:
            np.copyto(made[..., inner:], tail[rows, columns])
        if self.za:
            made -= self.kind(self.za)
        return made.reshape(shape[0] * shape[1], self.depth)

    def right(self, memory: Memory, base: int, number: int) -> Numbers:
        """[depth, width] in the work type, without the zero point."""
        key = (base, number)
        if key in memory.kept:
            return memory.kept[key][2]
        view = memory.view(self.b, base)
        made = self.from_activations(view) if self.bl else self.from_tiles(view)
        if self.zb:
            made -= self.kind(self.zb)
        memory.keep(key, base, base + self.b.span, made)
        return made

    def from_tiles(self, view: Numbers) -> Numbers:
        """Columns of all tiles side by side; of each feed the lanes of its taps that count."""
        tiles, feeds, blocks, lanes, cols = view.shape
        made = np.empty((feeds, blocks, lanes, tiles, cols), self.kind)
        np.copyto(made, view.transpose(1, 2, 3, 0, 4))
        taps = self.depth // self.channels
        by_tap = made.reshape(feeds * self.share, blocks * lanes // self.share, tiles * cols)
        return np.ascontiguousarray(by_tap[:taps, : self.channels, : self.width]).reshape(self.depth, self.width)

    def from_activations(self, view: Numbers) -> Numbers:
        """k by column, transposed if asked; of the last block the channels that count."""
        rows, blocks, lanes = view.shape
        made = view.astype(self.kind).reshape(rows, blocks * lanes)
        return made[:, : self.depth].T if self.bt else made[:, : self.width]

    def store(self, c: Numbers, left: Numbers, right: Numbers) -> None:
        """Put or add a block's sums into its lines of C, column tile by column tile."""
        full = self.width // self.cols
        fresh = not self.add
        for part in products(left, right, self.dtype, self.za, self.zb):
            sums = part if self.dtype == "bf16" else whole(part)
            tiled = sums[:, : full * self.cols].reshape(len(sums), full, self.cols).transpose(1, 0, 2)
            rest = sums[:, full * self.cols :]
            if fresh:
                c[:full] = tiled
                if full < self.tiles:
                    c[full, :, : rest.shape[1]] = rest
                    c[full, :, rest.shape[1] :] = 0
            else:
                c[:full] += tiled
                c[full:, :, : rest.shape[1]] += rest
            fresh = False
