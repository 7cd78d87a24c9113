"""The cost model ranks as a person would: spills, narrow accesses, few programs and loops without a pipeline cost."""

from dataclasses import replace
from math import inf

import pytest
from aic.backends.triton.cost import seconds, shares
from aic.backends.triton.kernel import Kernel, Parameter
from aic.backends.triton.machine import gpu
from aic.backends.triton.statics import Statics

GPU = gpu({"arch": "sm_90", "precision": "f16"})
M, N, K = 4096, 4096, 4096
SCHEDULE = {"BM": 128, "BN": 128, "BK": 64, "warps": 8, "stages": 3, "group": 8}
PRODUCT = Kernel(
    "k",
    "",
    (
        Parameter("a", "*fp16", elements=M * K),
        Parameter("b", "*fp16", elements=K * N),
        Parameter("y", "*fp16", written=True, elements=M * N),
    ),
    warps=8,
    bytes=2 * (M * K + K * N + M * N),
    flops=2 * M * N * K,
    dots=1,
    schedule=SCHEDULE,
)
LIKE = Statics(168, 0, 0, 98304, 8, 2, {"wgmma": 8, "cp.async": 8, "cp.async.128": 8, "st": 8, "st.128": 8})


def time(like: Statics = LIKE, grid: tuple[int, int, int] = (1024, 1, 1), kernel: Kernel = PRODUCT) -> float:
    return seconds(kernel, grid, like, GPU)


def test_a_large_product_is_near_the_floor_of_arithmetic():
    floor = 2 * M * N * K / (1e12 * GPU.tflops)
    assert floor < time() < 3 * floor


@pytest.mark.parametrize(
    "worse",
    [
        replace(LIKE, spilled=80),
        replace(LIKE, counts={k: n for k, n in LIKE.counts.items() if k != "wgmma"}),
        replace(LIKE, counts={k: n for k, n in LIKE.counts.items() if not k.startswith("cp.async")}),
        replace(LIKE, counts={**LIKE.counts, "cp.async.128": 0}),
        replace(LIKE, resident=0),
    ],
    ids=("spills", "no-tensor-cores", "no-pipeline", "narrow", "does-not-fit"),
)
def test_what_costs(worse: Statics):
    assert time(worse) > time()
    assert (time(worse) == inf) == (not worse.resident)


def test_more_programs_than_the_machine_has_places_take_another_round():
    assert shares(132, 1, GPU).part == 1.0
    assert shares(133, 1, GPU).busiest == 2
    assert shares(264, 2, GPU).together == 2
    assert time(grid=(1056, 1, 1)) < time(grid=(1057, 1, 1))


def test_a_pointwise_kernel_is_bound_by_memory():
    size = 1 << 24
    parameters = (Parameter("x", "*fp16", elements=size), Parameter("y", "*fp16", written=True, elements=size))
    kernel = Kernel("k", "", parameters, bytes=4 * size, flops=size, schedule={"BX": 1024, "warps": 4})
    like = Statics(32, 0, 0, 0, 4, 16, {"ld": 1, "ld.128": 1, "st": 1, "st.128": 1})
    full = seconds(kernel, (size // 1024, 1, 1), like, GPU)
    assert 4 * size / 3e12 < full < 1.3 * 4 * size / 3e12 + 3e-6
    assert seconds(kernel, (4, 1, 1), like, GPU) > 10 * full  # four multiprocessors do not keep the memory busy
