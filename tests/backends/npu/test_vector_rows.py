"""Softmax, norms and reductions against loops over their elements, on random descriptors."""

import numpy as np
import pytest
from aic.backends.npu.isa import float_value

from .operand_bench import (
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
    second,
    shape,
    source,
    target,
)


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
