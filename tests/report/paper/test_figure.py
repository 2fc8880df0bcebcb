"""Figures for papers: the numbers of the result, at the width of a column, as files that venues take."""

import io
import sys

import altair as alt
import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.collections import LineCollection, PolyCollection, QuadMesh
from matplotlib.text import Annotation

import penultimate as pen
from report_cases import AUDITS, CASES


def marked(axes, marker):
    """Points of all lines drawn with a marker, as rows of (x, y)."""
    lines = [line.get_xydata() for line in axes.lines if line.get_marker() == marker]
    return np.concatenate([*lines, np.zeros((0, 2))])


def written(figure, kind):
    held = io.BytesIO()
    figure.savefig(held, format=kind)
    return held.getvalue()


@settings(max_examples=6)
@given(st.lists(st.integers(2, 5000), min_size=2, max_size=8, unique=True))
def test_points_are_the_singular_values_and_strengths(counts):
    forecast = pen.forecast(pen.ClassCounts(counts), weight_decay=0.05, feature_ratio=1.0)
    axes = pen.figure(forecast.plot("spectrum")).axes[0]
    solution = forecast.solution
    drawn = np.concatenate([marked(axes, "o"), marked(axes, "P")])  # those that survive, and those that die
    assert np.allclose(sorted(drawn[:, 1]), sorted(solution.sigma))
    hollow = [line for line in axes.lines if line.get_marker() == "D" and line.get_markerfacecolor() == "none"]
    strengths = np.concatenate([*(line.get_ydata() for line in hollow), []])
    assert np.allclose(sorted(strengths), sorted(solution.strength[solution.surviving > 0]))


