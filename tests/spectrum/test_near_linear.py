"""The tree against the direct loops, dense matrices and 50-digit arithmetic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import SecularEquation
from penultimate.spectrum import secular
from penultimate.spectrum.cauchy_tree import Halving
from penultimate.spectrum.quotient import CauchyQuotient


def system(poles, multiplicity, *, direct, monkeypatch):
    monkeypatch.setattr(secular, "DIRECT", 10**9 if direct else 0)
    return secular.CauchySystem.solve(poles, multiplicity, poles)


def zipf(size):
    rank = np.arange(size)
    return np.round(30.0 * size**1.05 / (rank + 1.0) ** 1.05) + rank[::-1]


def clusters(size):
    """Four of them, from a few ulp to 1e-6 wide for each count."""
    steps = np.arange(size // 4)
    parts = [start * (1.0 + steps * width) for start, width in ((1e6, 1e-15), (1e3, 1e-12), (7.0, 1e-9), (1.0, 1e-6))]
    return np.unique(np.concatenate(parts))[::-1]


COUNTS = {
    "zipf": zipf(3000),
    "clusters": clusters(3000),
    "twelve-decades": np.unique(np.exp(np.random.default_rng(0).random(3000) * 27))[::-1],
}


@pytest.mark.parametrize("kind", list(COUNTS))
def test_roots_and_sums_are_those_of_the_direct_loops(kind, monkeypatch):
    poles, rng = COUNTS[kind].copy(), np.random.default_rng(1)
    sizes = rng.integers(1, 50, poles.size).astype(float)
    exact = system(poles, sizes, direct=True, monkeypatch=monkeypatch)
    exact_residues = exact.residues
    x, y = rng.standard_normal(poles.size - 1), rng.standard_normal(poles.size)
    expected = [exact.sum_over_roots(x, p) for p in (1, 2)] + [exact.sum_over_poles(y, p) for p in (1, 2)]
    positive = exact.sum_over_poles(exact_residues, 2)
    size = [exact.sum_over_roots(np.abs(x), 2), exact.sum_over_poles(np.abs(y), 2)]
    quick = system(poles, sizes, direct=False, monkeypatch=monkeypatch)
    np.testing.assert_array_equal(quick.anchor, exact.anchor)
    np.testing.assert_allclose(quick.offset, exact.offset, rtol=1e-11)
    np.testing.assert_allclose(np.sqrt(quick.roots), np.sqrt(exact.roots), rtol=1e-13)
    np.testing.assert_allclose(quick.residues, exact_residues, rtol=1e-10)
    np.testing.assert_allclose(quick.sum_over_poles(exact_residues, 2), positive, rtol=1e-11)
    found = [quick.sum_over_roots(x, p) for p in (1, 2)] + [quick.sum_over_poles(y, p) for p in (1, 2)]
    for ours, theirs, terms in zip(found, expected, [None, size[0], None, size[1]], strict=True):
        scale = np.max(np.abs(theirs)) if terms is None else terms
        assert np.max(np.abs(ours - theirs) / scale) < 1e-11


def test_vectors_are_orthonormal(monkeypatch):
    poles = clusters(1200)
    quotient = CauchyQuotient(system(poles, np.ones(poles.size), direct=False, monkeypatch=monkeypatch))
    columns = np.arange(0, poles.size - 1, 7)
    vectors = quotient.vectors("right", columns)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(columns.size), atol=1e-11)
    x = np.random.default_rng(0).standard_normal(poles.size)
    np.testing.assert_allclose(quotient.apply_transpose("right", x)[columns], vectors.T @ x, atol=1e-12)


@pytest.mark.parametrize(("poles", "sizes"), [(zipf(200), np.ones(200)), (clusters(160), np.arange(1.0, 161.0))])
def test_gaps_keep_twelve_digits_against_long_arithmetic(poles, sizes, monkeypatch):
    found = system(poles, sizes[: poles.size], direct=False, monkeypatch=monkeypatch)
    equation = SecularEquation(poles, sizes[: poles.size])
    exact = equation.context.mpf
    for i in range(0, poles.size - 1, 11):
        pole, tau, small = equation.poles[found.anchor[i]], exact(float(found.offset[i])), exact("1e-12")
        assert equation.encloses(i, pole + tau * (1 - small), pole + tau * (1 + small))


@given(st.lists(st.floats(1e-3, 1e9), min_size=2, max_size=300, unique=True), st.integers(0, 9))
@settings(max_examples=12)
def test_any_counts(poles, seed):
    poles = np.sort(np.array(poles))[::-1]
    sizes = np.random.default_rng(seed).integers(1, 10**6, poles.size).astype(float)
    with pytest.MonkeyPatch.context() as patch:
        exact = system(poles, sizes, direct=True, monkeypatch=patch)
        quick = system(poles, sizes, direct=False, monkeypatch=patch)
        np.testing.assert_allclose(np.sqrt(quick.roots), np.sqrt(exact.roots), rtol=1e-13)
        differ = quick.anchor != exact.anchor  # a root in the middle of its gap may go either way
        np.testing.assert_allclose(quick.offset[~differ], exact.offset[~differ], rtol=1e-11)
        np.testing.assert_allclose(np.abs(quick.offset[differ]), np.abs(exact.offset[differ]), rtol=1e-6)


@given(st.integers(2, 5000))
def test_halves_make_up_the_whole(size):
    halving = Halving(size)
    bounds, leaves = halving.bounds, halving.leaves
    assert tuple(bounds[1]) == (0, size)
    for node in range(1, leaves):
        assert bounds[node, 0] == bounds[2 * node, 0]
        assert bounds[2 * node, 1] == bounds[2 * node + 1, 0]
        assert bounds[2 * node + 1, 1] == bounds[node, 1]
    assert np.max(np.diff(bounds[leaves:], axis=1)) <= 64
