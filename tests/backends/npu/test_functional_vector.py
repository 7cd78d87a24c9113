"""Every instruction of the vector unit against a loop over its elements, written from the instruction table, on random
descriptors: types, strides, windows, tails of lines, machines whose array is as wide as a line and others."""

import math
from dataclasses import dataclass, field

import ml_dtypes
import numpy as np
import pytest
from aic.backends.npu.isa import bf16_bits, float_value
from aic.backends.npu.machine import machine_from
from aic.backends.npu.program import Program
from aic.backends.npu.sim.functional import Functional

from .instructions import append

F32, F64 = np.float32, np.float64
BF16 = ml_dtypes.bfloat16
TYPES = {"i8": np.int8, "i16": np.int16, "i32": np.int32, "f32": np.float32, "bf16": BF16, "u8": np.int8}
NAMES = ("i8", "i16", "i32", "f32", "bf16", "u8")
WIDE = "edge,array.cols=48,acc.line=192,wmem.line=48,wmem.bytes=245760,acc.bytes=147456"
MACHINES = ("edge", "davinci-like", "gemmini-like", WIDE)
SPAD, ACC, PMEM = 1, 3, 4
USED = 1 << 17
"""Bytes of each memory that hold something."""


def size(name: str) -> int:
    return np.dtype(TYPES[name]).itemsize


