"""The best head as an estimator: scikit-learn's tools, held-out samples of the caller's, bad input."""

from functools import cache

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks as checks

import penultimate as pen
from penultimate.heads.comparison.selection import FOLDS, deal_known
from seeds import SEED

heads = pen.heads
NAMES = np.array(["axolotl", "bee", "cat", "dog"])


@cache
def encoded():
    """Classes that overlap, one of a single sample, and more of each."""
    rng = np.random.default_rng(4 + SEED)
    means = 2.5 * np.eye(4, 8)
    y, other = np.repeat(np.arange(4), (200, 60, 15, 1)), np.repeat(np.arange(4), 60)
    X, V = (means[own] + rng.normal(size=(own.size, 8)) for own in (y, other))
    return X, NAMES[y], V, NAMES[other]


@cache
def fitted():
    X, y, *_ = encoded()
    return heads.BestHead().fit(X, y)


def test_it_is_a_linear_head_with_names_and_balanced_scores():
    _, _, V, _ = encoded()
    head = fitted()
    np.testing.assert_allclose(head.head().logits(V), head.decision_function(V), atol=1e-9)
    assert head.head().names == tuple(NAMES) and np.allclose(head.prior_, 0.25)
    np.testing.assert_allclose(head.predict_proba(V).sum(axis=1), 1.0)
    assert np.abs(head.intercept_).max() < 1e3  # the class of one sample can be answered


def test_it_beats_plain_cross_entropy_on_balanced_samples():
    X, y, V, other = encoded()
    plain = heads.LogisticHead(1e-2).fit(X, y)
    assert balanced_accuracy_score(other, fitted().predict(V)) > balanced_accuracy_score(other, plain.predict(V))


def test_the_callers_own_samples_to_choose_on_give_the_blend_of_a_comparison():
    X, y, V, other = encoded()
    head = heads.BestHead().fit(X, y, valid=(V, other))
    own, held = np.searchsorted(NAMES, y), np.searchsorted(NAMES, other)
    blend = pen.compare_heads(
        pen.ArraySource(X.astype(np.float32), own), pen.ArraySource(V.astype(np.float32), held)
    ).blend
    np.testing.assert_allclose(head.decision_function(V), blend.head.logits(V), atol=1e-4)


def test_without_samples_to_choose_on_every_part_is_held_out_once_and_learnt_from_in_the_end():
    X, y, *_ = encoded()
    part = deal_known(np.searchsorted(NAMES, y), FOLDS, 0)
    sides = [(part != one, part == one) for one in range(FOLDS)]
    each = [heads.BestHead().fit(X[rest], y[rest], valid=(X[held], y[held])) for rest, held in sides]
    np.testing.assert_allclose(fitted().coef_, np.mean([one.coef_ for one in each], axis=0), rtol=1e-6, atol=1e-9)


def test_parts_that_planes_separate_by_chance_make_no_probability_certain():
    """Scores there may be multiplied by any number, which outweighed all others in the mean."""
    counts, width, losses = (40, 25, 15, 10, 6, 5), 60, []
    for seed in range(3):
        rng = np.random.default_rng(11 + seed + SEED)
        means = 0.5 * rng.normal(size=(len(counts), width))
        y, other = np.repeat(np.arange(len(counts)), counts), np.repeat(np.arange(len(counts)), 100)
        X, V = (means[own] + rng.normal(size=(own.size, width)) for own in (y, other))
        told = heads.BestHead().fit(X, y).predict_proba(V)
        losses.append(log_loss(other, told.astype(np.float64)))
    assert max(losses) < 0.8, losses  # 3.5 in one of three before


def test_the_only_sample_of_a_class_is_always_learnt_from():
    labels = np.array([0, 1, 1, 2, 2, 2, 2, 2])
    part = deal_known(labels, FOLDS, 0)
    assert part[0] == -1 and (part[1:] >= 0).all() and part[1] != part[2]
    assert np.bincount(part[3:]).max() == 2


