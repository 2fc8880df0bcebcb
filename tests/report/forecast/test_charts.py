"""Every chart is valid Vega-Lite, stays small, and shows the forecast's own figures."""

import json
from dataclasses import replace
from functools import cache

import altair as alt
import numpy as np
import pytest

import penultimate as pen
from penultimate.report.forecast.charts import CHARTS
from penultimate.report.kit.chart_style import ROWS, STATUS_COLOURS, distinct_labels, log_axis, spread
from penultimate.report.kit.cosines import CLASSES
from report_cases import CASES


@cache
def forecast(case: str) -> pen.Forecast:
    return CASES[case]()


@cache
def drawn(case: str, key: str) -> dict:
    return CHARTS[key](forecast(case)).to_dict()


def rows(case: str, key: str, *columns: str) -> list[dict]:
    """The data of a chart that has these columns."""
    found = [data for data in drawn(case, key)["datasets"].values() if data and set(columns) <= set(data[0])]
    assert len(found) == 1, f"{len(found)} data sets with {columns}"
    return found[0]


def heading(case: str, key: str) -> str:
    title = drawn(case, key)["title"]
    return " ".join([title["text"], *title.get("subtitle", [])])


def test_the_charts_are_in_order():
    names = ["counts", "spectrum", "retained", "cosines", "geometry", "slider", "learning", "sweep"]
    assert list(CHARTS) == names


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("key", CHARTS)
def test_every_chart_is_valid_small_and_strict_json(case, key):
    if key not in forecast(case).charts:
        return
    spec = drawn(case, key)  # to_dict validates against the schema of Vega-Lite
    assert sum(len(data) for data in spec["datasets"].values()) <= max(ROWS, CLASSES**2)
    text = json.dumps(spec, allow_nan=False)
    assert len(text) < 500_000
    assert spec["title"]["text"] and spec["description"]


def test_forecast_plot_is_the_chart():
    assert isinstance(forecast("fashion").plot("counts"), alt.LayerChart)


def test_survival_line_is_the_closed_form():
    counts = pen.datasets.counts("lvis")
    needed = counts.samples * 1e-2**2  # N c λ², docs/theory §1
    (line,) = rows("lvis", "counts", "level")
    assert line["level"] == pytest.approx(needed, rel=1e-12)
    below = sum(row["last"] - row["first"] + 1 for row in rows("lvis", "counts", "count") if row["count"] <= needed)
    assert below == int((counts.values <= needed).sum())
    assert f"{below} of 1,203" in heading("lvis", "counts")


def test_counts_are_those_of_the_classes():
    ranks = np.sort(pen.datasets.counts("lvis").values)[::-1]
    for row in rows("lvis", "counts", "count"):
        assert np.all(ranks[row["first"] - 1 : row["last"]] == row["count"])
        assert row["classes"]


def test_a_survival_line_far_away_is_told_not_drawn():
    assert not any("level" in data[0] for data in drawn("deep", "counts")["datasets"].values())
    assert "samples keeps a direction of its own" in heading("deep", "counts")


def test_spectrum_is_that_of_the_dense_label_matrix():
    n = pen.datasets.counts("fashion-mnist-lt").values
    dense = np.linalg.svd(np.diag(np.sqrt(n)) - np.outer(n, np.sqrt(n)) / n.sum(), compute_uv=False)[:-1]
    shown = rows("fashion", "spectrum", "sigma")
    np.testing.assert_allclose([row["sigma"] for row in shown], dense, rtol=1e-12)
    threshold = n.sum() ** 0.5 * 2e-2
    np.testing.assert_allclose([row["strength"] for row in shown], dense - threshold, rtol=1e-10)
    assert {row["kept"] for row in shown} == {"survives"}


def test_dead_directions_have_no_strength():
    shown = rows("lvis", "spectrum", "sigma")
    assert all((row["strength"] is None) == (row["kept"] == "dies") for row in shown)
    alive = sum(row["last"] - row["first"] + 1 for row in shown if row["kept"] == "survives")
    assert alive == forecast("lvis").survivors


def test_width_that_splits_equal_directions_is_shown_as_partly():
    assert [row["kept"] for row in rows("width-splits", "spectrum", "sigma")] == ["partly survives"]


def test_retained_is_the_projector_onto_surviving_directions():
    result = forecast("regularised-bias")
    svd = result.geometry.svd
    vectors = svd.vectors("right")
    alive = np.repeat(result.solution.strength > 0, svd.multiplicity)
    root = np.sqrt(result.counts.values / result.counts.samples)
    own = np.eye(root.size) - np.outer(root, root)  # row k: the class's own direction, less its part along √n
    expected = np.sum((own @ vectors[:, alive]) ** 2, axis=1) / np.sum(own**2, axis=1)
    shown = rows("regularised-bias", "retained", "retained")
    for row in shown:
        np.testing.assert_allclose(expected[row["first"] - 1 : row["last"]], row["retained"], atol=1e-10)


@pytest.mark.parametrize("case", ["fashion", "two-classes", "regularised-bias", "no-bias", "unseen"])
def test_cosines_are_those_of_explicit_class_means(case):
    result = forecast(case)
    means = result.geometry.factors(d=result.directions + 2).means
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    place = {str(name): index for index, name in enumerate(result.counts.names)}
    shown = rows(case, "cosines", "cosine")
    assert len(shown) == result.counts.seen**2
    for row in shown:
        assert row["cosine"] == pytest.approx(unit[place[row["row"]]] @ unit[place[row["column"]]], abs=2e-6)


