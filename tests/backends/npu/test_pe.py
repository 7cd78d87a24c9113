"""Register-level arrays equal the closed forms, values and cycles: 560 random cases."""

import numpy as np
import pytest
from aic.backends.npu.cost import mm_time
from aic.backends.npu.machine import Machine, machine_from
from aic.backends.npu.sim.pe import os_array, os_serial, ws_array, ws_serial


class Array:
    """As much of a machine as `mm_time` reads, of any size."""

    kind, depth = "systolic", 1

    def __init__(self, rows: int, cols: int, double: bool = True, drain: bool = True):
        self.rows, self.cols, self.os_drain = rows, cols, drain
        self.weight_double_buffer = self.os_double_buffer = double


def integers(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(-128, 128, shape)


def products(tiles):
    return [a @ b for a, b in tiles]


def equal(found, wanted):
    return all(np.array_equal(f, w) for f, w in zip(found, wanted, strict=True))


def chain(m: Machine | Array, heights: list[int]) -> int:
    """Cycles of one `mm` a tile, by the rule `start = max(free, ready + pre)` with everything ready at 0."""
    free = seen = 0
    for rows in heights:
        pre, busy, done = mm_time(m, rows, 1, 1, 0, "ws")
        start = max(free, pre)
        free, seen = start + busy, start + done
    return seen


@pytest.mark.parametrize("seed", range(240))
def test_weight_stationary_chains_with_shadow_weights(seed: int):
    rng = np.random.default_rng(seed)
    R, C, n = (int(v) for v in rng.integers(1, (13, 13, 6)))
    heights = rng.integers(1, 3 * R + 2, n).tolist()
    tiles = [(integers(rng, rows, R), integers(rng, R, C)) for rows in heights]
    outs, cycles = ws_array(R, C, tiles)
    assert equal(outs, products(tiles))
    assert cycles == R + sum(max(rows, R) for rows in heights[:-1]) + heights[-1] + R + C - 2
    assert cycles == chain(Array(R, C), heights)
    if len(set(heights)) == 1:
        pre, _, done = mm_time(Array(R, C), heights[0], n, 1, 0, "ws")
        assert cycles == pre + done


@pytest.mark.parametrize("seed", range(60))
def test_weight_stationary_chains_without_shadow_weights(seed: int):
    rng = np.random.default_rng(seed)
    R, C, n, rows = (int(v) for v in rng.integers(1, (13, 13, 6, 30)))
    tiles = [(integers(rng, rows, R), integers(rng, R, C)) for _ in range(n)]
    outs, cycles = ws_serial(R, C, tiles)
    assert equal(outs, products(tiles))
    assert cycles == mm_time(Array(R, C, double=False), rows, n, 1, 0, "ws")[2]


@pytest.mark.parametrize("seed", range(200))
def test_output_stationary_chains_with_result_registers(seed: int):
    rng = np.random.default_rng(seed)
    R, C, K, n = (int(v) for v in rng.integers(1, (13, 13, 30, 6)))
    tiles = [(integers(rng, R, K), integers(rng, K, C)) for _ in range(n)]
    outs, cycles = os_array(R, C, tiles)
    assert equal(outs, products(tiles))
    assert cycles == mm_time(Array(R, C), R, 1, n, K, "os")[2]


@pytest.mark.parametrize("drain", [True, False])
@pytest.mark.parametrize("seed", range(30))
def test_output_stationary_chains_without_result_registers(seed: int, drain: bool):
    rng = np.random.default_rng(seed)
    R, C, K, n = (int(v) for v in rng.integers(1, (13, 13, 30, 6)))
    tiles = [(integers(rng, R, K), integers(rng, K, C)) for _ in range(n)]
    outs, cycles = os_serial(R, C, tiles, drain)
    assert equal(outs, products(tiles))
    assert cycles == mm_time(Array(R, C, double=False, drain=drain), R, 1, n, K, "os")[2]


@pytest.mark.parametrize(("R", "C", "K"), [(4, 4, 2), (8, 3, 5), (6, 12, 1)])
def test_the_interval_of_output_stationary_tiles_is_tight(R: int, C: int, K: int):
    rng = np.random.default_rng(R)
    tiles = [(integers(rng, R, K), integers(rng, K, C)) for _ in range(3)]
    with pytest.raises(AssertionError, match="before it drained"):
        os_array(R, C, tiles, max(K, R - 1))


def test_a_large_serial_array():
    """Two tiles of 200 rows on 128 x 128."""
    rng = np.random.default_rng(0)
    tiles = [(integers(rng, 200, 128), integers(rng, 128, 128)) for _ in range(2)]
    outs, cycles = ws_array(128, 128, tiles)
    assert equal(outs, products(tiles))
    m = machine_from("edge,rows=128,cols=128,wmem.bytes=262144,acc.bytes=262144")
    assert cycles == sum(mm_time(m, 200, 2, 1, 0, "ws")[::2]) == 782
