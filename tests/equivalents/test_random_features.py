"""The law of random Fourier features: draws of them, scikit-learn's kernels, and bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel

import penultimate as pen
from penultimate.equivalents import RandomFeaturesLaw
from penultimate.equivalents.random_features import LARGEST, paired_kernels

SIGMA = 6.0


def problem(samples=160, new=200, dimension=40, seed=0):
    """Three classes whose borders are curved, as targets about their mean."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((samples + new, dimension))
    X[:, :3] *= 3.0
    y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 0.0)
    Y = np.eye(3)[y] - 1 / 3
    return X[:samples], Y[:samples], X[samples:], Y[samples:]


def drawn(X, Y, Z, pairs, decay, draws, seed=1):
    """Scores of heads on random features, one head a draw."""
    rng, scores = np.random.default_rng(seed), []
    for _ in range(draws):
        W = rng.standard_normal((X.shape[1], pairs)) / SIGMA
        one, other = (np.hstack([np.cos(x @ W), np.sin(x @ W)]) / np.sqrt(pairs) for x in (X, Z))
        inverse = np.linalg.solve(one @ one.T / len(X) + decay * np.eye(len(X)), Y)
        scores.append(other @ (one.T @ inverse) / len(X))
    return np.array(scores)


@pytest.mark.parametrize("decay", [1e-6, 1e-3])
@pytest.mark.parametrize("pairs", [20, 40, 80, 160, 640])
def test_test_errors_are_those_of_draws(pairs, decay):
    """Half as many pairs as samples, the peak, among them."""
    X, Y, Z, T = problem()
    scores = drawn(X, Y, Z, pairs, decay, 60)
    law = RandomFeaturesLaw(X, Y, Z, pairs, decay, SIGMA)
    assert law.squared_error(T) == pytest.approx(np.square(scores - T).sum(axis=2).mean(), rel=0.12)
    right = (scores.argmax(axis=2) == T.argmax(axis=1)).mean()
    likely = law.probabilities()
    assert likely[np.arange(len(T)), T.argmax(axis=1)].mean() == pytest.approx(right, abs=0.02)


def test_the_peak_stands_where_there_are_half_as_many_pairs_as_samples():
    X, Y, Z, T = problem()
    errors = [RandomFeaturesLaw(X, Y, Z, pairs, 1e-7, SIGMA).squared_error(T) for pairs in (20, 50, 80, 120, 400)]
    assert np.argmax(errors) == 2 and errors[4] < errors[0]


def test_scores_scatter_as_those_of_draws():
    X, Y, Z, _ = problem()
    scores = drawn(X, Y, Z, 60, 1e-3, 400)
    law = RandomFeaturesLaw(X, Y, Z, 60, 1e-3, SIGMA)
    assert np.sqrt(np.mean(np.square(scores.mean(axis=0) - law.mean))) < 0.03
    measured = np.einsum("rmk,rml->kl", scores - scores.mean(axis=0), scores - scores.mean(axis=0)) / 400
    np.testing.assert_allclose(law.covariance.sum(axis=0), measured, atol=0.1 * np.trace(measured))
    assert np.linalg.eigvalsh(law.covariance).min() > -1e-9


def test_infinitely_many_pairs_are_kernel_ridge_regression():
    X, Y, Z, T = problem()
    law = RandomFeaturesLaw(X, Y, Z, 10**9, 1e-3, SIGMA)
    expected = KernelRidge(alpha=0.16, kernel="rbf", gamma=1 / (2 * SIGMA**2)).fit(X, Y).predict(Z)
    np.testing.assert_allclose(law.mean, expected, atol=1e-6)
    assert law.squared_error(T) == pytest.approx(np.square(expected - T).sum(axis=1).mean(), rel=1e-5)


@given(st.integers(0, 10**6), st.floats(0.01, 100.0))
def test_both_kernels_are_covariances_and_sum_to_the_gaussian_kernel(seed, size):
    X = size * np.random.default_rng(seed).standard_normal((8, 3))
    both = paired_kernels(X, X)
    np.testing.assert_allclose(both.sum(axis=0), rbf_kernel(X, gamma=0.5), atol=1e-9)
    assert np.linalg.eigvalsh(both).min() > -1e-9


def test_they_are_means_of_cosines_and_sines():
    X, Z = np.array([[0.3, -1.0], [0.5, 0.2]]), np.array([[1.0, 0.4]])
    W = np.random.default_rng(0).standard_normal((2, 10**6))
    for found, wave in zip(paired_kernels(X, Z), (np.cos, np.sin), strict=True):
        np.testing.assert_allclose(found[:, 0], np.mean(wave(X @ W) * wave(Z @ W), axis=1), atol=4e-3)


def test_targets_apart_are_targets_together():
    X, Y, Z, T = problem()
    together = RandomFeaturesLaw(X, Y, Z, 70, 1e-3, SIGMA)
    apart = [RandomFeaturesLaw(X, Y[:, [k]], Z, 70, 1e-3, SIGMA) for k in range(3)]
    assert together.squared_error(T) == pytest.approx(sum(one.squared_error(T[:, [k]]) for k, one in enumerate(apart)))
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    turned = RandomFeaturesLaw(X, Y @ turn, Z, 70, 1e-3, SIGMA)
    np.testing.assert_allclose(turned.covariance, turn.T @ together.covariance @ turn, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"pairs": 0}, pen.ProblemError, "at least 1"),
        ({"pairs": 2.5}, pen.ProblemError, "whole number"),
        ({"weight_decay": 0.0}, pen.ProblemError, "weight decay"),
        ({"bandwidth": -1.0}, pen.ProblemError, "bandwidth"),
        ({"features": np.full((5, 2), np.nan)}, pen.FeaturesError, "finite"),
        ({"features": np.zeros((0, 2))}, pen.FeaturesError, "at least one row"),
        ({"features": np.zeros((4, 2))}, pen.FeaturesError, "do not fit"),
        ({"targets": np.zeros(5)}, pen.FeaturesError, "shape"),
        ({"new": np.zeros((3, 4))}, pen.FeaturesError, "do not fit"),
        ({"features": np.zeros((LARGEST + 1, 2)), "targets": np.zeros((LARGEST + 1, 1))}, pen.FeaturesError, "at most"),
    ],
)
def test_what_cannot_be_is_refused(change, error, message):
    given = {"features": np.eye(5, 2), "targets": np.ones((5, 1)), "new": np.ones((3, 2)), "pairs": 4} | change
    with pytest.raises(error, match=message):
        RandomFeaturesLaw(**{"weight_decay": 0.1} | given)


def test_errors_are_of_targets_that_fit():
    law = RandomFeaturesLaw(np.eye(5, 2), np.ones((5, 1)), np.ones((3, 2)), 4, 0.1)
    with pytest.raises(pen.FeaturesError, match=r"\(3, 1\)"):
        law.squared_error(np.ones((3, 2)))


def test_a_secant_that_leads_anywhere_is_not_followed():
    """Two kernels that nearly agree, few features, hardly any decay: Anderson's third step was infinite."""
    X, Y, Z, _ = problem()
    law = RandomFeaturesLaw(X, Y, Z, 40, 1e-6, SIGMA)
    np.testing.assert_allclose(law._law.delta, [3444.9622, 3459.1564], rtol=1e-6)  # six hundred plain steps
