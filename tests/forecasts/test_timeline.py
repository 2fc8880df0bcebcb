"""The logistic curves against explicit Euler steps on the model itself, one feature a sample."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.minimisers.descent import _Parameters, objective_and_gradient


def simulate(counts: pen.ClassCounts, problem: pen.Problem, *, start: float, step: float, steps: int) -> np.ndarray:
    """diag(Uᵀ W (H̄ − h_G) D V) while both factors follow their gradients; the bias is kept at its optimum."""
    svd = pen.LabelSpectrum(counts)
    left, right = svd.vectors("left"), svd.vectors("right")
    labels = np.repeat(np.arange(counts.classes), counts.values.astype(int))
    root = np.sqrt(start)
    means = root * right / np.sqrt(counts.values)[:, None]
    p = _Parameters((root * left,), means[labels], np.zeros(counts.classes))
    out = []
    for _ in range(steps + 1):
        average = np.array([p.features[labels == k].mean(axis=0) for k in range(counts.classes)])
        centred = (average - p.features.mean(axis=0)) * np.sqrt(counts.values)[:, None]
        out.append(np.diagonal(left.T @ p.weights[0] @ centred.T @ right))
        p = _Parameters(p.weights, p.features, counts.values / counts.samples - p.weights[0] @ p.features.mean(axis=0))
        _, g = objective_and_gradient(p, labels, problem)
        p = _Parameters((p.weights[0] - step * g.weights[0],), p.features - step * g.features, p.bias)
    return np.array(out)


def test_curves_match_the_simulated_model():
    counts = pen.ClassCounts([40, 20, 8, 3])
    problem = pen.Problem.from_decays(0.02, feature_decay=0.02)
    forecast = pen.Forecast(pen.minimise(counts, problem))
    step, steps, start = 0.05, 1200, 0.01
    simulated = simulate(counts, problem, start=start, step=step, steps=steps)
    curve = forecast.timeline(lr=step, steps=steps, start=start, points=steps + 1)
    scale = np.maximum(forecast.solution.strength, start)
    np.testing.assert_allclose(curve.strength / scale, simulated / scale, atol=0.01)
    # One direction stays below the threshold and decays; the others end at their strengths.
    short = pen.Forecast(pen.minimise(counts, pen.Problem.from_decays(0.04, feature_decay=0.04)))
    assert 0 < short.survivors < short.directions
    ended = short.timeline(lr=1.0, steps=100_000, start=start).strength[-1]
    np.testing.assert_allclose(ended, short.solution.strength, atol=1e-6)


def test_half_of_the_strength_is_reached_when_it_is_said_to_be_learnt():
    forecast = pen.forecast(pen.ClassCounts([60, 30, 10]), 1e-3, feature_decay=1e-3)
    curve = forecast.timeline(lr=0.01, momentum=0.5, steps=40_000, start=1e-4, points=40_001)
    for i, step in enumerate(curve.learnt_at):
        assert curve.strength[round(step), i] == pytest.approx(forecast.solution.strength[i] / 2, rel=1e-2)
    assert np.all(np.diff(curve.learnt_at) > 0)


def test_a_direction_at_the_threshold_neither_grows_exponentially_nor_fails():
    counts = pen.ClassCounts([4, 4])  # σ = 2, threshold 8 λ
    forecast = pen.Forecast(pen.minimise(counts, pen.Problem.from_decays(0.25, feature_decay=0.25)))
    curve = forecast.timeline(lr=0.1, steps=1000, start=0.1, points=11)
    time = 0.1 * curve.steps
    np.testing.assert_allclose(curve.strength[:, 0], 0.1 / (1 + 2 * 0.1 * time / 8), rtol=1e-6)
    assert np.isinf(curve.learnt_at).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lr": 0.0}, "learning rate"),
        ({"lr": 0.1, "momentum": 1.0}, "momentum"),
        ({"lr": 0.1, "steps": 0}, "number of steps"),
        ({"lr": 0.1, "start": -1.0}, "starting strength"),
    ],
    ids=["lr", "momentum", "steps", "start"],
)
def test_arguments_out_of_range(arguments, message):
    forecast = pen.forecast(pen.ClassCounts([3, 2]), 1e-3, feature_ratio=1.0)
    with pytest.raises(pen.ProblemError, match=message):
        forecast.timeline(**arguments)


@pytest.mark.parametrize("arguments", [{"layers": 2}, {"bias": 0.1}], ids=["layers", "bias"])
def test_only_where_it_is_known(arguments):
    with pytest.raises(pen.ProblemError, match="one layer"):
        pen.forecast(pen.ClassCounts([3, 2]), 1e-3, **arguments).timeline(lr=0.1)
