"""A group of layers, strip by strip, each layer one strip behind those it reads from.

step 0   conv1 strip 0
step 1   depthwise strip 0    conv1 strip 1            while the vector unit works on a strip, the array has another
step 2   conv2 strip 0        depthwise strip 1    conv1 strip 2
"""

from collections.abc import Callable, Sequence
from math import ceil

from ..code import Op
from ..layer import Depthwise, Layer, Matrix, Product, Tensor, View
from ..machine import Machine
from ..params import record_bytes
from ..plan.plan import Group, Plan, image_pitch, skews, stacked_rows, whole_lines
from ..plan.strips import Piece, Span
from ..plan.tiling import even, tiling
from ..store import Store
from ..vector.layers import emit_vector
from .emitter import Emitter
from .interleave import interleaved
from .matrix import Stores, lower_matrix, lower_product
from .written import Written, box_of

LOADS = 4
"""Transfers in which a whole tensor is loaded, so that work can begin with the first."""
LARGEST = 0.5
"""The part of PMEM that the parameters of a layer of the vector unit may take at once."""
CHUNK = 128
"""Lines of the vector unit that one instruction has at least, where a layer is cut for overlap."""


class Lowering:
    """Carries out a plan on an emitter; knows which tensors are in SPAD now and what of them is in DRAM."""

    def __init__(self, emitter: Emitter, plan: Plan):
        self.e, self.plan = emitter, plan
        self.stores: dict[int, Store] = {}
        self.numbers = {id(layer): i for i, layer in enumerate(plan.network.layers)}
        self.written = Written()
        """What earlier groups, or the host, have put into DRAM."""
        self.ends = {id(t) for t in plan.network.outputs}
        self.readers: dict[int, int] = {}
        for at, group in enumerate(plan.groups):
            for layer in group.layers:
                self.readers |= {id(v.tensor): at for v in layer.inputs}

    def run(self) -> None:
        """All groups."""
        for tensor in self.plan.network.inputs:
            self._input(tensor)
        for tensor in self.plan.network.outputs:
            self.e.dram.put(tensor, self.e.dram.output)
        for at, group in enumerate(self.plan.groups):
            _GroupRun(self, group, at).run()

    def _input(self, tensor: Tensor) -> None:
        readers = [layer for layer in self.plan.network.layers if any(v.tensor is tensor for v in layer.inputs)]
        if tensor.packed is not None and isinstance(readers[0], Matrix):
            self.e.dram.put_packed(tensor, readers[0])
        else:
            self.e.dram.put(tensor, self.e.dram.input)
        self.written.add(tensor, box_of(View.whole(tensor), self.e.machine.channel_lanes(tensor.type)))


