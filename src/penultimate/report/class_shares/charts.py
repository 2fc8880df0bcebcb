"""Charts of shares of classes: what they are now beside what they were."""

from collections.abc import Callable
from functools import partial

import altair as alt

from penultimate.probabilities.class_shares import ClassShares
from penultimate.report.class_shares.record import select
from penultimate.report.kit.chart_style import (
    INK,
    STATUS_COLOURS,
    WIDTH,
    AnyChart,
    Row,
    distinct_labels,
    inline,
    titled,
)

_STEP = 18
# Classes in a chart.
_SHOWN = 40


def shares(found: ClassShares) -> alt.LayerChart:
    """Draw the share of each class with its interval, and what it was before."""
    chosen = select(found, _SHOWN).tolist()
    names = distinct_labels([str(found.names[k]) for k in chosen])
    rows: list[Row] = [
        {
            "class": name,
            "share": float(found.shares[k]),
            "low": float(found.intervals[k, 0]),
            "high": float(found.intervals[k, 1]),
            "before": float(found.trained[k]),
            "counted": float(found.counted[k]),
        }
        for name, k in zip(names, chosen, strict=True)
    ]
    tips = [
        alt.Tooltip("class:N"),
        *(alt.Tooltip(f"{field}:Q", format=".2%") for field in ("share", "low", "high", "before", "counted")),
    ]
    base = alt.Chart(inline(rows)).encode(
        y=alt.Y("class:N", title=None, sort=None, axis=alt.Axis(labelLimit=160)), tooltip=tips
    )
    ends = alt.X("low:Q", title="share of the samples", axis=alt.Axis(format=".0%"))
    line = base.mark_rule(strokeWidth=2, color=STATUS_COLOURS["own"]).encode(x=ends, x2="high:Q")
    dots = base.mark_circle(size=60, opacity=1, color=STATUS_COLOURS["own"]).encode(x="share:Q")
    before = base.mark_tick(thickness=2, color=INK).encode(x="before:Q")
    height = max(60, _STEP * len(rows))
    lines = ["Dots: now, with 90 % intervals; ticks: before", "The classes that changed most first"]
    return titled(alt.LayerChart(layer=[line, dots, before], width=WIDTH, height=height), "Shares of classes", lines)


CHARTS: dict[str, Callable[[ClassShares], alt.LayerChart]] = {"shares": shares}


def charts(found: ClassShares) -> dict[str, Callable[[], AnyChart]]:
    """Every chart by name, drawn when it is called."""
    return {name: partial(draw, found) for name, draw in CHARTS.items()}
