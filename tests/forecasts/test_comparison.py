"""Losses side by side: figures against those of each forecast, words, charts, pages, the command, errors."""

import json

import numpy as np
import pytest

import penultimate as pen

COUNTS = pen.ClassCounts({"cat": 600, "dog": 200, "eel": 60, "newt": 60, "yak": 6})
LOSSES = ["mse", "ce", "la:1", "weighted:inverse", "cdt:0.3"]


@pytest.fixture(scope="module")
def comparison():
    return pen.compare_losses(COUNTS, LOSSES, weight_decay=5e-2, feature_ratio=1.0)


def test_each_loss_has_its_own_forecast(comparison):
    assert list(comparison.forecasts) == LOSSES
    for name, record in zip(LOSSES, comparison.to_dict()["losses"], strict=True):
        alone = pen.forecast(COUNTS, 5e-2, loss=name, feature_ratio=1.0)
        assert record["survivors"] == alone.survivors
        assert record["largest_class_margin"] == pytest.approx(alone.geometry.margins[0], rel=1e-9)
        assert record["smallest_class_margin"] == pytest.approx(alone.geometry.margins[4], rel=1e-9)
        assert record["smallest_class_cosine"] == pytest.approx(alone.geometry.nearest()[1][4], rel=1e-9)
        assert record["converged"]


def test_over_correction_is_named(comparison):
    """Weighting by 1/n puts the largest class below the smallest; plain cross-entropy does not."""
    over = {name for name, forecast in comparison.forecasts.items() if forecast.over_corrects}
    assert over == {n for n, f in comparison.forecasts.items() if f.geometry.margins[0] < 0.9 * f.geometry.margins[4]}
    assert "weighted:inverse" in over
    assert not over & {"mse", "ce"}
    assert (
        "the largest class has a smaller margin than the smallest" in comparison.forecasts["weighted:inverse"].verdict
    )
    assert "has a smaller margin" not in comparison.forecasts["ce"].verdict
    intended = {name for name in over if comparison.forecasts[name].smaller_margins_intended}
    assert intended == over & {"la:1", "weighted:inverse"}
    listed = [name for name in LOSSES if name in over - intended]
    blame = f"ends up with a smaller margin than the rarest: {', '.join(listed)}."
    assert (blame in comparison.verdict) is bool(listed)


@pytest.mark.parametrize("loss", ["la:1", "weighted:inverse"])
def test_a_loss_that_advice_recommends_is_not_blamed(loss):
    """It is made for balanced accuracy: smaller margins of frequent classes are the point of it."""
    counts = pen.ClassCounts([600, 60, 6])
    found, compared = (
        pen.forecast(counts, 5e-3, loss=loss, feature_ratio=1.0),
        pen.compare_losses(counts, ["ce", loss], 5e-3, feature_ratio=1.0),
    )
    assert found.over_corrects and found.smaller_margins_intended
    for text in (found.verdict, compared.verdict):
        assert "as intended" in text and "ends up with a smaller" not in text
    over = pen.forecast(counts, 5e-3, loss="la:2", feature_ratio=1.0)
    assert over.over_corrects and not over.smaller_margins_intended and "as intended" not in over.verdict


def test_json_is_plain(comparison):
    text = json.dumps(comparison.to_dict(), allow_nan=False)
    record = json.loads(text)
    assert set(record) == {"penultimate", "counts", "problem", "losses", "classes", "verdict"}
    assert [row["loss"] for row in record["losses"]] == LOSSES
    assert [row["class"] for row in record["classes"]] == ["cat", "dog", "eel", "yak"]
    assert set(record["classes"][0]["margin"]) == set(LOSSES)
    assert "loss" not in record["problem"]


@pytest.mark.parametrize("chart", ["margins", "cosines", "needed", "retained"])
def test_charts_are_valid_and_hold_every_loss(comparison, chart):
    spec = comparison.plot(chart).to_dict()
    assert set(LOSSES) <= set(json.dumps(spec).replace('"', " ").split())


def test_the_survival_line_is_where_classes_inside_a_group_die():
    """For two classes of equal count it is exact: n needed is (threshold / leverage)², found here by the path."""
    counts = pen.ClassCounts([400, 40, 40])
    for loss in ("ce", "weighted:inverse", "cdt:0.3", "smooth:0.2"):
        death = next(
            d
            for d in pen.solution_path(counts, pen.Problem.from_decays(loss=loss), points=2).deaths
            if d.kind == "inside"
        )
        at_death = pen.forecast(counts, death.weight_decay, loss=loss, feature_ratio=1.0)
        assert at_death.group_samples_needed[1] == pytest.approx(40, rel=1e-5), loss


def test_a_page_escapes_names_and_loads_nothing(tmp_path):
    counts = pen.ClassCounts({"<script>alert(1)</script>": 50, "b": 5})
    path = tmp_path / "comparison.html"
    pen.compare_losses(counts, ["ce", "la:1"], feature_ratio=1.0).report(path)
    page = path.read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert all(f'data-chart="{key}"' in page for key in ("margins", "cosines", "needed", "retained"))
    assert 'src="http' not in page and 'href="http' not in page


def test_notebooks_show_a_table(comparison):
    html = comparison._repr_html_()
    assert html.startswith("<table>") and "weighted:inverse" in html and "<script" not in html


def test_the_command(penultimate, tmp_path):
    page = tmp_path / "page.html"
    arguments = ("compare", "cifar10-lt", "--loss", "ce", "--loss", "la:1", "--weight-decay", "5e-3")
    status, out, err = penultimate(*arguments, "--html", str(page))
    assert (status, err) == (0, f"wrote {page}\n")
    assert "la:1" in out and "optimal" in out and page.exists()
    status, out, _ = penultimate(*arguments, "--json", "-")
    expected = pen.compare_losses(pen.datasets.counts("cifar10-lt"), ["ce", "la:1"], 5e-3).to_dict()
    assert (status, json.loads(out)) == (0, json.loads(json.dumps(expected)))


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--loss", "hinge"],
        ["--loss", "focal"],
        ["--loss", "ce", "--loss", "ce"],
        ["--loss", "ce", "--weight-decay", "0"],
        ["--loss", "ce", "--feature-decay", "1", "--feature-ratio", "1"],
        ["--loss", "ce", "--html", "/no/such/folder/page.html"],
    ],
    ids=" ".join,
)
def test_bad_options_end_in_one_line(penultimate, options):
    status, out, err = penultimate("compare", "cifar10-lt", *options)
    assert (status, out) == (2, "")
    assert err.startswith("penultimate: ") and err.count("\n") == 1


def test_nothing_to_compare():
    with pytest.raises(pen.ProblemError, match="at least one loss"):
        pen.compare_losses(COUNTS, [], feature_ratio=1.0)


def test_own_losses_are_named_by_themselves():
    mine = pen.losses.CrossEntropy(name="mine", weights=np.array([1.0, 1, 1, 2, 5]))
    both = pen.compare_losses(COUNTS, ["ce", mine], 5e-2, feature_ratio=1.0)
    assert list(both.forecasts) == ["ce", "mine"]
    assert both.to_dict()["losses"][1]["loss"] == "mine"
