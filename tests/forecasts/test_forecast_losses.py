"""Forecasts with other losses than squared error: what they share with it, what has no closed form, what is refused."""

import json

import numpy as np
import pytest

import penultimate as pen

COUNTS = pen.ClassCounts([600, 300, 60, 60, 12, 9])
LOSSES = ["ce", "weighted:inverse", "la:1", "cdt:0.3", "ldam:0.5", "smooth:0.1", "mse:inverse"]


@pytest.mark.parametrize("loss", LOSSES)
def test_everything_is_there_for_every_loss(loss, tmp_path):
    forecast = pen.forecast(COUNTS, 2e-2, loss=loss, feature_ratio=1.0)
    record = json.loads(json.dumps(forecast.to_dict("all"), allow_nan=False))
    assert record["problem"]["loss"] == loss
    assert record["solution"]["converged"]
    assert record["solution"]["certificate"]["relative_gap"] <= 1e-8
    assert len(record["classes"]) == 6
    assert forecast.verdict in str(record["verdict"])
    forecast.report(tmp_path / "page.html")
    for chart in set(forecast.charts) - {
        "sweep",
        "slider",
    }:  # solved at every weight decay: once is enough
        forecast.plot(chart).to_dict()


def test_critical_decays_are_where_directions_die():
    forecast = pen.forecast(COUNTS, 2e-2, loss="ce", feature_ratio=1.0)
    assert np.all(np.isfinite(forecast.critical_weight_decay))
    for decay, size in zip(forecast.critical_weight_decay, forecast.solution.multiplicity, strict=True):
        below, above = (
            pen.forecast(COUNTS, float(decay) * f, loss="ce", feature_ratio=1.0).survivors for f in (1 - 1e-5, 1 + 1e-5)
        )
        assert below - above == size
    assert forecast.largest_safe_weight_decay == pytest.approx(forecast.critical_weight_decay.min(), rel=1e-12)


def test_other_ratios_are_other_forecasts():
    forecast = pen.forecast(COUNTS, 2e-2, loss="ce", feature_ratio=1.0)
    for row in forecast.by_ratio:
        other = pen.forecast(COUNTS, 2e-2, loss="ce", feature_ratio=row.ratio)
        assert row.survivors == other.survivors
        assert row.samples_needed == pytest.approx(other.samples_needed, rel=1e-12)
        assert row.classes_below == other.classes_below
    hundred = pen.forecast(COUNTS, 2e-2, loss="ce", feature_ratio=100.0)
    assert forecast.by_ratio[-1].largest_safe_weight_decay == pytest.approx(hundred.largest_safe_weight_decay, rel=1e-5)


def test_shares_at_other_decays_are_those_of_forecasts_there():
    forecast = pen.forecast(COUNTS, 2e-2, loss="ce", feature_ratio=1.0)
    decays = np.array([0.3, 1e-3])  # in this order
    for decay, share in zip(decays, forecast.shares_at(decays), strict=True):
        other = pen.forecast(COUNTS, float(decay), loss="ce", feature_ratio=1.0).solution
        expected = np.repeat(other.strength / other.sigma, other.multiplicity)
        np.testing.assert_allclose(np.repeat(share, forecast.solution.multiplicity), expected, atol=1e-3)


def test_without_bias_a_class_can_keep_all_of_its_direction():
    """A softmax does not see the common shift, so one direction is nobody's; what is left can be kept whole."""
    forecast = pen.forecast(COUNTS, 1e-3, loss="ce", bias="none", feature_ratio=1.0)
    assert forecast.directions == 5
    np.testing.assert_allclose(forecast.retained, 1.0)


def test_many_distinct_counts_have_loose_brackets_that_are_stated():
    forecast = pen.forecast(pen.ClassCounts(np.geomspace(900, 9, 30)), 1e-2, loss="ce", feature_ratio=1.0)
    low, high = forecast.critical_bracket.T
    assert np.all((low <= forecast.critical_weight_decay) & (forecast.critical_weight_decay <= high))
    assert np.all(high <= low * 1.02)
    assert "bracketed to 0.02" in forecast.critical_note
    assert forecast.largest_safe_weight_decay == forecast.critical_weight_decay.min()
    record = json.loads(json.dumps(forecast.to_dict(), allow_nan=False))
    assert record["solution"]["critical_weight_decays_note"] == forecast.critical_note
    assert record["spectrum"][3]["critical_weight_decay_bracket"] == pytest.approx(forecast.critical_bracket[3])


def test_more_distinct_counts_know_the_first_death_and_the_closed_ones(monkeypatch):
    """129 counts, two of them of two classes; at a large decay, where little is alive and solving is quick."""
    monkeypatch.setattr("penultimate.forecasts.critical_decays._ON_BINS", 0)  # as for a loss that has no bins
    counts = pen.ClassCounts([*np.geomspace(900, 9, 129), 900, 9])
    forecast = pen.forecast(counts, 0.1, loss="ce", feature_ratio=1.0)
    known = forecast.critical_weight_decay[np.isfinite(forecast.critical_weight_decay)]
    # The two inside groups, of which the rarest classes die first, and the strongest mixed one, if all die with it.
    assert known == pytest.approx(np.sqrt([900, 9]) / np.sqrt(counts.samples), rel=1e-9)
    assert forecast.largest_safe_weight_decay == known[-1]
    assert "known for 2 of 130 directions" in forecast.critical_note
    below = [row.survivors for row in forecast.by_ratio if 0.1 * np.sqrt(row.ratio) < known[-1]]
    assert below == [130] * len(below) and None in [row.survivors for row in forecast.by_ratio]
    record = json.loads(json.dumps(forecast.to_dict(), allow_nan=False))
    assert sum(row["critical_weight_decay"] is None for row in record["spectrum"]) == 128


