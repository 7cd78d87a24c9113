"""`mm` against loops over its taps, blocks and lanes, written from the instruction table, on random descriptors."""

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
from aic.backends.npu.machine import machine_from
from aic.backends.npu.program import Program
from aic.backends.npu.sim.functional import Functional
from aic.backends.npu.sim.memory import SimulationError

from .instructions import append

BF16 = ml_dtypes.bfloat16
TYPES = {"i8": (np.int8, np.int8), "i16xi8": (np.int16, np.int8), "i16": (np.int16, np.int16), "bf16": (BF16, BF16)}
NAMES = tuple(TYPES)
WIDE = "edge,array.cols=48,acc.line=192,wmem.line=48,wmem.bytes=245760,acc.bytes=147456"
MACHINES = ("edge", "davinci-like", "gemmini-like", WIDE)
USED = 1 << 18


def wrap(value: int) -> int:
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


class Bench:
    """One `mm` with memories full of numbers, and what it should leave in ACC."""

    def __init__(self, machine: str, dtype: str, seed: int):
        self.machine = replace(machine_from(machine), dtypes=NAMES)
        self.dtype, self.rng = dtype, np.random.default_rng(seed)
        self.program = Program(self.machine)
        self.sim = Functional(self.program)
        self.a, self.b = (np.dtype(t) for t in TYPES[dtype])
        for number in (1, 2, 3):
            data = self.data(number)
            if dtype == "bf16" and number != 3:
                data[:] = self.rng.normal(0, 1, data.size // 2).astype(BF16).view(np.uint8)
            elif dtype == "bf16":
                data[:] = self.rng.normal(0, 1, data.size // 4).astype(np.float32).view(np.uint8)
            else:
                data[:] = self.rng.integers(0, 256, data.size, dtype=np.uint8)

    def data(self, space: int) -> np.ndarray:
        return self.sim.memories.local[space].data[:USED]

    def value(self, space: int, address: int, kind: np.dtype) -> float | int:
        found = self.data(space)[address : address + kind.itemsize].view(kind)[0]
        return float(found) if self.dtype == "bf16" else int(found)

    def feeds(self, f: dict[str, int]):
        """(address offset of a line of A, its lanes that count, index of the weight tile, its first row)."""
        lanes = self.machine.rows // self.a.itemsize
        share = 1 << f["kpack"]
        for tap in range(f["nkh"] * f["nkw"]):
            i, j = divmod(tap, f["nkw"])
            for c1 in range(f["nc1"]):
                line = 16 * (i * f["skh"] + j * f["skw"] + c1 * f["sc1"])
                last = c1 == f["nc1"] - 1
                count = (f["klast"] or lanes // share) if last else lanes
                if share > 1:
                    yield line, count, tap // share, tap % share * lanes // share
                else:
                    yield line, count, tap * f["nc1"] + c1, 0

    def weight(self, f: dict[str, int], space: int, base: int, tile: int, row: int, k: int, n: int) -> float | int:
        """Row of a tile of column n (or the k-th row of an activation matrix)."""
        lanes, cols, size = self.machine.rows // self.a.itemsize, self.machine.cols, self.b.itemsize
        if f["bl"]:
            r, ch = (n, k) if f["bt"] else (k, n)
            width = self.machine.rows // size
            at = base + 16 * (r * f["bp"] + ch // width * f["sb"]) + ch % width * size
        else:
            share = 1 << f["kpack"]
            taps = f["nkh"] * f["nkw"]
            tiles = -(-taps // share) if share > 1 else taps * f["nc1"]
            area = lanes * cols * size
            at = base + n // cols * (16 * f["sb"] or tiles * area) + tile * area + (row * cols + n % cols) * size
        return self.value(space, at, self.b)

    def wanted(self, f: dict[str, int], x: int, y: tuple[int, int], z: int, add: bool) -> np.ndarray:
        """All of ACC afterwards."""
        kind = np.float32 if self.dtype == "bf16" else np.int32
        acc, cols = self.data(3).copy(), self.machine.cols
        lines = f["my"] * f["mx"]
        width = (f["nn"] - 1) * cols + (f["nlast"] or cols)
        for m in range(lines):
            base = x + 16 * (m // f["mx"] * f["ay"] + m % f["mx"] * f["ax"])
            row, terms = 0, []
            for line, count, tile, first in self.feeds(f):
                for lane in range(count):
                    a = self.value(1, base + line + lane * self.a.itemsize, self.a) - f["za"]
                    terms.append((a, tile, first + lane, row))
                    row += 1
            for n in range(f["nn"] * cols):
                at = z + 4 * ((n // cols * lines + m) * cols + n % cols)
                total = 0
                if n < width:
                    total = sum(a * (self.weight(f, *y, tile, r, k, n) - f["zb"]) for a, tile, r, k in terms)
                before = acc[at : at + 4].view(kind)[0] if add else 0
                total = np.float32(total + float(before)) if kind is np.float32 else np.int32(wrap(total + int(before)))
                acc[at : at + 4] = np.array([total], kind).view(np.uint8)
        return acc

    def check(self, fields: dict[str, int], x: int, y: tuple[int, int], z: int, add: bool):
        spaces = {1: "spad", 2: "wmem"}
        mnemonic = "mm.acc" if add else "mm"
        append(
            self.program, mnemonic, x=("spad", x), y=(spaces[y[0]], y[1]), z=("acc", z), kind="gemm", **fields
        )  # fmt: skip
        wanted = self.wanted(fields, x, y, z, add)
        self.sim.run()
        if self.dtype == "bf16":
            found, wanted = self.data(3).view(np.float32), wanted.view(np.float32)
            assert np.allclose(found, wanted, rtol=1e-4, atol=1e-4)
        else:
            assert np.array_equal(self.data(3), wanted)


def fields_of(rng: np.random.Generator, bench: Bench, **given: int) -> dict[str, int]:
    """A random product with tight or wide strides."""
    line = bench.machine.spad.line // 16
    lanes = bench.machine.rows // bench.a.itemsize
    f = dict(my=int(rng.integers(1, 4)), mx=int(rng.integers(1, 5)), nkh=int(rng.integers(1, 4)))
    f |= dict(nkw=int(rng.integers(1, 4)), nc1=int(rng.integers(1, 4)), nn=int(rng.integers(1, 3)))
    f |= dict(klast=int(rng.integers(0, lanes)), nlast=int(rng.integers(0, bench.machine.cols)))
    f |= dict(kpack=0, bl=0, bt=0, sb=0, bp=0, za=0, zb=0, dtype=NAMES.index(bench.dtype)) | given
    f["ax"] = f["skw"] = line * int(rng.integers(1, 3))
    f["ay"] = f["skh"] = f["ax"] * (f["mx"] + f["nkw"])
    f["sc1"] = f["ay"] * (f["my"] + f["nkh"])
    return f | given


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize("seed", range(4))
def test_convolutions(machine: str, dtype: str, seed: int):
    """Packed weights in WMEM or SPAD, any taps and blocks, with and without zero points, fresh and `.acc`."""
    bench = Bench(machine, dtype, seed)
    f = fields_of(bench.rng, bench)
    if seed == 2 and dtype != "bf16":
        f |= {"za": 5, "zb": -128}
    if seed == 3:
        f["sb"] = 8 * 1024 // 16 * 9
    y = (2, 256) if bench.machine.wmem.bytes and seed != 3 else (1, 1 << 16)
    bench.check(f, 32 * 16, y, 256, seed % 2 == 1)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("kpack", [1, 2])
@pytest.mark.parametrize("kernel", [(3, 3), (1, 5), (2, 2)])
def test_taps_that_share_a_feed(machine: str, kpack: int, kernel: tuple[int, int]):
    """kpack: the first lanes of several taps side by side."""
    bench = Bench(machine, "i8", kpack)
    share = bench.machine.rows >> kpack
    f = fields_of(bench.rng, bench, nkh=kernel[0], nkw=kernel[1], nc1=1, kpack=kpack)
    f["klast"] = int(bench.rng.integers(0, share))
    bench.check(f, 0, (1, 1 << 16), 0, False)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize("bt", [0, 1])
def test_activations_times_activations(machine: str, dtype: str, bt: int):
    """B in activation layout, plain and transposed, with zero points."""
    bench = Bench(machine, dtype, bt)
    zeros = {} if dtype == "bf16" else {"za": -7, "zb": 9}
    f = fields_of(bench.rng, bench, nkh=1, nkw=1, bl=1, bt=bt, sb=1024, bp=6, **zeros)
    bench.check(f, 1024, (1, 1 << 16), 512, False)


def test_sums_of_the_greatest_products_are_exact():
    """4096 times -128 * -128, more than float32 adds up exactly, and a sum that wraps around."""
    bench = Bench("edge", "i8", 0)
    bench.data(1)[:] = 128
    bench.data(2)[:] = 128
    f = {"nc1": 128, "sc1": 2, "mx": 2, "ax": 256, "nn": 1}
    append(bench.program, "mm", x=("spad", 0), y=("wmem", 0), z=("acc", 0), kind="gemm", **f)
    bench.data(3)[:256] = np.full(64, 2**31 - 1, np.int32).view(np.uint8)
    append(bench.program, "mm.acc", x=("spad", 0), y=("wmem", 0), z=("acc", 0), kind="gemm", **f)
    bench.sim.step(0)
    assert (bench.data(3)[:256].view(np.int32) == 4096 * 128 * 128).all()
    bench.data(3)[:256] = np.full(64, 2**31 - 1, np.int32).view(np.uint8)
    bench.sim.step(1)
    assert (bench.data(3)[:256].view(np.int32) == wrap(4096 * 128 * 128 + 2**31 - 1)).all()


def test_weights_that_change_are_read_again():
    """B is kept as float32 only as long as its bytes stay."""
    bench = Bench("edge", "i8", 0)
    f = {"mx": 4, "ax": 2}
    where = dict(x=("spad", 0), y=("wmem", 64), z=("acc", 0), kind="gemm")
    append(bench.program, "mm", **where, **f)
    append(bench.program, "ld.l", x=("wmem", 0), y=("spad", 4096), kind="dma", n0=2048)
    bench.sim.step(0)
    first = bench.data(3)[:512].copy()
    bench.sim.step(1)
    bench.sim.step(0)
    a, b = bench.data(1)[:128].view(np.int8).reshape(4, 32), bench.data(2)[64:1088].view(np.int8).reshape(32, 32)
    assert np.array_equal(bench.data(3)[:512].view(np.int32).reshape(4, 32), a.astype(int) @ b)
    assert not np.array_equal(first, bench.data(3)[:512])


def test_garbage_beyond_the_valid_lanes_is_not_read():
    """NaN and infinity in lanes beyond klast do not reach a sum."""
    bench = Bench("edge", "bf16", 0)
    spad = bench.data(1).view(BF16)
    spad[:64] = np.nan
    spad[0:5], spad[16:21] = 1, 2
    bench.data(2).view(BF16)[:] = 1
    f = {"mx": 2, "ax": 2, "klast": 5, "dtype": 3}
    append(bench.program, "mm", x=("spad", 0), y=("wmem", 0), z=("acc", 0), kind="gemm", **f)
    bench.sim.run()
    assert np.array_equal(bench.data(3)[:256].view(np.float32).reshape(2, 32)[:, 0], [5, 10])


@pytest.mark.parametrize(
    ("operands", "place"),
    [
        (dict(x=("spad", 1048576 - 32), y=("wmem", 0), z=("acc", 0)), "spad byte 0x10001f"),
        (dict(x=("spad", 0), y=("wmem", 262144 - 512), z=("acc", 0)), "wmem byte 0x4001ff"),
        (dict(x=("spad", 0), y=("wmem", 0), z=("acc", 131072 - 128)), "acc byte 0x2007f"),
    ],
)
def test_accesses_outside_are_refused(operands: dict, place: str):
    """The error names instruction, memory and byte."""
    program = Program(machine_from("edge"))
    append(program, "mm", kind="gemm", mx=2, ax=2, **operands)
    with pytest.raises(SimulationError, match=r"instruction 0 \(mm\)") as error:
        Functional(program).run()
    assert place.replace("0x4001ff", "0x401ff") in str(error.value)
