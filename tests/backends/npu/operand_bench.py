"""A functional simulator with random memories, and the loop that its vector instructions are compared with."""

import math
from dataclasses import dataclass, field

import ml_dtypes
import numpy as np
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
