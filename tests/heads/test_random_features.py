"""The non-linear head against scikit-learn's ridge and kernel machines; its forecast against heads that are drawn."""

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge

import penultimate as pen
from penultimate.heads import RandomFeaturesHead, forecast_random_features

CHANCE = 1 / 3


def data(samples=240, seed=0):
    """Three classes in eight dimensions whose borders are curved."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((samples, 12))
    X[:, :2] *= 2.0
    return 5.0 + X, (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 0] ** 2 > 4.0)


@pytest.mark.parametrize("pairs", [30, 300])
def test_it_is_ridge_regression_on_its_features(pairs):
    """In both of its shapes."""
    X, y = data()
    head = RandomFeaturesHead(pairs, bandwidth=0.7, weight_decay=1e-2).fit(X, y)
    angles = (X - X.mean(axis=0)) @ head.directions_
    lifted = np.hstack([np.cos(angles), np.sin(angles)]) / np.sqrt(pairs)
    shares = np.bincount(y) / len(y)
    ridge = Ridge(alpha=len(y) * 1e-2, fit_intercept=False).fit(lifted, np.eye(3)[y] - shares)
    np.testing.assert_allclose(head.coef_, ridge.coef_, atol=1e-8)
    np.testing.assert_allclose(head.decision_function(X), lifted @ ridge.coef_.T + shares, atol=1e-8)


def test_many_pairs_are_a_kernel_machine_with_the_gamma_it_says():
    X, y = data()
    Z, _ = data(seed=1)
    head = RandomFeaturesHead(20_000, bandwidth=0.8, weight_decay=1e-2).fit(X, y)
    shares = np.bincount(y) / len(y)
    kernel = KernelRidge(alpha=len(y) * 1e-2, kernel="rbf", gamma=head.gamma_).fit(X, np.eye(3)[y] - shares)
    np.testing.assert_allclose(head.decision_function(Z), kernel.predict(Z) + shares, atol=0.03)
    assert head.unit_ == pytest.approx(np.sqrt(np.square(X - X.mean(axis=0)).sum(axis=1).mean()))


def test_units_and_offsets_of_features_change_no_answer():
    X, y = data()
    one = RandomFeaturesHead(50).fit(X, y)
    other = RandomFeaturesHead(50).fit(100.0 * X - 7.0, y)
    np.testing.assert_allclose(other.decision_function(100.0 * X - 7.0), one.decision_function(X), atol=1e-7)


def test_a_seed_gives_a_head():
    X, y = data()
    first, again, other = (RandomFeaturesHead(20, random_state=seed).fit(X, y).coef_ for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_words_priors_and_two_classes():
    X, y = data()
    named = RandomFeaturesHead(100).fit(X, np.array(["ant", "bee", "cat"])[y])
    assert set(named.predict(X)) <= {"ant", "bee", "cat"}
    two = RandomFeaturesHead(100).fit(X, y > 0)
    assert two.decision_function(X).shape == (240,)
    rare = np.mean(named.predict(X, prior=np.array([1.0, 0.1, 0.1])) == "ant")
    assert rare > np.mean(named.predict(X) == "ant")


@pytest.fixture(scope="module")
def forecast():
    return forecast_random_features(*data(400), pairs=[10, 40, 150, 600], bandwidths=[1.0], weight_decays=[1e-4])


@pytest.mark.parametrize("place", range(4))
def test_heads_do_what_was_forecast(forecast, place):
    """Drawn and fitted on three quarters, as the forecast says of itself."""
    X, y = data(4300, seed=3)
    errors, right = [], []
    for draw in range(12):
        rows = np.random.default_rng(draw).permutation(400)[:300]
        head = RandomFeaturesHead(int(forecast.pairs[place]), weight_decay=1e-4, random_state=draw).fit(
            X[rows], y[rows]
        )
        scores = head.decision_function(X[400:])
        errors.append(np.square(scores - np.eye(3)[y[400:]]).sum(axis=1).mean())
        right.append(np.mean([np.mean(scores[y[400:] == k].argmax(axis=1) == k) for k in range(3)]))
    assert forecast.squared_error[place] == pytest.approx(np.mean(errors), rel=0.12)
    # The forecast's own samples are 400: a standard error of two and a half points.
    assert forecast.accuracy[place] == pytest.approx(np.mean(right), abs=0.06)


def test_curved_borders_pay_and_straight_ones_do_not(forecast):
    assert forecast.verdict.startswith("A non-linear head would pay") and forecast.enough in (150, 600)
    X, _ = data(400)
    straight = forecast_random_features(X, X[:, 0] > 5.0, pairs=[20], bandwidths=[1.0, 4.0])
    assert straight.gain < 0.02 and "would pay: balanced" in straight.verdict and "Not enough" in straight.verdict


def test_shuffled_labels_are_forecast_at_chance():
    X, y = data(400)
    shuffled = np.random.default_rng(0).permutation(y)
    found = forecast_random_features(X, shuffled, pairs=[20, 200])
    assert not found.verdict.startswith("A non-linear head would pay")
    assert np.all(found.accuracy < CHANCE + 0.03) and found.kernel_accuracy < CHANCE + 0.05


def test_the_least_of_what_was_tried_is_taken():
    X, y = data(200)
    whole = forecast_random_features(X, y, pairs=[20], bandwidths=[0.5, 1.0], weight_decays=[1e-3, 1e-1])
    alone = [
        forecast_random_features(X, y, pairs=[20], bandwidths=[b], weight_decays=[d]).kernel_squared_error
        for b in (0.5, 1.0)
        for d in (1e-3, 1e-1)
    ]
    assert whole.kernel_squared_error == pytest.approx(min(alone))
    too_few = forecast_random_features(X, y, pairs=[1], bandwidths=[1.0], weight_decays=[1e-3])
    assert too_few.enough is None and "more than 1 pairs" in too_few.verdict


@pytest.mark.parametrize(
    ("head", "error", "message"),
    [
        (RandomFeaturesHead(0), pen.ProblemError, "number of pairs"),
        (RandomFeaturesHead(10.5), pen.ProblemError, "whole"),
        (RandomFeaturesHead(bandwidth=0.0), pen.ProblemError, "bandwidth"),
        (RandomFeaturesHead(weight_decay=-1.0), pen.ProblemError, "weight decay"),
    ],
)
def test_parameters_out_of_range_are_named(head, error, message):
    with pytest.raises(error, match=message):
        head.fit(*data())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"features": np.full((40, 3), np.nan)}, pen.FeaturesError, "NaN"),
        ({"features": np.ones((40, 3))}, pen.FeaturesError, "same in every sample"),
        ({"labels": np.zeros(40, int)}, pen.FeaturesError, "two classes"),
        ({"labels": np.arange(40) // 39}, pen.FeaturesError, "at least 4 of each"),
        ({"labels": np.zeros(3, int)}, pen.FeaturesError, "one label for each row"),
        ({"pairs": []}, pen.FeaturesError, "at least one number of pairs"),
        ({"pairs": [0]}, pen.ProblemError, "number of pairs"),
        ({"bandwidths": [0.0]}, pen.ProblemError, "bandwidth"),
        ({"weight_decays": [-1.0]}, pen.ProblemError, "weight decay"),
    ],
)
def test_what_no_forecast_can_be_made_of_is_refused(change, error, message):
    given = {"features": np.random.default_rng(0).normal(size=(40, 3)), "labels": np.arange(40) % 2} | change
    with pytest.raises(error, match=message):
        forecast_random_features(**given)


def test_constant_columns_are_no_trouble():
    X, y = data()
    wide = np.hstack([X, np.full((len(X), 2), 3.0)])
    one, other = (RandomFeaturesHead(400).fit(rows, y).predict(rows) for rows in (X, wide))
    assert np.mean(one == other) > 0.95


def test_samples_that_are_the_same_are_refused():
    with pytest.raises(pen.FeaturesError, match="same in every sample"):
        RandomFeaturesHead().fit(np.ones((20, 2)), np.arange(20) % 2)
