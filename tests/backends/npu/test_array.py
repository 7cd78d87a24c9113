"""Programs on the simulators equal the register-level arrays of the same sizes: sums in ACC and cycles."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product as points
from math import ceil

import ml_dtypes
import numpy as np
import pytest
from aic.backends.npu.machine import Machine, machine_from
from aic.backends.npu.program import Instruction, Program
from aic.backends.npu.sim.event import timeline
from aic.backends.npu.sim.functional import Functional
from aic.backends.npu.sim.pe import cube_array, os_array, os_serial, ws_array, ws_serial

from .instructions import append

BF16 = ml_dtypes.bfloat16
TYPES = {"i8": (np.int8, np.int8), "i16xi8": (np.int16, np.int8), "i16": (np.int16, np.int16), "bf16": (BF16, BF16)}
NAMES = tuple(TYPES)
SPAD, WMEM, ACC = 1, 2, 3
ARRAYS = ("ws", "ws serial", "os", "os serial", "os at once", "cube")
GEMM = {"my": 1, "mx": 1, "nkh": 1, "nkw": 1, "nc1": 1, "nn": 1}


@dataclass
class Case:
    """A machine with one kind of array, a type, and products one after the other, each with a buffer of ACC."""

    array: str
    machine: Machine
    dtype: str
    program: Program
    products: list[dict[str, int]]

    @property
    def elements(self) -> tuple[np.dtype, np.dtype]:
        """Types of A and B."""
        return tuple(np.dtype(t) for t in TYPES[self.dtype])


def machine(array: str, rng: np.random.Generator, full: bool) -> Machine:
    """Any sizes; or those of a preset, which the validation of machine files allows."""
    base = machine_from("davinci-like" if array == "cube" else "gemmini-like")
    if not full:
        rows, cols, depth = 4 * int(rng.integers(1, 3)), int(rng.integers(1, 9)), int(rng.integers(2, 5))
        base = replace(base, rows=rows, cols=cols, depth=depth if array == "cube" else 1)
    rates = {name: float(rng.choice([0.25, 0.5, 1.0, 1.0])) for name in TYPES} | {"i8": float(rng.choice([0.5, 1.0]))}
    facts = {"dtypes": NAMES, "rate": rates, "dataflow": ("ws", "os")[:: int(rng.choice([1, -1]))], "feeder_groups": 4}
    double = array in ("ws", "os")
    facts |= {"weight_double_buffer": double, "os_double_buffer": double, "os_drain": array != "os at once"}
    return replace(base, **facts)


def random_case(seed: int, full: bool = False) -> Case:
    """One to three products of one K and type: taps, blocks of channels, lanes and columns that do not count, zero
    points, feeds that taps share, B as tiles or in the layout of activations; sums added to what is there or not."""
    rng = np.random.default_rng(seed)
    array = ARRAYS[seed % len(ARRAYS)]
    m = machine(array, rng, full)
    dtype = NAMES[int(rng.choice(4, p=(0.55, 0.15, 0.15, 0.15)))]
    case = Case(array, m, dtype, Program(m, sems=[("there", "lda", "mxu", 0)]), [])
    lanes, most = m.rows // case.elements[0].itemsize, 3 * m.rows if full else 12

    def some(high: int) -> int:
        return int(rng.integers(1, high + 1))

    shape = dict(zip(("nkh", "nkw", "nc1"), rng.permutation((some(2), some(2), 1)).tolist(), strict=True))
    shape |= {"nn": some(2), "nlast": int(rng.integers(0, m.cols + 1))}
    shape |= {name: int(rng.integers(1, 9)) for name in ("ay", "ax", "skh", "skw", "sc1")}
    shape |= {"dtype": NAMES.index(dtype), "klast": int(rng.integers(0, lanes + 1))}
    match int(rng.integers(0, 4)):
        case 0 if lanes % 4 == 0:
            shape |= {"nc1": 1, "kpack": some(2)}
            shape["klast"] = int(rng.integers(0, (lanes >> shape["kpack"]) + 1))
        case 1:
            shape |= {"nkh": 1, "nkw": 1, "bl": 1, "bt": int(rng.integers(0, 2)), "bp": some(8), "sb": some(8)}
        case _:
            shape["sb"] = int(rng.choice([0, 40, 100]))
    if dtype != "bf16" and rng.integers(0, 2):
        shape |= {"za": int(rng.integers(-128, 128)), "zb": int(rng.integers(-128, 128))}
    shape["df"] = 0 if array == "cube" else 1 + array.startswith("os")
    for _ in range(some(3)):
        late = bool(rng.integers(0, 2))
        if late:
            append(case.program, "fill", x=("spad", 1 << 17), kind="dma", n0=16, n1=some(60)).signals = (1,)
        fields = GEMM | shape | {"my": some(2), "mx": some(most)}
        x, y, z = (16 * int(rng.integers(0, n)) for n in (200, 200, 2))
        places = {"x": ("spad", x), "y": ("wmem" if m.wmem.bytes else "spad", y), "z": ("acc", 1024 * z)}
        name = "mm.acc" if rng.integers(0, 2) else "mm"
        append(case.program, name, **places, kind="gemm", **fields).waits = (1,) * late
        case.products.append(fields)
    return case


class Operands:
    """A and B of one product as the array gets them, read element by element as the instruction set says."""

    def __init__(self, case: Case, sim: Functional, ins: Instruction, fields: dict[str, int]):
        self.m, self.f = case.machine, fields
        self.a, self.b = case.elements
        self.rate = case.machine.rate[case.dtype]
        self.lanes, self.share = case.machine.rows // self.a.itemsize, 1 << fields.get("kpack", 0)
        self.last = fields["klast"] or self.lanes // self.share
        memories = sim.memories.local
        self.at = ins.local("x")[1], ins.local("y")[1]
        self.data = memories[SPAD].data, memories[ins.local("y")[0]].data
        self.rows = fields["my"] * fields["mx"]

    def value(self, side: int, address: int) -> int:
        kind = (self.a, self.b)[side]
        return int(self.data[side][address : address + kind.itemsize].view(kind)[0])

    def lines(self) -> Iterator[list[tuple[int, int, int]]]:
        """For each line of A (feed of shared taps): the offset in A, feed and lane of B of each lane that counts."""
        f, size = self.f, self.a.itemsize
        taps = [16 * (i * f["skh"] + j * f["skw"]) for i, j in points(range(f["nkh"]), range(f["nkw"]))]
        if self.share > 1:
            part = self.lanes // self.share
            for feed in range(ceil(len(taps) / self.share)):
                mine = list(enumerate(taps[feed * self.share : (feed + 1) * self.share]))
                yield [(at + c * size, feed, i * part + c) for i, at in mine for c in range(self.last)]
            return
        for tap, block in points(range(len(taps)), range(f["nc1"])):
            count = self.last if block == f["nc1"] - 1 else self.lanes
            base = taps[tap] + 16 * block * f["sc1"]
            yield [(base + c * size, tap * f["nc1"] + block, c) for c in range(count)]

    def left(self, m: int, offset: int) -> int:
        y, x = divmod(m, self.f["mx"])
        at = self.at[0] + 16 * (y * self.f["ay"] + x * self.f["ax"]) + offset
        return self.value(0, at) - self.f.get("za", 0)

    def right(self, feed: int, lane: int, n: int, j: int) -> int:
        f, size, cols = self.f, self.b.itemsize, self.m.cols
        if n == f["nn"] - 1 and j >= (f["nlast"] or cols):
            return 0
        if f.get("bl"):
            k, column = feed * self.lanes + lane, n * cols + j
            row, channel = (column, k) if f["bt"] else (k, column)
            block, lane = divmod(channel, self.m.rows // size)
            at = 16 * (row * f["bp"] + block * f["sb"]) + lane * size
        else:
            tile = self.lanes * cols * size
            at = (16 * f.get("sb", 0) or self.feeds * tile) * n + feed * tile + (lane * cols + j) * size
        return self.value(1, self.at[1] + at) - f.get("zb", 0)

    def matrices(self) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
        """A by line, [M, lanes that count]; B by column tile and line, [lanes that count, C]."""
        lines = list(self.lines())
        self.feeds = len(lines)
        a = [np.array([[self.left(m, at) for at, _, _ in line] for m in range(self.rows)]) for line in lines]
        tiles, columns = range(self.f["nn"]), range(self.m.cols)
        b = [
            [np.array([[self.right(k, c, n, j) for j in columns] for _, k, c in line]) for line in lines] for n in tiles
        ]
        return a, b

    def fed(self, parts: list[np.ndarray], axis: int) -> list[np.ndarray]:
        """Lines as feeds: a line a feed, several, or a part of one; the lanes of a feed filled up with zeros."""
        per = self.rate * self.a.itemsize
        width = self.m.rows if per >= 1 else self.lanes
        wide = [filled(part, self.lanes, axis) for part in parts]
        if per < 1:  # every line takes several feeds
            step = int(self.lanes * per)
            wide = [piece for part in wide for piece in np.split(part, self.lanes // step, axis)]
        elif per >= 2:
            wide = [np.concatenate(wide[i : i + int(per)], axis) for i in range(0, len(wide), int(per))]
        return [filled(part, max(width, self.m.rows), axis) for part in wide]

    def stationary_weights(self) -> list[list[tuple[np.ndarray, np.ndarray]]]:
        """By column tile: (A, weights) of each feed."""
        a, b = self.matrices()
        left = self.fed(a, 1)
        return [list(zip(left, self.fed(tile, 0), strict=True)) for tile in b]

    def stationary_sums(self) -> list[list[tuple[np.ndarray, np.ndarray]]]:
        """By column tile: (R rows of A, B), all of K; a rate below 1 makes K longer."""
        a, b = self.matrices()
        rows, whole = self.m.rows, np.concatenate(a, 1)
        depth = ceil(whole.shape[1] / self.rate)
        blocks = [filled(filled(whole[i : i + rows], rows, 0), depth, 1) for i in range(0, self.rows, rows)]
        return [[(block, filled(np.concatenate(tile), depth, 0)) for block in blocks] for tile in b]


def filled(x: np.ndarray, size: int, axis: int) -> np.ndarray:
    """With zeros at the end of an axis."""
    pads = [(0, 0), (0, 0)]
    pads[axis] = (0, size - x.shape[axis])
    return np.pad(x, pads)


def on_the_array(case: Case, tiles: list, ready: list[int]) -> tuple[list[np.ndarray], int]:
    """The register-level array of a case at work."""
    rows, cols = case.machine.rows, case.machine.cols
    match case.array:
        case "ws":
            return ws_array(rows, cols, tiles, ready)
        case "ws serial":
            return ws_serial(rows, cols, tiles, ready)
        case "os":
            return os_array(rows, cols, tiles, ready=ready)
        case "os serial" | "os at once":
            return os_serial(rows, cols, tiles, case.array == "os serial", ready)
        case _:
            return cube_array(cols, case.machine.depth, tiles, ready)


def memories(case: Case, seed: int) -> Functional:
    """Memories full of numbers; of bf16 those whose sums are exact."""
    sim, rng = Functional(case.program), np.random.default_rng(seed)
    for space in (SPAD, WMEM, ACC):
        data = sim.memories.local[space].data
        if case.dtype != "bf16":
            data[:] = rng.integers(0, 256, data.size, np.uint8)
        else:
            kind = np.float32 if space == ACC else BF16
            data[:] = rng.integers(-8, 9, data.size // np.dtype(kind).itemsize).astype(kind).view(np.uint8)
    return sim


def compare(case: Case, seed: int) -> None:
    sim = memories(case, seed)
    ran = timeline(case.program)
    kind = np.dtype(np.float32 if case.dtype == "bf16" else np.int32)
    acc = sim.memories.local[ACC].data.copy()
    counted = [n for n, ins in enumerate(case.program.text) if ins.name == "mm"]
    chain, ready, shares = [], [], []
    for number, fields in zip(counted, case.products, strict=True):
        ins = case.program.text[number]
        operands = Operands(case, sim, ins, fields)
        made = operands.stationary_sums() if case.array.startswith("os") else operands.stationary_weights()
        arrived = ran.times[number - 1][2] if ins.waits else 0
        chain += [tile for column in made for tile in column]
        ready += [arrived] * (len(chain) - len(ready))
        shares.append([len(column) for column in made])
    outs, cycles = on_the_array(case, chain, ready)
    assert ran.times[counted[-1]][2] == cycles
    for number, fields, columns in zip(counted, case.products, shares, strict=True):
        ins, rows = case.program.text[number], fields["my"] * fields["mx"]
        block = acc[ins.local("z")[1] :][: len(columns) * rows * case.machine.cols * kind.itemsize].view(kind)
        for line, count in zip(block.reshape(len(columns), rows, -1), columns, strict=True):
            parts, outs = outs[:count], outs[count:]
            sums = np.concatenate(parts)[:rows] if case.array.startswith("os") else sum(parts)
            line[:] = (line if ins.acc else 0) + sums.astype(kind)
    sim.run()
    assert np.array_equal(sim.memories.local[ACC].data.view(kind), acc.view(kind))


@pytest.mark.parametrize("seed", range(270))
def test_any_sizes(seed: int):
    compare(random_case(seed), seed)


@pytest.mark.parametrize("seed", range(12))
def test_sizes_of_presets(seed: int):
    compare(random_case(seed, full=True), seed)
