"""What a ridge head says of its own error: against hat matrices, scikit-learn's leave-one-out, and new samples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeCV

import penultimate as pen
from penultimate.heads import RidgeHead, RidgeRisk


def gaussians(samples, seed=0, dimension=40, classes=3):
    """Classes about means of unit length in a falling spectrum."""
    rng = np.random.default_rng(seed)
    means = np.random.default_rng(99).normal(size=(classes, dimension)) / np.sqrt(dimension)
    y = rng.integers(0, classes, samples)
    return 3 * means[y] + rng.standard_normal((samples, dimension)) * np.arange(1, dimension + 1) ** -0.5, y


def error_on(X, y, fitted):
    return float(np.mean(np.square(X @ fitted.coef_.T + fitted.intercept_ - np.eye(len(fitted.coef_))[y]).sum(axis=1)))


@pytest.mark.parametrize("samples", [25, 41, 60, 400])
@pytest.mark.parametrize("decay", [1e-4, 0.03, 2.0])
def test_the_test_error_is_generalised_cross_validation_by_the_hat_matrix(samples, decay):
    X, y = gaussians(samples)
    centred, targets = X - X.mean(axis=0), np.eye(3)[y] - np.eye(3)[y].mean(axis=0)
    hat = centred @ np.linalg.solve(centred.T @ centred + samples * decay * np.eye(40), centred.T)
    free = samples - 1
    expected = np.sum(np.square(targets - hat @ targets)) / free / (1 - np.trace(hat) / free) ** 2
    statistics = pen.FeatureStatistics.from_features(X, y)
    risk = RidgeRisk.from_statistics(statistics, np.array([decay, 10 * decay]))
    assert risk.test_error[0] == pytest.approx(expected, rel=1e-6)
    assert risk.dimensions[0] == pytest.approx(np.trace(hat), rel=1e-9)


def test_with_many_samples_it_is_leave_one_out():
    X, y = gaussians(600)
    decays = np.geomspace(1e-4, 1.0, 9)
    left_out = RidgeCV(600 * decays, store_cv_results=True).fit(X, np.eye(3)[y]).cv_results_.mean(axis=0).sum(axis=0)
    risk = RidgeRisk.from_statistics(pen.FeatureStatistics.from_features(X, y), decays)
    np.testing.assert_allclose(risk.test_error, left_out, rtol=0.01)


@pytest.mark.parametrize("samples", [30, 80, 300])
def test_new_samples_have_the_error_that_was_told(samples):
    """On average over samples, fewer than features among them."""
    new = gaussians(4000, seed=1000)
    told, found = [], []
    for seed in range(20):
        statistics = pen.FeatureStatistics.from_features(*gaussians(samples, seed))
        told.append(RidgeRisk.from_statistics(statistics, np.array([0.05])).test_error[0])
        found.append(error_on(*new, RidgeHead(0.05).fit_statistics(statistics)))
    assert np.mean(told) == pytest.approx(np.mean(found), rel=0.08)


def test_parts_are_those_of_the_population():
    """Noise about a linear target is told by many samples; bias and variance fall and rise with the decay."""
    X, y = gaussians(2000)
    risk = RidgeHead("auto").fit(X, y).explain()
    best = RidgeHead(1e-9).fit(*gaussians(20_000, seed=5))
    assert risk.noise == pytest.approx(error_on(*gaussians(20_000, seed=6), best), rel=0.03)
    assert np.all(risk.bias >= 0) and np.all(np.diff(risk.variance) < 0) and np.all(np.diff(risk.dimensions) < 0)
    assert np.all(risk.effective_ridges > risk.weight_decays)
    np.testing.assert_allclose(risk.bias[-1] + risk.noise, 1 - np.sum(np.square(np.bincount(y) / 2000)), rtol=0.15)


def test_the_chosen_decay_is_nearly_the_best_for_new_samples():
    new = gaussians(4000, seed=1000)
    for samples in (60, 300):
        X, y = gaussians(samples)
        head = RidgeHead("auto").fit(X, y)
        assert head.weight_decay_ == head.explain().best
        least = min(error_on(*new, RidgeHead(decay).fit(X, y)) for decay in head.explain().weight_decays[::3])
        assert error_on(*new, head) < 1.05 * least


@settings(max_examples=15)  # each judges 71 weight decays
@given(st.integers(0, 1000), st.sampled_from([15, 41, 60, 200]))
def test_in_doubt_less_noise_is_fitted(seed, samples):
    """Never less decay than at the least of all test errors, which few samples put anywhere."""
    risk = RidgeHead("auto").fit(*gaussians(samples, seed)).explain()
    assert risk.best >= risk.weight_decays[risk.test_error.argmin()]
    assert np.all(np.diff(risk.inflation) < 0) and np.all(risk.inflation >= 1)


@settings(max_examples=15)
@given(st.floats(1e-2, 1e2), st.floats(-10.0, 10.0))
def test_units_and_offsets_of_features_change_no_error(unit, shift):
    X, y = gaussians(50)
    one, other = (RidgeHead("auto").fit(rows, y) for rows in (X, unit * X + shift))
    np.testing.assert_allclose(other.explain().test_error, one.explain().test_error, rtol=1e-4)
    assert other.weight_decay_ == pytest.approx(unit**2 * one.weight_decay_, rel=1e-4)


def test_shuffled_labels_are_told_to_be_noise():
    X, y = gaussians(300)
    risk = RidgeHead("auto").fit(X, np.random.default_rng(0).permutation(y)).explain()
    trivial = 1 - np.sum(np.square(np.bincount(y) / 300))
    assert risk.test_error.min() > 0.95 * trivial


def test_weights_leave_the_choice_as_it_is():
    X, y = gaussians(80)
    plain, weighted = (RidgeHead("auto", class_weight=weight).fit(X, y) for weight in (None, "balanced"))
    assert plain.weight_decay_ == weighted.weight_decay_


def test_what_tells_nothing_is_refused():
    X, y = gaussians(20)
    with pytest.raises(NotFittedError):
        RidgeHead().explain()
    with pytest.raises(pen.FeaturesError, match="class weights"):
        RidgeHead(class_weight="balanced").fit(X, y).explain()
    with pytest.raises(pen.FeaturesError, match="at least three"):
        RidgeHead("auto").fit(X[:2], np.array([0, 1]))
    with pytest.raises(pen.FeaturesError, match="same in every sample"):
        RidgeHead("auto").fit(np.ones((20, 3)), np.arange(20) % 2)
    with pytest.raises(pen.ProblemError, match="positive"):
        RidgeRisk.from_statistics(pen.FeatureStatistics.from_features(X, y), np.array([0.0]))
