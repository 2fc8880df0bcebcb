"""Parts, the one-standard-error rule, and that nothing is judged on what it was chosen with or learnt from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import penultimate as pen
from penultimate.heads.candidates import Candidate
from penultimate.heads.samples import Samples
from penultimate.heads.selection import Tried, best_of, cross_fit, deal


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8), st.integers(1, 6), st.integers(0, 1000))
def test_every_class_is_dealt_out_evenly(counts, parts, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    part = deal(labels, parts, np.random.default_rng(seed))
    assert part.shape == labels.shape
    for k in range(len(counts)):
        sizes = np.bincount(part[labels == k], minlength=parts)
        assert sizes.size == parts and sizes.max() - sizes.min() <= 1


def noise(samples=600, classes=3, dimension=40, seed=0):
    """Features that say nothing of their labels."""
    rng = np.random.default_rng(seed)
    return Samples(rng.normal(size=(samples, dimension)).astype(np.float32), np.arange(samples) % classes)


def memory(name="memory"):
    """A head that learns every sample by heart, as far as its width allows."""

    def fit(_, part):
        return pen.heads.RidgeHead(1e-9).fit(*part).head()

    return Candidate(name, "", "", (0.0,), fit, held_out=True)


def fixed(name, weight, settings=(0.0,)):
    return Candidate(name, "", "s", settings, lambda setting, _: pen.Head((weight(setting),)))


def test_a_head_that_learns_samples_by_heart_is_judged_on_others():
    samples = noise(samples=120, dimension=100)
    tried = Tried([memory()], samples, 3)
    chosen = tried.choose(np.arange(120), np.random.default_rng(0))["memory"]
    assert np.mean(chosen.head.predict(samples.features) == samples.labels) > 0.95
    assert abs(chosen.score - 1 / 3) < 0.15
    answers, choice = cross_fit(tried, 2, seed=0)
    for found in (answers["memory"], choice):
        assert abs(np.mean(found.predicted == samples.labels) - 1 / 3) < 0.15


def test_settings_are_judged_on_parts_they_were_not_chosen_on():
    # Hundreds of random heads: the luckiest is far above chance where it was chosen, and at chance elsewhere.
    samples = noise(samples=150, dimension=5)
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(400, 3, 5))
    lottery = fixed("lottery", lambda setting: weights[int(setting)], tuple(map(float, range(400))))
    tried = Tried([lottery], samples, 3)
    answers, _ = cross_fit(tried, 3, seed=0)
    chosen = tried.choose(np.arange(150), np.random.default_rng(0))["lottery"]
    assert chosen.curve.balanced_accuracy.max() > 0.42
    assert abs(np.mean(answers["lottery"].predicted == samples.labels) - 1 / 3) < 0.09


def test_the_kind_of_most_balanced_accuracy_is_chosen():
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    samples = Samples((3 * np.eye(3)[labels] + rng.normal(size=(300, 3))).astype(np.float32), labels)
    kinds = [fixed("wrong", lambda _: np.roll(np.eye(3), 1, axis=0)), fixed("right", lambda _: np.eye(3))]
    chosen = Tried(kinds, samples, 3).choose(np.arange(300), rng)
    assert best_of(chosen) == "right"
    assert chosen["right"].score == pytest.approx(np.mean(chosen["right"].head.predict(samples.features) == labels))


def test_the_first_setting_within_one_standard_error_of_the_best_is_picked():
    rng = np.random.default_rng(0)
    labels = np.arange(900) % 3
    samples = Samples((1.5 * np.eye(3)[labels] + rng.normal(size=(900, 3))).astype(np.float32), labels)
    spoilt = rng.normal(size=(3, 3))
    kind = fixed("spoilt less and less", lambda setting: np.eye(3) + spoilt * setting, (1.0, 0.5, 0.02, 0.01, 0.0))
    curve = Tried([kind], samples, 3).choose(np.arange(900), rng)[kind.name].curve
    best = int(np.argmax(curve.balanced_accuracy))
    hits = [np.argmax(samples.features @ (np.eye(3) + spoilt * s).T, axis=1) == labels for s in kind.settings]

    def short(index):
        difference = hits[best] * 1.0 - hits[index]
        error = np.sqrt(sum(difference[labels == k].var() / 300 for k in range(3))) / 3
        return np.mean(difference) - error

    expected = next(index for index in range(5) if short(index) <= 0)
    assert curve.picked == expected == 2
    rate = np.mean(hits[0])
    each = [np.mean(hits[0][labels == k]) for k in range(3)]
    assert curve.standard_error[0] == pytest.approx(np.sqrt(sum(p * (1 - p) / 300 for p in each)) / 3)
    assert curve.balanced_accuracy[0] == pytest.approx(rate)


def test_scores_come_out_calibrated_and_answers_as_they_were():
    rng = np.random.default_rng(0)
    labels = np.arange(3000) % 3
    samples = Samples((2 * np.eye(3)[labels] + rng.normal(size=(3000, 3))).astype(np.float32), labels)
    kind = fixed("far too sure", lambda _: 50 * np.eye(3))
    head = Tried([kind], samples, 3).choose(np.arange(3000), rng)[kind.name].head
    # Log posteriors of these Gaussians are 2 h.
    np.testing.assert_allclose(head.product, 2 * np.eye(3), rtol=0.1, atol=1e-9)
    assert np.array_equal(head.predict(samples.features), samples.features.argmax(axis=1))
