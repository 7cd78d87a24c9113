"""Bank conflicts: lines of one bank in one cycle, counted against a loop; a clock that they slow down."""

from collections import Counter

import numpy as np
import pytest
from aic.backends.npu.code import Buffer, Code, Ref
from aic.backends.npu.emit.encode import encode
from aic.backends.npu.machine import machine_from
from aic.backends.npu.program import Program
from aic.backends.npu.sim.banks import conflicts
from aic.backends.npu.sim.event import timeline

from .example import example
from .test_timing import random_program


def add(x: int, y: int, z: int, machine: str = "edge", **fields: int) -> Program:
    """One `v.ew.add` on SPAD."""
    m = machine_from(machine)
    code = Code(m.line)
    x, y, z = (Ref(Buffer("spad", 0, "", 16, address=a)) for a in (x, y, z))
    code.add("v.ew.add", x=x, y=y, z=z, desc=("vec", {"lo": -128, "hi": 127, **fields}))
    return encode(code, m)


ROWS = {"nx": 64, "s0x": 2, "s1x": 2, "dx": 2}


def test_four_lines_of_each_of_three_operands_share_sixteen_banks():
    assert conflicts(add(0, 4 * 32, 8 * 32, **ROWS))[0] == 0, "banks 0 to 3, 4 to 7, 8 to 11 in the first cycle"
    assert conflicts(add(0, 4096, 8192, **ROWS))[0] == 16 * 2, "the same four banks three times in each of 16 cycles"
    assert conflicts(add(0, 0, 8 * 32, **ROWS))[0] == 0, "a line that both sources name is read once"


def test_a_stride_of_all_banks_meets_one_bank():
    wide = {"nx": 64, "s0x": 32, "s1x": 32, "dx": 32}
    assert conflicts(add(0, 32, 64, **wide))[0] == 16 * 3
    assert conflicts(add(0, 32, 64, "edge,mem.spad.banks=1", **wide))[0] == 0, "one bank: nothing to meet"


@pytest.mark.parametrize("seed", range(20))
def test_against_a_loop(seed: int):
    rng = np.random.default_rng(seed)
    shape = {"nx": int(rng.integers(1, 20)), "ny": int(rng.integers(1, 5)), "nc1": int(rng.integers(1, 4))}
    strides = {f"{op}{axis}": 2 * int(rng.integers(0, 40)) for op in ("s0", "s1", "d") for axis in "cyx"}
    places = [32 * int(rng.integers(0, 500)) for _ in range(3)]
    program = add(*places, **shape, **strides)
    pixels = [(c, y, x) for c in range(shape["nc1"]) for y in range(shape["ny"]) for x in range(shape["nx"])]
    more = 0
    for first in range(0, len(pixels), 4):
        lines = {
            (base + 16 * sum(n * strides[f"{op}{axis}"] for n, axis in zip(pixel, "cyx", strict=True))) // 32
            for pixel in pixels[first : first + 4]
            for base, op in zip(places, ("s0", "s1", "d"), strict=True)
        }
        more += max(Counter(line % 16 for line in lines).values()) - 1
    assert conflicts(program)[0] == more


def test_weights_in_spad_meet_activations():
    program = example()
    assert not any(conflicts(program)), "weights in WMEM, a line a cycle"
    program.machine = machine_from("gemmini-like")
    for ins in program.text:
        if ins.name == "mm":
            ins.y = 1 << 22
    assert any(found for ins, found in zip(program.text, conflicts(program), strict=True) if ins.name == "mm")


def test_a_clock_with_conflicts_takes_longer_by_instruction():
    """The whole may be faster: the shares of transfers change."""
    for seed in range(10):
        program = random_program(np.random.default_rng(seed), 60)
        plain, banked = timeline(program), timeline(program, banked=True)
        more = conflicts(program)
        for (start, busy, _), (later, until, _), extra, ins in zip(
            plain.times, banked.times, more, program.text, strict=True
        ):
            if ins.name.startswith("v."):
                assert until - later == busy - start + extra
    assert sum(more) > 0
