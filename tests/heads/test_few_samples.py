"""Heads from few samples a class: leave-one-out against refitting, noise of means against the truth, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

import penultimate as pen
from penultimate.heads.leave_one_out import SHRINKAGES, LeaveOneOut

heads = pen.heads
TREATMENTS = ("pulled", "corrected", "plain")


def drawn(counts, width, seed=0, signal=1.5, spread=10.0):
    """Gaussian classes of one covariance, whose eigenvalues span `spread`²."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(counts)), counts)
    means = signal * rng.normal(size=(len(counts), width)) / np.sqrt(width)
    scales = np.geomspace(1.0, 1.0 / spread, width)
    return (means[y] + rng.normal(size=(y.size, width))) * scales, y, means * scales, scales


def centred(scores):
    return scores - scores.mean(axis=-1, keepdims=True)


def refitted(X, y, row, shrinkage, means):
    """Scores of one sample by the head that is fitted to all others."""
    head = heads.DiscriminantHead(shrinkage, means=means).fit(np.delete(X, row, 0), np.delete(y, row))
    return head.head().logits(X[[row]])[0]


@pytest.mark.parametrize("means", TREATMENTS)
@pytest.mark.parametrize("width", [5, 40])
def test_leave_one_out_is_refitting(width, means):
    X, y, *_ = drawn((10, 6, 4, 2), width)
    left_out = LeaveOneOut(X, y, means)
    for shrinkage in (0.01, 0.5, 1.0):
        expected = centred(np.array([refitted(X, y, row, shrinkage, means) for row in left_out.rows]))
        found = centred(left_out.scores(shrinkage))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


@given(
    st.lists(st.integers(1, 5), min_size=2, max_size=4).filter(lambda counts: sum(counts) > len(counts) + 1),
    st.integers(1, 8),
    st.sampled_from(TREATMENTS),
    st.sampled_from([1e-3, 0.3, 1.0]),
    st.integers(0, 99),
)
def test_leave_one_out_is_refitting_whatever_the_counts(counts, width, means, shrinkage, seed):
    X, y, *_ = drawn(counts, width, seed)
    left_out = LeaveOneOut(X, y, means)
    assert sorted(left_out.rows) == [row for row in range(len(y)) if counts[y[row]] > 1]
    if len(y) - 1 - len(counts) < 1:
        return
    row = len(left_out.rows) // 2
    expected = centred(refitted(X, y, left_out.rows[row], shrinkage, means))
    found = centred(left_out.scores(shrinkage))[row]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8 * max(1.0, np.abs(expected).max()))


def test_the_shrinkage_is_the_one_of_least_loss_for_samples_left_out():
    X, y, *_ = drawn((20, 12, 6, 4), 12, signal=4.0)
    head = heads.DiscriminantHead().fit(X, y)
    curve = head.loo_
    assert head.shrinkage_ == curve.setting == curve.settings[np.argmin(curve.log_loss)]
    right = np.array([refitted(X, y, row, head.shrinkage_, "pulled").argmax() == y[row] for row in range(len(y))])
    expected = np.mean([right[y == k].mean() for k in range(4)])
    assert curve.balanced_accuracy[curve.picked] == pytest.approx(expected, abs=1e-12)


def test_where_a_class_has_two_samples_the_choice_leans_to_the_nearest_mean():
    for seed in range(5):
        X, y, *_ = drawn((20, 12, 6, 2), 12, seed, signal=4.0)
        curve = heads.DiscriminantHead().fit(X, y).loo_
        assert curve.picked >= np.argmin(curve.log_loss)
        beyond = curve.log_loss[curve.picked + 1 :]
        assert np.all(beyond > curve.log_loss.min())


def test_one_eigendecomposition_serves_many_samples_of_a_class(monkeypatch):
    X, y, *_ = drawn((400, 30, 2), 5)
    monkeypatch.setattr("penultimate.heads.leave_one_out._SCORES", 900.0)
    left_out = LeaveOneOut(X, y, "pulled")
    assert np.bincount(y[left_out.rows]).tolist() == [100, 30, 2]
    head = heads.DiscriminantHead().fit(X, y)
    assert head.shrinkage_ in SHRINKAGES


