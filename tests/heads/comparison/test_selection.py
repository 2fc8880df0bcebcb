"""Parts, settings by log loss, the blend, and that nothing is judged on what it was chosen with or learnt from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

import penultimate as pen
from penultimate.features.sources.in_memory import Samples
from penultimate.heads.comparison.candidates import BY_THEORY, TEMPERATURE, Candidate
from penultimate.heads.comparison.selection import Tried, cross_fit, deal


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
        # With less weight decay roundings decide what it answers elsewhere.
        return pen.heads.RidgeHead(1e-4).fit(*part).head()

    return Candidate(name, "", "", (0.0,), fit, held_out=True)


def fixed(name, weight, settings=(0.0,)):
    return Candidate(name, "", "s", settings, lambda setting, _: pen.Head((weight(setting),)))


def centres(classes, dimension):
    """What a blend needs beside others: heads that say nothing."""
    return [fixed(name, lambda _: np.zeros((classes, dimension))) for name in (TEMPERATURE, BY_THEORY)]


def test_a_head_that_learns_samples_by_heart_is_judged_on_others():
    samples = noise(samples=240, dimension=240)
    tried = Tried([memory(), *centres(3, 240)], samples, np.ones(3))
    kinds, blend = tried.choose(np.arange(240), np.random.default_rng(0))
    chosen = kinds["memory"]
    assert np.mean(chosen.head.predict(samples.features) == samples.labels) > 0.95
    assert abs(chosen.curve.balanced_accuracy[0] - 1 / 3) < 0.15
    assert blend.weights["memory"] < 0.3  # where it did not learn it knows nothing
    answers, blended = cross_fit(tried, 2, seed=0)
    for found in (answers["memory"], blended):
        assert abs(np.mean(found.predicted == samples.labels) - 1 / 3) < 0.15


def test_settings_are_judged_on_parts_they_were_not_chosen_on():
    # Hundreds of random heads: the luckiest is far above chance where it was chosen, and at chance elsewhere.
    samples = noise(samples=150, dimension=5)
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(400, 3, 5))
    lottery = fixed("lottery", lambda setting: weights[int(setting)], tuple(map(float, range(400))))
    tried = Tried([lottery, *centres(3, 5)], samples, np.ones(3))
    answers, blended = cross_fit(tried, 3, seed=0)
    chosen = tried.choose(np.arange(150), np.random.default_rng(0))[0]["lottery"]
    assert chosen.curve.balanced_accuracy.max() > 0.42
    for found in (answers["lottery"], blended):
        assert abs(np.mean(found.predicted == samples.labels) - 1 / 3) < 0.09


def test_the_blend_adds_the_heads_and_believes_the_one_that_is_right():
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    samples = Samples((3 * np.eye(3)[labels] + rng.normal(size=(300, 3))).astype(np.float32), labels)
    kinds = [fixed("wrong", lambda _: np.roll(np.eye(3), 1, axis=0)), fixed("right", lambda _: np.eye(3))]
    chosen, blend = Tried([*kinds, *centres(3, 3)], samples, np.ones(3)).choose(np.arange(300), rng)
    assert blend.weights["right"] > 0.7 and blend.weights["wrong"] < 0.05
    added = sum(blend.weights[name] * one.head.logits(samples.features) for name, one in chosen.items())
    np.testing.assert_allclose(blend.head.logits(samples.features), added, atol=1e-5)


@pytest.mark.parametrize("adjusted", [False, True])
def test_the_blend_is_around_theory_unless_the_present_head_is_likelier(adjusted):
    """A dozen samples, too few to move far from where the blend begins."""
    rng = np.random.default_rng(0)
    labels = np.arange(12) % 3
    samples = Samples((2 * np.eye(3)[labels] + rng.normal(size=(12, 3))).astype(np.float32), labels)
    leaning = pen.Head((2 * np.eye(3),), np.array([6.0, 0.0, -6.0]))
    level = pen.Head((2 * np.eye(3),), np.zeros(3))
    present, theory = (level, leaning) if adjusted else (leaning, level)
    kinds = [
        Candidate(name, "", "", (0.0,), lambda _, __, head=head: head)
        for name, head in ((TEMPERATURE, present), (BY_THEORY, theory))
    ]
    _, blend = Tried(kinds, samples, np.ones(3)).choose(np.arange(12), rng)
    likely = TEMPERATURE if adjusted else BY_THEORY
    assert blend.weights[likely] > 0.6 > 0.3 > min(blend.weights.values())


def test_what_all_kinds_leave_of_the_class_shares_is_taken_off():
    """Log likelihoods of Gaussians plus half of log π: the blend is the likelihoods again."""
    rng = np.random.default_rng(0)
    counts = np.array([1000.0, 100.0, 10.0])
    labels = np.arange(6000) % 3
    samples = Samples((1.5 * np.eye(3)[labels] + rng.normal(size=(6000, 3))).astype(np.float32), labels)
    heads = [pen.Head((1.5 * np.eye(3),), share * np.log(counts)) for share in (0.5, 0.5)]
    kinds = [
        Candidate(name, "", "", (0.0,), lambda _, __, head=head: head)
        for name, head in zip((TEMPERATURE, BY_THEORY), heads, strict=True)
    ]
    _, blend = Tried(kinds, samples, counts).choose(np.arange(6000), rng)
    assert blend.adjustment == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(blend.head.product, 1.5 * np.eye(3), atol=0.1)
    assert np.ptp(blend.head.offset) < 0.15
    # Counts of nothing but zeros and ones change nothing.
    assert np.ptp(Tried(kinds, samples, np.array([1.0, 0.0, 1.0]))._rarity.offset) == 0.0


def test_the_setting_of_least_balanced_log_loss_is_picked():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), [600, 200, 100])
    samples = Samples((1.5 * np.eye(3)[labels] + rng.normal(size=(900, 3))).astype(np.float32), labels)
    spoilt = rng.normal(size=(3, 3))
    kind = fixed("spoilt less and less", lambda setting: np.eye(3) + spoilt * setting, (1.0, 0.5, 0.02, 0.01, 0.0))
    curve = Tried([kind, *centres(3, 3)], samples, np.ones(3)).choose(np.arange(900), rng)[0][kind.name].curve
    for place, setting in enumerate(kind.settings):
        scores = samples.features @ (np.eye(3) + spoilt * setting).T

        def balanced(factor, scores=scores):
            losses = -log_softmax(factor * scores, axis=1)[np.arange(900), labels]
            return np.mean([losses[labels == k].mean() for k in range(3)])

        assert curve.log_loss[place] == pytest.approx(minimize_scalar(balanced, bounds=(0.0, 20.0)).fun, abs=1e-5)
    assert curve.picked == np.argmin(curve.log_loss)
    hits = np.argmax(samples.features @ (np.eye(3) + spoilt).T, axis=1) == labels
    each = [np.mean(hits[labels == k]) for k in range(3)]
    assert curve.balanced_accuracy[0] == pytest.approx(np.mean(each))
    spread = sum(p * (1 - p) / n for p, n in zip(each, (600, 200, 100), strict=True))
    assert curve.standard_error[0] == pytest.approx(np.sqrt(spread) / 3)


def test_scores_come_out_calibrated_and_answers_as_they_were():
    rng = np.random.default_rng(0)
    labels = np.arange(3000) % 3
    samples = Samples((2 * np.eye(3)[labels] + rng.normal(size=(3000, 3))).astype(np.float32), labels)
    kind = fixed("far too sure", lambda _: 50 * np.eye(3))
    head = Tried([kind, *centres(3, 3)], samples, np.ones(3)).choose(np.arange(3000), rng)[0][kind.name].head
    # Log posteriors of these Gaussians are 2 h.
    np.testing.assert_allclose(head.product, 2 * np.eye(3), rtol=0.1, atol=1e-9)
    assert np.array_equal(head.predict(samples.features), samples.features.argmax(axis=1))
