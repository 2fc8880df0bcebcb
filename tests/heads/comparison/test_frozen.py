"""Heads for frozen encoders learn from VALID too, once all is chosen, and are as sure as they are right."""

from functools import cache

import numpy as np
import pytest
from scipy.special import softmax

import penultimate as pen
from penultimate.features.sources.in_memory import Samples
from penultimate.heads.comparison.candidates import candidates
from penultimate.heads.comparison.frozen import fitted_to_both, frozen_training
from penultimate.heads.comparison.selection import Blend, Tried
from penultimate.heads.softmax import log_losses
from seeds import SEED

DECAY = 1e-2


def drawn(counts, seed, width=12):
    rng = np.random.default_rng(seed + SEED)
    labels = np.repeat(np.arange(len(counts)), counts)
    means = 1.5 * np.eye(len(counts), width)
    return Samples((means[labels] + rng.normal(size=(labels.size, width))).astype(np.float32), labels)


def chosen(train, valid, linear=True):
    training = frozen_training(train, len(np.unique(train.labels)), DECAY)
    kinds = candidates(training, valid, linear=linear)[0]
    tried = Tried(kinds, valid, training.statistics.counts)
    return tried.choose(np.arange(len(valid.labels)), np.random.default_rng(0))


def of_both(train, valid, linear=True):
    found, blend = chosen(train, valid, linear)
    return found, blend, fitted_to_both(found, blend, train, valid, decay=DECAY, linear=linear, seed=0)


@cache
def parts():
    return drawn((120, 30, 8, 3), 0), drawn((12, 6, 3, 3), 1)


@pytest.mark.parametrize("linear", [True, False])
def test_settings_and_temperatures_stay_weights_get_one_factor_and_kinds_of_train_learn_from_both(linear):
    train, valid = parts()
    found, before, after = of_both(train, valid, linear)
    ratios = {after.weights[name] / weight for name, weight in before.weights.items() if weight}
    assert np.ptp(list(ratios)) < 1e-9 and min(ratios) > 0
    both = train.joined(valid)
    wanted = np.tile(-after.adjustment * np.log(np.bincount(both.labels)), (len(valid.labels), 1))
    for kind in candidates(frozen_training(both, 4, DECAY), valid, linear=linear)[0]:
        one, weight = found[kind.name], after.weights[kind.name]
        if kind.held_out:
            wanted += weight * one.head.logits(valid.features)
        elif weight:
            wanted += weight * one.factor * kind.fit(one.setting, valid).logits(valid.features)
    said = after.head.logits(valid.features)
    np.testing.assert_allclose(
        said - said.mean(axis=1, keepdims=True), wanted - wanted.mean(axis=1, keepdims=True), atol=2e-3
    )


def test_the_rarest_classes_are_answered_better():
    """Classes of two samples in TRAIN have three more in VALID."""
    gains = []
    for seed in range(5):
        train, valid, test = (
            drawn(counts, 10 * seed + place)
            for place, counts in enumerate(((150, 40, 2, 2), (12, 6, 3, 3), (200, 200, 200, 200)), start=2)
        )
        _, before, after = of_both(train, valid)
        rare = test.labels > 1
        told = [blend.head.logits(test.features) for blend in (before, after)]
        rates = [np.mean((scores.argmax(axis=1) == test.labels)[rare]) for scores in told]
        gains.append((np.subtract(*rates[::-1]), -np.subtract(*(log_losses(one, test.labels).mean() for one in told))))
    rates, losses = np.mean(gains, axis=0)
    assert rates > 0.02 and losses < 0.0


def test_a_blend_that_is_too_sure_of_itself_is_brought_down():
    """Weights and τ that are three times too large: VALID alone would not tell where nothing in it is wrong."""
    train, valid = parts()
    found, blend = chosen(train, valid)
    sure = Blend(blend.head, {name: 3.0 * weight for name, weight in blend.weights.items()}, 3.0 * blend.adjustment)
    plain, mended = (
        fitted_to_both(found, one, train, valid, decay=DECAY, linear=True, seed=0) for one in (blend, sure)
    )
    shares = [softmax(one.head.logits(valid.features), axis=1) for one in (plain, mended)]
    np.testing.assert_allclose(*shares, atol=0.02)


def test_classes_of_one_sample_are_learnt_from_and_never_asked():
    train, valid = drawn((40, 20, 1, 1), 5), drawn((6, 4, 1, 0), 6)
    head = of_both(train, valid)[2].head
    assert np.isfinite(head.logits(valid.features)).all() and head.classes == 4


def test_a_comparison_says_so_and_a_trained_networks_head_is_left_as_it_was_chosen():
    train, valid = parts()
    sources = [pen.ArraySource(*part) for part in (train, valid)]
    found = pen.compare_heads(*sources)
    assert sum("TRAIN and VALID in the end" in note for note in found.notes) == 1
    estimator = pen.heads.BestHead().fit(*train, valid=valid)
    np.testing.assert_allclose(
        estimator.decision_function(valid.features), found.blend.head.logits(valid.features), atol=1e-3
    )
    assert not any("in the end" in note for note in pen.compare_heads(sources[0]).notes)
    given = pen.compare_heads(*sources, head=pen.Head((np.eye(4, 12),)))
    assert not any("in the end" in note for note in given.notes)
