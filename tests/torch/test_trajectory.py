"""Strengths over training: what is kept, and its chart beside the forecast timeline."""

import json

import numpy as np
import pytest

import penultimate as pen


@pytest.fixture
def forecast():
    return pen.forecast(pen.ClassCounts([60, 30, 10, 5]), weight_decay=1e-3)


def followed(forecast, steps=(0, 50, 100, 200), directions=3):
    """A trajectory that is the timeline itself."""
    timeline = forecast.timeline(lr=0.1, steps=200, points=201)
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
    with pytest.raises(pen.FeaturesError, match="there are 2 directions and were 3"):
        trajectory.add(300, {"direction/1": 1.0, "direction/2": 1.0})
    with pytest.raises(pen.FeaturesError, match="trajectory is empty"):
        pen.torch.Trajectory(forecast).plot()


def curves(chart):
    spec = chart.to_dict()  # validates against the schema of Vega-Lite
    json.dumps(spec, allow_nan=False)
    title = spec["title"]
    return spec["datasets"], " ".join([title["text"], *title["subtitle"]])


def test_the_chart_shows_shares_of_sigma_measured_and_forecast(forecast):
    trajectory, timeline = followed(forecast)
    datasets, text = curves(trajectory.plot(timeline))
    measured, expected = sorted(datasets.values(), key=len)
    assert len(measured) == 4 * 3 and "Dashed: the forecast timeline" in text
    last = [row["share"] for row in measured if row["step"] == 200]
    np.testing.assert_allclose(last, timeline.strength[200] / forecast.solution.sigma)
    # The measured steps are on the curves of the timeline.
    on_curve = {(row["step"], row["direction"]): row["share"] for row in expected}
    assert all(on_curve[row["step"], row["direction"]] == pytest.approx(row["share"]) for row in measured)
    assert len(on_curve) == len(expected)


def test_the_timeline_is_drawn_as_far_as_training_went_and_can_be_left_out(forecast):
    trajectory, timeline = followed(forecast, steps=(0, 40, 90))
    expected = max(curves(trajectory.plot(timeline))[0].values(), key=len)
    assert max(row["step"] for row in expected) == 90
    datasets, text = curves(trajectory.plot())
    assert len(datasets) == 1 and "Dashed" not in text


def test_many_directions_and_steps_are_thinned_and_said_so():
    counts = pen.ClassCounts((1000 * 0.97 ** np.arange(100)).astype(int) + 1)
    forecast = pen.forecast(counts, weight_decay=1e-4)
    trajectory = pen.torch.Trajectory(forecast)
    for step in range(500):
        trajectory.add(step, {f"direction/{i}": float(step) for i in range(1, 41)})
    datasets, text = curves(trajectory.plot(forecast.timeline(lr=0.1, steps=1000, points=900)))
    assert sum(len(rows) for rows in datasets.values()) <= 2000
    assert "10 of" in text and "distinct singular values" in text
