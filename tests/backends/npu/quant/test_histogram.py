"""Histograms and the ranges chosen from them."""

import numpy as np
import pytest
from aic.backends.npu.quant.histogram import BINS, LEVELS, Histogram, divergence

rng = np.random.default_rng(0)


def histogram(*arrays: np.ndarray) -> Histogram:
    made = Histogram()
    for array in arrays:
        made.add(array)
    return made


def test_all_numbers_are_counted_while_the_reach_doubles() -> None:
    parts = [rng.standard_normal(1000).astype(np.float32) * scale for scale in (0.01, 1, 50, 3)]
    found, whole = histogram(*parts), np.concatenate(parts)
    assert found.counts.sum() == whole.size
    assert found.range("minmax", 99.0) == (float(whole.min()), float(whole.max()))
    centres = (np.arange(BINS) + 0.5 - BINS / 2) * 2 * found.reach / BINS
    assert np.dot(found.counts, centres) / whole.size == pytest.approx(whole.mean(), abs=2 * found.reach / BINS)


def test_ranges_hold_zero() -> None:
    assert histogram(np.array([3.0, 5.0])).range("minmax", 99.0) == (0.0, 5.0)
    assert histogram(np.array([-3.0, -5.0])).range("percentile", 99.0)[1] == 0.0
    assert histogram(np.zeros(4)).range("kl", 99.0) == (0.0, 0.0)
    assert histogram(np.zeros(0)).range("minmax", 99.0) == (0.0, 0.0)


def test_infinities_are_no_part_of_a_range() -> None:
    assert histogram(np.array([1.0, -np.inf, np.nan, 2.0])).range("minmax", 99.0) == (0.0, 2.0)


@pytest.mark.parametrize("share", [99.0, 99.9])
def test_percentile_is_that_of_numpy(share: float) -> None:
    values = rng.standard_normal(200_000).astype(np.float32)
    low, high = histogram(values).range("percentile", share)
    assert (low, high) == pytest.approx(np.percentile(values, [100 - share, share]), abs=0.02)


def test_kl_cuts_outliers_off_and_keeps_an_even_distribution() -> None:
    normal = rng.standard_normal(100_000).astype(np.float32)
    low, high = histogram(np.append(normal, np.float32([60.0, -60.0]))).range("kl", 99.0)
    assert 2.5 < high < 8 and 2.5 < -low < 8
    low, high = histogram(rng.uniform(0, 4, 100_000)).range("kl", 99.0)
    assert high > 3.9 and low == 0.0


def test_divergence_is_that_of_its_definition() -> None:
    """Against the loop of TensorRT's presentation."""
    counts = np.histogram(np.abs(rng.standard_normal(5000)), 512, (0, 5))[0].astype(np.float64)
    for stop in (LEVELS, 200, 333):
        p = counts[:stop].copy()
        p[-1] += counts[stop:].sum()
        q = np.zeros(stop)
        for level in range(LEVELS):
            bins = [i for i in range(stop) if i * LEVELS // stop == level]
            filled = [i for i in bins if p[i] > 0]
            for i in filled:
                q[i] = sum(counts[j] for j in bins) / len(filled)
        p, q = p / p.sum(), q / q.sum()
        expected = sum(a * np.log(a / b) for a, b in zip(p, q, strict=True) if a > 0 and b > 0)
        assert divergence(counts, stop, LEVELS) == pytest.approx(expected, rel=1e-2)


def test_loss_is_that_of_rounding() -> None:
    values = rng.standard_normal(100_000).astype(np.float32)
    found = histogram(values)
    for low, high in ((-5.0, 5.0), (-2.0, 1.0)):
        step = (high - low) / 255
        rounded = np.clip(np.rint(values / step) * step, low, high)
        lost = np.sqrt(np.mean(np.square(values - rounded)) / np.mean(np.square(values)))
        assert found.loss((low, high), 256) == pytest.approx(lost, rel=0.05)
