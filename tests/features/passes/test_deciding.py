import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from penultimate.features.head import Head
from penultimate.features.passes.deciding import Deciding


def data(seed, counts, dimension=5, spread=0.5, offset=0.0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    means = rng.normal(size=(len(counts), dimension))
    features = offset + means[labels] + spread * rng.normal(size=(labels.size, dimension))
    head = Head(
        (means + 0.3 * rng.normal(size=means.shape),), rng.normal(size=len(counts)) - offset * means.sum(axis=1)
    )
    return features, labels, head


def brute_force(features, labels, head, means):
    wide = np.asarray(features, dtype=np.float64)
    answers = (wide @ head.product.T + head.offset).argmax(axis=1)
    distance = ((wide[:, None] - means) ** 2).sum(axis=2)
    return answers, np.nanargmin(np.where(np.isnan(distance), np.inf, distance), axis=1)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 999),
    st.lists(st.integers(1, 30), min_size=2, max_size=7),
    st.sampled_from([0.01, 0.3, 2.0]),
    st.sampled_from([0.0, 1e3]),
)
def test_answers_and_nearest_means_are_those_of_brute_force(seed, counts, spread, offset):
    features, labels, head = data(seed, counts, spread=spread, offset=offset)
    statistics = pen.FeatureStatistics.from_features(features, labels, classes=len(counts))
    answers, near = brute_force(features, labels, head, statistics.means)
    deciding = Deciding(statistics, head)
    deciding.update(features, labels)
    held, size = deciding.decisions, len(counts)
    np.testing.assert_array_equal(held.correct, np.bincount(labels[answers == labels], minlength=size))
    np.testing.assert_array_equal(held.predicted, np.bincount(answers, minlength=size))
    np.testing.assert_array_equal(held.agreed, np.bincount(labels[answers == near], minlength=size))
    np.testing.assert_array_equal(held.by_means, np.bincount(labels[near == labels], minlength=size))


def test_certificates_decide_most_samples_of_a_collapsed_network_and_none_where_means_coincide():
    features, labels, _ = data(1, [40] * 4, spread=0.01)
    statistics = pen.FeatureStatistics.from_features(features, labels)
    sure = Deciding(statistics, None)
    sure.update(features, labels)
    assert sure.certified == 160 and sure.decisions.accuracy == 1.0
    same = pen.FeatureStatistics.from_features(np.ones((6, 2)), np.repeat([0, 1, 2], 2))
    unsure = Deciding(same, None)
    unsure.update(np.ones((6, 2)), np.repeat([0, 1, 2], 2))
    assert unsure.certified == 0 and unsure.decisions.predicted.tolist() == [6, 0, 0]


def test_with_many_classes_of_few_samples_all_are_multiplied_out_with_the_same_answers(monkeypatch):
    features, labels, head = data(3, [2] * 40, spread=0.3)
    statistics = pen.FeatureStatistics.from_features(features, labels)
    plain = Deciding(statistics, head)
    monkeypatch.setattr("penultimate.features.passes.deciding._FEW", 10)
    spared = Deciding(statistics, head)
    for one in (plain, spared):
        one.update(features, labels)
    assert spared.certified == 0 < plain.certified
    for name, array in plain.arrays().items():
        if name != "progress":
            np.testing.assert_array_equal(spared.arrays()[name], array)


def test_unseen_classes_are_never_nearest_and_must_not_appear_later():
    features, labels, _ = data(2, [9, 9, 9])
    statistics = pen.FeatureStatistics.from_features(features[labels != 1], labels[labels != 1], classes=3)
    deciding = Deciding(statistics, None)
    deciding.update(features[labels != 1], labels[labels != 1])
    assert deciding.decisions.predicted[1] == 0
    with pytest.raises(pen.FeaturesError, match="class 1 has samples in the second pass and had none in the first"):
        deciding.update(features, labels)


def test_bad_rows_are_refused_or_dropped():
    features, labels, head = data(4, [9, 9])
    statistics = pen.FeatureStatistics.from_features(features, labels)
    features = features.copy()
    features[3, 1] = np.nan
    with pytest.raises(pen.FeaturesError, match="1 of 18 rows hold NaN or infinity, the first is sample 3"):
        Deciding(statistics, head).update(features, labels)
    dropping = Deciding(statistics, head, gaps="drop")
    dropping.update(features, labels)
    assert dropping.decisions.answered.sum() == 17
