"""Windows of the vector unit, depthwise convolutions and pools, against loops over their elements."""

import math

import numpy as np
import pytest

from .operand_bench import (
    BF16,
    F32,
    F64,
    MACHINES,
    PMEM,
    SPAD,
    Bench,
    blocks,
    clip,
    compare,
    emit,
    requant,
    shape,
    source,
    target,
)


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
