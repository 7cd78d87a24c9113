"""What every layer needs around its arithmetic: rows of tensors in and out, halos, weights, parameters."""

from collections.abc import Iterator, Sequence

from ..code import Code, Fields, Ref, Segment
from ..layer import Layer, Matrix, Tensor
from ..machine import Machine
from ..params import record_bytes, table
from ..plan.geometry import Halo
from ..plan.tiling import Slice, Tiling
from ..store import BYTES, Store, stored_bytes
from .dram import Dram, Place

LONGEST = 65520
"""Bytes of a row of a transfer, at most: 16 bits, in granules."""
PARAMETERS = 12288
"""Bytes of parameter records that are loaded at once."""


class Emitter:
    """Appends operations to `code`; `number` is the layer that they are for."""

    def __init__(self, code: Code, machine: Machine, halos: dict[int, Halo]):
        self.code, self.machine, self.halos = code, machine, halos
        self.dram = Dram(code, machine)
        self.number = -1
        self.kept: dict[tuple[object, ...], Ref] = {}
        """Weights and parameters that a group keeps from strip to strip."""

    @property
    def weight_space(self) -> str:
        """Where weights are put: SPAD on a machine without a weight memory."""
        return "wmem" if self.machine.wmem.bytes else "spad"

    def window(self, tensor: Tensor, first: int, rows: int, *, stream: bool) -> Store:
        """A new buffer for stacked rows of a tensor, its halo not yet filled."""
        halo, line = self.halos[id(tensor)], self.machine.spad.line
        size = stored_bytes(tensor, line, rows, halo.columns(tensor))
        buffer = self.code.buffer("spad", size, f"{tensor.name}[{first}:{first + rows}]", stream=stream)
        return Store(tensor, buffer, line, first, rows, halo.pitch, halo.left, halo.right)

    def passing(self, tensor: Tensor, first: int, rows: int, blocks: tuple[int, int]) -> Store:
        """A new buffer for some rows and blocks (first, count) of channels of a tensor, without a halo."""
        line = self.machine.spad.line
        size = blocks[1] * rows * tensor.columns * line
        buffer = self.code.buffer("spad", size, f"{tensor.name}[{first}:{first + rows},{blocks[0]}]", stream=True)
        return Store(tensor, buffer, line, first, rows, self.halos[id(tensor)].pitch, origin=blocks[0])

    def whole(self, tensor: Tensor, *, stream: bool = False) -> Store:
        """A new buffer for all of a tensor, its halo filled."""
        halo = self.halos[id(tensor)]
        store = self.window(tensor, -halo.top, halo.rows(tensor), stream=stream)
        self.fill(store)
        return store

    def fill(self, store: Store, taken: int = 0) -> None:
        """Fill the halo of a window with the zero point, but for its first `taken` rows."""
        t, line = store.tensor, store.line
        columns = ((store.left, 0), (store.right, store.left + t.columns))
        for width, at in columns:
            if width:
                self._fill(store, taken * store.row + at * line, width * line, store.rows - taken)
        for first, count in halo_rows(store, taken):
            self._fill(store, first * store.row + store.left * line, t.columns * line, count)

    def _fill(self, store: Store, offset: int, size: int, rows: int) -> None:
        for at, length in pieces(size, LONGEST) if rows else ():
            fields = {"n0": length, "n1": rows, "l1": store.row // 16, "n2": store.blocks, "l2": store.block // 16}
            fields["fill"] = store.tensor.zero & 255 if BYTES[store.tensor.type] == 1 else 0
            self.code.add("fill", x=Ref(store.buffer, offset + at), desc=("dma", fields), layer=self.number)

    def carry(self, old: Store, new: Store, high: int, blocks: Sequence[tuple[int, int]]) -> int:
        """Copy the stacked rows up to `high` with which a window begins from another that has them, halo included;
        answers how many. `blocks` (first, count) of channels are there."""
        low = new.first
        assert old.first <= low, f"{new.tensor.name}: row {low} is in no window"
        fields = {
            "n0": old.row,
            "n1": high - low,
            "g1": old.row,
            "l1": new.row // 16,
            "g2": old.block,
            "l2": new.block // 16,
        }
        for first, count in blocks:
            for at, length in pieces(old.row, LONGEST):
                y, x = (Ref(s.buffer, first * s.block + (low - s.first) * s.row + at) for s in (old, new))
                desc = ("dma", fields | {"n0": length, "n2": count})
                self.code.add("ld.l", x=x, y=y, desc=desc, layer=self.number)
        return high - low

    def load(
        self,
        store: Store,
        image: int,
        low: int,
        high: int,
        blocks: tuple[int, int] | None = None,
        columns: tuple[int, int] | None = None,
    ) -> None:
        """Bring rows [low, high) of an image from DRAM; `blocks` of channels (first, count) and columns [low, high), by
        default all."""
        place, t = self.dram.places[id(store.tensor)], store.tensor
        if t.packed is not None:
            self._load_packed(store, place, image, low, high)
            return
        for op in self._transfer(
            store, place, image, low, high, columns or (0, t.columns), blocks or (0, store.blocks)
        ):
            self.code.add("ld.a", x=op[0], dram=op[1], desc=("dma", op[2]), layer=self.number)

    def save(
        self, store: Store, image: int, rows: tuple[int, int], columns: tuple[int, int], blocks: tuple[int, int]
    ) -> None:
        """Write rows and columns [low, high) of an image and blocks (first, count) to DRAM."""
        place = self.dram.places[id(store.tensor)]
        for op in self._transfer(store, place, image, *rows, columns, blocks):
            self.code.add("st", x=op[0], dram=op[1], desc=("dma", op[2]), layer=self.number)

    def _transfer(
        self,
        store: Store,
        place: Place,
        image: int,
        low: int,
        high: int,
        columns: tuple[int, int],
        blocks: tuple[int, int],
    ) -> Iterator[tuple[Ref, tuple[Segment, int], Fields]]:
        lanes = store.lanes
        for at, length in pieces((columns[1] - columns[0]) * store.line, LONGEST // store.line * store.line):
            column = columns[0] + at // store.line
            fields = {
                "n0": length,
                "n1": high - low,
                "g1": place.row,
                "l1": store.row // 16,
                "n2": blocks[1],
                "g2": place.block,
                "l2": store.block // 16,
            }
            yield store.at(image, low, column, blocks[0] * lanes), place.at(image, low, column, blocks[0]), fields

    def _load_packed(self, store: Store, place: Place, image: int, low: int, high: int) -> None:
        t = store.tensor
        size = t.channels * BYTES[t.type]
        for block, (at, length) in enumerate(pieces(size, store.line)):
            fields = {
                "n0": length,
                "n1": t.columns,
                "g1": place.column,
                "l1": store.line // 16,
                "n2": high - low,
                "g2": place.row,
                "l2": store.row // 16,
                "fill": t.zero & 255 if BYTES[t.type] == 1 else 0,
                "flags": 8,
            }
            self.code.add(
                "ld.a",
                x=store.at(image, low, 0, block * store.lanes),
                dram=(place.segment, place.at(image, low, 0, 0)[1] + at),
                desc=("dma", fields),
                layer=self.number,
            )

    def weights(self, layer: Matrix, cut: Tiling, first: int, count: int, part: Slice, keep: str) -> Ref:
        """Weights of column tiles [first, first + count) for a slice of K, loaded unless they are there; to be kept for
        the group in memory `keep`, or until `forget`."""
        key = (id(layer), "weights", first, part.before)
        if key in self.kept:
            return self.kept[key]
        start = self.dram.weights_of(layer, cut.kpack, cut.parts) + (first * cut.lines + part.before) * cut.tile
        name = f"{layer.name}.w{first}" + (f".{part.before}" if part.before else "")
        size = count * part.lines * cut.tile
        buffer = self.code.buffer(keep or self.weight_space, size, name, stream=not keep)
        half = cut.tile // 2 if cut.tile > LONGEST else cut.tile
        fields = {"n0": half, "n1": part.lines * cut.tile // half, "g1": half, "l1": half // 16, "n2": count}
        fields |= {"g2": cut.lines * cut.tile, "l2": part.lines * cut.tile // 16}
        found = Ref(buffer)
        self.code.add("ld.w", x=found, dram=(self.dram.weights, start), desc=("dma", fields), layer=self.number)
        self.kept[key] = found
        return found

    def forget(self, layer: Layer, what: str) -> None:
        """Later uses load a layer's `weights` or `params` again."""
        for key in [k for k in self.kept if k[:2] == (id(layer), what)]:
            del self.kept[key]

    def params(self, layer: Layer, blocks: tuple[int, int] | None, keep: bool) -> dict[str, Ref]:
        """Records of blocks (first, count) of channels, by default all, and the look-up table, loaded unless they are
        there; to be kept for the group, or until `forget`. The reference to the records is to where block 0's would
        be."""
        size, total = record_bytes(layer, self.machine)
        first, count = blocks if blocks is not None else (0, -(-total // size) if size else 0)
        found: dict[str, Ref] = {}
        if total:
            key = (id(layer), "params", first)
            if key not in self.kept:
                low = first * size
                high = min(total, (first + count) * size + (size // 3 if blocks is not None else 0))
                start = self.dram.records_of(layer) + low
                self.kept[key] = self._parameter(f"{layer.name}.p{first}", start, high - low, 16, keep)
            found["records"] = Ref(self.kept[key].buffer, self.kept[key].offset - first * size)
        lut = table(layer)
        if lut is not None:
            key = (id(layer), "params", "lut")
            if key not in self.kept:
                self.kept[key] = self._parameter(f"{layer.name}.lut", self.dram.table_of(lut), 256, 256, keep)
            found["lut"] = self.kept[key]
        return found

    def part(self, records: Ref, layer: Layer, block: int) -> Ref:
        """Where the record of a block is, from where block 0's is."""
        return Ref(records.buffer, records.offset + block * record_bytes(layer, self.machine)[0])

    def _parameter(self, name: str, start: int, size: int, align: int, keep: bool) -> Ref:
        buffer = self.code.buffer("pmem", size, name, stream=not keep, align=align)
        fields: dict[str, int | float] = {"n0": size}
        if size % 16:
            fields["flags"] = 8
        self.code.add("ld.p", x=Ref(buffer), dram=(self.dram.params, start), desc=("dma", fields), layer=self.number)
        return Ref(buffer)


def pieces(size: int, most: int) -> Iterator[tuple[int, int]]:
    """(offset, length) of parts of at most `most`."""
    for at in range(0, size, most):
        yield at, min(most, size - at)


def halo_rows(store: Store, taken: int) -> Iterator[tuple[int, int]]:
    """Runs (first, count) of a window's rows, but for the first `taken`, that are no image's."""
    t, run = store.tensor, 0
    for at in range(taken, store.rows + 1):
        image, row = divmod(store.first + at, store.pitch)
        empty = at < store.rows and not (0 <= image < t.images and row < t.rows)
        if empty:
            run += 1
        elif run:
            yield at - run, run
            run = 0
