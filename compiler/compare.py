"""How far two arrays are apart, and how far they may be.

    |a - b| <= atol + rtol * |b|   element by element, NaN and infinities in the same places; further limits on demand

By default atol is 1e-4 of the reference's largest finite magnitude: sums in another order differ by that much.
"""

from dataclasses import dataclass

import numpy as np

from ..dialects._shape import Array

SCALE = 1e-4
"""Of the largest magnitude: the default absolute tolerance."""


@dataclass(frozen=True)
class Difference:
    """What was measured; `shape` tells if shapes or types differ, then nothing else was. sqnr in dB. `first` and
    `pair`: the first of the `mismatched` of `size` elements, what it is and what it should be."""

    maxabs: float = 0.0
    maxrel: float = 0.0
    cosine: float = 1.0
    sqnr: float = float("inf")
    ulp: float = 0.0
    shape: str = ""
    mismatched: int = 0
    worst: tuple[int, ...] = ()
    size: int = 0
    first: tuple[int, ...] = ()
    pair: tuple[float, float] | None = None

    @property
    def place(self) -> str:
        """How many elements are wrong, and the first of them: `4 of 401408 differ, first [0, 135, 8, 16]: -75 instead
        of -74`; "" if none is."""
        if self.pair is None:
            return ""
        found, wanted = self.pair
        where = f"first {list(self.first)}: {found:.9g} instead of {wanted:.9g}"
        return f"{self.mismatched} of {self.size} differ, {where}"


@dataclass(frozen=True)
class Tolerance:
    """The limits; None leaves one out, and stands for the default of `atol`."""

    atol: float | None = None
    rtol: float = 1e-4
    max_ulp: float | None = None
    min_cosine: float | None = None
    min_sqnr: float | None = None

    def accepts(self, found: Difference) -> bool:
        """Whether the candidate is near enough."""
        limits = (
            (self.max_ulp, lambda limit: found.ulp <= limit),
            (self.min_cosine, lambda limit: found.cosine >= limit),
            (self.min_sqnr, lambda limit: found.sqnr >= limit),
        )
        asked = [(limit, good) for limit, good in limits if limit is not None]
        if found.shape or not all(good(limit) for limit, good in asked):
            return False
        return found.mismatched == 0 or (bool(asked) and self.atol is None)


def difference(candidate: Array, reference: Array, tolerance: Tolerance = Tolerance()) -> Difference:
    """Measure a candidate against a reference; elements outside atol and rtol are counted."""
    if candidate.shape != reference.shape or candidate.dtype != reference.dtype:
        told = f"{candidate.dtype}{list(candidate.shape)}, expected {reference.dtype}{list(reference.shape)}"
        return Difference(shape=told)
    if reference.size == 0:
        return Difference()
    with np.errstate(all="ignore"):
        a, b = candidate.astype(np.float64), reference.astype(np.float64)
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        finite = np.isfinite(a) & np.isfinite(b)
        gap = np.where(same, 0.0, np.where(finite, np.abs(a - b), np.inf))
        magnitude = np.abs(np.where(np.isfinite(b), b, 0.0))
        exact = reference.dtype.kind in "iub"
        atol = (0.0 if exact else SCALE * magnitude.max()) if tolerance.atol is None else tolerance.atol
        allowed = atol + (0.0 if exact and tolerance.atol is None else tolerance.rtol) * magnitude
        wrong = gap > allowed
        x, y = np.where(finite, a, 0.0).reshape(-1), np.where(finite, b, 0.0).reshape(-1)
        noise, signal = float(np.sum((x - y) ** 2)), float(np.sum(y**2))
        first = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape)) if wrong.any() else ()
        lengths = float(np.linalg.norm(x) * np.linalg.norm(y))
        cosine = float(x @ y) / lengths if lengths else float(not noise)
        return Difference(
            maxabs=float(gap.max()),
            maxrel=float(np.max(gap / np.maximum(magnitude, 1e-30), where=~same, initial=0.0)),
            cosine=min(cosine, 1.0),
            sqnr=10 * float(np.log10(signal / noise)) if noise and signal else (float("inf") if not noise else 0.0),
            ulp=_ulp(candidate, reference, gap),
            mismatched=int(wrong.sum()),
            worst=tuple(int(i) for i in np.unravel_index(int(np.argmax(gap)), gap.shape)),
            size=reference.size,
            first=first,
            pair=(float(a[first]), float(b[first])) if wrong.any() else None,
        )


def _ulp(candidate: Array, reference: Array, gap: Array) -> float:
    """The largest gap in units of the reference's last place; of integers, the gap itself."""
    if reference.dtype.kind != "f":
        return float(gap.max())
    spacing = np.spacing(np.abs(np.where(np.isfinite(reference), reference, 1))).astype(np.float64)
    return float(np.max(np.divide(gap, spacing)))
