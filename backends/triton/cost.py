"""How long a kernel is likely to take on a GPU, from its numbers and its binary's statics, to rank schedules by.

    seconds(kernel, grid, statics, gpu)        4.1e-05

Four floors, of which the largest counts most: arithmetic on the busiest multiprocessor; memory as far as the bytes in
flight keep it busy (Little's law); what programs read again, from the second cache; the steps of a loop one after the
other. Nothing here was calibrated on a device: it ranks schedules of one kernel, its seconds are no promise.
"""

from dataclasses import dataclass
from math import inf, prod

from .kernel import Kernel
from .machine import Gpu
from .statics import Statics

FULL, FEED = 128 * 128, 0.35
"""The tile that fills the tensor cores, and how steeply a smaller one falls short."""
HIDING, HIDDEN = 8, 0.3
"""Warps of a multiprocessor that hide each other's waiting, and how steeply fewer fall short."""
NORM = 4
"""How little a floor counts beside a larger one: by the norm of this power they are summed up."""
SPILL = 1 / 200
"""The part of its time that a kernel loses by each byte that a thread spills."""
NARROW = 1.5
"""What accesses narrower than 16 bytes cost where 16 were to be had."""
LATENCY = 6e-7
"""Seconds from a request to memory until its answer."""
STEP, WAITING = 1.5e-7, 7e-7
"""Seconds of a loop's step of a product at least: with the next one's factors on their way, and without."""


@dataclass(frozen=True)
class Shares:
    """How a launch fills a GPU: programs that the busiest multiprocessor runs in all, and at a time; the part of all
    multiprocessors that is busy on average."""

    busiest: int
    together: int
    part: float


def shares(programs: int, resident: int, gpu: Gpu) -> Shares:
    """Of so many programs, `resident` of which a multiprocessor holds."""
    busiest = -(-programs // gpu.sms)
    return Shares(busiest, min(resident, busiest), programs / (busiest * gpu.sms))


def seconds(kernel: Kernel, grid: tuple[int, int, int], like: Statics, gpu: Gpu) -> float:
    """The time of one launch; infinite if a multiprocessor cannot hold a program."""
    if not like.resident:
        return inf
    fill = shares(prod(grid), like.resident, gpu)
    slow = NARROW if kernel.contiguous and not like.is_wide else 1.0
    floors = (
        _arithmetic(kernel, prod(grid), like, fill, gpu),
        slow * _memory(kernel, prod(grid), like, fill, gpu),
        slow * _read(kernel) / (1e9 * gpu.l2_gbs * fill.part),
        _steps(kernel, like, fill),
    )
    return 1e-6 * gpu.launch_us + sum(f**NORM for f in floors) ** (1 / NORM) * (1 + SPILL * like.spilled)


def _arithmetic(kernel: Kernel, programs: int, like: Statics, fill: Shares, gpu: Gpu) -> float:
    tile = _tile(kernel)
    hidden = min(1.0, fill.together * like.warps / HIDING) ** HIDDEN
    if not like.tensor:
        return kernel.flops / (1e12 * gpu.f32_tflops * fill.part * hidden)
    feed = min(1.0, tile / FULL) ** FEED if tile else 1.0
    made = max((p.elements for p in kernel.parameters if p.written), default=0)
    waste = max(1.0, programs * tile / made) if tile and made else 1.0
    return kernel.flops * waste / (1e12 * gpu.tflops * feed * fill.part * hidden)


def _memory(kernel: Kernel, programs: int, like: Statics, fill: Shares, gpu: Gpu) -> float:
    """Bytes at the rate that those in flight allow: of a pipeline the part of shared memory that is being filled, else
    what the threads' registers take."""
    stages = max(kernel.stages, 2)
    ahead = like.shared * (stages - 1) // stages if is_pipelined(like) else 64 * 32 * like.warps
    flying = fill.together * min(ahead, kernel.bytes / programs) * min(programs, gpu.sms)
    rate = min(1e9 * gpu.dram_gbs, max(flying, 1) / LATENCY)
    return kernel.bytes / rate


def _read(kernel: Kernel) -> float:
    """Bytes of factors that all programs of a product read: each (BM + BN) K elements for 2 BM BN K operations."""
    if not (tile := _tile(kernel)):
        return 0.0
    element = min((p.element_bytes for p in kernel.parameters if p.is_pointer), default=2)
    return kernel.flops / (2 * tile) * (kernel.schedule["BM"] + kernel.schedule["BN"]) * element


def _steps(kernel: Kernel, like: Statics, fill: Shares) -> float:
    """Of a product's loop, one program after the other."""
    made = max((p.elements for p in kernel.parameters if p.written), default=0)
    if not _tile(kernel) or not made:
        return 0.0
    steps = kernel.flops / (2 * made * kernel.schedule["BK"])
    return -(-fill.busiest // fill.together) * steps * (STEP if is_pipelined(like) else WAITING)


def _tile(kernel: Kernel) -> int:
    """Sums of a program's block, of a product."""
    told = kernel.schedule
    return told["BM"] * told["BN"] if told.keys() >= {"BM", "BN", "BK"} else 0


def is_pipelined(like: Statics) -> bool:
    """Whether it loads ahead, past its registers."""
    return bool(like.counts.get("cp.async") or like.counts.get("tma"))
