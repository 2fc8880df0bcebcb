"""Forecasts with other losses than squared error: what they share with it, what has no closed form, what is refused."""

import json

import numpy as np
import pytest

import penultimate as pen

COUNTS = pen.ClassCounts([600, 300, 60, 60, 12, 9])
LOSSES = ["ce", "weighted:inverse", "la:1", "cdt:0.3", "ldam:0.5", "smooth:0.1", "mse:inverse"]


@pytest.mark.parametrize("loss", LOSSES)
def test_everything_is_there_for_every_loss(loss, tmp_path):
    forecast = pen.forecast(COUNTS, 2e-2, loss=loss)
    record = json.loads(json.dumps(forecast.to_dict("all"), allow_nan=False))
    assert record["problem"]["loss"] == loss
    assert record["solution"]["converged"]
    assert record["solution"]["certificate"]["relative_gap"] <= 1e-8
    assert len(record["classes"]) == 6
    assert forecast.verdict in str(record["verdict"])
    for chart in forecast.charts:
        forecast.plot(chart).to_dict()
    forecast.report(tmp_path / "page.html")


def test_critical_decays_are_where_directions_die():
    forecast = pen.forecast(COUNTS, 2e-2, loss="ce")
    assert np.all(np.isfinite(forecast.critical_weight_decay))
    for decay, size in zip(forecast.critical_weight_decay, forecast.solution.multiplicity, strict=True):
        below, above = (pen.forecast(COUNTS, float(decay) * f, loss="ce").survivors for f in (1 - 1e-5, 1 + 1e-5))
        assert below - above == size
    assert forecast.largest_safe_weight_decay == pytest.approx(forecast.critical_weight_decay.min(), rel=1e-12)


def test_other_ratios_are_other_forecasts():
    forecast = pen.forecast(COUNTS, 2e-2, loss="ce")
    for row in forecast.by_ratio:
        other = pen.forecast(COUNTS, 2e-2, loss="ce", feature_ratio=row.ratio)
        assert row.survivors == other.survivors
        assert row.samples_needed == pytest.approx(other.samples_needed, rel=1e-12)
        assert row.classes_below == other.classes_below
    hundred = pen.forecast(COUNTS, 2e-2, loss="ce", feature_ratio=100.0)
    assert forecast.by_ratio[-1].largest_safe_weight_decay == pytest.approx(hundred.largest_safe_weight_decay, rel=1e-5)


def test_shares_at_other_decays_are_those_of_forecasts_there():
    forecast = pen.forecast(COUNTS, 2e-2, loss="ce")
    decays = np.array([0.3, 1e-3])  # in this order
    for decay, share in zip(decays, forecast.shares_at(decays), strict=True):
        other = pen.forecast(COUNTS, float(decay), loss="ce").solution
        expected = np.repeat(other.strength / other.sigma, other.multiplicity)
        np.testing.assert_allclose(np.repeat(share, forecast.solution.multiplicity), expected, atol=1e-3)


def test_without_bias_a_class_can_keep_all_of_its_direction():
    """A softmax does not see the common shift, so one direction is nobody's; what is left can be kept whole."""
    forecast = pen.forecast(COUNTS, 1e-3, loss="ce", bias="none")
    assert forecast.directions == 5
    np.testing.assert_allclose(forecast.retained, 1.0)


def test_many_distinct_counts_are_not_swept():
    forecast = pen.forecast(pen.ClassCounts(np.geomspace(900, 9, 45)), 1e-2, loss="ce")
    assert "sweep" not in forecast.charts
    with pytest.raises(pen.ProblemError, match="no chart 'sweep'"):
        forecast.plot("sweep")
    assert forecast.largest_safe_weight_decay is None
    assert {row.survivors for row in forecast.by_ratio} == {None}
    assert json.dumps(forecast.to_dict(), allow_nan=False)


def test_several_layers_are_best_found_in_every_output(tmp_path):
    forecast = pen.forecast(pen.ClassCounts([30, 10, 10, 2]), 5e-2, loss="ce", layers=2)
    record = json.loads(json.dumps(forecast.to_dict(), allow_nan=False))
    assert record["solution"]["status"] == "best_found"
    assert not record["solution"]["converged"]
    assert record["solution"]["threshold"] is None
    assert "best point found" in forecast.verdict and "no proof of optimality" in forecast.verdict
    forecast.report(tmp_path / "page.html")


def test_the_timeline_is_of_squared_error():
    with pytest.raises(pen.ProblemError, match="squared error"):
        pen.forecast(COUNTS, loss="ce").timeline(lr=0.1)


def test_over_correction_can_lose_the_largest_class():
    """Weights 1/n at a large decay: the head class is the one that dies."""
    forecast = pen.forecast(pen.datasets.counts("fashion-mnist-lt"), 0.2, loss="weighted:inverse")
    assert forecast.status[0] == "lost"
    assert forecast.status[-1] == "own"
    assert "over-corrects" in forecast.verdict
    plain = pen.forecast(pen.datasets.counts("fashion-mnist-lt"), 0.2, loss="ce")
    assert plain.status[0] == "own"
    assert plain.status[-1] == "lost"
