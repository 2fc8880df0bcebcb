import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penultimate.audits.row_lengths import row_lengths
from penultimate.forecasts.sphere_law import sphere_margins

ZIPF = 1e6 / np.arange(1, 301)


def by_law(counts=ZIPF, margin=12.0):
    return sphere_margins(counts / counts.sum(), np.ones(counts.size, dtype=int), margin)


def test_lengths_of_the_law_are_explained_by_it():
    found = row_lengths(0.3 * by_law(), ZIPF)
    assert found.law.error < 1e-2 < found.blind_error and found.law.share > 0.99 and found.best.share >= found.law.share
    np.testing.assert_allclose(found.by_law, found.lengths, rtol=0.02)


@pytest.mark.parametrize("noise", [0.05, 0.12])
def test_intervals_hold_the_true_share(noise):
    """Of fifteen draws a 95 % interval misses one."""
    lengths = by_law()
    spread = noise * lengths.mean()
    share = lengths.var() / (lengths.var() + spread**2)
    held = [0, 0]
    for seed in range(15):
        found = row_lengths(lengths + spread * np.random.default_rng(seed).normal(size=lengths.size), ZIPF)
        for place, explained in enumerate((found.law, found.best)):
            held[place] += explained.interval[0] <= share <= explained.interval[1]
    assert min(held) >= 11


def test_what_is_explained_by_chance_is_not_counted():
    """Fifty quantile means of noise leave less of it by chance; adjusted, they explain nothing."""
    found = [row_lengths(10 + np.random.default_rng(seed).normal(size=300), ZIPF) for seed in range(8)]
    assert np.mean([one.best.share for one in found]) < 0.03 and not any(one.explained for one in found)


def test_any_function_of_counts_is_found_where_the_law_is_not():
    counts = np.repeat([9000.0, 3000.0, 1000.0, 300.0], 100)
    lengths = np.repeat([1.0, 2.0, 1.0, 2.0], 100) + 0.05 * np.random.default_rng(0).normal(size=400)
    found = row_lengths(lengths, counts)
    assert found.law.share < 0.25 and found.best.share > 0.98
    assert np.unique(found.by_best).size == 4  # classes of equal count share a quantile


@settings(max_examples=8)
@given(st.integers(0, 99), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_only_shapes_matter(seed, length, count):
    rng = np.random.default_rng(seed)
    counts, lengths = rng.integers(1, 1000, 80).astype(float), rng.uniform(1, 2, 80)
    plain, scaled = row_lengths(lengths, counts), row_lengths(length * lengths, count * counts)
    assert scaled.law.error == pytest.approx(plain.law.error, rel=1e-6)
    assert scaled.best.interval == pytest.approx(plain.best.interval, rel=1e-6, abs=1e-9)
    assert 0 <= plain.law.share <= plain.best.share <= 1


@pytest.mark.parametrize(
    ("lengths", "counts"),
    [
        (np.arange(1.0, 64), np.arange(1.0, 64)),
        (np.arange(1.0, 101), np.ones(100)),
        (np.ones(100), np.arange(1.0, 101)),
    ],
)
def test_with_nothing_to_explain_nothing_is_said(lengths, counts):
    assert row_lengths(lengths, counts) is None


def test_many_distinct_counts_are_binned():
    counts = 1e9 / np.arange(1.0, 20_001)
    assert row_lengths(by_law(counts), counts).law.error < 1e-2
