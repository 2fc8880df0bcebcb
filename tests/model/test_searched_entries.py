"""The largest entry of every row, looked for among few columns, against all of them."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.spectrum import quotient

RANK = np.arange(900)
COUNTS = {
    "zipf": np.round(30.0 * 900**1.05 / (RANK + 1.0) ** 1.05) + RANK[::-1],
    "exponential": np.geomspace(5e5, 5.0, 900),
    "random": np.exp(np.random.default_rng(0).random(900) * 12),
    "pairs": np.repeat(np.geomspace(5e5, 5.0, 300), 2),
}


@pytest.mark.parametrize("kind", list(COUNTS))
@pytest.mark.parametrize("layers", [1, 2])
def test_search_finds_what_comparing_all_finds(kind, layers, monkeypatch):
    n = COUNTS[kind]
    counts = pen.ClassCounts(n)
    for rank in (20, 500, 890):
        threshold = np.sort(n)[::-1][min(rank, n.size - 1)]
        found = []
        for direct in (10**9, 0):
            monkeypatch.setattr(quotient, "DIRECT", direct)
            decay = float(np.sqrt(threshold / n.sum()))
            geometry = pen.forecast(counts, weight_decay=decay, feature_ratio=1, layers=layers).geometry
            found.append((geometry.group_nearest[1], geometry.group_margins))
        (cosine, margin), (searched, close) = found
        np.testing.assert_array_equal(np.isnan(cosine), np.isnan(searched))
        np.testing.assert_allclose(searched, cosine, atol=1e-3)
        np.testing.assert_allclose(close, margin, atol=1e-3 * np.abs(margin).max() + 1e-15)


def test_entries_one_by_one_are_those_of_blocks():
    svd = pen.LabelSpectrum(pen.ClassCounts(COUNTS["zipf"]))
    gram = svd.quotient.gram(svd.sigma**1.5, "left", "right")
    rows, columns = np.array([0, 3, 899]), np.array([5, 2, 10])
    np.testing.assert_allclose(gram.pairs(rows, columns), np.diagonal(gram.block(rows, columns)), rtol=1e-12)