def test_more_distinct_counts_have_a_coarse_sweep(monkeypatch):
    monkeypatch.setattr("penultimate.report.forecast.sweep.ALL_DEATHS", 8)
    forecast = pen.forecast(pen.ClassCounts(np.geomspace(900, 90, 9)), 0.07, loss="ce", feature_ratio=1.0)
    drawn = next(rows for rows in forecast.plot("sweep").to_dict()["datasets"].values() if "survivors" in rows[0])
    assert len(drawn) == 9
    assert {row["decay"]: row["survivors"] for row in drawn}[0.07] == forecast.survivors
    assert (drawn[0]["survivors"], drawn[-1]["survivors"]) == (8, 0)


def test_too_many_distinct_counts_are_said_to_be_too_many(monkeypatch):
    monkeypatch.setattr("penultimate.forecasts.critical_decays._ON_BINS", 500)
    forecast = pen.forecast(pen.ClassCounts(np.geomspace(900, 9, 501)), 0.09, loss="ce", feature_ratio=1.0)
    assert "sweep" not in forecast.charts
    with pytest.raises(pen.ProblemError, match="no chart 'sweep'"):
        forecast.plot("sweep")
    assert forecast.largest_safe_weight_decay is None
    assert "not searched for among 501 distinct counts" in forecast.critical_note
    assert {row.survivors for row in forecast.by_ratio} == {None}
    assert json.dumps(forecast.to_dict(), allow_nan=False)
    (row,) = pen.LossComparison({"ce": forecast}).to_dict()["losses"]
    assert row["largest_safe_weight_decay"] is None
    assert row["critical_weight_decays_note"] == forecast.critical_note


def test_a_width_that_has_room_for_all_changes_nothing(tmp_path):
    """And one that may bind leaves critical decays unknown, and says so."""
    counts = pen.ClassCounts([60, 30, 10])
    free, wide, narrow = (
        pen.forecast(counts, 0.4, loss="ce", width=width, feature_ratio=1.0) for width in (None, 2, 1)
    )
    np.testing.assert_allclose(wide.critical_weight_decay, free.critical_weight_decay, rtol=1e-12)
    assert wide.charts == free.charts
    narrow.report(tmp_path / "page.html")
    assert narrow.critical_note in (tmp_path / "page.html").read_text()
    wide.report(tmp_path / "page.html")
    assert narrow.largest_safe_weight_decay is None
    assert np.all(np.isnan(narrow.critical_weight_decay))
    assert "or a width" in narrow.critical_note


def test_several_layers_are_best_found_in_every_output(tmp_path):
    forecast = pen.forecast(pen.ClassCounts([30, 10, 10, 2]), 5e-2, loss="ce", layers=2, feature_ratio=1.0)
    record = json.loads(json.dumps(forecast.to_dict(), allow_nan=False))
    assert record["solution"]["status"] == "best_found"
    assert not record["solution"]["converged"]
    assert record["solution"]["threshold"] is None
    assert "best point found" in forecast.verdict and "no proof of optimality" in forecast.verdict
    forecast.report(tmp_path / "page.html")


def test_the_timeline_is_of_squared_error():
    with pytest.raises(pen.ProblemError, match="squared error"):
        pen.forecast(COUNTS, loss="ce", feature_ratio=1.0).timeline(lr=0.1)


def test_over_correction_can_lose_the_largest_class():
    """Weights 1/n at a large decay: the head class is the one that dies."""
    forecast = pen.forecast(pen.datasets.counts("fashion-mnist-lt"), 0.2, loss="weighted:inverse", feature_ratio=1.0)
    assert forecast.status[0] == "lost"
    assert forecast.status[-1] == "own"
    assert "has a smaller margin than the smallest" in forecast.verdict
    plain = pen.forecast(pen.datasets.counts("fashion-mnist-lt"), 0.2, loss="ce", feature_ratio=1.0)
    assert plain.status[0] == "own"
    assert plain.status[-1] == "lost"


@pytest.mark.parametrize("counts", [[100, 100, 0], [100, 150, 100, 50, 100, 100, 0, 0, 50, 100, 0, 50, 0, 150]])
@pytest.mark.parametrize("loss", ["mse:inverse", "mse:power:0.5"])
def test_singular_values_that_are_one_at_an_end_of_the_range_and_two_at_the_other(counts, loss):
    """Where they move with the decay, rounding parts equal ones here and not there: figures go by rank."""
    forecast = pen.forecast(counts, 1e-3, loss=loss, bias="none")
    rows = forecast.to_dict()["spectrum"]
    assert len(rows) == forecast.solution.sigma.size
    assert forecast.directions_with("survives") == forecast.directions == np.count_nonzero(counts)
    worst, best = forecast.strength_interval.T
    assert np.all((worst <= forecast.solution.strength) & (forecast.solution.strength <= best))
    worst, best = forecast.critical_interval.T
    assert np.all((worst <= forecast.critical_weight_decay) & (forecast.critical_weight_decay <= best))


@pytest.mark.parametrize(("fewest", "says"), [(1, "how well 1 sample stands"), (2, "how well 2 samples stand")])
def test_one_sample_stands_alone(fewest, says):
    assert says in pen.forecast([60, 30, fewest], 1e-6, feature_ratio=1.0).verdict