@dataclass
class Operand:
    """A place and strides in granules, of elements of a type, `lanes` to a block."""

    base: int
    strides: tuple[int, int, int]
    type: str
    lanes: int

    def at(self, y: int, x: int, ch: int) -> int:
        oy, ox, oc = self.strides
        return self.base + 16 * (y * oy + x * ox + ch // self.lanes * oc) + ch % self.lanes * size(self.type)


@dataclass
class Bench:
    """A machine with memories full of numbers, and places given out one after the other."""

    name: str
    seed: int
    numbers: str = "i8"
    fields: dict[str, float] = field(default_factory=dict)

    def __post_init__(self):
        self.machine = machine_from(self.name)
        self.rng = np.random.default_rng(self.seed)
        self.program = Program(self.machine)
        self.sim = Functional(self.program)
        self.free = {SPAD: 0, ACC: 0}
        for memory in self.sim.memories.local.values():
            memory.data[:USED] = self.rng.integers(0, 256, len(memory.data[:USED]), dtype=np.uint8)
        spad = self.data(SPAD)[:USED]
        if self.numbers in ("bf16", "f32"):
            spad[:] = self.rng.normal(0, 2, spad.size // size(self.numbers)).astype(TYPES[self.numbers]).view(np.uint8)

    def data(self, space: int) -> np.ndarray:
        return self.sim.memories.local[space].data

    def fill_acc(self, floating: bool):
        acc = self.data(ACC)[:USED]
        values = self.rng.normal(0, 50, acc.size // 4).astype(F32)
        acc[:] = values.view(np.uint8) if floating else (values * 300).astype(np.int32).view(np.uint8)

    def operand(self, space: int, type: str, rows: int, columns: int, channels: int) -> Operand:
        """Room for [rows, columns, channels]; pixels may be further apart than they have to be."""
        line = self.machine.spad.line if space == SPAD else self.machine.acc.line
        lanes = self.machine.cols if space == ACC else self.machine.rows // size(type)
        gaps = [int(gap) for gap in self.rng.integers(0, 3, 3)]
        x = line // 16 + gaps[0]
        y = columns * x + gaps[1]
        c = rows * y + gaps[2]
        base = self.free[space] + 16 * int(self.rng.integers(0, 4))
        blocks = -(-channels // lanes)
        self.free[space] = -(-(base + 16 * (blocks * c + rows * y + columns * x) + 2 * line) // line) * line
        assert self.free[space] <= USED
        return Operand(base, (y, x, c), type, lanes)

    def get(self, memory: np.ndarray, address: int, type: str) -> float:
        return memory[address : address + size(type)].view(TYPES[type])[0]

    def read(self, operand: Operand, space: int, y: int, x: int, ch: int) -> float:
        value = self.get(self.data(space), operand.at(y, x, ch), operand.type)
        return F32(value) if operand.type in ("bf16", "f32") else int(value)


def source(o: Operand) -> dict[str, int]:
    return dict(zip(("s0y", "s0x", "s0c"), o.strides, strict=True)) | {"dtype": NAMES.index(o.type)}


def second(o: Operand) -> dict[str, int]:
    return dict(zip(("s1y", "s1x", "s1c"), o.strides, strict=True))


def target(o: Operand) -> dict[str, int]:
    return dict(zip(("dy", "dx", "dc"), o.strides, strict=True)) | {"odt": NAMES.index(o.type)}


def blocks(channels: int, lanes: int) -> dict[str, int]:
    return {"nc1": -(-channels // lanes), "clast": channels % lanes}


def close(found: float, wanted: float, loose: float) -> bool:
    if found == wanted or (math.isnan(found) and math.isnan(wanted)):
        return True
    return loose > 0 and abs(float(found) - float(wanted)) <= max(loose * abs(float(wanted)), loose * 1e-2)


def compare(bench: Bench, z: Operand, wanted: dict[tuple[int, int, int], float], zero: int, loose: float = 0):
    """Run the program: each element as expected, the rest of each pixel's last line zero, all else as it was."""
    before = bench.data(SPAD).copy()
    line = bench.machine.spad.line
    bench.sim.run()
    after, step = bench.data(SPAD), size(z.type)
    channels = max(ch for _, _, ch in wanted) + 1
    for (y, x, ch), value in wanted.items():
        at = z.at(y, x, ch)
        found = bench.get(after, at, z.type)
        stored = np.array([value]).astype(TYPES[z.type])[0]
        assert close(found, stored, loose), f"({y}, {x}, {ch}): {found}, expected {stored}"
        before[at : at + step] = after[at : at + step]
        if ch == channels - 1 and channels % z.lanes:
            for rest in range(at + step, -(-(at + step) // line) * line, step):
                before[rest : rest + step] = np.array([zero]).astype(TYPES[z.type]).view(np.uint8)
    assert np.array_equal(before, after)


def clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def emit(bench: Bench, mnemonic: str, x, y, z, **fields: float):
    append(bench.program, mnemonic, x=x, y=y, z=z, kind="vec", **fields)


def shape(rng: np.random.Generator, limit: int = 70) -> tuple[int, int, int]:
    return int(rng.integers(1, 4)), int(rng.integers(1, 6)), int(rng.integers(1, limit))


def write_records(bench: Bench, base: int, lanes: int, channels: int, *, rnd: int, floating: bool):
    """Parameter records of L channels: bias[L], mult[L], shift[L]; returns what each channel has."""
    rng, pmem = bench.rng, bench.data(PMEM)
    bias = rng.normal(0, 3, channels).astype(F32) if floating else rng.integers(-9000, 9000, channels).astype(np.int32)
    scale = (rng.random(channels) * (0.1 if floating else 0.01)).astype(F32)
    mult = scale if rnd >= 2 else rng.integers(1 << 30, (1 << 31) - 1, channels).astype(np.int32)
    shift = np.zeros(channels, np.int32) if rnd >= 2 else rng.integers(6, 10, channels).astype(np.int32)
    for ch in range(channels):
        for plane, values in enumerate((bias, mult, shift)):
            at = base + ch // lanes * 12 * lanes + plane * 4 * lanes + ch % lanes * 4
            pmem[at : at + 4] = values[ch : ch + 1].view(np.uint8)
    return bias, mult, shift


def requant(acc: int, bias, mult, shift, rnd: int, zero: int, low: int, high: int) -> int:
    """One value, exactly."""
    x = (int(acc) + int(bias) + (1 << 31)) % (1 << 32) - (1 << 31)
    if rnd >= 2:
        y = int(np.rint(F32(F32(x) * mult)))
    elif rnd == 0:
        total = 31 + int(shift)
        y = (x * int(mult) + (1 << total - 1)) >> total
    else:
        product = x * int(mult)
        nudge = 1 << 30 if product >= 0 else 1 - (1 << 30)
        high_half = abs(product + nudge) // (1 << 31) * (1 if product + nudge >= 0 else -1)
        mask = (1 << int(shift)) - 1
        y = (high_half >> int(shift)) + ((high_half & mask) > (mask >> 1) + (high_half < 0))
    return clip(y + zero, low, high)


def added(a: int, b: int, numbers, zeros, rnd: int, up: int) -> int:
    """A sum of stored values, unlimited; `up` is what unsigned values are above them."""
    n0, n1, n2 = map(F32, numbers)
    if rnd == 2:
        t = F32(F64(b + up) * F64(n1) + F64(n2))
        return int(np.rint(F32(F64(a + up) * F64(n0) + F64(t)))) - up
    v = F32(F32(F32(F32(a) - F32(zeros[0])) * n0) + F32(F32(F32(b) - F32(zeros[1])) * n1)) / n2
    return int(np.rint(v)) + zeros[2]


def numbers_for_sum(rng: np.random.Generator, rnd: int) -> tuple[float, float, float]:
    if rnd == 2:
        return tuple(float(F32(v)) for v in (rng.random() + 0.3, rng.random() + 0.3, rng.normal(0, 20)))
    return tuple(float(F32(v)) for v in (rng.random() + 0.3, rng.random() + 0.3, rng.random() + 0.5))


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("seed", range(16))
def test_requantise(machine: str, seed: int):
    """v.rq from int32: all roundings, limits, relu, tables, residuals in both orders, unsigned, channels along rows."""
    bench = Bench(machine, seed)
    rng = bench.rng
    ny, nx, channels = shape(rng)
    odt = ("i8", "u8", "i8", "i16")[seed % 4]
    res, act = bool(seed & 1) and odt != "i16", ("", "relu", "lut")[seed % 3] if odt != "i16" else ""
    rnd = int(rng.integers(2, 4)) if res else int(rng.integers(0, 4))
    swapped = bool(seed % 5 == 2)
    ny = 1 if swapped else ny
    bench.fill_acc(False)
    lanes, cols = bench.machine.rows // size(odt), bench.machine.cols
    if swapped:
        line = bench.machine.acc.line // 16
        x = Operand(16 * line, (0, line, (channels + 1) * line), "i32", cols)
    else:
        x = bench.operand(ACC, "i32", ny, nx, channels)
    z, r = bench.operand(SPAD, odt, ny, nx, channels), bench.operand(SPAD, odt, ny, nx, channels)
    records = 4096 + 16 * int(rng.integers(0, 9))
    bias, mult, shift = write_records(bench, records, lanes, channels, rnd=rnd, floating=False)
    zi, zm, zo = (int(v) for v in rng.integers(-40, 40, 3))
    lo, hi = (int(rng.integers(-128, -60)), int(rng.integers(60, 128))) if odt != "i16" else (-3000, 3000)
    numbers = numbers_for_sum(rng, rnd) if res else (0.0, 0.0, 0.0)
    lut, table = 3, bench.data(PMEM)[768:1024].view(np.int8)
    fields = dict(ny=ny, nx=nx, rnd=rnd, lo=lo, hi=hi, zi=zi, zm=zm, zo=zo, lut=lut) | blocks(channels, lanes)
    fields |= source(x) | target(z) | dict(zip(("imm0", "imm1", "imm2"), numbers, strict=True))
    fields |= second(r) | {"axis": swapped + 2 * (seed % 7 == 1), "pm": records // 16}
    mnemonic = "v.rq" + ".res" * res + (f".{act}" if act else "")
    emit(bench, mnemonic, ("acc", x.base), ("spad", r.base) if res else ("pmem", records),
         ("spad", z.base), **fields)  # fmt: skip
    wanted = {}
    for y, c, ch in np.ndindex(ny, nx, channels):
        if swapped:
            at = x.base + 16 * (c // cols * x.strides[2] + ch * x.strides[1]) + 4 * (c % cols)
            acc = bench.get(bench.data(ACC), at, "i32")
        else:
            acc = bench.read(x, ACC, y, c, ch)
        rest = bias[ch], mult[ch], shift[ch], rnd
        if res:
            q, other = requant(acc, *rest, zm, -128, 127), bench.read(r, SPAD, y, c, ch)
            up = 128 if odt == "u8" else 0
            if fields["axis"] & 2:
                value = added(other, q, numbers, (zi, zm, zo), rnd, up)
            else:
                value = added(q, other, numbers, (zm, zi, zo), rnd, up)
            value = clip(value, lo, hi)
        else:
            value = requant(acc, *rest, zo, lo, hi)
        value = max(value, zo) if act == "relu" else value
        wanted[y, c, ch] = table[value + 128] if act == "lut" else value
    compare(bench, z, wanted, zo)


def function(mode: str, v: F32) -> float:
    """An activation in double precision."""
    x = float(v)
    match mode:
        case "relu":
            return max(x, 0.0)
        case "gelu":
            return 0.5 * x * math.erfc(-x / math.sqrt(2))
        case "silu":
            return x / (1 + math.exp(-x)) if x > -700 else 0.0
        case "tanh":
            return math.tanh(x)
        case "sigmoid":
            return 1 / (1 + math.exp(-x)) if x > -700 else 0.0
        case "exp":
            return math.exp(x) if x < 88.7 else math.inf
        case _:
            return x


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("act", ["", "relu", "gelu", "silu", "tanh", "sigmoid", "exp"])
@pytest.mark.parametrize("floating", [False, True])
def test_requantise_to_floating_results(machine: str, act: str, floating: bool):
    """v.rq to bf16: from float32 act(acc * scale + bias + residual), from int32 (acc + bias) * scale."""
    bench = Bench(machine, len(act) + floating, "bf16")
    bench.fill_acc(floating)
    ny, nx, channels = shape(bench.rng)
    lanes = bench.machine.rows // 2
    x = bench.operand(ACC, "f32" if floating else "i32", ny, nx, channels)
    z, r = bench.operand(SPAD, "bf16", ny, nx, channels), bench.operand(SPAD, "bf16", ny, nx, channels)
    res = len(act) % 2 == 1
    bias, mult, _ = write_records(bench, 2048, lanes, channels, rnd=3, floating=floating)
    lo, hi = -4.5, 3.0
    fields = dict(ny=ny, nx=nx, lo=bf16_bits(lo), hi=bf16_bits(hi), pm=128) | blocks(channels, lanes)
    place = ("spad", r.base) if res else ("pmem", 2048)
    mnemonic = "v.rq" + ".res" * res + (f".{act}" if act else "")
    fields |= source(x) | target(z) | second(r)
    emit(bench, mnemonic, ("acc", x.base), place, ("spad", z.base), **fields)
    wanted = {}
    for y, c, ch in np.ndindex(ny, nx, channels):
        acc = bench.read(x, ACC, y, c, ch)
        v = F32(F32(acc * mult[ch]) + bias[ch]) if floating else F32(F32(acc + int(bias[ch])) * mult[ch])
        v = F32(v + bench.read(r, SPAD, y, c, ch)) if res else v
        wanted[y, c, ch] = clip(function(act, v), lo, hi)
    compare(bench, z, wanted, 0, loose=0.005 if act else 0)


@pytest.mark.parametrize("odt", ["i32", "f32"])
@pytest.mark.parametrize("machine", MACHINES)
def test_raw_sums(machine: str, odt: str):
    """v.rq with a destination of 4 bytes copies."""
    bench = Bench(machine, 3)
    bench.fill_acc(odt == "f32")
    ny, nx, channels = shape(bench.rng)
    x, z = bench.operand(ACC, odt, ny, nx, channels), bench.operand(SPAD, odt, ny, nx, channels)
    fields = dict(ny=ny, nx=nx) | blocks(channels, z.lanes) | source(x) | target(z)
    emit(bench, "v.rq", ("acc", x.base), None, ("spad", z.base), **fields)
    compare(bench, z, {i: bench.read(x, ACC, *i) for i in np.ndindex(ny, nx, channels)}, 0)


def random_window(rng: np.random.Generator, ny: int, nx: int) -> dict[str, int]:
    kh, kw = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    found = {"kh": kh, "kw": kw, "sy": int(rng.integers(1, 4)), "sx": int(rng.integers(1, 4))}
    for pad, size in (("pt", kh), ("pb", kh), ("pl", kw), ("pr", kw)):
        found[pad] = int(rng.integers(0, size))
    rows, columns = (ny - 1) * found["sy"] + kh, (nx - 1) * found["sx"] + kw
    if rows - found["pt"] - found["pb"] < 1 or columns - found["pl"] - found["pr"] < 1:
        found |= {"pt": 0, "pb": 0, "pl": 0, "pr": 0}
    return found


def taps(w: dict[str, int], ny: int, nx: int, y: int, x: int):
    """Tap (i, j) and the input pixel that it meets, of those inside of the input."""
    rows = (ny - 1) * w["sy"] + w["kh"] - w["pt"] - w["pb"]
    columns = (nx - 1) * w["sx"] + w["kw"] - w["pl"] - w["pr"]
    for i in range(w["kh"]):
        for j in range(w["kw"]):
            r, c = y * w["sy"] + i - w["pt"], x * w["sx"] + j - w["pl"]
            if 0 <= r < rows and 0 <= c < columns:
                yield i, j, r, c


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("seed", range(10))
def test_depthwise(machine: str, seed: int):
    """v.dw in int8 and bf16, windows that leave the input on any side."""
    dtype = ("i8", "bf16", "u8")[seed % 3]
    bench = Bench(machine, seed, "bf16" if dtype == "bf16" else "i8")
    rng = bench.rng
    ny, nx, channels = shape(rng)
    w = random_window(rng, ny, nx)
    x, z = bench.operand(SPAD, dtype, ny * 3 + 4, nx * 3 + 4, channels), bench.operand(SPAD, dtype, ny, nx, channels)
    base, lanes, floating = 1024, x.lanes, dtype == "bf16"
    area, step = w["kh"] * w["kw"], 2 if floating else 1
    record = -(-(area * lanes * step + 12 * lanes) // 16) * 16
    count = -(-channels // lanes) * lanes
    weights = rng.normal(0, 1, (area, count)).astype(BF16) if floating else rng.integers(-128, 128, (area, count))
    bias = rng.normal(0, 1, count).astype(F32) if floating else rng.integers(-999, 999, count).astype(np.int32)
    scale = (rng.random(count) * (1 if floating else 0.002)).astype(F32)
    pmem = bench.data(PMEM)
    for block in range(count // lanes):
        cut = slice(block * lanes, (block + 1) * lanes)
        parts = [weights[:, cut] if floating else weights[:, cut].astype(np.int8), bias[cut], scale[cut]]
        raw = b"".join(np.ascontiguousarray(p).tobytes() for p in parts)
        pmem[base + block * record :][: len(raw)] = np.frombuffer(raw, np.uint8)
    zi, zo = (0, 0) if floating else (int(rng.integers(-128, 128)), int(rng.integers(-20, 20)))
    fields = dict(ny=ny, nx=nx, rnd=2, zi=zi, zo=zo) | blocks(channels, lanes) | w | source(x) | target(z)
    emit(bench, "v.dw", ("spad", x.base), ("pmem", base), ("spad", z.base), **fields)
    wanted = {}
    for y, c, ch in np.ndindex(ny, nx, channels):
        acc = sum(
            (bench.read(x, SPAD, r, q, ch) - zi) * F64(weights[i * w["kw"] + j, ch])
            for i, j, r, q in taps(w, ny, nx, y, c)
        )
        value = acc * scale[ch] + bias[ch] if floating else requant(acc, bias[ch], scale[ch], 0, 2, zo, -128, 127)
        wanted[y, c, ch] = value
    compare(bench, z, wanted, zo, loose=0.01 if floating else 0)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("mode", ["max", "avg", "avgp"])
@pytest.mark.parametrize("dtype", ["i8", "bf16", "i16"])
def test_pool(machine: str, mode: str, dtype: str):
    """v.pool; taps outside are skipped."""
    bench = Bench(machine, ord(mode[-1]), "bf16" if dtype == "bf16" else "i8")
    rng = bench.rng
    ny, nx, channels = shape(rng)
    w = random_window(rng, ny, nx)
    x, z = bench.operand(SPAD, dtype, ny * 3 + 4, nx * 3 + 4, channels), bench.operand(SPAD, dtype, ny, nx, channels)
    zi, zo, ratio = (0, 0, 1.0) if dtype == "bf16" else (-7, 11, float(F32(0.83)))
    fields = dict(ny=ny, nx=nx, zi=zi, zo=zo, imm0=ratio) | blocks(channels, x.lanes) | w | source(x) | target(z)
    emit(bench, f"v.pool.{mode}", ("spad", x.base), None, ("spad", z.base), **fields)
    low, high = (-128, 127) if dtype == "i8" else (-32768, 32767)
    wanted = {}
    for y, c, ch in np.ndindex(ny, nx, channels):
        met = [bench.read(x, SPAD, r, q, ch) for _, _, r, q in taps(w, ny, nx, y, c)]
        if mode == "max":
            value = max(met) if met else (-math.inf if dtype == "bf16" else low)
        else:
            count = w["kh"] * w["kw"] if mode == "avgp" else max(len(met), 1)
            value = F32(F32(sum(met) - len(met) * zi) * F32(F32(ratio) / F32(count)))
            value = value if dtype == "bf16" else clip(int(np.rint(value)) + zo, low, high)
        wanted[y, c, ch] = value
    compare(bench, z, wanted, zo, loose=0.005 if dtype == "bf16" else 0)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("mode", ["add", "sub", "mul", "max", "min"])
@pytest.mark.parametrize("dtype", ["i8", "u8", "i16", "bf16"])
@pytest.mark.parametrize("large", [False, True])
def test_elementwise(machine: str, mode: str, dtype: str, large: bool):
    """v.ew: quantised with both roundings, floating, src1 repeated by strides of 0, or its lane 0 for all channels."""
    bench = Bench(machine, len(mode) * 10 + len(dtype) + large, "bf16" if dtype == "bf16" else "i8")
    rng = bench.rng
    ny, nx, channels = (5, 30, 64) if large and machine == "edge" else shape(rng)
    lane = not large and mode in ("mul", "add")
    x, z = bench.operand(SPAD, dtype, ny, nx, channels), bench.operand(SPAD, dtype, ny, nx, channels)
    b = bench.operand(SPAD, dtype, ny, nx, channels)
    b.strides = (b.strides[0], 0 if large else b.strides[1], 0 if lane else b.strides[2])
    rnd, up = int(rng.integers(2, 4)), 128 if dtype == "u8" else 0
    numbers = numbers_for_sum(rng, rnd) if mode != "mul" else (float(F32(0.013)), 0.0, 0.0)
    zeros = tuple(int(v) for v in rng.integers(-30, 30, 3)) if dtype != "bf16" else (0, 0, 0)
    fields = dict(ny=ny, nx=nx, rnd=rnd, axis=int(lane)) | blocks(channels, x.lanes)
    fields |= dict(zip(("zi", "zm", "zo"), zeros, strict=True))
    fields |= dict(zip(("imm0", "imm1", "imm2"), numbers, strict=True))
    fields |= source(x) | second(b) | target(z)
    emit(bench, f"v.ew.{mode}", ("spad", x.base), ("spad", b.base), ("spad", z.base), **fields)
    low, high = (-32768, 32767) if dtype == "i16" else (-128, 127)
    wanted = {}
    for y, c, ch in np.ndindex(ny, nx, channels):
        left, right = bench.read(x, SPAD, y, c, ch), bench.read(b, SPAD, y, c, 0 if lane else ch)
        match mode:
            case "max" | "min":
                value = max(left, right) if mode == "max" else min(left, right)
            case _ if dtype == "bf16":
                value = {"add": left + right, "sub": left - right, "mul": left * right}[mode]
            case "mul":
                product = F32(F32(F32(left) - F32(zeros[0])) * F32(F32(right) - F32(zeros[1])))
                value = int(np.rint(F32(F32(product * F32(numbers[0])) + F32(zeros[2] + up)))) - up
            case _:
                signed = numbers if mode == "add" else (numbers[0], -numbers[1], numbers[2])
                value = added(left, right, signed, zeros, rnd, up)
        wanted[y, c, ch] = value if dtype == "bf16" else clip(value, low, high)
    compare(bench, z, wanted, zeros[2])


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("mode", ["lut", "relu", "gelu", "silu", "tanh", "sigmoid", "exp"])
def test_activation(machine: str, mode: str):
    """v.act: int8 by table, bf16 by function."""
    for dtype in {"lut": ("i8",), "relu": ("i8", "bf16")}.get(mode, ("bf16",)):
        bench = Bench(machine, len(mode), "bf16" if dtype == "bf16" else "i8")
        ny, nx, channels = shape(bench.rng)
        x, z = bench.operand(SPAD, dtype, ny, nx, channels), bench.operand(SPAD, dtype, ny, nx, channels)
        table = bench.data(PMEM)[512:768].view(np.int8)
        fields = dict(ny=ny, nx=nx, lut=2, zi=5) | blocks(channels, x.lanes) | source(x) | target(z)
        emit(bench, f"v.act.{mode}", ("spad", x.base), None, ("spad", z.base), **fields)
        wanted = {}
        for i in np.ndindex(ny, nx, channels):
            value = bench.read(x, SPAD, *i)
            if dtype == "i8":
                wanted[i] = table[value + 128] if mode == "lut" else max(value, 5)
            else:
                wanted[i] = function(mode, value)
        compare(bench, z, wanted, 0, loose=0 if dtype == "i8" else 0.005)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("dtype", ["i8", "bf16"])
@pytest.mark.parametrize("odt", ["i8", "bf16"])
@pytest.mark.parametrize("masked", [False, True])
def test_softmax(machine: str, dtype: str, odt: str, masked: bool):
    """v.sm over the channels of each pixel; a result in int8 within one step."""
    bench = Bench(machine, 4 + masked, "bf16" if dtype == "bf16" or masked else "i8")
    ny, nx, channels = shape(bench.rng)
    x, z = bench.operand(SPAD, dtype, ny, nx, channels), bench.operand(SPAD, odt, ny, nx, channels)
    mask = bench.operand(SPAD, "bf16", ny, nx, channels)
    zi, zo, scale, over = 9, -128, float(F32(0.03)), 255.0
    fields = dict(ny=ny, nx=nx, zi=zi, zo=zo if odt == "i8" else 0, imm0=scale, imm1=over) | second(mask)
    fields |= blocks(channels, x.lanes) | source(x) | target(z)
    place = ("spad", mask.base) if masked else None
    emit(bench, "v.sm", ("spad", x.base), place, ("spad", z.base), **fields)
    wanted = {}
    for y, c in np.ndindex(ny, nx):
        v = np.array([bench.read(x, SPAD, y, c, ch) for ch in range(channels)], F64)
        v = (v - zi) * scale if dtype == "i8" else v
        if masked:
            v = v + np.array([bench.read(mask, SPAD, y, c, ch) for ch in range(channels)], F64)
        p = np.exp(v - v.max())
        p /= p.sum()
        for ch in range(channels):
            wanted[y, c, ch] = clip(np.rint(p[ch] * over) + zo, -128, 127) if odt == "i8" else p[ch]
    compare(bench, z, wanted, fields["zo"], loose=0.02)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("dtype", ["i8", "bf16"])
@pytest.mark.parametrize("odt", ["i8", "bf16"])
@pytest.mark.parametrize("mode", ["ln", "rms"])
def test_norm(machine: str, dtype: str, odt: str, mode: str):
    """v.ln with and without the mean."""
    bench = Bench(machine, len(mode), "bf16" if dtype == "bf16" else "i8")
    rng = bench.rng
    ny, nx, channels = int(rng.integers(1, 4)), int(rng.integers(1, 5)), int(rng.integers(5, 70))
    x, z = bench.operand(SPAD, dtype, ny, nx, channels), bench.operand(SPAD, odt, ny, nx, channels)
    gamma, beta = rng.normal(1, 0.3, channels).astype(F32), rng.normal(0, 1, channels).astype(F32)
    for ch in range(channels):
        at = 160 + ch // x.lanes * 8 * x.lanes + ch % x.lanes * 4
        bench.data(PMEM)[at : at + 4] = gamma[ch : ch + 1].view(np.uint8)
        at += 4 * x.lanes
        bench.data(PMEM)[at : at + 4] = beta[ch : ch + 1].view(np.uint8)
    zi, zo, scale, over, eps = 3, 4, float(F32(0.05)), 20.0, 1e-5
    fields = dict(ny=ny, nx=nx, zi=zi, zo=zo if odt == "i8" else 0, imm0=scale, imm1=over, imm2=eps)
    fields |= blocks(channels, x.lanes) | source(x) | target(z)
    suffix = f"v.ln.{mode}"
    emit(bench, suffix, ("spad", x.base), ("pmem", 160), ("spad", z.base), **fields)
    wanted = {}
    for y, c in np.ndindex(ny, nx):
        v = np.array([bench.read(x, SPAD, y, c, ch) for ch in range(channels)], F64)
        v = (v - zi) * scale if dtype == "i8" else v
        v = v - v.mean() if mode == "ln" else v
        v = v / np.sqrt((v * v).mean() + float_value(0x3727C5AC)) * gamma + beta
        for ch in range(channels):
            wanted[y, c, ch] = clip(np.rint(v[ch] * over) + zo, -128, 127) if odt == "i8" else v[ch]
    compare(bench, z, wanted, fields["zo"], loose=0.01)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("axis", range(4))
@pytest.mark.parametrize("dtype", ["i8", "bf16"])
def test_reduce(machine: str, mode: str, axis: int, dtype: str):
    """v.red over channels, columns, rows, both."""
    bench = Bench(machine, axis + len(mode), "bf16" if dtype == "bf16" else "i8")
    ny, nx, channels = shape(bench.rng)
    x, z = bench.operand(SPAD, dtype, ny, nx, channels), bench.operand(SPAD, dtype, ny, nx, channels)
    zi, zo, ratio = (-6, 7, float(F32(0.19))) if dtype == "i8" else (0, 0, 1.0)
    fields = dict(ny=ny, nx=nx, zi=zi, zo=zo, imm0=ratio, axis=axis) | blocks(channels, x.lanes) | source(x) | target(z)
    emit(bench, f"v.red.{mode}", ("spad", x.base), None, ("spad", z.base), **fields)
    groups: dict[tuple[int, int, int], list[float]] = {}
    for y, c, ch in np.ndindex(ny, nx, channels):
        key = ((y, c, 0), (y, 0, ch), (0, c, ch), (0, 0, ch))[axis]
        groups.setdefault(key, []).append(bench.read(x, SPAD, y, c, ch) - zi)
    wanted = {}
    for key, values in groups.items():
        total = max(values) if mode == "max" else F32(sum(values))
        total = F32(total) / F32(len(values)) if mode == "mean" else F32(total)
        wanted[key] = clip(int(np.rint(F32(total * F32(ratio)))) + zo, -128, 127) if dtype == "i8" else total
    compare(bench, z, wanted, zo, loose=0.005 if dtype == "bf16" else 0)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("mode", ["cp", "t"])
@pytest.mark.parametrize(
    "types", [("i8", "i8"), ("i8", "bf16"), ("bf16", "i8"), ("bf16", "bf16"), ("i16", "i16"), ("i8", "u8")]
)
@pytest.mark.parametrize("ratio", [0.0, float(F32(0.7))])
def test_copy(machine: str, mode: str, types: tuple[str, str], ratio: float):
    """v.cp: the same bytes, or rescaled; `.t` swaps columns and channels."""
    dtype, odt = types
    if ratio == 0 and size(dtype) != size(odt):
        return
    bench = Bench(machine, len(dtype) + len(odt), "bf16" if dtype == "bf16" else "i8")
    ny, nx, channels = shape(bench.rng, 50)
    nx *= 4
    x = bench.operand(SPAD, dtype, ny, nx, channels)
    z = bench.operand(SPAD, odt, ny, *((channels, nx) if mode == "t" else (nx, channels)))
    zi, zo = (0 if dtype == "bf16" else 11), (0 if odt == "bf16" else -9)
    fields = dict(ny=ny, nx=nx, zi=zi, zo=zo, imm0=ratio) | blocks(channels, x.lanes) | source(x) | target(z)
    emit(bench, f"v.cp.{mode}", ("spad", x.base), None, ("spad", z.base), **fields)
    wanted = {}
    for y, c, ch in np.ndindex(ny, nx, channels):
        value = bench.read(x, SPAD, y, c, ch)
        if ratio:
            value = F32(F32(F32(value) - F32(zi)) * F32(ratio))
            low, high = (-32768, 32767) if odt == "i16" else (-128, 127)
            value = value if odt == "bf16" else clip(int(np.rint(value)) + zo, low, high)
        wanted[(y, ch, c) if mode == "t" else (y, c, ch)] = value
    compare(bench, z, wanted, zo)


def test_slices_within_a_line_are_written_in_ascending_order():
    """Two copies of 16 channels each into one line of 32: the second begins inside of the line."""
    bench = Bench("edge", 0)
    for at in (0, 16):
        fields = dict(nx=3, nc1=1, clast=16, s0x=2, dx=2, zo=7)
        emit(bench, "v.cp", ("spad", 1024 + at), None, ("spad", 4096 + at), **fields)
    bench.sim.run()
    spad = bench.data(SPAD)
    assert np.array_equal(spad[4096:4192], spad[1024:1120])


def test_a_slice_fills_its_line_with_the_zero_point():
    """4 channels at byte 16 of a line of 32: bytes 20 to 31 become the zero point, bytes 0 to 15 stay."""
    bench = Bench("edge", 0)
    emit(bench, "v.cp", ("spad", 0), None, ("spad", 4112), nx=1, clast=4, s0x=2, dx=2, zo=-3)
    before = bench.data(SPAD)[4096:4128].view(np.int8).copy()
    bench.sim.run()
    line = bench.data(SPAD)[4096:4128].view(np.int8)
    assert np.array_equal(line[:16], before[:16]) and (line[20:] == -3).all()
    assert np.array_equal(line[16:20], bench.data(SPAD)[:4].view(np.int8))
