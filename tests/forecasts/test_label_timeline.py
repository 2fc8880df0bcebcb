"""Curves of several labels a sample against Euler steps on the model itself, and what an audit in between says."""

import numpy as np
import pytest

import penultimate as pen

STEP, START = 0.2, 0.01


@pytest.fixture(scope="module")
def targets():
    rng = np.random.default_rng(0)
    held = (rng.random((120, 6)) < [0.6, 0.4, 0.25, 0.12, 0.06, 0.04]).astype(float)
    held[:, 1] = np.maximum(held[:, 1], held[:, 3])
    return held


def simulated(targets, decay, steps):
    """Features and head at each step of gradient descent from a balanced start; the bias is kept at its optimum."""
    centred = targets - targets.mean(axis=0)
    left, _, right = np.linalg.svd(centred, full_matrices=False)
    weights, features = np.sqrt(START) * right.T, np.sqrt(START) * left
    for _ in range(steps + 1):
        yield features, weights
        rest = (features @ weights.T - centred) / len(targets)
        weights, features = (
            weights - STEP * (rest.T @ features + decay * weights),
            features - STEP * (rest @ weights + decay * features),
        )


def test_curves_and_answers_match_the_simulated_model(targets):
    forecast = pen.forecast(pen.LabelScatter.from_labels(targets), 0.02, feature_decay=0.02)
    assert 0 < forecast.survivors < forecast.directions
    steps = 1500
    curve = forecast.timeline(lr=STEP, steps=steps, start=START, points=steps + 1)
    vectors, sigma = forecast.geometry.spectrum.vectors, forecast.solution.sigma
    centred, scores, strengths = targets - targets.mean(axis=0), [], []
    for features, weights in simulated(targets, 0.02, steps):
        told = features @ weights.T
        strengths.append(np.diagonal(vectors.T @ (told.T @ centred) @ vectors) / sigma)
        on = (told + targets.mean(axis=0)) * targets
        scores.append(on.sum(axis=0) / targets.sum(axis=0))
    assert np.abs(curve.strength - strengths).max() < 0.01 * sigma[0]
    answered = np.array(scores) > 0.5
    first = np.where(answered.any(axis=0), answered.argmax(axis=0), np.inf)
    late = np.isfinite(first)
    assert np.array_equal(late, np.isfinite(curve.answered_at)) and 0 < late.sum() < 6
    np.testing.assert_allclose(curve.answered_at[late], first[late], rtol=0.02, atol=2)
    assert np.array_equal(late, forecast.answered)


def test_one_label_each_has_the_timeline_of_class_counts():
    counts = pen.ClassCounts([40, 20, 8, 3])
    given = {"lr": 0.1, "momentum": 0.5, "steps": 500}
    one = pen.forecast(counts, 1e-3, feature_ratio=1.0).timeline(**given)
    several = pen.forecast(pen.LabelScatter.from_counts(counts), 1e-3, feature_ratio=1.0).timeline(**given)
    np.testing.assert_allclose(several.strength, one.strength, rtol=1e-9)
    np.testing.assert_allclose(several.learnt_at, one.learnt_at, rtol=1e-9)


def test_labels_that_are_on_in_most_samples_are_answered_from_the_start():
    targets = pen.LabelScatter.from_labels([["a"]] * 60 + [["b"]] * 40)
    assert pen.forecast(targets, 1e-3).timeline(lr=0.1, steps=10).answered_at.tolist() == [0.0, np.inf]


@pytest.mark.parametrize("options", [{"loss": "bce"}, {"loss": "bce:sqrt"}, {"layers": 2}, {"bias": 0.1}])
def test_only_where_it_is_known(options):
    targets = pen.LabelScatter.from_labels([["a", "b"]] * 6 + [["b"]] * 4 + [[]] * 5)
    with pytest.raises(pen.ProblemError, match="the timeline is known for squared error"):
        pen.forecast(targets, 1e-3, **options).timeline(lr=0.1)


@pytest.mark.parametrize("decay", [1e-3, 0.02, 0.1, 0.35])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_no_end_of_training_is_taken_for_its_middle(targets, layers, decay):
    """Not even where decay takes more than half of every strength, so that no law can be read."""
    forecast = pen.forecast(pen.LabelScatter.from_labels(targets), decay, layers=layers, feature_ratio=1.0)
    vectors, sigma, strength = forecast.geometry.spectrum.vectors, forecast.solution.sigma, forecast.geometry.strength
    # Features and a head that have these strengths: W Hᵀ = Σ t_i u_i v_iᵀ.
    features = (targets - targets.mean(axis=0)) @ vectors / sigma
    audit = pen.audit_label_sets(features, targets, head=pen.Head((vectors * strength,)))
    np.testing.assert_allclose(audit.strength, strength, rtol=1e-9, atol=1e-9)
    assert audit.progress is None and "not through" not in audit.verdict


def test_an_audit_in_the_middle_of_training_says_what_is_learnt_and_when_the_rest_will_be(targets):
    middle = 450
    steps = list(simulated(targets, 0.0, 3 * middle))
    features, weights = steps[middle]
    audit = pen.audit_label_sets(features, targets, head=pen.Head((weights,)))
    # A law of four layers is within 15 %, too, but the curves of training that goes on lie nearer.
    assert audit.law.fits and audit.followed is None and audit.expected_lift is None and audit.progress.error < 1e-3
    vectors, sigma = audit.spectrum.vectors, audit.spectrum.sigma
    centred = targets - targets.mean(axis=0)
    strengths = np.array([np.diagonal(vectors.T @ (w @ h.T) @ centred @ vectors) / sigma for h, w in steps])
    half = np.argmax(strengths > sigma / 2, axis=0) / middle
    np.testing.assert_allclose(audit.progress.half_at, half, rtol=0.1)
    assert audit.progress.learnt == np.count_nonzero(half <= 1)
    assert f"{audit.progress.learnt} of 6 have half of what they could" in audit.verdict
    record = audit.to_dict()
    assert (
        record["strengths"]["progress"]["learnt"] == audit.progress.learnt and record["directions"][-1]["half_at"] > 1
    )
    # At its end nothing is left to be learnt.
    features, weights = next(step for i, step in enumerate(simulated(targets, 0.005, 3000)) if i == 3000)
    ended = pen.audit_label_sets(features, targets, head=pen.Head((weights,)))
    assert ended.followed is ended.law and ended.law.layers == 1 and ended.progress is None