def test_it_works_where_scikit_learn_puts_it():
    X, y, *_ = encoded()
    rare = y != "axolotl"
    line = make_pipeline(StandardScaler(), heads.BestHead(random_state=3))
    assert clone(line).get_params()["besthead__random_state"] == 3
    rows = np.flatnonzero(y != "dog")[::3]
    scores = cross_val_score(line, X[rows], y[rows], cv=2, scoring="balanced_accuracy", error_score="raise")
    assert rare.any() and scores.min() > cross_val_score(DummyClassifier(), X[rows], y[rows], cv=2).min() / 3


@pytest.mark.parametrize(
    "check",
    [
        checks.check_no_attributes_set_in_init,
        checks.check_parameters_default_constructible,
        checks.check_estimators_unfitted,
        checks.check_classifiers_one_label,
        checks.check_supervised_y_2d,
    ],
    ids=lambda check: check.__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_passes_checks_of_scikit_learn(check):
    check("BestHead", heads.BestHead())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            lambda X, y, V, v: (X, y, (V, np.where(v == "cat", "cow", v))),
            "'cow', of which there are none .*1 class in all",
        ),
        (lambda X, y, V, v: (X, y, (V, v[:-1])), "240 samples and labels of shape"),
        (lambda X, y, V, v: (X, y, (V, v, v)), "valid holds 3 things: give two"),
        (lambda X, y, V, v: (X, np.searchsorted(NAMES, y), (V, v)), "samples of 'axolotl', of which"),
        (lambda X, y, V, v: (0 * X, y), "^X has the same features in every sample"),
        (lambda X, y, V, v: (1e200 * X, y), "has features that differ by"),
        (lambda X, y, V, v: (X, y, (1e200 * V, v)), "has features that differ by"),
        (lambda X, y, V, v: (X, y, (V[:5], v[:5])), "5 samples of 1 class are held out"),
        (lambda X, y, V, v: (X[-20:], y[-20:]), "choosing needs 6 of two: give more samples, or valid="),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(pen.FeaturesError, match=message):
        heads.BestHead().fit(*arguments(*encoded()))


def test_another_width_and_numbers_that_are_none_are_refused():
    X, y, V, other = encoded()
    with pytest.raises(ValueError, match="NaN"):
        heads.BestHead().fit(np.where(X > 2, np.nan, X), y)
    with pytest.raises(ValueError, match="features"):
        heads.BestHead().fit(X, y, valid=(V[:, :3], other))


def test_a_head_of_any_kind_bends_where_planes_do_not_part(tmp_path):
    rng = np.random.default_rng(7 + SEED)
    X, V = rng.normal(size=(500, 2)), rng.normal(size=(160, 2))
    y, other = (np.where(rows[:, 0] * rows[:, 1] > 0, "cat", "bee") for rows in (X, V))
    head = heads.BestHead(linear=False).fit(X, y, valid=(V[:80], other[:80]))
    assert balanced_accuracy_score(other[80:], head.predict(V[80:])) > 0.85
    head.kernel_head().save(tmp_path / "head.safetensors")
    read = heads.KernelHead.read(tmp_path / "head.safetensors")
    assert read.names == ("bee", "cat")
    np.testing.assert_array_equal(np.array(read.names)[read.predict(V)], head.predict(V))
    for layer in (head.head, head.to_torch):
        with pytest.raises(pen.FeaturesError, match=r"not linear.*take kernel_head"):
            layer()
    with pytest.raises(pen.FeaturesError, match="is linear: take head"):
        fitted().kernel_head()


def test_costs_are_weighed_in_an_answer():
    X = encoded()[0]
    head = fitted()
    costs = 1.0 - np.eye(4)
    np.testing.assert_array_equal(head.predict(X, costs=costs), head.predict(X))
    costs[1, [0, 2, 3]] = 50.0  # a bee must not be missed
    bees = head.predict(X, costs=costs) == "bee"
    assert bees[head.predict(X) == "bee"].all() and bees.sum() > (head.predict(X) == "bee").sum()
    with pytest.raises(pen.ProblemError, match="for 4 classes"):
        head.predict(X, costs=np.eye(3))
