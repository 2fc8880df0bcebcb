"""Statistics against exact fractions: merged ones as single ones, in any units that a type can hold."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from penultimate.features import blocks, moments


def spread_by_fractions(rows):
    """``Σ ‖h − mean‖²`` without any rounding."""
    total = Fraction(0)
    for column in rows.T.tolist():
        values = [Fraction(value) for value in column]
        mean = sum(values) / len(values)
        total += sum((value - mean) ** 2 for value in values)
    return total


def off(found, exact):
    return abs(Fraction(float(found)) / exact - 1)


@given(
    st.integers(0, 10**6),
    st.sampled_from([0.0, 1e4, 1e6, 1e8]),
    st.sampled_from([np.float32, np.float64]),
    st.integers(2, 8),
)
@settings(max_examples=30, deadline=None)
def test_merged_statistics_are_as_exact_as_single_ones(seed, offset, dtype, parts):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 240)
    features = (rng.normal(size=(240, 4)) * (offset / 1e5 if dtype is np.float32 and offset else 1) + offset).astype(
        dtype
    )
    merged = pen.FeatureStatistics(3, 4)
    for part in np.array_split(rng.permutation(240), parts):
        merged.merge(pen.FeatureStatistics.from_features(features[part], labels[part], 3))
    merged = pen.FeatureStatistics(3, 4).merge(merged)
    for k in range(3):
        rows = features[labels == k]
        assert off(merged.spreads[k], spread_by_fractions(rows)) < 1e-14
        mean = [float(sum(map(Fraction, column)) / len(column)) for column in rows.T.tolist()]
        np.testing.assert_allclose(merged.means[k], mean, rtol=4e-16, atol=4e-16)


def test_an_audit_of_an_enormous_offset_has_exact_spreads():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, 400)
    features = rng.normal(size=(400, 3)) + 1e8
    audit = pen.audit(features, labels)
    for k in range(4):
        assert off(audit.statistics.spreads[k], spread_by_fractions(features[labels == k])) < 1e-13


@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("exponent", [-100, -75, -62, 63, 90, 120])
def test_single_precision_holds_any_units(exponent, per_class):
    """Scaled by a power of two the scatter scales without a digit lost, where squares would be 0 or infinite."""
    rng = np.random.default_rng(2)
    features, labels = rng.normal(size=(9000, 6)).astype(np.float32), rng.integers(0, 3, 9000)

    def statistic(rows):
        one = pen.FeatureStatistics(3, 6, per_class=per_class)
        one.update(rows, labels)
        return one

    plain, scaled = statistic(features), statistic(np.ldexp(features, exponent))
    np.testing.assert_array_equal(np.ldexp(scaled.within_scatter, -2 * exponent), plain.within_scatter)
    np.testing.assert_array_equal(np.ldexp(scaled.spreads, -2 * exponent), plain.spreads)


@pytest.mark.parametrize("scale", [1e-32, 1e-25, 1e-22, 1e19, 1e25, 1e36])
def test_an_audit_does_not_depend_on_the_units_of_single_precision(scale):
    rng = np.random.default_rng(3)
    means, labels = 2 * rng.normal(size=(5, 8)), rng.integers(0, 5, 600)
    features, head = means[labels] + rng.normal(size=(600, 8)), pen.Head((means,), -0.5 * np.sum(means**2, axis=1))
    plain = pen.audit(features.astype(np.float32), labels, head=head)
    wide = pen.Head((means / scale,), head.bias)
    scaled = pen.audit((features * scale).astype(np.float32), labels, head=wide)
    assert scaled.metrics.nc1 == pytest.approx(plain.metrics.nc1, rel=1e-5)
    np.testing.assert_array_equal(scaled.decisions.confusion, plain.decisions.confusion)
    np.testing.assert_array_equal(scaled.decisions.agreed, plain.decisions.agreed)


@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 2e38), (np.float64, 1e160)])
def test_features_whose_squares_are_no_numbers_are_refused(dtype, size):
    features = np.full((4, 3), size, dtype=dtype) * np.array([[1], [-1], [1], [-1]], dtype=dtype)
    with pytest.raises(pen.FeaturesError, match="divide them all by one number"):
        pen.audit(features, np.array([0, 0, 1, 1]))


@pytest.mark.parametrize("size", [1e-160, 1e-200, 5e-324])
def test_features_whose_squares_are_zero_are_refused_and_zeros_are_not(size):
    features, labels = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0], [0.0, 2.0]]), np.array([0, 1, 0, 1])
    with pytest.raises(pen.FeaturesError, match="multiply them all by one number"):
        pen.audit(features * size, labels)
    assert pen.audit(features * 1e-140, labels).metrics.nc1 == pytest.approx(pen.audit(features, labels).metrics.nc1)
    assert pen.audit(features * 0.0, labels).metrics.nc1 is not None


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e7, 1e8])
def test_nc1_of_an_enormous_offset(offset):
    """Two means differ in one direction, however far they lie from the origin."""
    rng = np.random.default_rng(4)
    labels = np.repeat([0, 1], [3, 30])
    features = rng.normal(size=(33, 20)) * 1e-4 + np.array([0, 1e-3])[labels][:, None]
    expected = pen.metrics.nc1(pen.FeatureStatistics.from_features(features, labels))
    found = pen.metrics.nc1(pen.FeatureStatistics.from_features(features + offset, labels))
    assert found == pytest.approx(expected, rel=1e-3 + 1e-8 * offset)


@pytest.mark.parametrize("size", [1e71, -1e160, 1e300])
def test_weights_that_no_training_gives_are_refused(size):
    """One exponent bit of a checkpoint that flipped: squares would overflow far from here."""
    for layer, bias in ((np.diag([1.0, size]), np.zeros(2)), (np.eye(2), np.array([0.0, size]))):
        with pytest.raises(pen.FeaturesError, match="which no training gives"):
            pen.Head((layer,), bias)


@pytest.mark.parametrize("size", [1e-60, 1e70])
def test_weights_of_any_other_size_are_audited(size):
    audit = pen.audit_head(pen.Head((np.eye(3) * size,), np.zeros(3)), pen.ClassCounts([60, 30, 10]))
    expected = pen.audit_head(pen.Head((np.eye(3),), np.zeros(3)), pen.ClassCounts([60, 30, 10]))
    assert audit.along.error == pytest.approx(expected.along.error)
    # The root of what rounding leaves of one less one.
    assert audit.off_diagonal_share == pytest.approx(expected.off_diagonal_share, abs=1e-7)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_batches_of_fewer_samples_than_classes_are_added_class_by_class(threads, per_class, dtype, monkeypatch):
    """Each thread takes some classes; weights, classes in many batches, in one, and in none."""
    monkeypatch.setattr(moments, "at_once", lambda tasks: threads)
    rng = np.random.default_rng(4)
    labels = np.concatenate([rng.integers(0, 70, 400), np.full(90, 3)])
    features = (10.0 + rng.normal(size=(labels.size, 5))).astype(dtype)
    weights = rng.uniform(0.5, 2.0, labels.size)
    statistics = pen.FeatureStatistics(100, 5, per_class=per_class)
    for first in range(0, labels.size, 35):
        some = slice(first, first + 35)
        statistics.update(features[some], labels[some], weights[some])
    wide = features.astype(np.float64)
    for k in range(100):
        mine, w = wide[labels == k], weights[labels == k]
        if not w.size:
            assert np.isnan(statistics.means[k]).all() and statistics.spreads[k] == 0.0
            continue
        mean = w @ mine / w.sum()
        np.testing.assert_allclose(statistics.means[k], mean, rtol=1e-13)
        np.testing.assert_allclose(statistics.spreads[k], w @ np.sum((mine - mean) ** 2, axis=1), rtol=1e-10, atol=1e-9)
    centred = (wide - statistics.means[labels]) * np.sqrt(weights)[:, None]
    np.testing.assert_allclose(statistics.within_scatter, centred.T @ centred, rtol=1e-5, atol=1e-4)


def test_sums_over_blocks_in_threads_are_those_of_one(monkeypatch):
    rows = np.random.default_rng(5).normal(size=(1000, 8))
    monkeypatch.setattr(blocks, "blocks", lambda rows, width: blocks.slices(rows, 96))
    wanted = rows.T @ rows
    for threads in (1, 2, 5):
        monkeypatch.setattr(blocks, "at_once", lambda tasks, threads=threads: threads)
        found = blocks.sum_over_blocks(*rows.shape, lambda place: rows[place].T @ rows[place])
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
