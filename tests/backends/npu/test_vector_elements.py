"""Sums, products and functions of elements, and copies, against loops over them, on random descriptors."""

import numpy as np
import pytest

from .operand_bench import (
    F32,
    MACHINES,
    PMEM,
    SPAD,
    Bench,
    added,
    blocks,
    clip,
    compare,
    emit,
    function,
    numbers_for_sum,
    second,
    shape,
    size,
    source,
    target,
)


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
