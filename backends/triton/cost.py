"""How long a kernel is likely to take on a GPU, from its numbers and its binary's statics, to rank schedules by.

    worth_compiling({"BM": 256, "BN": 256, "BK": 64, "warps": 4, "stages": 3}, 4096, gpu)      False: it would spill
    seconds(kernel, grid, statics, gpu)                                                        4.1e-05

A roofline over rounds of programs: the multiprocessors work through the grid `resident` programs at a time, small tiles
do not fill the tensor cores, what tiles read again comes from the second cache. Uncalibrated: it ranks schedules of one
kernel, its seconds are no promise.
"""

from collections.abc import Mapping
from math import prod

from .kernel import Kernel
from .machine import Gpu
from .statics import Statics

ACCUMULATORS = 160
"""Sums of a thread above which a product is likely to spill; with an epilogue 128x256 by 8 warps, 128 each, does."""
FULL, FEED = 128 * 128, 0.35
"""The tile that fills the tensor cores, and how steeply a smaller one falls short."""
SPILL = 1.5
"""What spilling costs, at least."""
SPILLED = 64
"""Bytes of spills that are no matter."""


def worth_compiling(schedule: Mapping[str, int], k: int, gpu: Gpu, element: int = 2) -> bool:
    """Whether a product's schedule is likely to fit registers and shared memory, and has as many rounds as stages."""
    bm, bn, bk, warps, stages = (schedule.get(key, default) for key, default in DEFAULTS.items())
    fits = (bm + bn) * bk * element * stages <= gpu.shared
    return fits and bm * bn // (warps * 32) <= ACCUMULATORS and -(-k // bk) >= min(stages, 2)


DEFAULTS = {"BM": 64, "BN": 64, "BK": 32, "warps": 4, "stages": 3}


def seconds(kernel: Kernel, grid: tuple[int, int, int], like: Statics | None, gpu: Gpu) -> float:
    """The time of one launch. Without statics, as if two programs were resident."""
    programs, resident = prod(grid), max(like.resident, 1) if like is not None else 2
    rounds = -(-programs // (gpu.sms * resident))
    busy = programs / (rounds * gpu.sms * resident)
    tile = kernel.schedule.get("BM", 0) * kernel.schedule.get("BN", 0)
    feed = min(1.0, tile / FULL) ** FEED if kernel.dots and tile else 1.0
    rate = gpu.tflops if kernel.dots else gpu.f32_tflops
    compute = kernel.flops / (1e12 * rate * feed * busy)
    memory = kernel.bytes / (1e9 * gpu.dram_gbs * min(1.0, 2 * busy * resident))
    again = _read(kernel) / (1e9 * gpu.l2_gbs)
    spills = like is not None and like.spilled > SPILLED
    return 1e-6 * gpu.launch_us + max(compute, memory, again) * (SPILL if spills else 1.0)


def _read(kernel: Kernel) -> float:
    """Bytes of factors that all programs of a product read: each (BM + BN) K elements for 2 BM BN K operations."""
    bm, bn = (kernel.schedule.get(key, 0) for key in ("BM", "BN"))
    if not kernel.dots or not bm or not bn:
        return 0.0
    element = min((p.element_bytes for p in kernel.parameters if p.is_pointer), default=2)
    return kernel.flops / (2 * bm * bn) * (bm + bn) * element
