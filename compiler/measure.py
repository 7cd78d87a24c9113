"""Times of calls, and on which machine they were taken.

    times = measure([ours, theirs], Effort(repeat=20, min_time=0.5))     in turns: ours theirs, ours theirs, ..
    spread_of(times[0]).median, .interval                                seconds, and where the true median lies

Calls that are compared run in turns, so that a machine that slows down does so for both, and their quotient round by
round (`ratios`) stands still where the times do not. The order is always the same: each call finds the caches as the
other left them; would it change from round to round, half of the calls would find their own data.
"""

import gc
import math
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Z95 = 1.96
"""Standard deviations within which 95 % of a normal distribution lie."""
MOST = 1_000_000
"""Rounds after which enough has been measured, whatever time is left."""


@dataclass(frozen=True)
class Effort:
    """How much is measured: `warmup` rounds that do not count, then `repeat` rounds, and on until each call has taken
    `min_time` seconds in all."""

    warmup: int = 3
    repeat: int = 20
    min_time: float = 0.5


@dataclass(frozen=True)
class Spread:
    """What samples are like. `interval` holds the true median with 95 % confidence if the samples are independent;
    percentiles by their number."""

    count: int
    median: float
    interval: tuple[float, float]
    mean: float
    stdev: float
    minimum: float
    maximum: float
    percentiles: dict[str, float]


def measure(calls: Sequence[Callable[[], object]], effort: Effort) -> list[list[float]]:
    """Seconds of every run of every call, in the order of the rounds; the garbage collector rests meanwhile."""
    times: list[list[float]] = [[] for _ in calls]
    collecting = gc.isenabled()
    gc.disable()
    try:
        for number in range(effort.warmup + min(MOST, max(effort.repeat, 1))):
            _round(calls, times if number >= effort.warmup else None)
        while len(times[0]) < MOST and min(map(sum, times)) < effort.min_time:
            for _ in range(max(1, len(times[0]) // 8)):
                _round(calls, times)
    finally:
        if collecting:
            gc.enable()
    return times


def _round(calls: Sequence[Callable[[], object]], times: list[list[float]] | None) -> None:
    """Each call once."""
    for index, call in enumerate(calls):
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        if times is not None:
            times[index].append(seconds)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Our time over theirs, round by round: below 1 we are faster."""
    return [a / b for a, b in zip(ours, theirs, strict=True) if b > 0]


def spread_of(samples: Sequence[float], percentiles: Sequence[float] = ()) -> Spread:
    """The spread of at least one sample. The interval is that of order statistics: Conover, Practical Nonparametric
    Statistics, section 3.2."""
    found = np.sort(np.array(samples, np.float64))
    half = Z95 / 2 * math.sqrt(len(found))
    low, high = math.floor(len(found) / 2 - half), math.ceil(len(found) / 2 + half)
    return Spread(
        count=len(found),
        median=float(np.median(found)),
        interval=(float(found[max(low, 0)]), float(found[min(high, len(found) - 1)])),
        mean=float(found.mean()),
        stdev=float(found.std(ddof=1)) if len(found) > 1 else 0.0,
        minimum=float(found[0]),
        maximum=float(found[-1]),
        percentiles={f"{p:g}": float(np.percentile(found, p)) for p in percentiles},
    )


def machine() -> dict[str, str | int | float]:
    """The processor, how many cores this process may use, and the load of the last minute."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return {"cpu": processor(), "architecture": platform.machine(), "cores": cores, "load": round(load, 2)}


def processor() -> str:
    """The processor's name as Linux or the platform tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"
