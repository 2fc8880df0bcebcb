import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from penultimate import metrics
from penultimate.features.metrics import sweeping
from penultimate.features.metrics.centred import ClassRows
from penultimate.features.metrics.frames import norm_slope
from penultimate.features.metrics.pairs import MeanPairs


def features_of(seed, classes=5, dimension=7, per_class=12, spread=0.3, counts=None):
    rng = np.random.default_rng(seed)
    counts = np.full(classes, per_class) if counts is None else np.asarray(counts)
    labels = np.repeat(np.arange(len(counts)), counts)
    means = rng.normal(size=(len(counts), dimension))
    return means[labels] + spread * rng.normal(size=(labels.size, dimension)), labels


def by_definition(features, labels):
    """Means, global mean and covariances, one sample at a time."""
    seen = np.unique(labels)
    means = np.stack([features[labels == k].mean(axis=0) for k in seen])
    centre = features.mean(axis=0)
    rest = features - means[np.searchsorted(seen, labels)]
    within = sum(np.outer(row, row) for row in rest) / len(labels)
    between = (means - centre).T @ (means - centre) / len(seen)
    variance = np.array([((features[labels == k] - means[seen == k]) ** 2).sum(axis=1).mean() for k in seen])
    return means, centre, within, between, variance


@pytest.mark.parametrize("counts", [[12] * 5, [40, 12, 6, 2, 1], [9, 9], [3] * 12])
def test_nc1_is_its_definition_with_a_dense_pseudo_inverse(counts):
    features, labels = features_of(1, counts=counts)
    statistics = pen.FeatureStatistics.from_features(features, labels)
    _, _, within, between, _ = by_definition(features, labels)
    assert metrics.nc1(statistics) == pytest.approx(np.trace(within @ np.linalg.pinv(between)) / len(counts), rel=1e-9)
    assert metrics.variability_quotient(statistics) == pytest.approx(np.trace(within) / np.trace(between), rel=1e-12)


def test_pairwise_variance_is_its_definition():
    features, labels = features_of(2, counts=[30, 9, 4, 2])
    means, _, _, _, variance = by_definition(features, labels)
    table = np.array(
        [
            [0.0 if i == j else (variance[i] + variance[j]) / 2 / np.sum((means[i] - means[j]) ** 2) for j in range(4)]
            for i in range(4)
        ]
    )
    pairs = metrics.PairwiseVariance(pen.FeatureStatistics.from_features(features, labels))
    assert pairs.mean == pytest.approx(table.sum() / 12)
    np.testing.assert_allclose(pairs.of_class, table.sum(axis=1) / 3)
    np.testing.assert_array_equal(pairs.worst, table.argmax(axis=1))


