"""Every figure of a geometry against the explicit matrices of one of its minimisers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import penultimate as pen

counts_lists = st.lists(st.integers(0, 60), min_size=2, max_size=12).filter(lambda n: sum(k > 0 for k in n) >= 2)
problems = st.builds(
    pen.Problem.from_decays,
    st.floats(1e-4, 0.3),
    layers=st.integers(1, 3),
    bias=st.sampled_from(["free", "none"]),
)


def dense_cosines(means: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(means, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return means @ means.T / np.outer(norms, norms)


@given(counts_lists, problems)
def test_operators_equal_explicit_factors(n, problem):
    counts = pen.ClassCounts(n)
    geometry = pen.minimise(counts, problem).geometry
    factors = geometry.factors(d=len(n) + 1, seed=3)
    seen = np.flatnonzero(counts.values > 0)
    means, head = factors.means[seen], factors.weights[-1][seen]
    scale = max(1.0, np.abs(means).max(), np.abs(head).max()) ** 2
    every = np.ix_(seen, seen)
    np.testing.assert_allclose(geometry.mean_gram.dense()[every], means @ means.T, atol=1e-10 * scale)
    np.testing.assert_allclose(geometry.head_gram.dense()[every], head @ head.T, atol=1e-10 * scale)
    logits = means @ factors.product[seen].T
    np.testing.assert_allclose(geometry.logits.dense()[every].T, logits, atol=1e-10)
    np.testing.assert_allclose(geometry.mean_norms[seen], np.linalg.norm(means, axis=1), atol=1e-6 * scale)
    np.testing.assert_allclose(geometry.head_norms[seen], np.linalg.norm(head, axis=1), atol=1e-6 * scale)
    outputs = logits + factors.bias[seen]
    own = np.diagonal(outputs)
    other = np.where(np.eye(seen.size, dtype=bool), -np.inf, outputs).max(axis=1)
    np.testing.assert_allclose(geometry.margins[seen], own - other, atol=1e-10)
    assert np.isnan(geometry.margins[counts.unseen]).all()
    assert np.isnan(factors.means[counts.unseen]).all()


@given(counts_lists, problems)
def test_layers_are_balanced_and_the_means_are_centred(n, problem):
    counts = pen.ClassCounts(n)
    factors = pen.minimise(counts, problem).geometry.factors(d=len(n) + 1)
    sizes = [decay * np.sum(w**2) for decay, w in zip(problem.weight_decay, factors.weights, strict=True)]
    seen = counts.values > 0
    weighted = counts.values[seen][:, None] * factors.means[seen]
    features = problem.resolved_feature_decay(counts.samples) * np.sum(weighted * factors.means[seen])
    np.testing.assert_allclose(sizes, features, rtol=1e-9, atol=1e-15)
    if problem.bias == "free":
        assert np.abs(weighted.sum(axis=0)).max() <= 1e-9 * max(1.0, np.abs(weighted).max())
        np.testing.assert_allclose(factors.bias, counts.values / counts.samples)


@pytest.mark.parametrize("bias", [1e-3, 0.5])
def test_retained_with_a_regularised_bias_leaves_out_the_global_mean(bias):
    counts = pen.ClassCounts([60, 30, 30, 4, 2, 1])
    solution = pen.minimise(counts, pen.Problem.from_decays(0.1, bias=bias))
    assert 0 < solution.survivors < 6
    right = solution.geometry.svd.vectors("right")[:, np.repeat(solution.strength > 0, solution.multiplicity)]
    root = np.sqrt(counts.values / counts.samples)
    own = np.eye(6) - np.outer(root, root)
    expected = np.sum((own @ right) ** 2, axis=1) / np.sum(own**2, axis=1)
    np.testing.assert_allclose(solution.geometry.retained, expected, atol=1e-12)


@given(counts_lists, problems)
def test_retained_is_the_survivors_share_of_the_own_direction(n, problem):
    counts = pen.ClassCounts(n)
    solution = pen.minimise(counts, problem)
    seen = counts.values > 0
    right = solution.geometry.svd.vectors("right")[seen]
    alive = np.repeat(solution.strength > 0, solution.multiplicity)
    expected = np.sum(right[:, alive] ** 2, axis=1)
    if problem.bias == "free":
        expected = expected / (1 - counts.values[seen] / counts.samples)
    np.testing.assert_allclose(solution.geometry.retained[seen], expected, atol=1e-9)


@given(counts_lists, problems)
def test_nearest_class_has_the_largest_cosine(n, problem):
    counts = pen.ClassCounts(n)
    geometry = pen.minimise(counts, problem).geometry
    means = geometry.factors(d=len(n) + 1).means
    cosines = dense_cosines(means)
    np.fill_diagonal(cosines, -np.inf)
    neighbour, cosine = geometry.nearest()
    for k in range(len(n)):
        if n[k] == 0 or np.linalg.norm(means[k]) < 1e-9:
            continue
        if neighbour[k] < 0:
            continue
        assert neighbour[k] != k
        best = np.nanmax(np.where(np.isnan(cosines[k]), -np.inf, cosines[k]))
        if np.isfinite(best) and np.linalg.norm(means[neighbour[k]]) > 1e-9:
            assert cosine[k] == pytest.approx(best, abs=1e-6)
            assert cosines[k, neighbour[k]] == pytest.approx(best, abs=1e-6)


def test_blocks_and_rows_are_parts_of_the_whole():
    gram = pen.forecast(pen.ClassCounts([60, 0, 30, 30, 10]), weight_decay=1e-3, feature_ratio=1.0).geometry.mean_gram
    dense = gram.dense()
    np.testing.assert_array_equal(gram.block([4, 1], [2, 3, 0]), dense[np.ix_([4, 1], [2, 3, 0])])
    np.testing.assert_array_equal(gram.row(2), dense[2])
    assert np.isnan(dense[1]).all()


def test_large_blocks_are_walked_through():
    """More groups than fit one block of rows: the walk over blocks gives what one dense block gives."""
    values = np.arange(1.0, 1800.0)
    geometry = pen.forecast(pen.ClassCounts(values), weight_decay=1e-3, feature_ratio=1.0).geometry
    _, cosine = geometry.nearest()
    dense = geometry.mean_gram.normalised(range(values.size))
    np.fill_diagonal(dense, -np.inf)
    np.testing.assert_allclose(cosine, dense.max(axis=1), atol=1e-9)


def test_factors_need_room():
    geometry = pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=1e-3, feature_ratio=1.0).geometry
    with pytest.raises(pen.ProblemError, match="d = 1 cannot hold 2 surviving directions"):
        geometry.factors(d=1)


def test_the_seed_turns_the_factors_but_nothing_else():
    geometry = pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=1e-3, layers=2, feature_ratio=1.0).geometry
    one, same, other = geometry.factors(4, seed=1), geometry.factors(4, seed=1), geometry.factors(4, seed=2)
    np.testing.assert_array_equal(one.means, same.means)
    assert not np.allclose(one.means, other.means)
    np.testing.assert_allclose(one.logits, other.logits, atol=1e-12)


def test_a_split_width_keeps_some_of_several_equal_directions():
    counts, problem = pen.ClassCounts([40, 9, 9, 9, 9]), pen.Problem.from_decays(1e-3, width=2)
    solution = pen.minimise(counts, problem)
    assert solution.outcome is pen.Outcome.WIDTH_SPLITS
    norms = [np.linalg.norm(solution.geometry.factors(4, seed=s).means, axis=1) ** 2 for s in range(400)]
    # Any one choice treats the equal classes unequally; the geometry is their average.
    assert np.ptp(norms[0][1:]) > 1e-3
    np.testing.assert_allclose(np.mean(norms, axis=0), solution.geometry.mean_norms**2, rtol=0.1)