def test_cosines_of_many_classes_are_a_sample_that_says_so():
    assert len(rows("lvis", "cosines", "cosine")) == 48**2
    assert "48 of 1,203 classes, evenly spaced by rank" in heading("lvis", "cosines")
    shown = {row["row"] for row in rows("lvis", "cosines", "cosine")}
    counts = pen.datasets.counts("lvis")
    assert any(counts.values[list(counts.names).index(name)] == counts.largest for name in shown)


def test_zero_means_have_no_angle():
    assert {row["cosine"] for row in rows("collapsed", "cosines", "cosine")} == {None}
    assert "no two have an angle" in heading("collapsed", "cosines")


def test_sweep_follows_the_soft_threshold():
    n = pen.datasets.counts("fashion-mnist-lt").values
    sigma = forecast("fashion").solution.sigma
    for row in rows("fashion", "sweep", "share"):
        s = sigma[int(row["direction"].split(":")[0]) - 1]
        assert row["share"] == pytest.approx(max(1 - n.sum() ** 0.5 * row["decay"] / s, 0.0), abs=1e-12)
    for row in rows("fashion", "sweep", "survivors"):
        assert row["survivors"] == (sigma > n.sum() ** 0.5 * row["decay"]).sum()


@pytest.mark.parametrize("case", CASES)
def test_sweep_holds_the_chosen_decay_and_every_death(case):
    result = forecast(case)
    decays = [row["decay"] for row in rows(case, "sweep", "survivors")]
    assert result.problem.weight_decay[0] in decays
    at = next(row for row in rows(case, "sweep", "survivors") if row["decay"] == result.problem.weight_decay[0])
    if result.has_critical_weight_decays:
        assert at["survivors"] == result.survivors
        assert rows(case, "sweep", "survivors")[-1]["survivors"] == 0
        alive = min(result.directions, result.problem.width or result.directions)
        assert rows(case, "sweep", "survivors")[0]["survivors"] == alive
    assert len({row["direction"] for row in rows(case, "sweep", "share")}) <= 10


def test_sweep_with_a_regularised_bias_says_that_it_is_approximate():
    assert "Approximate" in heading("regularised-bias", "sweep")
    assert "Approximate" not in heading("fashion", "sweep")


def test_sweep_keeps_directions_without_room_at_zero():
    shown = rows("width-binds", "sweep", "share")
    late = [row["share"] for row in shown if int(row["direction"].split(":")[0]) > 33]
    assert late and set(late) == {0.0}
    assert "room for 33 of 99 directions" in heading("width-binds", "sweep")


def test_unseen_classes_are_named_as_not_drawn():
    assert "Not drawn: 2 of 5 classes, which have no samples" in heading("unseen", "counts")


def test_thinning_is_named():
    assert "of 2,600 distinct counts drawn" in heading("distinct", "counts")
    assert "of 2,599 distinct singular values drawn" in heading("distinct", "spectrum")
    shown = rows("distinct", "counts", "count")
    assert shown[0]["first"] == 1 and shown[-1]["last"] == 2600


def test_a_million_classes_are_four_rows():
    shown = rows("million", "counts", "count")
    assert [row["last"] - row["first"] + 1 for row in shown] == [250_000] * 4


@pytest.mark.parametrize("log", [False, True])
def test_spread_keeps_both_ends_and_the_limit(log):
    first = np.arange(1, 100_001)
    picked = spread(first, 100, log=log)
    assert picked.size <= 100 and picked[0] == 0 and picked[-1] == 99_999
    assert np.all(np.diff(picked) > 0)


def test_labels_that_a_cut_makes_equal_stay_apart():
    labels = distinct_labels(["a" * 50, "a" * 49 + "b", "c"])
    assert len(set(labels)) == 3 and all(len(label) <= 44 for label in labels) and labels[2] == "c"


@pytest.mark.parametrize("domain", [(0.9, 1.1), (0.002, 7.0), (1.0, 1e12), (1e-9, 1e-8), (3.1, 4.2)])
def test_log_axes_have_a_few_labels_inside_their_domain(domain):
    values = log_axis(domain).values
    assert 1 <= len(values) <= 12
    assert all(domain[0] <= value <= domain[1] for value in values)


def test_the_palette_is_the_same_everywhere():
    text = json.dumps([drawn("lvis", key) for key in ("counts", "spectrum", "retained")])
    assert STATUS_COLOURS["own"] in text and STATUS_COLOURS["lost"] in text


def test_the_range_of_other_networks_is_one_shape_however_many_directions(tmp_path):
    """Two lines of subtitle, and an area where as many rules would be one black shape."""
    forecast = pen.forecast(pen.datasets.counts("lvis"), 1e-4)
    spec = forecast.plot("spectrum").to_dict()
    assert spec["layer"][0]["mark"]["type"] == "area" and spec["layer"][0]["mark"]["clip"]
    assert max(map(len, spec["title"]["subtitle"])) < 90
    assert any(line.startswith("Grey: within the range of ") for line in spec["title"]["subtitle"])
    few = pen.forecast(pen.ClassCounts([600, 300, 12, 9]), 1e-2)
    assert few.plot("spectrum").to_dict()["layer"][0]["mark"]["type"] == "rule"
    few.report(tmp_path / "page.html")
    assert "Four in five of them lie between" in (tmp_path / "page.html").read_text()
    replace(few, band=None).report(tmp_path / "page.html")
    assert "trained networks)." in (tmp_path / "page.html").read_text()
