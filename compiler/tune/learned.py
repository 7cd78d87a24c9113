"""A cost model that learns: ridge regression of the logarithm of seconds on features and their squares.

Few measurements are there to learn from, so the penalty is what keeps it honest (Hoerl & Kennard, Ridge Regression,
Technometrics 1970).
"""

from collections.abc import Sequence

import numpy as np

PENALTY = 0.3
"""On the squares of coefficients of features that are scaled to a variance of one."""


class Ridge:
    """Fitted to measured schedules; tells which of others are likely to be fast."""

    def __init__(self, rows: Sequence[np.ndarray], seconds: Sequence[float]):
        raw = _terms(np.stack(rows))
        self.mean, self.scale = raw.mean(0), np.maximum(raw.std(0), 1e-9)
        told = np.log(np.array(seconds))
        self.base = float(told.mean())
        scaled = (raw - self.mean) / self.scale
        left = scaled.T @ scaled + PENALTY * len(rows) * np.eye(raw.shape[1])
        self.weights = np.linalg.solve(left, scaled.T @ (told - self.base))

    def predicted(self, rows: Sequence[np.ndarray]) -> np.ndarray:
        """Logarithms of seconds; those of schedules that are like nothing seen stay within what is known."""
        scaled = np.clip((_terms(np.stack(rows)) - self.mean) / self.scale, -3, 3)
        return self.base + scaled @ self.weights


def _terms(rows: np.ndarray) -> np.ndarray:
    return np.concatenate([rows, rows**2], axis=1)


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Spearman's: 1 if both order the same way, -1 if they do so in opposite ways; None of fewer than three, or where
    one has but a single value."""
    if len(one) < 3 or len(set(one)) < 2 or len(set(other)) < 2:
        return None
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: Sequence[float]) -> np.ndarray:
    """Places in order; equal values share the mean of theirs."""
    _, places, counts = np.unique(np.array(values), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]
