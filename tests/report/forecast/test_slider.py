"""Every step of the sliders is the forecast that one would ask for there."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.forecasts.status import STATUSES
from report_cases import CASES

COUNTS = pen.ClassCounts.long_tailed(12, 900, 100)
PROBLEMS = {
    "networks": {},
    "kind": {"like": "perceptron", "layers": 2},
    "ratio": {"feature_ratio": 0.3},
    "layers": {"feature_ratio": 2.0, "layers": 3},
    "known": {"feature_decay": 1e-5},
    "cross-entropy": {"loss": "ce", "feature_ratio": 1.0},
    "no bias": {"bias": "none", "feature_ratio": 1.0},
    "width": {"width": 5, "feature_ratio": 1.0},
}
DECAY = 0.01


def tables(forecast: pen.Forecast) -> tuple[list[dict], list[dict]]:
    """The rows of classes and those of steps."""
    datasets = forecast.plot("slider").to_dict()["datasets"].values()
    (classes,) = (data for data in datasets if "fates" in data[0])
    (steps,) = (data for data in datasets if "survivors" in data[0])
    return classes, steps


def params(forecast: pen.Forecast) -> dict[str, dict]:
    return {param["name"]: param for param in forecast.plot("slider").to_dict()["params"]}


def fates(forecast: pen.Forecast) -> list[str]:
    return [str(status) for status in forecast.status]


@pytest.mark.parametrize("case", PROBLEMS)
def test_a_step_is_the_forecast_at_its_weight_decay(case):
    classes, steps = tables(pen.forecast(COUNTS, DECAY, **PROBLEMS[case]))
    assert [row["at"] for row in steps] == list(range(-20, 21))
    for at in (-13, 0, 7):
        there = pen.forecast(COUNTS, DECAY * 10 ** (at / 10), **PROBLEMS[case])
        assert [STATUSES[int(row["fates"][at + 20])] for row in classes] == fates(there)
        assert steps[at + 20]["survivors"] == there.survivors
        assert [steps[at + 20][status] for status in STATUSES] == [there.classes_with(status) for status in STATUSES]
        assert steps[at + 20]["needed"] == pytest.approx(there.samples_needed)


@pytest.mark.parametrize("case", ["ratio", "layers", "cross-entropy", "no bias"])
def test_the_slider_of_c_moves_along_the_same_table(case):
    """A step of it multiplies c by 10^((L + 1)/10)."""
    options = PROBLEMS[case]
    classes, _ = tables(pen.forecast(COUNTS, DECAY, **options))
    for at in (-9, 6):
        ratio = options["feature_ratio"] * 10 ** (at * (options.get("layers", 1) + 1) / 10)
        there = pen.forecast(COUNTS, DECAY, **{**options, "feature_ratio": ratio})
        assert [STATUSES[int(row["fates"][at + 20])] for row in classes] == fates(there)


@pytest.mark.parametrize("case", ["networks", "kind"])
def test_so_does_the_one_of_how_strongly_features_are_held_down(case):
    """A step of it multiplies λ_H by 10^(L/10)."""
    forecast = pen.forecast(COUNTS, DECAY, **PROBLEMS[case])
    median = forecast.problem.resolved_feature_decay(COUNTS.samples)
    classes, _ = tables(forecast)
    for at in (-8, 5):
        held = median * 10 ** (at * forecast.problem.layers / 10)
        there = pen.forecast(COUNTS, DECAY, layers=forecast.problem.layers, feature_decay=held)
        assert [STATUSES[int(row["fates"][at + 20])] for row in classes] == fates(there)


def test_a_feature_decay_that_is_known_has_no_slider():
    assert set(params(pen.forecast(COUNTS, DECAY, **PROBLEMS["known"]))) == {"decay", "step"}
    assert set(params(pen.forecast(COUNTS, DECAY))) == {"decay", "held", "step"}


def test_there_is_no_slider_where_it_would_take_long():
    assert "slider" in CASES["lvis"]().charts
    assert "slider" not in CASES["distinct"]().charts
    many = pen.ClassCounts(np.arange(1.0, 200.0))
    assert "slider" not in pen.forecast(many, 1e-3, loss="ce", feature_ratio=1.0).charts
