"""Runs the instructions of one layer on the functional simulator, on arrays [images, rows, columns, channels]."""

from collections.abc import Mapping
from itertools import pairwise

import ml_dtypes
import numpy as np
from aic.backends.npu.acc import AccBlock
from aic.backends.npu.code import Code, Ref
from aic.backends.npu.emit.encode import encode
from aic.backends.npu.layer import Layer, Matrix, Product, Tensor, View
from aic.backends.npu.memory.alloc import allocate
from aic.backends.npu.params import record_bytes, records, table
from aic.backends.npu.select.evaluate import computed, finished, kept, seen
from aic.backends.npu.sim.functional import Functional
from aic.backends.npu.store import BYTES, Store
from aic.backends.npu.vector.layers import emit_vector
from aic.backends.npu.vector.requant import requant

TYPES = {"i8": np.int8, "bf16": ml_dtypes.bfloat16}
Arrays = Mapping[int, np.ndarray]


class Bench:
    """A layer, stores for its tensors (with a halo, to see that nothing depends on it), its parameters in PMEM."""

    def __init__(self, machine, layer: Layer, halo: int = 1, range_of_records: tuple[int, int] | None = None):
        self.machine, self.layer, self.code = machine, layer, Code(machine.line)
        tensors = {id(v.tensor): v.tensor for v in (*layer.inputs, layer.out)}
        self.stores = {key: self.store(t, halo) for key, t in tensors.items()}
        size, every = record_bytes(layer, machine)
        first, count = range_of_records or (0, 0)
        self.records = records(layer, machine)[first * size : (first + count) * size if count else None]
        self.params = {"records": self.room("pmem", max(every, 16)), "lut": self.room("pmem", 256, 256)}

    def room(self, space: str, size: int, align: int = 0) -> Ref:
        return Ref(self.code.buffer(space, size, space, align=align))

    def store(self, tensor: Tensor, halo: int) -> Store:
        line, pitch = self.machine.spad.line, tensor.rows + halo
        rows = tensor.images * pitch + halo
        blocks = -(-tensor.channels * BYTES[tensor.type] // line)
        buffer = self.room("spad", blocks * rows * (tensor.columns + 2 * halo) * line).buffer
        return Store(tensor, buffer, line, -halo, rows, pitch, halo, halo)

    def elements(self, sim: Functional, store: Store) -> np.ndarray:
        """A view of a store in the simulator's SPAD: [blocks, rows, columns, lanes]."""
        shape = (store.blocks, store.rows, store.row // store.line, store.lanes)
        memory, at = sim.spaces["spad"].data, store.buffer.address
        return memory[at : at + store.bytes].view(TYPES[store.tensor.type]).reshape(shape)

    def image(self, sim: Functional, store: Store, number: int) -> np.ndarray:
        """An image within a store: [blocks, rows, columns, lanes]."""
        first = number * store.pitch - store.first
        t = store.tensor
        return self.elements(sim, store)[:, first : first + t.rows, store.left : store.left + t.columns]

    def write(self, sim: Functional, arrays: Arrays) -> None:
        """Random bytes everywhere, then the tensors."""
        rng = np.random.default_rng(5)
        for store in (s for s in self.stores.values() if s.buffer.address is not None):
            self.elements(sim, store)[:] = rng.integers(-9, 9, self.elements(sim, store).shape)
            t = store.tensor
            wide = np.zeros((t.images, t.rows, t.columns, store.blocks * store.lanes), TYPES[t.type])
            wide[..., : t.channels] = arrays[id(t)]
            for number in range(t.images):
                blocks = wide[number].reshape(t.rows, t.columns, store.blocks, store.lanes)
                self.image(sim, store, number)[:] = blocks.transpose(2, 0, 1, 3)

    def read(self, sim: Functional, tensor: Tensor) -> np.ndarray:
        store = self.stores[id(tensor)]
        images = [self.image(sim, store, n).transpose(1, 2, 0, 3) for n in range(tensor.images)]
        flat = np.stack(images).reshape(tensor.images, tensor.rows, tensor.columns, -1)[..., : tensor.channels]
        return flat.astype(np.float32) if tensor.type == "bf16" else flat

    def run(self, arrays: Arrays, acc: tuple[AccBlock, np.ndarray] | None = None) -> np.ndarray:
        """Place, encode, execute what the code holds; the output tensor."""
        allocate(self.code, self.machine)
        sim = Functional(encode(self.code, self.machine))
        self.write(sim, arrays)
        pmem = sim.spaces["pmem"].data
        at = self.params["records"].buffer.address or 0
        pmem[at : at + self.records.size] = self.records
        if (lut := table(self.layer)) is not None:
            at = self.params["lut"].buffer.address
            pmem[at : at + 256] = lut
        if acc is not None:
            block, sums = acc
            at, data = block.ref.address, np.ascontiguousarray(sums).reshape(-1).view(np.uint8)
            sim.spaces["acc"].data[at : at + data.size] = data
        sim.run()
        return self.read(sim, self.layer.out.tensor)


def arrays_for(layer: Layer, seed: int = 0) -> dict[int, np.ndarray]:
    """Random contents for every tensor of a layer."""
    rng, found = np.random.default_rng(seed), {}
    for view in (*layer.inputs, layer.out):
        t = view.tensor
        whole = rng.integers(-128, 128, t.shape).astype(np.int8)
        found[id(t)] = whole if t.type == "i8" else kept(rng.normal(0, 2, t.shape).astype(np.float32), t)
    return found


def strips(layer: Layer, count: int) -> list[tuple[int, int, int]]:
    """Every image's rows in `count` pieces."""
    rows = layer.out.size[1]
    cuts = sorted({rows * n // count for n in range(count + 1)})
    return [(b, lo, hi) for b in range(layer.out.size[0]) for lo, hi in pairwise(cuts)]


def executed(machine, layer: Layer, pieces: int = 1, channels: tuple[int, int] | None = None):
    """What the instructions of a layer leave in the output tensor, and the code."""
    bench = Bench(machine, layer, range_of_records=channels)
    for piece in strips(layer, pieces):
        emit_vector(bench.code, machine, layer, 0, piece, bench.stores, bench.params, channels)
    return bench.run(arrays_for(layer)), bench.code


def expected(layer: Layer) -> np.ndarray:
    """What they should leave there, by the layer's meaning on whole tensors."""
    want = arrays_for(layer)
    seen(want, layer.out)[...] = kept(computed(layer, want), layer.out.tensor)
    return want[id(layer.out.tensor)]


def sums_for(layer: Matrix | Product, seed: int = 3) -> np.ndarray:
    """Random sums of products for a layer's whole result."""
    rng = np.random.default_rng(seed)
    if layer.x.tensor.type == "bf16":
        return rng.normal(0, 9, layer.out.size).astype(np.float32)
    return rng.integers(-9999, 9999, layer.out.size).astype(np.int32)


def after_sums(
    machine, layer: Matrix | Product, pieces: int, blocks: list[tuple[int, int]], channel: int = 0, columns: int = 0
):
    """The output tensor after the v.rq of sums in ACC: a strip, some columns (all) and a (tile, tiles) after the other;
    a block begins one row above its strip, where there is one."""
    arrays, sums = arrays_for(layer), sums_for(layer)
    width, cols = getattr(layer, "width", layer.out.size[3]), machine.cols
    for image, first, last in strips(layer, pieces):
        for column in range(0, layer.out.size[2], columns or layer.out.size[2]):
            for tile, tiles in blocks:
                top, share = max(first - 1, 0), slice(column, column + columns if columns else None)
                part = sums[image, top:last, share, channel : channel + width][..., tile * cols : (tile + tiles) * cols]
                bench = Bench(machine, layer)
                acc = accumulators(bench, part, (image, top, column), tile, tiles)
                requant(
                    bench.code, machine, layer, 0, (image, first, last), bench.stores, bench.params, acc[0], channel
                )
                arrays[id(layer.out.tensor)] = bench.run(arrays, acc)
    return arrays[id(layer.out.tensor)]


def accumulators(bench: Bench, part: np.ndarray, at: tuple[int, int, int], tile: int, tiles: int):
    """Sums [rows, columns, channels] as a block in ACC and its contents, by tile."""
    rows, columns, channels = part.shape
    cols = bench.machine.cols
    wide = np.zeros((rows, columns, tiles * cols), part.dtype)
    wide[..., :channels] = part
    image, row, column = at
    ref, line = bench.room("acc", wide.nbytes), bench.machine.acc.line
    acc = AccBlock(ref, line, rows * columns, columns, column, image, row, rows, tile, tiles)
    return acc, wide.reshape(rows, columns, tiles, cols).transpose(2, 0, 1, 3)


def expected_after_sums(layer: Matrix | Product) -> np.ndarray:
    """The output tensor that they should make."""
    want = arrays_for(layer)
    seen(want, layer.out)[...] = kept(finished(sums_for(layer), layer.post, layer, want), layer.out.tensor)
    return want[id(layer.out.tensor)]


def view(tensor: Tensor, channel: int, channels: int) -> View:
    """Some channels of a tensor."""
    return View(tensor, (0, 0, 0, channel), (*tensor.shape[:3], channels))
