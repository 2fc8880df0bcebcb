"""An audit of so many classes that pairs and answers are those of a sample: what is exact, and what has an error."""

import signal

import numpy as np
import pytest

import penultimate as pen
from penultimate.features.metrics import pairs as pairs_module
from penultimate.features.metrics import sweeping
from penultimate.features.metrics.centred import ClassRows
from penultimate.features.metrics.pairs import MeanPairs
from penultimate.features.passes import answering

CLASSES, DIMENSION, SAMPLE, DRAWN = 300, 24, 120, 400


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    means = 3.0 * rng.normal(size=(CLASSES, DIMENSION))
    means[1] = means[0] + 0.8 * rng.normal(size=DIMENSION)
    labels = rng.permutation(np.repeat(np.arange(CLASSES), 2 + np.arange(CLASSES) % 9))
    features = (means[labels] + 1.5 * rng.normal(size=(labels.size, DIMENSION))).astype(np.float32)
    return features, labels, pen.Head((means,), -0.5 * np.sum(means**2, axis=1))


@pytest.fixture(scope="module")
def whole(data):
    return pen.audit(data[0], data[1], head=data[2])


@pytest.fixture(scope="module")
def few(data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeping, "WORK", 0)
        patch.setattr(sweeping, "SAMPLE", SAMPLE)
        patch.setattr(answering, "_WORK", 0)
        patch.setattr(answering, "SAMPLE", DRAWN)
        found = pen.audit(data[0], data[1], head=data[2])
    return found


def test_what_needs_no_pairs_is_that_of_all_classes(whole, few):
    assert whole.sampled is None and few.sampled.size == SAMPLE
    sampled = {"nc1_cdnv", "nc2_equiangular", "nc2_cosine_deviation", "head_equiangular"}
    for name, value in whole.metrics.to_dict().items():
        assert name in sampled or few.metrics.to_dict()[name] == pytest.approx(value, rel=1e-9)
    np.testing.assert_allclose(few.last_layer.alignment.strength, whole.last_layer.alignment.strength, rtol=1e-9)
    np.testing.assert_allclose(few.classes.mean_norm, whole.classes.mean_norm, rtol=1e-9)


def test_each_class_of_the_sample_is_held_against_all(data, whole, few):
    chosen, others = few.sampled, np.setdiff1d(np.arange(CLASSES), few.sampled)
    np.testing.assert_array_equal(few.classes.nearest[chosen], whole.classes.nearest[chosen])
    np.testing.assert_allclose(few.classes.nearest_cosine[chosen], whole.classes.nearest_cosine[chosen], rtol=1e-12)
    np.testing.assert_allclose(few.classes.cdnv[chosen], whole.classes.cdnv[chosen], rtol=1e-5)
    assert (few.classes.nearest[others] == -1).all() and np.isnan(few.classes.cdnv[others]).all()
    # The nearest in the coordinates in which scatter has covariance one, by all distances.
    white = few.directions.coordinates if few.pairs.directions else few.directions.whitened
    distance = np.sum((white[chosen, None] - white) ** 2, axis=2)
    distance[np.arange(SAMPLE), chosen] = np.inf
    pairs = np.unique(np.sort(np.column_stack([chosen, distance.argmin(axis=1)]), axis=1), axis=0)
    np.testing.assert_array_equal(np.unique(few.pairs.pairs, axis=0), pairs)


def test_averages_over_the_sample_have_its_error(whole, few):
    for name in ("nc1_cdnv", "nc2_equiangular", "nc2_cosine_deviation", "head_equiangular"):
        low, high = few.intervals[f"metrics/{name}"]
        exact = getattr(whole.metrics, name)
        assert low < high and abs(exact - getattr(few.metrics, name)) < 1.5 * (high - low)


def test_over_many_samples_averages_are_those_of_all_pairs_and_vary_as_said(data, monkeypatch):
    statistics = pen.FeatureStatistics.from_features(data[0], data[1])
    means = ClassRows.means(statistics)
    exact = MeanPairs.of(statistics, means)
    found, rng = [], np.random.default_rng(1)
    for _ in range(60):
        chosen = np.sort(rng.choice(CLASSES, SAMPLE, replace=False))
        monkeypatch.setattr(pairs_module, "sampled", lambda rows, width, chosen=chosen: chosen)
        found.append(MeanPairs.of(statistics, means))
    for name in ("variance", "away", "deviation"):
        values, errors = np.array([getattr(one, name) for one in found]).T
        value, spread = getattr(exact, name).value, values.std(ddof=1)
        assert getattr(exact, name).error == 0.0
        assert abs(values.mean() - value) < 4 * spread / np.sqrt(60)
        assert errors.mean() == pytest.approx(spread, rel=0.4)  # of 60 a spread is known to 9 %


def test_answers_are_those_to_samples_drawn_evenly(data, few):
    features, labels, head = data
    drawn = np.sort(np.random.default_rng(0).choice(labels.size, DRAWN, replace=False))
    predicted = head.predict(features[drawn])
    assert few.decisions.answered.sum() == DRAWN and few.certified == 0
    hits = labels[drawn][predicted == labels[drawn]]
    np.testing.assert_array_equal(few.decisions.correct, np.bincount(hits, minlength=CLASSES))
    means = few.statistics.means
    nearest = np.argmin(np.sum((features[drawn, None] - means) ** 2, axis=2), axis=1)
    assert few.decisions.by_means.sum() == np.sum(nearest == labels[drawn])


def test_what_is_a_sample_is_said_so(few):
    record = few.to_dict()
    assert record["sampled"] == {"classes": SAMPLE, "answers": DRAWN}
    assert f"of a sample of {DRAWN} samples correctly" in few.verdict
    assert f"Of a sample of {SAMPLE} of {CLASSES} classes" in few.verdict


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_ends_the_look_at_a_sample(threads, monkeypatch):
    """A real SIGINT while the first tile is read: no columns after these are begun."""
    monkeypatch.setattr(sweeping, "at_once", lambda tasks: threads)
    monkeypatch.setattr(sweeping, "_TILE", 8)
    seen = []

    class Reader:
        def part(self):
            return self

        def add(self, tile):
            seen.append(tile.columns.start)
            if len(seen) == 1:
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        sweeping.sweep(np.random.default_rng(0).normal(size=(200, 3)), Reader(), sample=np.arange(12))
    assert set(seen) <= {0, 32} and 0 in seen


def test_the_real_limits_take_a_sample_from_some_tens_of_thousands_of_classes_on():
    assert sweeping.sampled(64_000, 1024) is None
    assert sweeping.sampled(256_000, 1024).size == 4096
    assert not answering.too_many(20_000, 10_000, 512) and not answering.too_many(1e9, 1000, 2048)
    assert answering.too_many(512_000, 256_000, 1024)
