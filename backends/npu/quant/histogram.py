"""How a tensor's numbers are distributed, and which range of them is worth its bits.

Three ways to choose the range, as NVIDIA's TensorRT and onnxruntime offer them: all of it (`minmax`), all but a share
of outliers at each end (`percentile`), or the one whose 8-bit version loses the least information (`kl`, Migacz, "8-bit
inference with TensorRT", GTC 2017).
"""

from dataclasses import dataclass, field

import numpy as np

from ....dialects._shape import Array

METHODS = ("minmax", "percentile", "kl")
BINS = 8192
"""Bins of a histogram, an even number of them on each side of zero."""
LEVELS = 128
"""Magnitudes that 8 bits with a sign tell apart."""
STEP = 32
"""Candidates of `kl` are this many bins apart."""
Range = tuple[float, float]
Counts = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass
class Histogram:
    """Counts of numbers between -reach and reach; a larger number doubles the reach, so one pass over the data does."""

    low: float = np.inf
    high: float = -np.inf
    reach: float = 0.0
    counts: Counts = field(default_factory=lambda: np.zeros(BINS))

    def add(self, values: Array) -> None:
        """Count these numbers; infinities and NaN are no part of a range and are left out."""
        flat = values.reshape(-1).astype(np.float32)
        if not np.isfinite(flat).all():
            flat = flat[np.isfinite(flat)]
        if not flat.size:
            return
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        top = max(-self.low, self.high)
        if self.reach == 0.0 and top > 0.0:
            self.reach = float(top)
        while self.reach < top:
            self._double()
        if self.reach > 0.0:
            self.counts += np.histogram(flat, BINS, (-self.reach, self.reach))[0]

    def range(self, method: str, percentile: float) -> Range:
        """The numbers worth telling apart, and zero; (0, 0) where nothing but zero was seen."""
        if self.reach == 0.0:
            return 0.0, 0.0
        match method:
            case "minmax":
                found = self.low, self.high
            case "percentile":
                found = self.percentile(percentile)
            case "kl":
                top = self.least_divergence()
                found = -top, top
            case _:
                raise ValueError(f"expected a method of {', '.join(METHODS)}, found {method}")
        return min(max(found[0], self.low), 0.0), max(min(found[1], self.high), 0.0)

    def loss(self, kept: Range, levels: int) -> float:
        """The root mean square of what rounding to `levels` numbers over a range takes away, by that of the numbers."""
        if self.reach == 0.0:
            return 0.0
        at = (np.arange(BINS) + 0.5 - BINS / 2) * (2 * self.reach / BINS)
        low, high = kept
        cut = np.square(at - np.clip(at, low, high))
        step = (high - low) / (levels - 1)
        lost = np.where(cut > 0, cut, step * step / 12)
        return float(np.sqrt(np.dot(self.counts, lost) / np.dot(self.counts, np.square(at))))

    def percentile(self, share: float) -> Range:
        """Without the (100 - share) % of largest numbers, nor as many of the smallest."""
        edges = np.linspace(-self.reach, self.reach, BINS + 1)
        below = np.cumsum(self.counts) / self.counts.sum()
        first = int(np.searchsorted(below, 1 - share / 100, "right"))
        last = int(np.searchsorted(below, share / 100))
        return float(edges[first]), float(edges[min(last, BINS - 1) + 1])

    def least_divergence(self) -> float:
        """The magnitude to saturate at: of every `STEP`-th bin the one with the least Kullback-Leibler divergence
        between the counts (outliers in the last bin) and the counts spread evenly within each of the levels."""
        half = BINS // 2
        sides = self.counts[:half][::-1], self.counts[half:]
        levels = LEVELS if self.low < 0 < self.high else 2 * LEVELS
        counts = sides[0] + sides[1]
        counts[0] = counts[1] if counts[1:].any() else counts[0]  # zeros are exact at any range
        stops = np.arange(levels, half + 1, STEP)
        losses = [divergence(counts, int(stop), levels) for stop in stops]
        return float(stops[int(np.argmin(losses))]) / half * self.reach

    def _double(self) -> None:
        pairs = self.counts.reshape(-1, 2).sum(axis=1)
        self.counts = np.pad(pairs, BINS // 4)
        self.reach *= 2


def divergence(counts: Counts, stop: int, levels: int) -> float:
    """sum p log(p / q): p the counts of the first `stop` bins and all beyond in the last of them, q the same counts
    without those beyond, of which only the sum over each of `levels` stretches of non-empty bins is kept."""
    p, inside = counts[:stop].copy(), counts[:stop]
    p[-1] += counts[stop:].sum()
    level = np.arange(stop) * levels // stop
    filled = p > 0
    total, bins = (np.bincount(level, weights, levels) for weights in (inside, filled.astype(np.float64)))
    q = np.where(filled, (total / np.maximum(bins, 1))[level], 0.0)
    if not q.any():
        return np.inf
    p, q = p / p.sum(), q / q.sum()
    lost = filled & (q == 0)  # a level that holds nothing but outliers: as good as one ten-thousandth
    q[lost] = 1e-4 / stop
    return float(np.sum(p[filled] * np.log(p[filled] / q[filled])))
