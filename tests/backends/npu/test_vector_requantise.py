"""`v.rq` against a loop over its elements: roundings, limits, activations, residuals, raw sums, at random."""

import numpy as np
import pytest
from aic.backends.npu.isa import bf16_bits

from .operand_bench import (
    ACC,
    F32,
    MACHINES,
    PMEM,
    SPAD,
    Bench,
    Operand,
    added,
    blocks,
    clip,
    compare,
    emit,
    function,
    numbers_for_sum,
    requant,
    second,
    shape,
    size,
    source,
    target,
    write_records,
)


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
