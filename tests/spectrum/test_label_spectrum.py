"""The label spectrum against dense linear algebra and its own laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import penultimate as pen
from oracles import label_matrix

COUNTS = {
    "two-groups": [50, 50, 10, 10, 10],
    "unseen": [7, 3, 3, 0, 3, 1, 0, 9],
    "equal": [4, 4, 4],
    "two-classes": [5, 3],
    "integers": list(np.random.default_rng(0).integers(1, 30, 80)),
    "weighted": list(np.random.default_rng(1).uniform(0.5, 900, 60)),
}
counts_lists = st.lists(st.integers(0, 40), min_size=2, max_size=30).filter(lambda n: sum(k > 0 for k in n) >= 2)


@pytest.mark.parametrize("centred", [True, False], ids=["centred", "not-centred"])
@pytest.mark.parametrize("name", COUNTS)
def test_decomposition_equals_the_dense_matrix(name, centred):
    matrix = label_matrix(COUNTS[name], centred=centred)
    spectrum = pen.LabelSpectrum(pen.ClassCounts(COUNTS[name]), centred=centred)
    sigma = np.repeat(spectrum.sigma, spectrum.multiplicity)
    left, right = spectrum.vectors("left"), spectrum.vectors("right")
    np.testing.assert_allclose(sigma, np.linalg.svd(matrix, compute_uv=False)[: sigma.size], rtol=1e-12)
    assert np.abs((left * sigma) @ right.T - matrix).max() <= 1e-13 * sigma[0]
    assert np.abs(left.T @ left - np.eye(sigma.size)).max() <= 1e-13
    assert np.abs(right.T @ right - np.eye(sigma.size)).max() <= 1e-13


@pytest.mark.parametrize("centred", [True, False], ids=["centred", "not-centred"])
@pytest.mark.parametrize("name", COUNTS)
def test_operators_equal_the_dense_vectors(name, centred):
    spectrum = pen.LabelSpectrum(pen.ClassCounts(COUNTS[name]), centred=centred)
    rng = np.random.default_rng(2)
    z, y = rng.standard_normal(spectrum.rank), rng.standard_normal(len(COUNTS[name]))
    for operator, dense in ((spectrum.U, spectrum.vectors("left")), (spectrum.V, spectrum.vectors("right"))):
        np.testing.assert_allclose(operator @ z, dense @ z, atol=1e-12)
        np.testing.assert_allclose(operator.T @ y, dense.T @ y, atol=1e-12)
    some = np.array([spectrum.rank - 1, 0])
    np.testing.assert_array_equal(spectrum.vectors("left", some), spectrum.vectors("left")[:, some])


def test_orthogonality_at_two_thousand_distinct_counts():
    rng = np.random.default_rng(3)
    counts = pen.ClassCounts(rng.choice(10**6, 2000, replace=False) + 1.0)
    spectrum = pen.LabelSpectrum(counts)
    left, right = spectrum.vectors("left"), spectrum.vectors("right")
    assert np.abs(left.T @ left - np.eye(1999)).max() <= 1e-12
    assert np.abs(right.T @ right - np.eye(1999)).max() <= 1e-12
    assert np.abs(right.T @ np.sqrt(counts.values / counts.samples)).max() <= 1e-12
    matrix = label_matrix(counts.values)
    assert np.linalg.norm((left * spectrum.sigma) @ right.T - matrix) <= 1e-13 * np.linalg.norm(matrix)


def test_clusters_of_weighted_counts_keep_orthogonal_vectors():
    values = [1000.0 * (1 + k * 2.0**-52) for k in range(40)] + [3.0 * (1 + 1e-9 * k) for k in range(40)]
    spectrum = pen.LabelSpectrum(pen.ClassCounts(values))
    for side in ("left", "right"):
        vectors = spectrum.vectors(side)
        assert np.abs(vectors.T @ vectors - np.eye(79)).max() <= 1e-12


@given(counts_lists)
def test_interlacing_sum_rule_and_rank(n):
    counts = pen.ClassCounts(n)
    spectrum = pen.LabelSpectrum(counts)
    squares = np.repeat(spectrum.sigma, spectrum.multiplicity) ** 2
    ordered = np.sort(counts.values[counts.values > 0])[::-1]
    assert squares.size == counts.seen - 1
    tolerance = 1 + 1e-13
    assert np.all(ordered[:-1] * tolerance >= squares)
    assert np.all(squares * tolerance >= ordered[1:])
    total = counts.samples - np.sum(counts.values**2) / counts.samples
    assert squares.sum() == pytest.approx(total, rel=1e-12)


@given(counts_lists, st.floats(0, 8))
def test_count_above_agrees_with_the_singular_values(n, threshold):
    for centred in (True, False):
        spectrum = pen.LabelSpectrum(pen.ClassCounts(n), centred=centred)
        sigma = np.repeat(spectrum.sigma, spectrum.multiplicity)
        if np.all(np.abs(sigma - threshold) > 1e-9):
            assert spectrum.count_above(threshold) == np.sum(sigma > threshold)


@pytest.mark.parametrize("threshold_squared", [4.0, 9.0, 1.0])
def test_count_above_at_a_count_itself(threshold_squared):
    spectrum = pen.LabelSpectrum(pen.ClassCounts([9, 9, 4, 4, 4, 1]))
    sigma = np.repeat(spectrum.sigma, spectrum.multiplicity)
    expected = np.sum(sigma**2 > threshold_squared * (1 + 1e-12))
    assert spectrum.count_above(threshold_squared**0.5) == expected


def test_two_groups_have_the_closed_form():
    spectrum = pen.LabelSpectrum(pen.ClassCounts([700] * 3 + [20] * 4))
    mixed = 7 * 700 * 20 / (3 * 700 + 4 * 20)
    np.testing.assert_allclose(spectrum.sigma**2, [700, mixed, 20], rtol=1e-15)
    np.testing.assert_array_equal(spectrum.multiplicity, [2, 1, 3])


def test_a_million_classes_take_no_square_array():
    spectrum = pen.LabelSpectrum(pen.ClassCounts(np.tile([5.0, 3.0, 2.0, 1.0], 250_000)))
    assert spectrum.rank == 999_999
    assert spectrum.sigma.size == 7
    y = np.random.default_rng(4).standard_normal(1_000_000)
    z = spectrum.U.T @ y
    # U has orthonormal columns that leave out the vector of ones alone.
    assert z @ z == pytest.approx(y @ y - y.sum() ** 2 / y.size, rel=1e-10)


def test_repr_says_what_it_is():
    assert "directions" in repr(pen.LabelSpectrum(pen.ClassCounts([3, 2])))


def test_equal_counts_that_are_grouped_otherwise_have_a_spectrum_of_their_own():
    counts = pen.ClassCounts([12, 7, 7, 4])
    finer = counts.split([1, 1, 2, 1])
    assert finer == counts
    for grouped, groups in ((counts, 3), (finer, 4), (counts, 3)):
        spectrum = pen.LabelSpectrum(grouped, centred=False)
        assert spectrum.quotient.vectors("left", np.arange(groups)).shape == (groups, groups)
        np.testing.assert_allclose(np.repeat(spectrum.sigma, spectrum.multiplicity), np.sqrt([12, 7, 7, 4]))
