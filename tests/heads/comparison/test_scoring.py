"""Figures against scikit-learn's metrics and loops, and intervals against their textbook errors."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss

import penultimate as pen
from penultimate.heads.comparison.scoring import FIGURES, Answers, Scorer
from penultimate.heads.softmax import balanced_weights

BANDS = np.array(["many", "many", "medium", "unseen", "medium"])


def case(seed=0, counts=(70, 40, 20, 0, 5), noise=1.5):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(5), counts))
    features = np.eye(5)[labels] * 2 + noise * rng.normal(size=(labels.size, 5))
    return features, labels


def answers_of(features, labels, factors=(1.0,)):
    found = Answers.empty(len(factors), len(labels))
    for repeat, factor in enumerate(factors):
        found.note(repeat, np.arange(len(labels)), pen.Head((factor * np.eye(5),)), features, labels)
    return found


def test_figures_are_those_of_scikit_learn():
    features, labels = case()
    figures = Scorer(labels, BANDS).figures(answers_of(features, labels))
    weights, predicted = balanced_weights(labels, 5), features.argmax(axis=1)
    shares = np.exp(features) / np.exp(features).sum(axis=1, keepdims=True)
    present = [0, 1, 2, 4]
    assert tuple(figures) == FIGURES
    assert figures["accuracy"] == pytest.approx(accuracy_score(labels, predicted))
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        assert figures["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert figures["macro_f1"] == pytest.approx(
        f1_score(labels, predicted, labels=present, average="macro", sample_weight=weights)
    )
    assert figures["log_loss"] == pytest.approx(log_loss(labels, shares, sample_weight=weights, labels=range(5)))
    recall = [np.mean(predicted[labels == k] == k) if k != 3 else np.nan for k in range(5)]
    assert figures["many"] == pytest.approx(np.mean(recall[:2]))
    assert figures["medium"] == pytest.approx((recall[2] + recall[4]) / 2)
    assert np.isnan(figures["few"])


def test_calibration_error_is_that_of_a_loop_over_bins():
    features, labels = case()
    figures = Scorer(labels, BANDS).figures(answers_of(features, labels))
    shares = np.exp(features) / np.exp(features).sum(axis=1, keepdims=True)
    confidence, correct, weights = shares.max(axis=1), features.argmax(axis=1) == labels, balanced_weights(labels, 5)
    error = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence >= low) & (confidence < low + 1 / 15)
        error += abs(np.sum(weights[inside] * correct[inside]) - np.sum(weights[inside] * confidence[inside]))
    assert figures["calibration_error"] == pytest.approx(error, abs=1e-6)


def test_repeats_are_averaged():
    features, labels = case()
    scorer = Scorer(labels, BANDS)
    single = [scorer.figures(answers_of(features, labels, (factor,))) for factor in (0.5, 3.0)]
    both = scorer.figures(answers_of(features, labels, (0.5, 3.0)))
    for name in ("accuracy", "balanced_accuracy", "many", "log_loss"):
        assert both[name] == pytest.approx(np.mean([one[name] for one in single]))


def test_a_head_gains_nothing_over_itself_and_the_interval_is_empty():
    features, labels = case()
    answers = answers_of(features, labels)
    gains = Scorer(labels, BANDS).gains([answers], answers, seed=0)[0]
    for name in FIGURES:
        expected = (np.nan,) * 3 if name == "few" else (0.0,) * 3
        np.testing.assert_array_equal(gains[name], expected)


def test_the_interval_of_a_gain_is_that_of_a_paired_difference():
    features, labels = case(counts=(2000, 900, 700, 0, 400))
    rng = np.random.default_rng(5)
    one, other = answers_of(features, labels), answers_of(features + 0.6 * rng.normal(size=features.shape), labels)
    scorer = Scorer(labels, BANDS)
    gain, low, high = scorer.gains([other], one, seed=1)[0]["balanced_accuracy"]
    difference = (other.predicted[0] == labels) * 1.0 - (one.predicted[0] == labels)
    error = np.sqrt(sum(difference[labels == k].var() / np.sum(labels == k) for k in (0, 1, 2, 4))) / 4
    assert gain == pytest.approx(np.mean([difference[labels == k].mean() for k in (0, 1, 2, 4)]))
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.1)
    assert low < gain < high


def test_the_same_seed_draws_the_same_samples():
    features, labels = case()
    scorer, answers = Scorer(labels, BANDS), answers_of(features, labels)
    other = answers_of(features[:, [1, 0, 2, 3, 4]], labels)
    assert scorer.gains([other], answers, 3)[0]["macro_f1"] == scorer.gains([other], answers, 3)[0]["macro_f1"]
    assert scorer.gains([other], answers, 3)[0]["macro_f1"] != scorer.gains([other], answers, 4)[0]["macro_f1"]
