"""Strengths over training: what is kept, and its chart beside the forecast timeline."""

import json

import numpy as np
import pytest
import torch

import penultimate as pen


@pytest.fixture
def forecast():
    return pen.forecast(pen.ClassCounts([60, 30, 10, 5]), weight_decay=1e-3, feature_ratio=1.0)


def followed(forecast, steps=(0, 50, 100, 200), directions=3):
    """A trajectory that is the timeline itself."""
    timeline = forecast.timeline(lr=0.1, steps=2000, points=2001)
    trajectory = pen.torch.Trajectory(forecast)
    for step in steps:
        row = timeline.strength[step, :directions].tolist()
        trajectory.add(step, {f"direction/{i}": x for i, x in enumerate(row, start=1)} | {"nc1": 0.5})
    return trajectory, timeline


def test_strengths_are_kept_by_step_and_direction(forecast):
    trajectory, timeline = followed(forecast)
    np.testing.assert_array_equal(trajectory.steps, [0, 50, 100, 200])
    np.testing.assert_array_equal(trajectory.strength, timeline.strength[[0, 50, 100, 200]])
    record = json.loads(json.dumps(trajectory.to_dict(), allow_nan=False))
    assert record["sigma"] == pytest.approx(forecast.solution.sigma.tolist())
    assert len(trajectory) == 4 and repr(trajectory) == "Trajectory(4 steps, 3 directions)"


def test_half_strength_is_reached_where_the_timeline_says(forecast):
    timeline = forecast.timeline(lr=0.1, steps=3000, points=3001)
    trajectory = pen.torch.Trajectory(forecast)
    for step in range(0, 3001, 5):
        trajectory.add(step, {f"direction/{i}": x for i, x in enumerate(timeline.strength[step], start=1)})
    np.testing.assert_allclose(trajectory.learnt_at, timeline.learnt_at, rtol=2e-3)


def test_a_direction_that_ends_without_strength_is_never_learnt(forecast):
    trajectory = pen.torch.Trajectory(forecast)
    trajectory.add(10, {"direction/1": 1.0, "direction/2": 0.3})
    trajectory.add(20, {"direction/1": 1.0, "direction/2": 0.0})
    assert trajectory.learnt_at.tolist() == [10.0, np.inf]
    assert trajectory.to_dict()["learnt_at"] == [10.0, None]


def test_what_does_not_belong_is_refused(forecast):
    trajectory, _ = followed(forecast)
    with pytest.raises(pen.FeaturesError, match="hold no direction"):
        trajectory.add(300, {"nc1": 0.1})
    with pytest.raises(pen.FeaturesError, match="step 200 does not come after step 200"):
        trajectory.add(200, {f"direction/{i}": 1.0 for i in (1, 2, 3)})
    with pytest.raises(pen.ProblemError, match="the step must be a number, got 'last'"):
        trajectory.add("last", {"direction/1": 1.0, "direction/2": 1.0, "direction/3": 1.0})
    with pytest.raises(pen.FeaturesError, match="there are 2 directions and were 3"):
        trajectory.add(300, {"direction/1": 1.0, "direction/2": 1.0})
    with pytest.raises(pen.FeaturesError, match="there are 9 directions and the forecast has 3"):
        pen.torch.Trajectory(forecast).add(0, {f"direction/{i}": 1.0 for i in range(1, 10)})
    with pytest.raises(pen.FeaturesError, match="no steps to draw"):
        pen.torch.Trajectory(forecast).plot()


def test_the_clock_is_the_factor_between_both(forecast):
    timeline = forecast.timeline(lr=0.1, steps=3000, points=3001)
    trajectory = pen.torch.Trajectory(forecast)
    for step in range(0, 3001, 5):  # the same curves, seven times as fast
        trajectory.add(step, {f"direction/{i}": x for i, x in enumerate(timeline.strength[step], start=1)})
    faster = forecast.timeline(lr=0.1 / 7)
    assert trajectory.clock(faster) == pytest.approx(7.0, rel=2e-3)
    assert trajectory.clock(timeline) == pytest.approx(1.0, rel=2e-3)
    dead = pen.torch.Trajectory(forecast)
    dead.add(1, {"direction/1": 0.0})
    assert np.isnan(dead.clock(timeline))


def curves(chart):
    spec = chart.to_dict()  # validates against the schema of Vega-Lite
    json.dumps(spec, allow_nan=False)
    title = spec["title"]
    return spec["datasets"], " ".join([title["text"], *title["subtitle"]])


