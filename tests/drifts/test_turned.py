"""Features of two trainings: class means that match only once one side is turned."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import penultimate as pen
from penultimate.drifts.turned import turned
from penultimate.features.statistics import FeatureStatistics

TOLD = "these look like features of two trainings, or labels in two orders"


def sides(classes, dimension, seed, samples=60, noise=0.3, **changes):
    """Two samples about the same means, those of the second changed."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(classes, dimension)) * rng.uniform(0.5, 2.0, size=(classes, 1))
    labels = np.repeat(np.arange(classes), samples)
    others = means
    if changes.get("turn"):
        others = others @ np.linalg.qr(rng.normal(size=(dimension, dimension)))[0]
    others = others * changes.get("scale", 1.0) + changes.get("shift", 0.0)
    one, other = (own[labels] + noise * rng.normal(size=(labels.size, dimension)) for own in (means, others))
    return (one, other), labels


def statistics(both, labels):
    return [FeatureStatistics.from_features(side, labels) for side in both]


@pytest.mark.parametrize("heads", [0, 1])
def test_the_verdict_begins_with_it(heads):
    both, labels = sides(8, 40, 0, turn=True)
    head = pen.Head((np.random.default_rng(1).normal(size=(8, 40)),)) if heads else None
    sources = [pen.ArraySource(side, labels) for side in both]
    drift = pen.drift(*sources, head=head)
    assert TOLD in drift.verdict.split(". ")[0] and list(drift.doubts) == drift.to_dict()["doubts"]


@given(classes=st.integers(4, 12), dimension=st.integers(12, 30), seed=st.integers(0, 1000), scale=st.floats(0.2, 5.0))
def test_what_is_turned_is_told_and_what_is_moved_and_scaled_is_not(classes, dimension, seed, scale):
    moved = sides(classes, dimension, seed, scale=scale, shift=3.0, noise=0.01)
    assert turned(*statistics(*moved)) is None
    away = statistics(*sides(classes, dimension, seed, scale=scale, turn=True, noise=0.01))
    told = turned(*away)
    assert told is None or TOLD in told
    # Where a map happens to keep the means about where they are, nothing is to be said.
    first, second = (side.means - side.means.mean(axis=0) for side in away)
    cosine = np.sum(first * second) / (np.linalg.norm(first) * np.linalg.norm(second))
    assert (told is None) == (cosine > 0.7)


def test_more_classes_than_columns_are_compared_alike():
    assert turned(*statistics(*sides(30, 5, 2, turn=True, noise=0.01))) is not None
    assert turned(*statistics(*sides(30, 5, 2, noise=0.01))) is None


def test_labels_in_another_order_are_told():
    (one, other), labels = sides(6, 20, 3, noise=0.05)
    basis = np.eye(6, 20)
    one, other = basis[labels] + 0.05 * one, basis[(labels + 1) % 6] + 0.05 * other
    assert TOLD in turned(*statistics((one, other), labels))


@pytest.mark.parametrize("told", [{"noise": 8.0}, {"classes": 3}, {"samples": 1}])
def test_noise_and_few_classes_say_nothing(told):
    both, labels = sides(**{"classes": 8, "dimension": 40, "seed": 0, "turn": True} | told)
    assert turned(*statistics(both, labels)) is None


def test_samples_of_one_network_are_not_doubted():
    assert pen.drift("cnn-ce", "cnn-ce-test").doubts == ()