@pytest.mark.parametrize(("samples", "shrinkage"), [(80, 0.1), (80, 0.5), (100, 0.5), (400, 0.01), (200, 1.0)])
def test_the_noise_of_means_is_that_of_the_true_covariance(samples, shrinkage):
    counts = np.array([samples // 2, samples // 4, samples // 8, samples - samples // 2 - samples // 4 - samples // 8])
    truth, estimate = [], []
    for seed in range(20):
        X, y, _, scales = drawn(counts, 64, seed)
        head = heads.DiscriminantHead(shrinkage).fit(X, y)
        residuals = X - np.stack([X[y == k].mean(axis=0) for k in range(4)])[y]
        covariance = residuals.T @ residuals / samples
        shrunk = (1 - shrinkage) * covariance + shrinkage * np.trace(covariance) / 64 * np.eye(64)
        truth.append(np.trace(np.linalg.solve(shrunk, np.diag(scales**2))))
        estimate.append(head.mean_noise_)
    assert np.mean(estimate) == pytest.approx(np.mean(truth), rel=0.03)


def test_the_correction_is_half_the_noise_over_the_samples_and_needs_no_samples():
    X, y, *_ = drawn((40, 10, 3), 6)
    plain, corrected = (heads.DiscriminantHead(0.3, means=means).fit(X, y) for means in ("plain", "corrected"))
    np.testing.assert_allclose(corrected.coef_, plain.coef_, rtol=1e-12)
    expected = 0.5 * corrected.mean_noise_ / np.array([40, 10, 3])
    np.testing.assert_allclose(corrected.intercept_ - plain.intercept_, expected, rtol=1e-9)
    again = heads.DiscriminantHead(0.3, means="corrected").fit_statistics(pen.FeatureStatistics.from_features(X, y))
    np.testing.assert_allclose(again.intercept_, corrected.intercept_, rtol=1e-9)


def test_pulled_means_are_nearer_to_the_true_ones_by_what_the_best_factor_could_do():
    gains, best = [], []
    for seed in range(30):
        X, y, truth, _ = drawn([4] * 12, 60, seed, signal=4.0, spread=1.0)
        head = heads.DiscriminantHead(1.0).fit(X, y)
        means = np.stack([X[y == k].mean(axis=0) for k in range(12)])
        centre = means.mean(axis=0)
        true, found = truth - centre, means - centre
        errors = [np.sum((factor * found - true) ** 2) for factor in (1.0, 4 / (4 + head.pull_))]
        gains.append(errors[1] / errors[0])
        best.append(np.sum((np.sum(true * found) / np.sum(found**2) * found - true) ** 2) / errors[0])
    assert np.mean(gains) < 0.7
    assert np.mean(gains) == pytest.approx(np.mean(best), rel=0.03)


def test_classes_of_few_samples_and_little_signal_gain():
    balanced = {means: [] for means in ("pulled", "corrected", "plain", "scikit-learn")}
    for seed in range(10):
        X, y, means, scales = drawn((40, 30, 20, 10, 5, 3), 60, seed, signal=2.0, spread=1.0)
        rng = np.random.default_rng(100 + seed)
        tested = np.repeat(np.arange(6), 200)
        points = means[tested] + rng.normal(size=(tested.size, 60)) * scales
        theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=np.full(6, 1 / 6)).fit(X, y)
        fitted = {means: heads.DiscriminantHead(means=means).fit(X, y) for means in TREATMENTS}
        for name, head in {**fitted, "scikit-learn": theirs}.items():
            balanced[name].append(np.mean(head.predict(points) == tested))
    mean = {name: float(np.mean(values)) for name, values in balanced.items()}
    assert mean["pulled"] > max(mean["corrected"], mean["plain"]) + 0.01
    assert mean["pulled"] > mean["scikit-learn"] + 0.01


def test_what_the_samples_do_not_tell_has_a_name():
    rng = np.random.default_rng(0)
    single = heads.DiscriminantHead().fit(np.eye(4), np.arange(4))
    assert (single.shrinkage_, single.loo_, single.mean_noise_) == (1.0, None, 0.0)
    assert np.array_equal(single.predict(np.eye(4)), np.arange(4))
    pair = heads.DiscriminantHead().fit(rng.normal(size=(5, 3)), np.array([0, 1, 2, 3, 3]))
    assert np.isfinite(pair.coef_).all() and pair.loo_ is None
    assert heads.DiscriminantHead().fit(rng.normal(size=(6, 3)), np.array([0, 1, 2, 2, 3, 3])).loo_ is not None
    constant = heads.DiscriminantHead().fit(np.ones((6, 3)), np.arange(6) % 2)
    assert (constant.shrinkage_, constant.loo_) == (1.0, None)
    X, y = rng.normal(size=(20, 30)), np.arange(20) % 2
    unshrunk, plain = (heads.DiscriminantHead(0.0, means=means).fit(X, y) for means in ("pulled", "plain"))
    assert np.isnan(unshrunk.mean_noise_) and unshrunk.pull_ == 0.0
    np.testing.assert_allclose(unshrunk.intercept_, plain.intercept_)


def test_statistics_have_no_sample_to_leave_out():
    X, y, *_ = drawn((20, 5), 4)
    head = heads.DiscriminantHead().fit_statistics(pen.FeatureStatistics.from_features(X, y))
    assert (head.shrinkage_, head.loo_) == (0.5, None)


@pytest.mark.parametrize("network", ["cnn-ce-test", "cnn-mse-test"])
def test_from_statistics_half_shrinkage_is_better_than_the_oracles(network):
    batches = list(pen.datasets.features(network).batches())
    rows = np.concatenate([batch.features for batch in batches])
    labels = np.concatenate([batch.labels for batch in batches])
    recalls = []
    for seed in range(6):
        order = np.random.default_rng(seed).permutation(len(labels))
        drawn = np.concatenate([order[labels[order] == k][: 30 if k < 5 else 3] for k in range(10)])
        tested, statistics = order[-3000:], pen.FeatureStatistics.from_features(rows[drawn], labels[drawn])
        fitted = (heads.DiscriminantHead(one).fit_statistics(statistics) for one in ("loo", "auto"))
        recalls.append([np.mean(one.predict(rows[tested]) == labels[tested]) for one in fitted])
    half, oracle = np.mean(recalls, axis=0)
    assert half > oracle
