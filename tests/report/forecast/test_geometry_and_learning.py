"""Class means in space keep their distances, and directions are learnt when the timeline says."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

import penultimate as pen
from penultimate.report.kit.cosines import chosen_classes


def rows(forecast: pen.Forecast, chart: str, column: str) -> list[dict]:
    return next(data for data in forecast.plot(chart).to_dict()["datasets"].values() if column in data[0])


@pytest.mark.parametrize("classes", [2, 3, 4, 30])
@pytest.mark.parametrize("decay", [1e-3, 0.02])
def test_points_in_space_have_the_distances_of_class_means(classes, decay):
    forecast = pen.forecast(pen.ClassCounts.long_tailed(classes, 600, 100), decay, feature_ratio=1)
    drawn = rows(forecast, "geometry", "class")
    found = pdist([[row["a"], row["b"], row["c"]] for row in drawn])
    means = forecast.geometry.factors(d=classes).means[chosen_classes(forecast.counts, 4)]
    assert len(drawn) == min(classes, 4)
    assert found / found.max() == pytest.approx(pdist(means) / pdist(means).max(), abs=1e-7)


def test_means_that_coincide_have_one_label_for_all_names():
    forecast = pen.forecast(pen.ClassCounts({"cat": 600, "dog": 300, "newt": 3, "axolotl": 2}), 0.06)
    assert forecast.status[2:].tolist() == ["lost", "lost"]
    assert {row["label"] for row in rows(forecast, "geometry", "class")} >= {"newt, axolotl"}


def test_directions_are_learnt_when_the_timeline_says():
    forecast = pen.forecast(pen.ClassCounts([600, 200, 50]), 5e-3, feature_ratio=1)
    curves: dict[str, list[tuple[int, float]]] = {}
    for row in rows(forecast, "learning", "share"):
        curves.setdefault(row["direction"], []).append((row["step"], row["share"]))
    whole = forecast.timeline(0.1, 0.9, 3000, points=3001)
    columns = zip(whole.strength.T, forecast.solution.sigma, whole.learnt_at, strict=True)
    for curve, (strength, sigma, at) in zip(curves.values(), columns, strict=True):
        steps, shares = map(np.array, zip(*curve, strict=True))
        assert steps[0] <= at / 2 and steps[-1] >= at * 2
        inside = steps <= 3000
        assert shares[inside] == pytest.approx(strength[steps[inside]] / sigma, rel=1e-9)


@pytest.mark.parametrize("options", [{"loss": "ce"}, {"layers": 2}, {"bias": 1e-3}])
def test_there_is_no_timeline_where_none_is_known(options):
    assert "learning" not in pen.forecast(pen.ClassCounts([60, 30, 10]), 1e-3, feature_ratio=1, **options).charts


def test_nothing_is_drawn_where_all_is_lost():
    charts = pen.forecast(pen.ClassCounts([60, 30, 10]), 10.0, feature_ratio=1).charts
    assert "geometry" not in charts and "learning" not in charts
