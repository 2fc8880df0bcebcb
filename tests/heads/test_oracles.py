"""Heads against other libraries: scikit-learn's classifiers, SciPy's Procrustes and optimisers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes
from scipy.optimize import minimize, minimize_scalar
from sklearn.covariance import oas
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.neighbors import NearestCentroid

import penultimate as pen
from penultimate.heads.covariance import oracle_shrinkage
from penultimate.heads.softmax import balanced_weights, cross_entropy, inverse_temperature

heads = pen.heads


def data(seed=0, counts=(80, 40, 15, 6), dimension=7, offset=0.0):
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(counts)), counts)
    mixing = rng.normal(size=(dimension, dimension))
    X = 2 * rng.normal(size=(len(counts), dimension))[y] + rng.normal(size=(y.size, dimension)) @ mixing
    return X + offset, y


def centred(scores):
    return scores - scores.mean(axis=1, keepdims=True)


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("shrinkage", [0.0, 0.1, 0.7, 1.0])
def test_discriminant_is_that_of_scikit_learn(shrinkage, offset):
    X, y = data(offset=offset)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(X - offset, y)
    ours = heads.DiscriminantHead(shrinkage, means="plain", prior="counts").fit(X, y)
    expected = theirs.decision_function(X - offset)
    np.testing.assert_allclose(centred(ours.decision_function(X)), centred(expected), rtol=1e-6, atol=1e-6)


def test_the_oracle_shrinkage_is_that_of_scikit_learn():
    X, y = data()
    residuals = X - np.stack([X[y == k].mean(axis=0) for k in range(4)])[y]
    _, expected = oas(residuals, assume_centered=True)
    assert oracle_shrinkage(residuals.T @ residuals / len(y), len(y)) == pytest.approx(expected, rel=1e-12)
    assert oracle_shrinkage(np.eye(5), 100) == 1.0


def test_nearest_mean_is_the_nearest_centroid():
    X, y = data()
    points = 3 * np.random.default_rng(1).normal(size=(500, 7))
    assert np.array_equal(
        heads.NearestMeanHead().fit(X, y).predict(points), NearestCentroid().fit(X, y).predict(points)
    )


def test_nearest_mean_within_is_the_least_mahalanobis_distance():
    X, y = data()
    means = np.stack([X[y == k].mean(axis=0) for k in range(4)])
    inverse = np.linalg.inv((X - means[y]).T @ (X - means[y]))
    gaps = X[:, None] - means
    expected = np.einsum("nkd,de,nke->nk", gaps, inverse, gaps).argmin(axis=1)
    assert np.array_equal(heads.NearestMeanHead("within", shrinkage=0.0).fit(X, y).predict(X), expected)


def test_a_pull_is_so_many_samples_at_the_global_mean():
    X, y = data()
    more = np.concatenate([X, np.tile(X.mean(axis=0), (4 * 3, 1))])
    added = heads.NearestMeanHead().fit(more, np.concatenate([y, np.repeat(np.arange(4), 3)]))
    pulled = heads.NearestMeanHead(pull=3.0).fit(X, y)
    np.testing.assert_allclose(centred(pulled.decision_function(X)), centred(added.decision_function(X)), atol=1e-9)


def test_ridge_without_weight_to_speak_of_is_the_least_norm_interpolant():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 100)), np.arange(40) % 4
    fitted = heads.RidgeHead(1e-18).fit(X, y)
    expected = np.linalg.pinv(X - X.mean(axis=0)) @ (np.eye(4)[y] - 0.25)
    np.testing.assert_allclose(fitted.coef_, expected.T, atol=1e-9)


WEIGHTS = {
    "none": (None, lambda counts: np.ones(4)),
    "balanced": ("balanced", lambda counts: counts.sum() / (4 * counts)),
    "given": ({0: 2.0, 3: 0.5}, lambda counts: np.array([2.0, 1.0, 1.0, 0.5])),
}


@pytest.mark.parametrize("case", WEIGHTS)
@pytest.mark.parametrize("decay", [1e-4, 0.3])
def test_ridge_is_that_of_scikit_learn(case, decay):
    X, y = data(offset=50.0)
    weight, of_class = WEIGHTS[case]
    theirs = Ridge(alpha=decay * len(y)).fit(X, np.eye(4)[y], sample_weight=of_class(np.bincount(y))[y])
    ours = heads.RidgeHead(decay, class_weight=weight).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("case", WEIGHTS)
def test_logistic_is_that_of_scikit_learn(case):
    X, y = data(offset=3.0)
    weight, of_class = WEIGHTS[case]
    ours = heads.LogisticHead(0.01, class_weight=weight, tol=1e-8, max_iter=2000).fit(X, y)
    # scikit-learn sums weighted losses; ours are averaged.
    total = of_class(np.bincount(y))[y].sum()
    theirs = LogisticRegression(C=1 / (0.01 * total), class_weight=weight, tol=1e-10, max_iter=5000).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=2e-4, atol=2e-5)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)


def test_balanced_softmax_is_trained_with_the_prior_and_answers_without_it():
    X, y = data()
    plain = heads.LogisticHead(1e-2, tol=1e-8, max_iter=2000).fit(X, y)
    adjusted = heads.LogisticHead(1e-2, adjustment=1.0, tol=1e-8, max_iter=2000).fit(X, y)
    # With a free bias the adjustment only moves the bias (Ren et al. 2020), by the logarithm of the shares.
    moved = plain.intercept_ - np.log(np.bincount(y) / len(y))
    np.testing.assert_allclose(adjusted.coef_, plain.coef_, atol=1e-5)
    np.testing.assert_allclose(adjusted.intercept_ - adjusted.intercept_.mean(), moved - moved.mean(), atol=1e-4)
    np.testing.assert_allclose(adjusted.prior_, 0.25)


def test_a_correction_stays_at_the_base_when_held_and_leaves_it_when_free():
    X, y = data()
    base = pen.Head((np.random.default_rng(2).normal(size=(4, 7)),), np.arange(4.0))
    held = heads.LogisticHead(1e6, base=base).fit(X, y)
    np.testing.assert_allclose(held.coef_, base.product, atol=1e-5)
    np.testing.assert_allclose(held.intercept_, base.offset, atol=1e-5)
    free = heads.LogisticHead(1e-4, base=base, tol=1e-7, max_iter=3000).fit(X, y)
    assert np.mean(free.predict(X) == y) > np.mean(held.predict(X) == y) + 0.2


def test_a_correction_is_the_minimum_that_a_general_optimiser_finds():
    X, y = data(counts=(30, 12, 8), dimension=3)
    base = pen.Head((np.random.default_rng(2).normal(size=(3, 3)),), np.array([0.5, 0.0, -0.5]))
    decay, size = 0.2, np.sqrt(np.mean((X - X.mean(axis=0)) ** 2))

    def objective(flat):
        both = flat.reshape(3, 4)
        # The bias, where features are centred, counts as the weight of one more feature of their size.
        scores = base.logits(X) + (X - X.mean(axis=0)) @ both[:, :3].T + size * both[:, 3]
        return log_loss(y, np.exp(scores) / np.exp(scores).sum(1, keepdims=True)) + decay / 2 * np.sum(both**2)

    best = minimize(objective, np.zeros(12), method="BFGS", options={"gtol": 1e-7}).x.reshape(3, 4)
    ours = heads.LogisticHead(decay, base=base, tol=1e-9, max_iter=2000).fit(X, y)
    np.testing.assert_allclose(ours.coef_ - base.product, best[:, :3], atol=1e-5)
    np.testing.assert_allclose(
        ours.intercept_ - base.offset, size * best[:, 3] - best[:, :3] @ X.mean(axis=0), atol=1e-4
    )


def test_a_correction_leaves_the_rows_of_classes_without_samples():
    X, y = data()
    base = pen.Head((np.random.default_rng(2).normal(size=(6, 7)),), np.arange(6.0))
    fitted = heads.LogisticHead(0.1, base=base).fit(X, y)
    np.testing.assert_array_equal(fitted.coef_[4:], base.product[4:])
    np.testing.assert_array_equal(fitted.intercept_[4:], base.offset[4:])


@pytest.mark.parametrize("frame", ["simplex", "orthogonal"])
@pytest.mark.parametrize("dimension", [3, 7])
def test_frames_are_turned_by_procrustes(frame, dimension):
    X, y = data(dimension=dimension)
    means = np.stack([X[y == k].mean(axis=0) for k in range(4)])
    target = means - means.mean(axis=0)
    fitted = heads.FrameHead(frame).fit(X, y)
    vectors = np.eye(4) if frame == "orthogonal" else np.sqrt(4 / 3) * (np.eye(4) - 0.25)
    width = max(dimension, 4)
    turn, _ = orthogonal_procrustes(
        np.pad(vectors, ((0, 0), (0, width - 4))), np.pad(target, ((0, 0), (0, width - dimension)))
    )
    expected = (np.pad(vectors, ((0, 0), (0, width - 4))) @ turn)[:, :dimension]
    if dimension == 7:
        np.testing.assert_allclose(fitted.coef_ @ fitted.coef_.T, vectors @ vectors.T, atol=1e-9)
    np.testing.assert_allclose(centred(X @ fitted.coef_.T), centred(X @ expected.T), atol=1e-6)


def test_the_forecast_frame_has_the_angles_of_the_forecast():
    X, y = data()
    fitted = heads.FrameHead("forecast", weight_decay=1e-2).fit(X, y)
    gram = pen.forecast(
        pen.ClassCounts(np.bincount(y)), weight_decay=1e-2, feature_ratio=1.0
    ).geometry.head_gram.dense()
    ours = fitted.coef_ @ fitted.coef_.T
    np.testing.assert_allclose(ours / np.trace(ours), gram / np.trace(gram), atol=1e-9)


def test_the_temperature_is_the_best_one():
    X, y = data()
    scores = 30.0 * X[:, :4]
    weights = balanced_weights(y, 4)
    best = minimize_scalar(lambda log: cross_entropy(np.exp(log) * scores, y, weights)[0], bounds=(-12, 3)).x
    assert inverse_temperature(scores, y, 4) == pytest.approx(np.exp(best), rel=1e-2)
    rare = np.column_stack([scores, np.full(len(y), -1e30)])  # a class that is never the answer
    for size in (1e-20, 1e-6, 1e6, 1e12):  # as large as scores are, so small is the factor
        assert inverse_temperature(size * scores, y, 4) * size == pytest.approx(np.exp(best), rel=1e-2)
        single = (size * rare).astype(np.float32) if size < 1e3 else size * rare
        assert inverse_temperature(single, y, 5) * size == pytest.approx(np.exp(best), rel=1e-2)
    assert inverse_temperature(np.zeros((5, 3)), np.array([0, 1, 2, 0, 1]), 3) == 1.0


def test_calibration_finds_the_units_that_scores_are_in():
    rng = np.random.default_rng(0)
    counts = np.array([4000.0, 400.0, 40.0])
    y = np.repeat(np.arange(3), 3000)
    # For Gaussian classes the log posterior is linear: 1.5 h for means 1.5 e_k, plus the log prior that training saw.
    log_posterior = 1.5 * (1.5 * np.eye(3)[y] + rng.normal(size=(y.size, 3)))
    scores = 5.0 * (log_posterior + np.log(counts / counts.sum()))
    fitted = heads.CalibratedHead(pen.Head((np.eye(3),)), counts=counts).fit(scores, y)
    assert fitted.temperature_ == pytest.approx(5.0, rel=0.1)
    assert fitted.tau_ == pytest.approx(1.0, abs=0.1)
    assert fitted.rho_ == pytest.approx(0.0, abs=0.05)


def test_calibration_is_the_minimum_that_a_search_without_gradients_finds():
    X, y = data()
    base = heads.RidgeHead().fit(X, y).head()
    fitted = heads.CalibratedHead(base, counts=np.bincount(y)).fit(X, y)
    log_prior = np.log(np.bincount(y) / len(y))
    scores, weights = base.logits(X), balanced_weights(y, 4)

    def loss(numbers):
        powers = numbers[1] * (log_prior - log_prior.mean())
        return cross_entropy(scores * np.exp(numbers[0] - powers) - numbers[2] * log_prior, y, weights)[0]

    found = np.array([-np.log(fitted.temperature_), fitted.rho_, fitted.tau_])
    others = minimize(loss, np.zeros(3), method="Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-8}).fun
    assert loss(found) == pytest.approx(others, abs=2e-3)


def test_weight_scaling_is_the_best_of_positive_scales():
    X, y = data()
    base = heads.RidgeHead().fit(X, y).head()
    fitted = heads.WeightScalingHead(base).fit(X, y)
    scores, weights = base.logits(X), balanced_weights(y, 4)
    best = minimize(
        lambda logs: cross_entropy(scores * np.exp(logs), y, weights)[0], np.zeros(4), method="Nelder-Mead"
    ).fun
    assert cross_entropy(scores * fitted.scales_, y, weights)[0] == pytest.approx(best, abs=1e-3)


@given(st.integers(0, 10**6), st.floats(-50, 50))
def test_rotating_and_shifting_features_changes_no_answer(seed, shift):
    X, y = data(seed=seed % 1000)
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(7, 7)))
    for head in (heads.NearestMeanHead(), heads.DiscriminantHead(), heads.RidgeHead(), heads.FrameHead()):
        before = head.fit(X, y).decision_function(X)
        after = head.fit(X @ turn + shift, y).decision_function(X @ turn + shift)
        np.testing.assert_allclose(centred(after), centred(before), rtol=1e-5, atol=1e-6 * np.abs(before).max())


@given(st.permutations(range(4)))
def test_renumbering_the_classes_renumbers_the_rows(order):
    X, y = data()
    places = np.array(order)
    for head in (heads.DiscriminantHead(), heads.RidgeHead(), heads.TauNormalisedHead(), heads.FrameHead("forecast")):
        before = head.fit(X, y).decision_function(X)
        after = head.fit(X, places[y]).decision_function(X)
        np.testing.assert_allclose(centred(after[:, places]), centred(before), rtol=1e-6, atol=1e-8)


@given(st.floats(0.0, 2.0), st.floats(0.5, 3.0))
def test_adjustments_compose(tau, temperature):
    X, y = data()
    base = heads.LogisticHead().fit(X, y).head()
    once = heads.LogitAdjustedHead(base, tau=tau, temperature=temperature).fit(X, y)
    first = heads.LogitAdjustedHead(base, tau=0.0, temperature=temperature).fit(X, y).head()
    twice = heads.LogitAdjustedHead(heads.LogitAdjustedHead(first, tau=tau / 2).fit(X, y).head(), tau=tau / 2).fit(X, y)
    np.testing.assert_allclose(once.decision_function(X), twice.decision_function(X), atol=1e-9)


def test_balanced_least_squares_without_noise_is_the_network_of_the_theory():
    counts = pen.ClassCounts([60, 30, 10])
    ideal = pen.forecast(counts, weight_decay=1e-2, feature_ratio=1.0).geometry.factors(d=4)
    y = np.repeat(np.arange(3), [60, 30, 10])
    fitted = heads.RidgeHead(1e-2).fit(ideal.means[y], y)
    # At the minimiser the head is stationary for its own features (docs/theory, section 4).
    np.testing.assert_allclose(fitted.coef_, ideal.weights[0], atol=1e-9)
    np.testing.assert_allclose(fitted.intercept_, counts.values / 100, atol=1e-9)
