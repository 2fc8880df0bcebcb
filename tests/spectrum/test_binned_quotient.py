"""Groups in bins: vectors against dense linear algebra."""

import numpy as np

from penultimate.spectrum.binned_quotient import BinnedQuotient
from penultimate.spectrum.quotient import DenseQuotient


def quotient(seed=0):
    rng = np.random.default_rng(seed)
    of = np.array([0, 0, 0, 1, 2, 2, 1, 1])
    size = rng.integers(1, 5, of.size).astype(float)
    left, sigma, right = np.linalg.svd(rng.standard_normal((3, 3)))
    even = np.ones(of.size)
    position = -np.arange(of.size, dtype=float)
    return BinnedQuotient(DenseQuotient(left, sigma, right.T), of, size, position, np.full(of.size, 2.0), even, even)


def test_vectors_are_orthonormal_and_products_are_theirs():
    found, rng = quotient(), np.random.default_rng(1)
    every = np.arange(found.sigma.size)
    assert every.size == found.of.size
    for side in ("left", "right"):
        vectors = found.vectors(side, every)
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(every.size), atol=1e-14)
        x, y = rng.standard_normal((2, every.size))
        np.testing.assert_allclose(found.apply(side, x), vectors @ x, atol=1e-14)
        np.testing.assert_allclose(found.apply_transpose(side, y), vectors.T @ y, atol=1e-14)


def test_gram_of_values_that_are_equal_within_bins():
    found, rng = quotient(), np.random.default_rng(2)
    between = np.array([1.0, 2.0, 3.0])[found.of]
    values = np.append(rng.random(3), between[found._later])
    # Interpolation between bins still moves those at their ends.
    gram = found.gram(values, "left", "right")
    every = np.arange(found.of.size)
    whole = (found.vectors("left", every) * values) @ found.vectors("right", every).T
    scale = np.sqrt(gram.level)
    dense = gram.block(every, every)
    np.testing.assert_allclose(np.diagonal(dense), gram.diagonal, atol=1e-14)
    np.testing.assert_allclose(gram.transposed.block(every, every), dense.T, atol=1e-14)
    np.testing.assert_allclose(gram.pairs(every, every[::-1]), np.diagonal(dense[:, ::-1]), atol=1e-14)
    np.testing.assert_allclose(dense / np.outer(scale, scale), whole, atol=1e-14)


def test_strengths_that_grow_within_a_bin_are_followed():
    """One bin of many groups: entries on the diagonal are those of the strengths, to second order."""
    m = 40
    of, position = np.zeros(m, dtype=int), np.linspace(0.1, 0.0, m)
    level = np.exp(position)
    mixed = DenseQuotient(np.ones((1, 1)), np.array([1.05]), np.ones((1, 1)))
    found = BinnedQuotient(mixed, of, np.ones(m), position, level, np.ones(m), np.ones(m))
    diagonal = found.gram(found.sigma, "left", "right").diagonal
    np.testing.assert_allclose(diagonal[1:], level[1:], rtol=2e-3)