class _GroupRun:
    """One group: its windows, and what it saves to DRAM."""

    def __init__(self, owner: Lowering, group: Group, at: int):
        self.owner, self.e, self.group, self.at = owner, owner.e, group, at
        self.windows: dict[tuple[int, int], Store] = {}
        writers = [(id(layer.out.tensor), i) for i, layer in enumerate(group.layers)]
        self.last_writer = dict(writers)
        self.read = {id(v.tensor) for layer in group.layers for v in layer.inputs}
        self.late = {id(layer.out.tensor) for layer in group.layers if not direct(layer, self.e)}
        self.blocks: dict[int, set[int]] = {}
        weights = any(isinstance(layer, Matrix) for layer in group.layers)
        self.takes_turns = group.strips.count > 1 and group.keep.records and (not weights or group.keep.weights != "")
        self.takes_turns &= group.ahead and len({id(layer.out.tensor) for layer in group.layers}) == len(group.layers)
        for layer in group.layers:
            self.blocks.setdefault(id(layer.out.tensor), set()).update(blocks_of(layer.out, self.e))

    def run(self) -> None:
        """Every layer, strip by strip."""
        layers, count = self.group.layers, self.group.strips.count
        behind = skews(layers) if count > 1 else [0] * len(layers)
        self.e.kept.clear()
        order = sorted(range(len(layers)), key=lambda i: -behind[i])
        for step in range(count + max(behind)):
            now, then = ([(i, s - behind[i]) for i in order if 0 <= s - behind[i] < count] for s in (step, step + 1))
            self._step(now, then)
        for view in (layer.out for layer in layers):
            if self._leaves(id(view.tensor)):
                self.owner.written.add(view.tensor, box_of(view, self.e.machine.channel_lanes(view.tensor.type)))

    def _step(self, now: Sequence[tuple[int, int]], then: Sequence[tuple[int, int]]) -> None:
        """Strips of layers, none of which depends on another: interleaved, if there is room for what all keep. What the
        next step needs from DRAM is loaded meanwhile."""
        if not self.takes_turns:
            for i, strip in now:
                self._layer(i, strip)
            return
        self._open(now, lambda tensor: True)
        self._open(then, lambda tensor: tensor in self.owner.written)
        code, made = self.e.code, list[list[Op]]()
        first = len(code.ops)
        for i, strip in now:
            start = len(code.ops)
            self._layer(i, strip)
            made.append(code.ops[start:])
        code.ops[first:] = interleaved(made, self.e.machine)

    def _open(self, parts: Sequence[tuple[int, int]], wanted: Callable[[Tensor], bool]) -> None:
        """Make, and load, the windows of layers' strips."""
        for i, strip in parts:
            layer = self.group.layers[i]
            self.e.number = self.owner.numbers[id(layer)]
            for tensor in {id(v.tensor): v.tensor for v in (*layer.inputs, layer.out)}.values():
                if id(tensor) not in self.group.streamed and wanted(tensor) and self.group.strips.pieces(i, strip):
                    self._store(tensor, strip)

    def _layer(self, i: int, strip: int) -> None:
        layer, pieces = self.group.layers[i], self.group.strips.pieces(i, strip)
        self.e.number = self.owner.numbers[id(layer)]
        if pieces:
            tensors = {id(v.tensor): v.tensor for v in (*layer.inputs, layer.out)}
            stores = {k: self._store(t, strip) for k, t in tensors.items() if k not in self.group.streamed}
            self._arithmetic(layer, pieces, stores)
        key = id(layer.out.tensor)
        if key in self.late and self.last_writer[key] == i and self._leaves(key):
            self._save_span(layer.out.tensor, strip)

    def _arithmetic(self, layer: Layer, pieces: Sequence[Piece], stores: Stores) -> None:
        keep, shares = self.group.keep, self.group.shares
        match layer:
            case Matrix():
                cut = tiling(layer, self.e.machine, self._rows(layer), shares)
                lower_matrix(self.e, layer, cut, pieces, stores, keep, self._saved)
            case Product():
                images = {layer.out.at[0] + image for image, _, _ in pieces}
                lower_product(self.e, layer, shares, images, stores, keep.records, self._saved)
            case _:
                self._vector(layer, pieces, stores)
        if not keep.records:
            self.e.forget(layer, "params")

    def _vector(self, layer: Layer, pieces: Sequence[Piece], stores: Stores) -> None:
        """All pieces of a layer of the vector unit, by shares of the channels whose parameters have room."""
        keep, out = self.group.keep.records, layer.out
        lanes = self.e.machine.channel_lanes(out.tensor.type)
        for blocks in [None] if keep else parameter_shares(layer, self.e.machine):
            params, channels = self.e.params(layer, blocks, keep), (0, out.size[3])
            if blocks is not None:
                first, count = blocks
                channels = (first * lanes, min((first + count) * lanes, out.size[3]))
                params["records"] = self.e.part(params["records"], layer, first)
            for piece in self._cut(layer, pieces):
                emit_vector(self.e.code, self.e.machine, layer, self.e.number, piece, stores, params, blocks)
                self._saved(stores[id(out.tensor)], out, piece, (0, out.size[2]), channels)

    def _rows(self, layer: Matrix) -> int:
        """Stacked rows of the largest strip: all strips are cut alike, so that what is kept serves each."""
        pitch = image_pitch(layer, self.e.halos[id(layer.x.tensor)])
        alike = self.group.strips.alike(self.group.layers.index(layer))
        return max(stacked_rows(layer, pieces, pitch) for pieces, _ in alike)

    def _cut(self, layer: Layer, pieces: Sequence[Piece]) -> list[Piece]:
        """Smaller pieces where layers take turns or there is one strip, so that what comes next can begin early."""
        if (self.group.strips.count > 1 and not self.takes_turns) or not _by_row(layer):
            return list(pieces)
        lanes = self.e.machine.channel_lanes(layer.out.tensor.type)
        row = layer.out.size[2] * -(-layer.out.size[3] // lanes) * lanes / self.e.machine.vpu.lanes
        if isinstance(layer, Depthwise):
            row *= layer.kernel[0] * layer.kernel[1]
        most = ceil(CHUNK / row)
        return [(image, a + at, a + at + n) for image, a, b in pieces for at, n in even(b - a, most)]

    def _leaves(self, key: int) -> bool:
        """Whether a tensor has to be in DRAM after the group."""
        later = self.owner.readers.get(key, -1) > self.at
        return key in self.owner.ends or (later and key not in self.owner.plan.resident)

    def _store(self, tensor: Tensor, strip: int) -> Store:
        """The window of a tensor in a strip; made, and loaded as far as it comes from DRAM, when first asked for."""
        if id(tensor) in self.owner.plan.resident:
            if id(tensor) not in self.owner.stores:
                store = self.owner.stores[id(tensor)] = self.e.whole(tensor)
                self._load(store, Span(0, tensor.images, 0, tensor.rows, 0), tensor.rows)
            return self.owner.stores[id(tensor)]
        key = (id(tensor), strip)
        if key not in self.windows:
            self.windows[key] = self._window(tensor, strip)
        return self.windows[key]

    def _window(self, tensor: Tensor, strip: int) -> Store:
        strips, e, halo = self.group.strips, self.e, self.e.halos[id(tensor)]
        span = strips.span(tensor, strip)
        if strips.count == 1:
            store = e.whole(tensor, stream=True)
            self._load(store, span, tensor.rows)
            return store
        if strips.rows:
            store = e.window(tensor, span.first * halo.pitch + span.low, span.high - span.low, stream=True)
        else:
            first = span.first * halo.pitch - halo.top
            rows = halo.top + (span.last - span.first - 1) * halo.pitch + tensor.rows + halo.bottom
            store = e.window(tensor, first, rows, stream=True)
        taken = 0
        if strips.rows and strip and span.first == strips.span(tensor, strip - 1).first and span.low < span.fresh:
            old = self._store(tensor, strip - 1)
            there = self.owner.written.blocks(tensor) | self.blocks.get(id(tensor), set())
            taken = e.carry(old, store, span.first * halo.pitch + span.fresh, ranges(sorted(there)))
        e.fill(store, taken)
        end = self._end(tensor, strip)
        self._load(store, span, end)
        return store

    def _end(self, tensor: Tensor, strip: int) -> int:
        """Up to which row a tensor is complete after a strip."""
        strips = self.group.strips
        if not strips.rows or strip + 1 == strips.count:
            return tensor.rows
        this, then = strips.span(tensor, strip), strips.span(tensor, strip + 1)
        return then.fresh if then.first == this.first else tensor.rows

    def _load(self, store: Store, span: Span, end: int) -> None:
        """What earlier groups, or the host, left in DRAM of the new rows of a window, if somebody reads it or it is
        saved as a whole."""
        key = id(store.tensor)
        wanted = key in self.read or key in self.late or key in self.owner.plan.resident
        if not wanted or end <= span.fresh:
            return
        most = end - span.fresh if self.group.strips.count > 1 else ceil((end - span.fresh) / LOADS)
        for image in range(span.first, span.last):
            for at, count in even(end - span.fresh, most):
                for box in self.owner.written.within(store.tensor, (span.fresh + at, span.fresh + at + count)):
                    first, last = box.blocks
                    self.e.load(store, image, *box.rows, (first, last - first), box.columns)

    def _saved(
        self, store: Store, view: View, piece: Piece, columns: tuple[int, int], channels: tuple[int, int]
    ) -> None:
        """Write results to DRAM as soon as they are there, if that is where they go."""
        key = id(view.tensor)
        if key in self.late or not self._leaves(key):
            return
        image, low, high = piece
        first = (view.at[3] + channels[0]) // store.lanes
        last = -(-(view.at[3] + channels[1]) // store.lanes)
        rows = (view.at[1] + low, view.at[1] + high)
        wide = (view.at[2] + columns[0], view.at[2] + columns[1])
        self.e.dram.put(view.tensor, self.e.dram.spill)
        self.e.save(store, view.at[0] + image, rows, wide, (first, last - first))

    def _save_span(self, tensor: Tensor, strip: int) -> None:
        """Write what is new of a tensor that several layers, or one with gaps, have made."""
        store, span, end = self._store(tensor, strip), self.group.strips.span(tensor, strip), self._end(tensor, strip)
        self.e.dram.put(tensor, self.e.dram.spill)
        for image in range(span.first, span.last):
            for first, count in ranges(sorted(self.blocks[id(tensor)])):
                if end > span.fresh:
                    self.e.save(store, image, (span.fresh, end), (0, tensor.columns), (first, count))


def parameter_shares(layer: Layer, machine: Machine) -> list[tuple[int, int] | None]:
    """Blocks of channels (first, count) whose parameters are loaded at once; None where that is all of them."""
    size, total = record_bytes(layer, machine)
    lanes = machine.channel_lanes(layer.out.tensor.type)
    lines = {(machine.channel_lanes(v.tensor.type), v.at[3] % lanes) for v in (*layer.inputs, layer.out)}
    apart = isinstance(layer, Depthwise) and lines == {(lanes, 0)}
    if total <= machine.pmem.bytes * LARGEST or not apart:
        return [None]
    return list(even(-(-layer.out.size[3] // lanes), int(machine.pmem.bytes * LARGEST / 2 // size)))


def direct(layer: Layer, e: Emitter) -> bool:
    """Whether what a layer writes can go to DRAM piece by piece: whole lines without gaps."""
    if isinstance(layer, Product):
        lanes = e.machine.channel_lanes(layer.out.tensor.type)
        if layer.width % lanes or any(item.out[1] % lanes for item in layer.items):
            return False
    return whole_lines(layer.out, e.machine)


def blocks_of(view: View, e: Emitter) -> range:
    """The blocks of channels that a view touches."""
    lanes = e.machine.channel_lanes(view.tensor.type)
    return range(view.at[3] // lanes, -(-(view.at[3] + view.size[3]) // lanes))


def ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending numbers as runs (first, count)."""
    found: list[tuple[int, int]] = []
    for n in numbers:
        if found and sum(found[-1]) == n:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((n, 1))
    return found


def _by_row(layer: Layer) -> bool:
    return layer.kind != "reduce"
