"""Forecast recalls against heads that are fitted on as many samples, and what no forecast may do."""

import numpy as np
import pytest

import penultimate as pen
from gaussian_classes import Mixture, answers, fitted_head, recalls
from penultimate.features.sources.in_memory import gather

CLASSES, WIDTH, DECAY = 5, 24, 0.05
MIXTURE = Mixture.random(CLASSES, WIDTH, seed=11, apart=3.0)


def fitted_recalls(counts, weights, heads=60, seed=5):
    """Recalls of heads fitted on so many samples, on average."""
    rng, n = np.random.default_rng(seed), np.array(counts)
    own = n.sum() / (n.size * n) if weights == "balanced" else None
    fresh, labels = MIXTURE.draw([1500] * CLASSES, rng)
    found = [
        recalls(answers(fitted_head(*MIXTURE.draw(n, rng), np.eye(CLASSES), DECAY, own), fresh), labels)
        for _ in range(heads)
    ]
    return np.mean(found, axis=0)


@pytest.mark.parametrize("weights", [None, "balanced"])
def test_gains_are_those_of_heads_fitted_on_more(weights):
    """Averaged over dumps, so that the sampling of one does not decide."""
    now, then = [120, 120, 120, 120, 30], [120, 120, 120, 120, 240]
    measured = fitted_recalls(then, weights) - fitted_recalls(now, weights)
    forecast = np.mean(
        [
            pen.learning_curve(
                *MIXTURE.draw(now, np.random.default_rng(seed)),
                of=4,
                counts=240,
                weight_decay=DECAY,
                class_weight=weights,
            ).gains[0]
            for seed in range(8)
        ],
        axis=0,
    )
    assert abs(forecast[4] - measured[4]) < 0.06 and np.abs(forecast - measured)[:4].max() < 0.03
    assert abs(measured[4]) < 0.06 or abs(forecast[4] - measured[4]) < abs(measured[4])


@pytest.mark.parametrize(("width", "each"), [(30, 40), (60, 20)])
@pytest.mark.parametrize("weights", [None, "balanced"])
def test_shuffled_labels_forecast_chance(width, each, weights):
    """Nothing of a label may reach its own forecast: an early version forecast 100 % here."""
    forecast = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        features, labels = rng.normal(size=(10 * each, width)), rng.permutation(np.repeat(np.arange(10), each))
        for of in (None, 2):
            curve = pen.learning_curve(
                features, labels, of=of, counts=20 * each, weight_decay=1.0, class_weight=weights
            )
            forecast.append(curve.balanced_accuracy[0])
    assert abs(np.mean(forecast) - 0.1) < 0.03


@pytest.mark.parametrize("weights", [None, "balanced"])
@pytest.mark.parametrize("each", [20, 80])
def test_real_features_with_shuffled_labels_forecast_chance(each, weights):
    held = gather(pen.datasets.features("cnn-ce-test"))
    rows = np.concatenate([np.flatnonzero(held.labels == k)[:each] for k in range(10)])
    labels = np.random.default_rng(0).permutation(held.labels[rows])
    curve = pen.learning_curve(held.features[rows], labels, counts=400, class_weight=weights, weight_decay=0.01)
    assert curve.balanced_accuracy[0] < 0.13


def test_the_level_is_cross_validated_and_its_interval_wilsons():
    features, labels = MIXTURE.draw([40] * CLASSES, np.random.default_rng(0))
    curve = pen.learning_curve(features, labels, of=0, counts=40, weight_decay=DECAY)
    assert curve.gains == pytest.approx(0.0) and curve.recalls[0] == pytest.approx(curve.present)
    assert (curve.present * 40) == pytest.approx(np.round(curve.present * 40))
    assert (curve.present_interval[:, 0] < curve.present).all() and (curve.present < curve.present_interval[:, 1]).all()
    wide = curve.intervals[0, :, 1] - curve.intervals[0, :, 0]
    assert (wide >= 0.999 * (curve.present_interval[:, 1] - curve.present_interval[:, 0])).sum() >= 3


def test_a_wanted_recall_says_how_many():
    now = [120, 120, 120, 120, 30]
    features, labels = MIXTURE.draw(now, np.random.default_rng(1))
    curve = pen.learning_curve(features, labels, of=4, counts=[60, 480], recall=0.6, weight_decay=DECAY)
    assert curve.needed is not None and 30 < curve.needed < 1920
    there = pen.learning_curve(features, labels, of=4, counts=[curve.needed], weight_decay=DECAY)
    assert there.recalls[0, 4] == pytest.approx(0.6, abs=0.04)
    assert f"takes about {curve.needed:,} samples" in curve.verdict
    reach = pen.learning_curve(
        features, labels, of=4, counts=60, recall=0.999, weight_decay=DECAY, class_weight="balanced"
    )
    assert reach.needed is None and "out of reach" in reach.verdict


def test_classes_are_ranked_by_what_a_hundred_labels_bring():
    features, labels = MIXTURE.draw([200, 200, 200, 200, 20], np.random.default_rng(2))
    curve = pen.learning_curve(features, labels, of=4, counts=120, weight_decay=DECAY)
    assert curve.where_next[0].index == 4 and len(curve.where_next) == CLASSES
    assert curve.where_next[0].gain == pytest.approx(curve.gains[0, 4], abs=1e-9)
    balanced = [one.balanced for one in curve.where_next]
    assert balanced == sorted(balanced, reverse=True)