def test_one_look_at_all_pairs_is_the_table_of_all_pairs_whatever_the_blocks(monkeypatch):
    # A class whose mean is that of all samples has no angle, and one without samples has nothing.
    rng = np.random.default_rng(12)
    half = np.vstack([rng.integers(-9, 9, size=(15, 7)), np.zeros((1, 7))])
    means = np.vstack([half, -half[:15]])
    noise = rng.integers(1, 4, size=(31, 1, 7)) * np.array([1, -1])[:, None]
    features = (means[:, None] + noise).reshape(62, 7)
    statistics = pen.FeatureStatistics.from_features(features, np.repeat(np.arange(31), 2), classes=32)
    exact = np.vstack([means, np.full(7, np.nan)])
    monkeypatch.setattr(sweeping, "_TILE", 5)
    pairs = MeanPairs.of(statistics, ClassRows(exact, np.zeros(7), np.arange(31)))
    norms = np.linalg.norm(means, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = means @ means.T / np.outer(norms, norms)
        distances = np.sum((means[:, None] - means) ** 2, axis=2)
        variance = statistics.spreads[:31] / 2
        quotients = (variance[:, None] + variance) / 2 / distances
    np.fill_diagonal(cosines, np.nan)
    np.fill_diagonal(quotients, np.nan)
    angled = np.flatnonzero(norms > 0)
    known = cosines[np.ix_(angled, angled)]
    np.testing.assert_allclose(pairs.variance_of_class[:31], np.nanmean(quotients, axis=1))
    assert np.isnan(pairs.variance_of_class[31]) and pairs.variance.value == pytest.approx(np.nanmean(quotients))
    expected = np.nanmean(np.abs(known + 1 / 29)), np.nanstd(known)
    assert (pairs.away.value, pairs.deviation.value) == pytest.approx(expected)
    np.testing.assert_allclose(pairs.nearest_cosine[angled], np.nanmax(known, axis=1))
    assert pairs.nearest[[15, 31]].tolist() == [-1, -1]


def test_close_means_far_from_the_others_keep_their_distance():
    means = np.array([[1e4, 0.0], [1e4 + 1e-5, 0.0], [0.0, 1e4]])
    noise = 1e-6 * np.array([[0.0, 1.0], [0.0, -1.0]])
    features = (means[:, None] + noise).reshape(-1, 2)
    pairs = metrics.PairwiseVariance(pen.FeatureStatistics.from_features(features, np.repeat(np.arange(3), 2)))
    # Means 1e-5 apart with standard deviation 1e-6: (1e-12 + 1e-12) / (2 · 1e-10). 1e4 + 1e-5 is stored to 2e-12.
    np.testing.assert_allclose(2 * pairs.of_class[:2], 1e-2, rtol=1e-5)


def test_signal_to_noise_of_every_class():
    features, labels = features_of(3, counts=[20, 5, 3])
    means, centre, _, _, variance = by_definition(features, labels)
    expected = np.sum((means - centre) ** 2, axis=1) / variance
    np.testing.assert_allclose(metrics.signal_to_noise(pen.FeatureStatistics.from_features(features, labels)), expected)


@given(st.integers(2, 9), st.floats(0.1, 10.0), st.integers(0, 99))
def test_a_rotated_and_scaled_simplex_has_collapsed(classes, scale, seed):
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(classes + 2, classes)))[0]
    simplex = scale * (np.eye(classes) - 1 / classes) @ rotation.T
    statistics = pen.FeatureStatistics.from_features(np.repeat(simplex, 3, axis=0), np.repeat(np.arange(classes), 3))
    counts = pen.ClassCounts([3] * classes)
    geometry = pen.forecast(counts, weight_decay=1e-4, feature_ratio=1.0).geometry
    measured = metrics.collapse_metrics(statistics, 2.0 * simplex, geometry)
    for name in ("nc1", "nc1_cdnv", "nc2_equinorm", "nc2_equiangular", "nc3_duality", "head_equiangular"):
        assert getattr(measured, name) == pytest.approx(0.0, abs=1e-7), name
    for name in ("distance_to_etf", "distance_to_seli", "distance_to_forecast", "head_distance_to_forecast"):
        assert getattr(measured, name) == pytest.approx(0.0, abs=2e-7), name
    assert measured.effective_rank == pytest.approx(classes - 1, rel=1e-6)
    assert measured.nc3_cosine == pytest.approx(1.0)


@settings(max_examples=30)
@given(st.integers(0, 999))
def test_measures_do_not_change_when_features_turn_or_shift(seed):
    features, labels = features_of(seed, counts=[11, 7, 4, 2])
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(7, 7)))[0]
    one = metrics.collapse_metrics(pen.FeatureStatistics.from_features(features, labels)).to_dict()
    other = metrics.collapse_metrics(
        pen.FeatureStatistics.from_features(features @ turn + rng.normal(size=7), labels)
    ).to_dict()
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert other[name] == (None if value is None else pytest.approx(value, rel=1e-7, abs=1e-9)), name


@pytest.mark.parametrize("layers", [1, 2])
def test_ideal_factors_lie_on_the_forecast_and_not_on_the_simplex(layers):
    forecast = pen.forecast(pen.ClassCounts([60, 30, 10, 10]), weight_decay=1e-2, layers=layers, feature_ratio=1.0)
    ideal = forecast.geometry.factors(d=6)
    assert metrics.gram_distance(ideal.means, forecast.geometry.mean_gram) == pytest.approx(0.0, abs=1e-7)
    assert metrics.gram_distance(ideal.weights[-1], forecast.geometry.head_gram) == pytest.approx(0.0, abs=1e-7)
    assert metrics.gram_distance(ideal.means, pen.frames.simplex_etf(4).mean_gram) > 0.1


def test_gram_distance_is_its_definition():
    vectors = np.random.default_rng(5).normal(size=(4, 3))
    target = pen.frames.seli(pen.ClassCounts([9, 5, 2, 1])).mean_gram
    gram, wanted = vectors @ vectors.T, target.dense()
    expected = np.linalg.norm(gram / np.linalg.norm(gram) - wanted / np.linalg.norm(wanted))
    assert metrics.gram_distance(vectors, target) == pytest.approx(expected, rel=1e-9)


