"""Merged classes: those that overlap along the line between their means, whatever noise there is elsewhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

import penultimate as pen
from penultimate.features.metrics import merged_pairs


def of(features, labels, classes=None):
    return merged_pairs(pen.FeatureStatistics.from_features(features, labels, classes))


def drawn(means, samples, seed, spread=1.0):
    labels = np.repeat(np.arange(len(means)), samples)
    noise = np.random.default_rng(seed).normal(size=(labels.size, means.shape[1]))
    return means[labels] + spread * noise, labels


@pytest.mark.parametrize("dimension", [16, 64, 512, 2048])
@pytest.mark.parametrize("samples", [1, 2, 5, 40])
def test_orthogonal_classes_never_merge_however_wide_the_features(dimension, samples):
    """CDNV of the same classes is above 0.5 from d = 128 on, where it had them all merged."""
    means = 11.3 * np.eye(10, dimension)
    features, labels = drawn(means, samples, dimension + samples)
    assert of(features, labels).count == 0
    assert of(1e-8 * features, labels).count == of((1e12 * features).astype(np.float32), labels).count == 0


@pytest.mark.parametrize("dimension", [2, 16, 256])
def test_classes_of_one_mean_merge_and_others_do_not(dimension):
    means = np.zeros((5, dimension))
    means[2:, 0] = 8.0, 16.0, 24.0
    merged = of(*drawn(means, 300, dimension))
    assert merged.pairs.tolist() == [[0, 1]] and merged.classes.tolist() == [0, 1]
    assert merged.error[0] > 0.4


def test_pairs_not_chains():
    """Neighbours overlap, those two apart do not; the pair that overlaps most comes first."""
    means = np.array([[0.0, 0.0], [1.0, 0.0], [1.8, 0.0]])
    merged = of(*drawn(means, 4000, 0, spread=0.8))
    assert merged.pairs.tolist() == [[1, 2], [0, 1]] and merged.count == 2
    np.testing.assert_allclose(merged.error, norm.cdf([-0.5, -0.625]), atol=0.01)


@pytest.mark.parametrize(("error", "expected"), [(0.2, 0), (0.3, 1)])
def test_the_threshold_is_an_error_of_a_quarter(error, expected):
    """Two sides of 0.25 are told apart with 100 samples each in 8 dimensions, for (nearly) every draw."""
    apart = -2 * norm.ppf(error)
    means = np.array([[0.0] * 8, [apart] + [0.0] * 7])
    found = [of(*drawn(means, 400, seed)).count for seed in range(40)]
    assert np.mean(np.array(found) == expected) >= 0.9


@given(st.integers(0, 10**6), st.floats(0.5, 4.0), st.floats(0.3, 3.0))
@settings(max_examples=25, deadline=None)
def test_the_error_is_that_of_linear_discriminant_analysis(seed, apart, spread):
    """Fitted on half of the samples and judged on the other, by scikit-learn; noise is as wide in all directions."""
    means = np.array([[0.0, 0.0, 0.0], [apart * spread, 0.0, 0.0]])
    features, labels = drawn(means, 6000, seed, spread)
    rule = LinearDiscriminantAnalysis().fit(features[::2], labels[::2])
    wrong = 1 - rule.score(features[1::2], labels[1::2])
    found = merged_pairs(pen.FeatureStatistics.from_features(features, labels), merged_at=0.01)
    assert found.error[0] == pytest.approx(wrong, abs=0.025)


def test_a_tight_pair_among_wide_classes_is_apart_and_a_wide_one_is_not():
    """The size of the scatter is each class's own: the pooled one would have merged the first pair."""
    rng = np.random.default_rng(0)
    means = np.array([[0.0, 0], [1.0, 0], [50.0, 0], [52.0, 0]])
    labels = np.repeat(np.arange(4), 2000)
    features = means[labels] + np.array([0.05, 0.05, 4.0, 4.0])[labels][:, None] * rng.normal(size=(8000, 2))
    assert of(features, labels).pairs.tolist() == [[2, 3]]


def test_of_unequal_scatter_the_error_is_that_of_the_rule_that_errs_alike_on_both():
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], 40_000)
    features = (labels + np.array([0.5, 2.0])[labels] * rng.normal(size=80_000))[:, None]
    cut = 0.5 / 2.5
    wrong = np.mean(features[labels == 0] > cut), np.mean(features[labels == 1] < cut)
    np.testing.assert_allclose(wrong, of(features, labels).error[0], atol=0.01)


@given(st.integers(0, 10**6), st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
@settings(max_examples=40, deadline=None)
def test_rotation_scale_and_offset_change_nothing(seed, scale, offset):
    rng = np.random.default_rng(seed)
    features, labels = drawn(rng.normal(size=(6, 5)), 30, seed)
    turned = scale * (features @ np.linalg.qr(rng.normal(size=(5, 5)))[0] + offset)
    one, other = of(features, labels), of(turned, labels)
    assert (one.count, one.undecided) == (other.count, other.undecided)
    np.testing.assert_allclose(one.error, other.error, rtol=1e-5)


def test_added_directions_of_noise_change_little():
    means = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]])
    features, labels = drawn(means, 2000, 3)
    noise = np.random.default_rng(4).normal(size=(6000, 254))
    one, other = of(features, labels), of(np.hstack([features, noise]), labels)
    assert one.pairs.tolist() == other.pairs.tolist() == [[0, 1]]
    np.testing.assert_allclose(one.error, other.error, atol=0.03)


@pytest.mark.parametrize("samples", [2, 5])
def test_few_samples_in_many_directions_decide_nothing(samples):
    """Coincident or not, chance alone moves means farther apart than the distance in question."""
    for means in (np.zeros((4, 512)), 1.35 * np.eye(4, 512)):
        merged = of(*drawn(means, samples, 5))
        assert (merged.count, merged.undecided) == (0, 6)


def test_a_class_of_one_sample_has_the_scatter_of_all():
    rng = np.random.default_rng(0)
    many = rng.normal(size=(400, 2))
    features = np.vstack([many, many + np.array([9.0, 0.0]), [[0.1, 0.2]], [[4.5, 30.0]]])
    labels = np.repeat([0, 1, 2, 3], [400, 400, 1, 1])
    assert of(features, labels).pairs.tolist() == [[0, 2]]


def test_collapsed_classes_merge_only_where_their_means_are_equal():
    means = np.array([[1.0, 0], [1.0, 0], [1.0, 1e-3]])
    labels = np.repeat(np.arange(3), 5)
    merged = of(means[labels], labels)
    assert merged.pairs.tolist() == [[0, 1]] and merged.error.tolist() == [0.5]
    assert of(np.eye(3), np.arange(3)).count == 0
    assert of(np.ones((2, 3)), np.arange(2)).count == 1
    assert of(np.ones((2, 3)), np.array([0, 2]), 4).pairs.tolist() == [[0, 2]]
    assert of(np.ones((2, 3)), np.array([0, 0]), 4).count == 0


def test_the_list_is_cut_and_the_count_is_not(monkeypatch):
    features, labels = drawn(np.zeros((60, 3)), 50, 0)
    whole = of(features, labels)
    assert whole.count > 1700 and len(whole.pairs) == 1000 and whole.classes.size == 60
    assert (np.diff(whole.error) <= 0).all()
    monkeypatch.setattr("penultimate.features.metrics.centred._ENTRIES", 7 * 60)
    pieces = of(features, labels)
    np.testing.assert_array_equal(np.sort(pieces.error), np.sort(whole.error))
    assert (pieces.count, pieces.classes.tolist()) == (whole.count, whole.classes.tolist())