def test_names_and_offsets_and_all_classes():
    features, labels = MIXTURE.draw([30, 40, 50, 60, 70], np.random.default_rng(3))
    names = ["ant", "bee", "cat", "dog", "elk"]
    curve = pen.learning_curve(features, labels, counts=[60], names=names, weight_decay=DECAY)
    assert curve.asked is None and curve.counts.names == tuple(names)
    named = pen.learning_curve(features, labels, of="bee", names=names, weight_decay=DECAY)
    assert named.asked == 1 and named.budgets == (80, 200, 400)
    pushed = pen.learning_curve(
        features, labels, of="bee", names=names, weight_decay=DECAY, offsets=[0, 9.0, 0, 0, 0], counts=40
    )
    assert pushed.present[1] == 1.0 and pushed.present.sum() == 1.0


def dump(counts, seed=0):
    return MIXTURE.draw(counts, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("counts", "options", "message"),
    [
        ((30, 30, 30, 30, 9), {"of": 4}, "class '4' has 9 held-out samples and needs 10"),
        ((30, 30, 30, 30, 9), {}, "needs 10"),
        ((30, 30, 30, 3, 30), {"of": 4}, "class '3' has 3 held-out samples and needs 5"),
        ((30, 30, 30, 0, 30), {"of": 4}, "class '3' has 0"),
        ((5, 5, 5, 5, 10), {"of": 4, "weight_decay": 1e-9}, "interpolate"),
    ],
)
def test_a_dump_that_cannot_say_is_refused(counts, options, message):
    with pytest.raises(pen.FeaturesError, match=message):
        pen.learning_curve(*dump(counts), **{"weight_decay": DECAY, **options})


def test_more_classes_than_memory_holds_are_refused():
    labels = np.repeat(np.arange(400), 10)
    with pytest.raises(pen.FeaturesError, match="400 classes need"):
        pen.learning_curve(np.random.default_rng(0).normal(size=(4000, 3)), labels, of=1)


def test_collapsed_features_are_refused():
    means = np.random.default_rng(0).normal(size=(4, 20))
    labels = np.repeat(np.arange(4), 50)
    features = means[labels] + 0.01 * np.random.default_rng(1).normal(size=(200, 20))
    with pytest.raises(pen.FeaturesError, match="not trained on"):
        pen.learning_curve(features, labels, of=1)
    with pytest.raises(pen.FeaturesError, match="not trained on"):
        pen.learning_curve("cnn-mse", of=9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": "zebra"}, "no class 'zebra'"),
        ({"of": 5}, "no class 5"),
        ({"of": -1}, "no class -1"),
        ({"of": True}, "no class True"),
        ({"of": 1, "counts": [29]}, "has 30 samples, and 29"),
        ({"of": 1, "counts": [10**9]}, "give counts from 30 to 30,000"),
        ({"of": 1, "counts": [50.5]}, "whole numbers"),
        ({"of": 1, "counts": [True]}, "whole numbers"),
        ({"of": 1, "counts": []}, "empty"),
        ({"of": 1, "recall": 1.5}, "between 0 and 1"),
        ({"recall": 0.5}, "say which"),
        ({"of": 1, "weight_decay": 0.0}, "positive"),
        ({"of": 1, "class_weight": "even"}, "balanced"),
        ({"of": 1, "offsets": [1.0]}, "offsets"),
        ({"of": 1, "folds": 1}, "at least 2"),
        ({"of": 1, "folds": 2.5}, "folds must be at least 2, and a whole number; got 2.5"),
        ({"of": 1, "weight_decay": "0.1"}, "must be a number, got '0.1'"),
        ({"of": 1, "seed": -1}, "the seed must be at least 0"),
    ],
)
def test_a_question_that_is_none_is_refused(options, message):
    with pytest.raises(pen.ProblemError, match=message):
        pen.learning_curve(*dump([30] * CLASSES), **{"weight_decay": DECAY, **options})


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_damaged_features_are_refused(spoilt):
    features, labels = dump([30] * CLASSES)
    features[3, 2] = spoilt
    with pytest.raises(pen.FeaturesError):
        pen.learning_curve(features, labels, of=1)
    with pytest.raises(pen.FeaturesError, match="labels"):
        pen.learning_curve(features)


def test_real_features_with_four_hundred_statistics_a_class():
    """Heads fitted on a third part of the samples, judged on another: recalls to one point on average."""
    rng, classes = np.random.default_rng(0), 10
    held = gather(pen.datasets.features("cnn-ce-test"))
    features, labels = held.features.astype(float), held.labels
    order = [rng.permutation(np.flatnonzero(labels == k)) for k in range(classes)]
    known, pool, judged = (np.concatenate([own[a:b] for own in order]) for a, b in ((0, 400), (400, 700), (700, 1000)))
    decay = 0.1 * features.var(axis=0).mean()
    population = pen.equivalents.Population.from_features(features[known], labels[known])
    for few in (20, 100):
        counts = np.full(classes, 100)
        counts[6] = few
        law = pen.equivalents.ScoreLaw(population, counts, decay, "balanced")
        weights, measured = counts.sum() / (classes * counts), []
        for _ in range(12):
            rows = np.concatenate(
                [rng.choice(pool[labels[pool] == k], counts[k], replace=False) for k in range(classes)]
            )
            head = fitted_head(features[rows], labels[rows], np.eye(classes), decay, weights)
            measured.append(recalls(answers(head, features[judged]), labels[judged]))
        forecast = law.recalls(features[judged], labels[judged])
        assert np.abs(forecast - np.mean(measured, axis=0)).mean() < 0.01