def test_angles_lengths_and_slopes_are_their_definitions():
    vectors = np.random.default_rng(6).normal(size=(6, 4))
    norms = np.linalg.norm(vectors, axis=1)
    cosines = (vectors @ vectors.T / np.outer(norms, norms))[~np.eye(6, dtype=bool)]
    away, deviation = metrics.equiangularity(vectors)
    assert away == pytest.approx(np.abs(cosines + 1 / 5).mean()) and deviation == pytest.approx(cosines.std())
    assert metrics.equinorm(vectors) == pytest.approx(norms.std() / norms.mean())
    counts = np.array([100.0, 50, 20, 10, 5, 2])
    (slope, _), covariance = np.polyfit(np.log(counts), np.log(norms), 1, cov=True)
    assert norm_slope(vectors, counts) == pytest.approx((slope, np.sqrt(covariance[0, 0])))


def test_absent_classes_are_left_out_everywhere():
    features, labels = features_of(7, counts=[9, 5, 3])
    with_gap = np.array([0, 2, 3])[labels]
    head = np.random.default_rng(8).normal(size=(3, 7))
    wide = np.full((5, 7), 1e3)
    wide[[0, 2, 3]] = head
    one = metrics.collapse_metrics(pen.FeatureStatistics.from_features(features, labels), head)
    other = metrics.collapse_metrics(pen.FeatureStatistics.from_features(features, with_gap, classes=5), wide)
    assert other.classes == 3
    for name, value in one.to_dict().items():
        assert other.to_dict()[name] == (None if value is None else pytest.approx(value)), name
    classes = metrics.class_metrics(pen.FeatureStatistics.from_features(features, with_gap, classes=5), wide)
    assert np.isnan(classes.mean_norm[[1, 4]]).all() and classes.nearest[[1, 4]].tolist() == [-1, -1]


def test_constant_features_have_no_measures_and_no_warnings():
    statistics = pen.FeatureStatistics.from_features(np.ones((6, 3)), np.repeat([0, 1, 2], 2))
    measured = metrics.collapse_metrics(statistics, np.zeros((3, 3))).to_dict()
    assert measured["nc1"] is None and measured["nc2_equinorm"] is None and measured["nc3_duality"] is None
    assert measured["nc1_cdnv"] is None  # infinite: nothing tells the classes apart


def test_one_class_has_no_pairs():
    measured = metrics.collapse_metrics(
        pen.FeatureStatistics.from_features(np.eye(3), np.zeros(3, dtype=int), classes=2)
    ).to_dict()
    assert measured["classes"] == 1 and measured["nc1_cdnv"] is None and measured["nc2_equiangular"] is None


def test_a_target_of_other_classes_is_refused():
    with pytest.raises(pen.FeaturesError, match="4 vectors and a target for 3 classes"):
        metrics.gram_distance(np.eye(4), pen.frames.simplex_etf(3).mean_gram)


def test_a_thousand_classes_need_no_table_of_pairs():
    means = np.random.default_rng(9).normal(size=(1000, 512))
    statistics = pen.FeatureStatistics.from_features(np.repeat(means, 2, axis=0), np.repeat(np.arange(1000), 2))
    tracemalloc.start()
    metrics.collapse_metrics(statistics, means)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # K × K × d would be 4 GB, K × K alone 8 MB.
    assert peak < 100e6


def test_rounding_of_a_dead_direction_never_makes_nc1_negative():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        turn = np.linalg.qr(rng.normal(size=(8, 8)))[0]
        labels = np.repeat(np.arange(3), 400)
        # The classes differ along one direction, hardly along the next, where features do not vary at all.
        features = np.zeros((1200, 8))
        features[:, 0] = 5.0 * labels + rng.normal(size=1200)
        features[:, 1] = 1e-6 * (labels == 1)
        rows = (features @ turn).astype(np.float32)
        assert pen.metrics.nc1(pen.FeatureStatistics.from_features(rows, labels)) >= 0.0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=3, max_size=12).filter(lambda counts: sum(n > 0 for n in counts) > 1))
def test_gram_distance_is_that_of_dense_matrices_of_the_classes_that_both_know(counts):
    rng = np.random.default_rng(sum(counts))
    target = pen.forecast(pen.ClassCounts(counts), weight_decay=1e-3, feature_ratio=1).geometry.mean_gram
    vectors = rng.normal(size=(len(counts), 5))
    vectors[0] = np.nan
    both = np.flatnonzero((np.array(counts) > 0) & np.isfinite(vectors[:, 0]))
    gram, wanted = vectors[both] @ vectors[both].T, target.block(both.tolist(), both.tolist())
    dense = np.linalg.norm(gram / np.linalg.norm(gram) - wanted / np.linalg.norm(wanted))
    assert pen.metrics.gram_distance(vectors, target) == pytest.approx(dense, abs=1e-6)
