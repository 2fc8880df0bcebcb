"""Charts of a comparison of heads."""

from collections.abc import Callable
from functools import partial

import altair as alt

from penultimate.heads.comparison.comparison import HeadComparison
from penultimate.report.head_comparison.words import reference
from penultimate.report.kit.chart_style import HEIGHT, INK, STATUS_COLOURS, WIDTH, AnyChart, Row, inline, titled
from penultimate.report.kit.numbers import points

_COLOURS = ("#1f6fb4", "#dd9416", "#b3243a", "#00805f")
_DASHES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3])
# Curves that fall farther than this below the best are cut off, lest they press the rest together.
_BELOW = 0.12
_STEP = 17


def gains(comparison: HeadComparison) -> alt.LayerChart:
    """Draw what each kind of head gains over the present one in balanced accuracy, with its interval."""
    assert comparison.blend is not None
    rows: list[Row] = []
    for result in (comparison.blend, comparison.theory, *comparison.results):
        gain, low, high = (100 * value for value in result.gains["balanced_accuracy"])
        sure = "gains" if low > 0 else "loses" if high < 0 else "neither"
        rows.append({"head": result.name, "gain": gain, "low": low, "high": high, "sure": sure})
    kinds = {"gains": STATUS_COLOURS["own"], "neither": STATUS_COLOURS["shared"], "loses": STATUS_COLOURS["lost"]}
    found = [kind for kind in kinds if any(row["sure"] == kind for row in rows)]
    colours = alt.Scale(domain=found, range=[kinds[kind] for kind in found])
    legend = alt.Legend(title="beyond its interval", orient="top", direction="horizontal")
    y = alt.Y("head:N", title=None, sort=None, axis=alt.Axis(labelLimit=160))
    base = alt.Chart(inline(rows)).encode(y=y, color=alt.Color("sure:N", scale=colours, legend=legend))
    line = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title="gain in balanced accuracy, points"), x2="high:Q"
    )
    dots = base.mark_circle(size=60, opacity=1).encode(x="gain:Q")
    zero = alt.Chart(inline([{"level": 0.0}])).mark_rule(color=INK, strokeDash=[2, 2]).encode(x="level:Q")
    chart = alt.LayerChart(layer=[line, dots, zero], width=WIDTH, height=_STEP * len(rows))
    gain, low, high = comparison.blend.gains["balanced_accuracy"]
    title = f"The blend gains {points(gain)} points ({points(low)} to {points(high)})"
    return titled(chart, title, [f"Over {reference(comparison)}, learnt and judged on different samples; bars: 95 %"])


def tau_curves(comparison: HeadComparison) -> alt.LayerChart:
    """Draw balanced accuracy over τ, one curve a kind of head, with bands of one standard error and the picks."""
    shown = [result for result in comparison.results if result.symbol == "τ"]
    rows: list[Row] = []
    for result in shown:
        curve = result.curve
        assert curve is not None
        columns = (curve.settings.tolist(), curve.balanced_accuracy.tolist(), curve.standard_error.tolist())
        for place, (tau, rate, error) in enumerate(zip(*columns, strict=True)):
            row: Row = {"head": result.name, "tau": tau, "rate": rate, "low": rate - error, "high": rate + error}
            rows.append({**row, "picked": float(place == curve.picked)})
    names = [result.name for result in shown]
    colour = alt.Color("head:N", scale=alt.Scale(domain=names, range=list(_COLOURS[: len(names)])), title="head")
    dash = alt.StrokeDash("head:N", scale=alt.Scale(domain=names, range=list(_DASHES[: len(names)])), title="head")
    top = max(float(row["high"] or 0.0) for row in rows)
    scale = alt.Scale(domain=[max(0.0, top - _BELOW), top], nice=False)
    y = alt.Y("rate:Q", title="balanced accuracy on VALID", scale=scale, axis=alt.Axis(format=".0%"))
    base = alt.Chart(inline(rows)).encode(x=alt.X("tau:Q", title="τ"), color=colour)
    band = base.mark_area(opacity=0.15, clip=True).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")
    line = base.mark_line(clip=True).encode(y=y, strokeDash=dash)
    picked = alt.Chart(inline([row for row in rows if row["picked"]])).mark_circle(size=90, opacity=1, clip=True)
    picks = picked.encode(x="tau:Q", y=y, color=colour)
    chart = alt.LayerChart(layer=[band, line, picks], width=WIDTH, height=HEIGHT)
    lines = ["Bands: one standard error. Dots: the τ of least balanced log loss"]
    return titled(chart, "How much adjustment: balanced accuracy over τ", lines)


def charts(comparison: HeadComparison) -> dict[str, Callable[[], AnyChart]]:
    """Every chart by name, drawn when it is called; none where heads were not judged on held-out samples."""
    if comparison.blend is None:
        return {}
    return {"gains": partial(gains, comparison), "curves": partial(tau_curves, comparison)}