def test_a_threshold_is_a_line_with_its_name():
    forecast = CASES["lvis"]()
    axes = pen.figure(forecast.plot("spectrum")).axes[0]
    (level,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert np.allclose(level.get_ydata(), forecast.threshold)
    assert [text.get_text() for text in axes.findobj(Annotation)] == [f"threshold: {forecast.threshold:.3g}"]
    assert axes.get_xscale() == axes.get_yscale() == "log"


def test_measured_strengths_have_their_intervals():
    audit = AUDITS["cnn-mse"]()
    upper, lower = pen.figure(audit.plot("directions")).axes
    strength, sigma = audit.last_layer.alignment.strength, audit.last_layer.alignment.sigma
    assert np.allclose(marked(upper, "o")[:, 1], strength) and np.allclose(marked(lower, "o")[:, 1], strength / sigma)
    (bars,) = [one for one in upper.collections if isinstance(one, LineCollection)]
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    assert np.allclose(ends, audit.intervals["alignment/strength"])
    assert upper.get_xlabel() == "" and lower.get_xlabel() == "direction, strongest first"


def test_a_matrix_has_the_cosines_in_the_order_of_the_classes():
    forecast = CASES["fashion"]()
    axes, _ = pen.figure(forecast.plot("cosines")).axes
    (mesh,) = [one for one in axes.collections if isinstance(one, QuadMesh)]
    order = np.argsort(-forecast.counts.values, kind="stable")
    expected = forecast.geometry.mean_gram.normalised(order.tolist())
    assert np.allclose(mesh.get_array(), expected, atol=1e-5)
    assert [label.get_text() for label in axes.get_yticklabels()] == [str(forecast.counts.names[k]) for k in order]
    low, high = axes.get_ylim()
    assert low > high  # the first class stands at the top


def test_bars_stand_upon_one_another():
    audit = AUDITS["cnn-mse"]()
    axes = pen.figure(audit.plot("budget")).axes[0]
    spent, sigma = audit.last_layer.alignment.budget, audit.last_layer.alignment.sigma
    parts = np.array([spent.decay, spent.noise, spent.mixing, spent.unsettled]) / sigma
    heights = np.array([[bar.get_height() for bar in group] for group in axes.containers])
    assert np.allclose(heights, np.nan_to_num(parts))
    tops = np.array([[bar.get_y() + bar.get_height() for bar in group] for group in axes.containers])
    assert np.allclose(tops.max(axis=0), np.where(parts > 0, parts, 0.0).sum(axis=0))


def test_a_sweep_shows_survivors_against_decay():
    forecast = CASES["two-classes"]()
    upper, lower = pen.figure(forecast.plot("sweep"), width="page").axes
    (area,) = [one for one in lower.collections if isinstance(one, PolyCollection)]
    assert area.get_paths()[0].vertices[:, 1].max() == 1  # two classes, one direction
    curve = upper.lines[0].get_xydata()
    death = curve[curve[:, 1] > 0][-1, 0]
    assert death == pytest.approx(forecast.largest_safe_weight_decay, rel=1e-6)


@pytest.mark.parametrize("width, inches", [("column", 3.25), ("text", 5.5), ("page", 6.75), (3.5, 3.5)])
def test_the_width_is_that_of_the_page(width, inches):
    figure = pen.figure(CASES["collapsed"]().plot("counts"), width=width)
    assert figure.get_figwidth() == inches and 0.4 * inches < figure.get_figheight() < inches


@pytest.mark.parametrize("width", ["wide", 0, -3.25, float("nan"), float("inf"), 1e6, True, None, [3]])
def test_any_other_width_is_one_error(width):
    with pytest.raises(pen.ProblemError, match="give one of 'column', 'text', 'page', or inches from 2 to 40"):
        pen.figure(CASES["collapsed"]().plot("counts"), width=width)


@pytest.mark.parametrize("chart", ["spectrum", None, alt.Chart().mark_point(), {"mark": "bar"}])
def test_what_no_result_has_drawn_is_refused(chart):
    with pytest.raises(pen.ProblemError, match=r"give what plot\(\) of a result returns"):
        pen.figure(chart)


def test_a_chart_that_is_moved_by_hand_is_refused():
    with pytest.raises(pen.ProblemError, match="moved by hand"):
        pen.figure(CASES["collapsed"]().plot("slider"))


def test_what_was_added_to_a_chart_is_refused_rather_than_left_out():
    chart = CASES["collapsed"]().plot("counts")
    chart.layer.append(alt.Chart(alt.InlineData(values=[{"a": 1}])).mark_trail())
    with pytest.raises(pen.ProblemError, match="know no mark 'trail'"):
        pen.figure(chart)
    chart.layer[-1] = alt.Chart(alt.InlineData(values=[{"a": 1}])).transform_filter("datum.a < 2").mark_point()
    with pytest.raises(pen.ProblemError, match="know no transform"):
        pen.figure(chart)


@pytest.mark.parametrize("library", ["altair", "matplotlib"])
def test_without_the_extra_it_says_which_brings_it(library, monkeypatch):
    chart = CASES["collapsed"]().plot("counts")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(pen.MissingDependencyError, match=r"a figure needs .* pip install 'penultimate\[plot\]'"):
        pen.figure(chart)


def test_files_are_vectors_that_venues_take_and_the_same_every_time():
    figure = pen.figure(CASES["collapsed"]().plot("counts"))
    pdf, svg = written(figure, "pdf"), written(figure, "svg")
    assert pdf.startswith(b"%PDF") and b"/FontFile2" in pdf and b"/Type3" not in pdf and b"CreationDate" not in pdf
    assert b"<svg" in svg and b"<image" not in svg and b"<dc:date>" not in svg
    assert figure.get_label().encode() in svg and "Too few samples" in figure.get_label()
    again = pen.figure(CASES["collapsed"]().plot("counts"))
    assert written(again, "pdf") == pdf and written(again, "svg") == svg
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_the_style_of_the_session_is_left_alone_and_changes_nothing():
    before = dict(matplotlib.rcParams)
    plain = written(pen.figure(CASES["collapsed"]().plot("counts")), "pdf")
    assert dict(matplotlib.rcParams) == before
    session = {"font.size": 30, "pdf.fonttype": 3, "axes.facecolor": "black", "axes.grid.which": "minor"}
    with matplotlib.rc_context(session | {"figure.facecolor": "black", "savefig.transparent": True}):
        figure = pen.figure(CASES["collapsed"]().plot("counts"))
        assert written(figure, "pdf") == plain


def test_names_of_classes_are_shown_as_they_are():
    names = ("$a_1$", "_hidden", "\\frac{", "x" * 60, "<b>")
    counts = pen.ClassCounts(dict(zip(names, (60, 50, 40, 30, 20), strict=True)))
    figure = pen.figure(pen.forecast(counts, weight_decay=0.02, feature_ratio=1.0).plot("cosines"))
    labels = figure.axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == [*names[:3], "x" * 25 + "…", "<b>"]
    assert not any(label.get_parse_math() for label in labels)
    assert b"/FontFile2" in written(figure, "pdf")


def test_a_legend_tells_what_the_shapes_mean():
    audit = AUDITS["cnn-mse"]()
    legend = pen.figure(audit.plot("factors")).axes[1].get_legend()
    told = [text.get_text() for text in legend.get_texts()]
    assert told == ["head ‖p‖", "means ‖q‖", "head, forecast", "means, forecast"]


def test_a_trajectory_is_drawn_too():
    forecast = CASES["collapsed"]()
    trajectory = pen.torch.Trajectory(forecast)
    for step in (1, 10, 100):
        trajectory.add(step, {"direction/1": 0.1 * step, "direction/2": 0.01 * step})
    axes = pen.figure(trajectory.plot()).axes[0]
    sigma = forecast.solution.sigma[:2]
    drawn = np.array([line.get_ydata() for line in axes.lines if line.get_linestyle() == "-"])
    assert np.allclose(drawn, np.array([[0.1, 1, 10], [0.01, 0.1, 1]]) / sigma[:, None])
