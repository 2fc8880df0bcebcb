"""Charts of a learning curve: recall over the count, what all classes gain or lose, and where to label next."""

from collections.abc import Callable
from functools import partial

import altair as alt

from penultimate.learning_curves.curve import LearningCurve
from penultimate.learning_curves.where_next import MORE
from penultimate.report.kit.chart_style import (
    HEIGHT,
    STATUS_COLOURS,
    WIDTH,
    AnyChart,
    Row,
    distinct_labels,
    inline,
    log_axis,
    log_scale,
    titled,
)
from penultimate.report.kit.intervals import interval_row, intervals
from penultimate.report.kit.numbers import number
from penultimate.report.learning_curve.record import select

# Classes in a chart.
_SHOWN = 25
_AXIS = "gain in recall, points"


def recall(curve: LearningCurve) -> alt.LayerChart:
    """Draw the recall of the class over its count, or balanced accuracy over that of all, with the interval."""
    k = curve.asked
    present = float(curve.counts.smallest if k is None else curve.counts.values[k])
    rows: list[Row] = []
    for i, budget in enumerate((present, *map(float, curve.budgets))):
        if k is None:
            value = float(curve.present.mean() if i == 0 else curve.balanced_accuracy[i - 1])
            rows.append({"samples": budget, "recall": value, "low": value, "high": value})
        else:
            value = float(curve.present[k] if i == 0 else curve.recalls[i - 1, k])
            low, high = curve.present_interval[k] if i == 0 else curve.intervals[i - 1, k]
            rows.append({"samples": budget, "recall": value, "low": float(low), "high": float(high)})
    domain = (present / 1.15, 1.15 * curve.budgets[-1])
    what = "samples of each class, or more" if k is None else f"samples of {curve.counts.names[k]}"
    x = alt.X("samples:Q", title=what, scale=log_scale(domain), axis=log_axis(domain))
    y = alt.Y(
        "recall:Q",
        title="balanced accuracy" if k is None else "recall",
        axis=alt.Axis(format=".0%"),
        scale=alt.Scale(domain=[0, 1]),
    )
    tips = [
        alt.Tooltip("samples:Q", format=","),
        *(alt.Tooltip(f"{f}:Q", format=".1%") for f in ("recall", "low", "high")),
    ]
    base = alt.Chart(inline(rows)).encode(x=x)
    band = base.mark_area(opacity=0.15, color=STATUS_COLOURS["own"]).encode(y=alt.Y("low:Q"), y2="high:Q")
    line = base.mark_line(color=STATUS_COLOURS["own"], point=alt.OverlayMarkDef(size=40)).encode(y=y, tooltip=tips)
    title = "Balanced accuracy over the count of every class" if k is None else "Recall over the count"
    lines = ["The first point is measured, the others are forecast" + ("" if k is None else "; the band is of 90 %")]
    return titled(alt.LayerChart(layer=[band, line], width=WIDTH, height=HEIGHT), title, lines)


def changes(curve: LearningCurve) -> alt.LayerChart:
    """Draw what every class gains or loses at the largest budget."""
    chosen = select(curve, _SHOWN).tolist()
    names = distinct_labels([str(curve.counts.names[k]) for k in chosen])
    rows = [
        _gain(name, float(curve.gains[-1, k]), float(curve.gain_errors[-1, k]))
        for name, k in zip(names, chosen, strict=True)
    ]
    lines = [f"At {number(curve.budgets[-1])} samples, in points of recall; bars: 90 %"]
    return intervals(rows, "gain", _AXIS, "What every class gains or loses", lines)


def where_next(curve: LearningCurve) -> alt.LayerChart:
    """Draw what a hundred more samples of one class bring its recall, the best for balanced accuracy first."""
    shown = curve.where_next[:_SHOWN]
    names = distinct_labels([str(curve.counts.names[one.index]) for one in shown])
    rows = [_gain(name, one.gain, one.error) for name, one in zip(names, shown, strict=True)]
    return intervals(
        rows,
        "gain",
        _AXIS,
        f"Where the next {MORE} labels bring most",
        ["The best for balanced accuracy first; own recall, in points"],
    )


CHARTS: dict[str, Callable[[LearningCurve], alt.LayerChart]] = {
    "recall": recall,
    "changes": changes,
    "where_next": where_next,
}


def charts(curve: LearningCurve) -> dict[str, Callable[[], AnyChart]]:
    """Every chart by name, drawn when it is called."""
    return {name: partial(draw, curve) for name, draw in CHARTS.items()}


def _gain(name: str, gain: float, error: float) -> Row:
    return interval_row(name, "gain", gain, gain - error, gain + error)
