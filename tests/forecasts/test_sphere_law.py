import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import logsumexp

from penultimate.forecasts.sphere_law import sphere_margins


def zipf(classes, power=1.0):
    counts = np.arange(1, classes + 1.0) ** -power
    return counts / counts.sum()


def stationary(shares, decay, radius):
    """Rows, misses and bias of the mean-field model by damped iteration of its three conditions."""
    length = np.ones(shares.size)
    for _ in range(300):
        miss = np.minimum(decay * length / (shares * radius), 1 - 1e-9)
        pull = shares * miss
        beta = pull / pull.sum()
        for _ in range(100):
            beta = pull / (np.sum(pull / (1 - beta)) - pull / (1 - beta))
            beta /= beta.sum()
        length = 0.5 * length + 0.5 * (np.log(1 / miss - 1) + np.log1p(-beta) - np.log(beta)) / radius
    return length, np.sum(pull / (1 - beta))


@pytest.mark.parametrize(("classes", "power"), [(70, 0.5), (300, 1.0), (1000, 1.2)])
@pytest.mark.parametrize(("decay", "radius"), [(1e-4, 4.0), (1e-5, 10.0)])
def test_the_closed_form_is_stationary(classes, power, decay, radius):
    shares = zipf(classes, power)
    length, scale = stationary(shares, decay, radius)
    margin = scale * radius**2 / decay * (classes - 1) / classes**2
    expected = sphere_margins(shares, np.ones(classes, dtype=int), margin)
    np.testing.assert_allclose(expected / radius, length, rtol=5e-4)


def descended(shares, dimension, decay, radius):
    """Row lengths of cross-entropy's minimum over W, bias and features on a sphere, by L-BFGS."""
    classes, rng = shares.size, np.random.default_rng(0)
    size = classes * dimension

    def objective(x):
        rows, free, bias = x[:size].reshape(classes, -1), x[size : 2 * size].reshape(classes, -1), x[2 * size :]
        norm = np.linalg.norm(free, axis=1, keepdims=True)
        features = radius * free / norm
        logits = features @ rows.T + bias
        total = logsumexp(logits, axis=1)
        pull = np.exp(logits - total[:, None])
        value = shares @ (total - logits.diagonal()) + decay / 2 * np.sum(rows**2)
        pull[np.diag_indices(classes)] -= 1
        pull *= shares[:, None]
        back = pull @ rows
        back = radius / norm * (back - free * np.sum(back * free, axis=1, keepdims=True) / norm**2)
        return value, np.concatenate([(pull.T @ features + decay * rows).ravel(), back.ravel(), pull.sum(axis=0)])

    start = np.concatenate([0.3 * rng.normal(size=size), rng.normal(size=size), np.log(shares)])
    end = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 400, "maxfun": 600})
    return np.linalg.norm(end.x[:size].reshape(classes, -1), axis=1)


@pytest.mark.parametrize(("dimension", "radius"), [(16, 4.0), (64, 8.0)])
def test_lengths_are_those_of_descent_up_to_one_scale(dimension, radius):
    shares, decay = zipf(300), 1e-4
    lengths = descended(shares, dimension, decay, radius)
    _, scale = stationary(shares, decay, radius)
    expected = sphere_margins(shares, np.ones(300, dtype=int), scale * radius**2 / decay * 299 / 300**2)
    off = lengths - expected * (lengths @ expected) / (expected @ expected)
    assert np.linalg.norm(off) < 0.01 * np.linalg.norm(lengths)
    assert np.linalg.norm(lengths - lengths.mean()) > 0.07 * np.linalg.norm(lengths)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 10**6), min_size=64, max_size=200), st.floats(0.05, 500.0))
def test_groups_are_their_classes_and_rare_classes_have_shorter_rows(counts, margin):
    shares = np.sort(np.array(counts, dtype=float))
    shares /= shares.sum()
    alone = sphere_margins(shares, np.ones(shares.size, dtype=int), margin)
    assert np.all(np.diff(alone) >= 0) and np.all(alone > 0)
    distinct, group, sizes = np.unique(shares, return_inverse=True, return_counts=True)
    np.testing.assert_allclose(sphere_margins(distinct, sizes, margin)[group], alone, rtol=1e-9)


def test_with_a_large_margin_all_rows_are_alike_and_with_a_small_one_proportional_to_counts():
    shares = zipf(2000, 0.3)
    ones = np.ones(2000, dtype=int)
    alike, weak = sphere_margins(shares, ones, 1e4), sphere_margins(shares, ones, 1e-3)
    assert np.ptp(alike) < 0.01 * alike.mean()
    np.testing.assert_allclose(weak / weak.sum(), shares, rtol=0.02)