def test_the_chart_shows_shares_of_sigma_measured_and_forecast(forecast):
    trajectory, timeline = followed(forecast, steps=(0, 50, 100, 200, 900, 2000))
    datasets, text = curves(trajectory.plot(lr=0.1))
    measured, expected = sorted(datasets.values(), key=len)
    assert len(measured) == 5 * 3  # step 0 has no place on a logarithmic axis
    last = [row["share"] for row in measured if row["step"] == 2000]
    np.testing.assert_allclose(last, timeline.strength[2000] / forecast.solution.sigma)
    clock = trajectory.clock(timeline)
    assert f"Dashed: the forecast timeline, {clock:.2g} of its steps in one of training" in text
    # The dashed curves are those of a timeline whose rate is so many times larger.
    direct = forecast.timeline(lr=0.1 * clock, steps=2000, points=2001)
    for row in expected[:: len(expected) // 50]:
        column = int(row["direction"].split(":")[0]) - 1
        wanted = np.interp(row["step"], direct.steps, direct.strength[:, column]) / forecast.solution.sigma[column]
        assert row["share"] == pytest.approx(wanted, rel=1e-2, abs=1e-4)
    assert all(50 <= row["step"] <= 2100 for row in expected)


def test_without_a_rate_the_lines_are_where_the_forecast_ends(forecast):
    trajectory, _ = followed(forecast)
    datasets, text = curves(trajectory.plot())
    ends = min(datasets.values(), key=len)
    expected = 1 - forecast.solution.threshold / forecast.solution.sigma
    np.testing.assert_allclose([row["share"] for row in ends], expected, rtol=1e-6)
    assert "where the forecast expects training to end" in text


@pytest.mark.parametrize("loss", ["ce", "la:1", "weighted:inverse", "cdt:0.3"])
def test_every_loss_has_a_chart_of_training_with_lines_where_its_forecast_ends(loss):
    forecast = pen.forecast(pen.ClassCounts([60, 30, 10, 5]), weight_decay=1e-3, loss=loss, feature_ratio=1.0)
    trajectory = pen.torch.Trajectory(forecast)
    for step, share in ((1, 0.1), (100, 0.7), (1000, 1.0)):
        row = (share * forecast.solution.strength).tolist()
        trajectory.add(step, {f"direction/{i}": x for i, x in enumerate(row, start=1)})
    datasets, text = curves(trajectory.plot(lr=0.1, momentum=0.9))
    ends, measured = sorted(datasets.values(), key=len)
    np.testing.assert_allclose([row["share"] for row in ends], forecast.solution.strength)
    # What was measured last is the end itself: strengths, in no unit.
    last = [row["share"] for row in measured if row["step"] == 1000]
    np.testing.assert_allclose(last, forecast.solution.strength)
    assert "where the forecast expects training to end" in text


def test_the_forecasts_ends_are_those_of_a_layer_at_the_minimum_of_its_loss():
    """A head and means that minimise cross-entropy give, measured, the strengths that are drawn."""
    forecast = pen.forecast(pen.ClassCounts([60, 30, 10, 5]), weight_decay=1e-3, loss="la:1", feature_ratio=1.0)
    ideal, labels = forecast.geometry.factors(d=6), torch.arange(4).repeat(3)
    monitor = pen.torch.FeatureMonitor(4, 6, head=pen.Head(ideal.weights, ideal.bias), forecast=forecast)
    monitor.update(torch.as_tensor(ideal.means)[labels], labels)
    measured = [float(monitor.compute()[f"direction/{i}"]) for i in (1, 2, 3)]
    np.testing.assert_allclose(measured, forecast.solution.strength, rtol=1e-6)


def test_many_directions_and_steps_are_thinned_and_said_so():
    counts = pen.ClassCounts((1000 * 0.97 ** np.arange(100)).astype(int) + 1)
    forecast = pen.forecast(counts, weight_decay=1e-4, feature_ratio=1.0)
    trajectory = pen.torch.Trajectory(forecast)
    for step in range(500):
        trajectory.add(step, {f"direction/{i}": float(step) for i in range(1, 41)})
    datasets, text = curves(trajectory.plot(lr=0.1))
    assert sum(len(rows) for rows in datasets.values()) <= 2000
    assert "10 of" in text and "distinct singular values" in text
