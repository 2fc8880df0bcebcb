"""Where noise ends, against the norms of matrices that are drawn, and planted directions above it."""

import numpy as np
import pytest

import penultimate as pen
from noise_planted import planted
from penultimate.noise.edges import QUANTIFIED, fisher_strengths


def variances(size, spread, rng):
    drawn = np.exp(2 * spread * rng.standard_normal(size))
    return drawn / drawn.mean()


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_edge_is_the_norm_of_noise_to_three_percent(spread):
    rng = np.random.default_rng(0)
    variance = variances(1500, spread, rng)
    norms = [np.linalg.norm(rng.standard_normal((1500, 300)) * np.sqrt(variance)[:, None], 2) for _ in range(2)]
    assert pen.noise.edge(variance, 300) == pytest.approx(np.mean(norms), rel=0.03)


def test_equal_rows_have_the_closed_form():
    assert pen.noise.edge(np.full(500, 4.0), 80) == pytest.approx(2 * (np.sqrt(500) + np.sqrt(80)), rel=1e-12)
    strength, size, width = 120.0, 500, 80
    seen = np.sqrt((strength**2 + size) * (strength**2 + width)) / strength
    found = pen.noise.strengths([seen], np.ones(size), width)
    assert found.strength[0] == pytest.approx(strength, rel=1e-9)
    above = strength**4 - size * width
    assert found.rows[0] == pytest.approx(above / (strength**2 * (strength**2 + size)), rel=1e-9)
    assert found.columns[0] == pytest.approx(above / (strength**2 * (strength**2 + width)), rel=1e-9)


def test_edge_of_unequal_rows_is_that_of_the_scatter_of_samples_with_so_much_variance():
    """By matrices and Newton's method, where the edge of rows has one number each and a convex function."""
    upper = pen.equivalents.scatter_edges(np.multiply.outer([0.5, 3.0], np.eye(40)), [90, 30])[1]
    assert pen.noise.edge(np.repeat([0.5, 3.0], [90, 30]), 40) == pytest.approx(np.sqrt(120 * upper), rel=1e-6)


@pytest.mark.parametrize("shape", [(1500, 300), (300, 500)])
def test_strengths_and_alignments_of_planted_directions_above_one_and_a_half_edges(shape):
    rng, seen = np.random.default_rng(1), []
    variance = variances(shape[0], 0.5, rng)
    strengths = pen.noise.edge(variance, shape[1]) * np.array([3.0, 2.2, 1.6])
    for _ in range(3):
        left, right, signal = planted(shape, strengths, rng)
        u, s, vt = np.linalg.svd(signal + rng.standard_normal(shape) * np.sqrt(variance)[:, None], full_matrices=False)
        found = pen.noise.strengths(s[:3], variance, shape[1])
        own = [np.diag(u[:, :3].T @ left) ** 2, np.diag(vt[:3] @ right) ** 2]
        seen.append([found.strength / strengths - 1, found.rows - own[0], found.columns - own[1]])
    off = np.abs(np.mean(seen, axis=0))
    assert off[0].max() < 0.02 and off[1:].max() < 0.02


def test_next_to_the_edge_nothing_is_quantified():
    least = QUANTIFIED * pen.noise.edge(np.ones(200), 50)
    found = pen.noise.strengths([least * 1.001, least * 0.999], np.ones(200), 50)
    assert np.isfinite(found.strength).tolist() == [True, False] == np.isfinite(found.rows).tolist()


@pytest.mark.parametrize(("rows", "columns", "freedom"), [(1000, 300, 900), (200, 64, 300)])
def test_noise_whitened_by_an_estimate_ends_at_the_edge_of_an_f_matrix(rows, columns, freedom):
    rng, edge = np.random.default_rng(2), pen.noise.fisher_edge(rows, columns, freedom)
    noise, signal = [], []
    for _ in range(4):
        drawn = rng.standard_normal((freedom, columns))
        whiten = np.linalg.cholesky(np.linalg.inv(drawn.T @ drawn / freedom))
        plain = rng.standard_normal((rows, columns))
        noise.append(np.linalg.norm(plain @ whiten, 2))
        one = planted((rows, columns), [3 * edge], rng)[2]
        signal.append(np.linalg.norm((plain + one) @ whiten, 2))
    assert edge == pytest.approx(np.mean(noise), rel=0.06)
    found = fisher_strengths(np.array(signal), rows, columns, freedom)
    assert found.mean() == pytest.approx(3 * edge, rel=0.06)
    assert np.isnan(fisher_strengths(np.array([edge]), rows, columns, freedom)).all()


@pytest.mark.parametrize("given", [[], [-1.0, 1.0], [0.0, 0.0], [np.nan, 1.0], np.ones((2, 2))])
def test_variances_that_cannot_be_are_refused(given):
    with pytest.raises(pen.ProblemError, match="variances of rows"):
        pen.noise.edge(given, 10)


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(pen.ProblemError, match="0 columns"):
        pen.noise.edge([1.0], 0)
    with pytest.raises(pen.ProblemError, match="more than columns"):
        pen.noise.fisher_edge(100, 50, 50)
