"""Directions of the scatter within classes, against permuted features, planted directions and bundled networks."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.report.audit.words import findings


def scattered(seed, classes=8, width=40, rank=0, strength=0.0, most=120):
    """Independent features of classes that scatter each in a size of its own, and directions that they share."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), rng.integers(5, most, classes))
    size = np.exp(0.7 * rng.standard_normal(classes))
    scale = np.exp(rng.standard_normal(width))
    independent = rng.standard_normal((labels.size, width))
    shared = rng.standard_normal((labels.size, rank)) @ np.linalg.qr(rng.standard_normal((width, rank)))[0].T
    means = 3 * rng.standard_normal((classes, width))[labels]
    return means + size[labels, None] * (independent + strength * shared) * scale, labels


def counted(features, labels):
    return pen.noise.scatter_directions(pen.FeatureStatistics.from_features(features, labels))


def test_independent_features_have_none_though_classes_differ_in_size():
    found = [counted(*scattered(seed)) for seed in range(60)]
    assert sum(one.count > 0 for one in found) <= 3
    # With one size for all the edge would be lower, and directions would come out of nothing.
    plain = [(1 + np.sqrt(one.dimension / one.freedom)) ** 2 for one in found]
    assert np.median([one.edge / edge for one, edge in zip(found, plain, strict=True)]) > 1.15


@pytest.mark.parametrize("rank", [1, 4])
def test_planted_directions_are_counted(rank):
    assert [counted(*scattered(seed, rank=rank, strength=5.0)).count for seed in range(5)] == [rank] * 5


def test_the_edge_is_what_permuted_features_reach():
    """Horn's parallel analysis by permutation within classes."""
    features, labels = scattered(3, classes=12, width=100, most=400)
    found, rng, largest = counted(features, labels), np.random.default_rng(0), []
    for _ in range(10):
        permuted = features.copy()
        for one in range(12):
            block = np.flatnonzero(labels == one)
            permuted[block] = rng.permuted(features[block], axis=0)
            permuted[block] -= permuted[block].mean(axis=0)
        largest.append(np.linalg.eigvalsh(np.corrcoef(permuted.T))[-1])
    # A finite matrix lies lower, by the size of its fluctuations.
    assert found.edge / (1 + 100 ** (-2 / 3)) ** 2 < np.mean(largest) < found.edge


def test_scales_and_constant_features_change_nothing():
    features, labels = scattered(1, rank=2, strength=5.0)
    found = counted(features, labels)
    more = np.hstack([features * np.geomspace(1e-2, 1e2, features.shape[1]), np.full((labels.size, 3), 7.0)])
    again = counted(more, labels)
    assert again.count == found.count and again.dimension == found.dimension
    # A class counts by its scatter in all features, which their scales weigh.
    np.testing.assert_allclose(again.eigenvalues, found.eigenvalues, rtol=1e-8)


@pytest.mark.parametrize("features", [np.eye(30), np.eye(30)[np.repeat(np.arange(30), 3)], np.ones((60, 5))])
def test_too_little_to_count(features):
    found = counted(features, np.arange(len(features)) * 30 // len(features))
    assert found.count is None and np.isnan(found.edge) and not found.eigenvalues.size


def test_an_audit_says_how_many():
    audit = pen.audit("cnn-mse-test")
    record = audit.to_dict()["noise"]["scatter"]
    assert record["directions"] == audit.scatter.count == len(record["eigenvalues"]) and record["features"] == 64
    assert 0 < record["directions"] < 64 and "features vary together" in dict(findings(audit))["Above the noise"]
