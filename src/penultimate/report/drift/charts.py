"""Charts of drift: how far classes moved, and what they lost."""

from collections.abc import Callable
from functools import partial

import altair as alt
import numpy as np

from penultimate.drifts.drift import Drift
from penultimate.report.drift.record import by_distance
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
_SHOWN = 25
_MOVED, _NOISE = "moved", "within noise"


def moves(drift: Drift) -> alt.LayerChart:
    """Draw how far each class moved, over the distance to the nearest other."""
    rows: list[Row] = [
        {"class": name, "way": float(drift.of_the_way[k]), "what": _MOVED if drift.moved[k] else _NOISE}
        for name, k in _drawn(drift, ~np.isnan(drift.of_the_way))
    ]
    x = alt.X("way:Q", title="shift, over the distance to the nearest other class", scale=alt.Scale(zero=True))
    bars = (
        alt.Chart(inline(rows))
        .mark_bar()
        .encode(
            x=x,
            y=alt.Y("class:N", title=None, sort=None, axis=alt.Axis(labelLimit=160)),
            color=alt.Color(
                "what:N",
                title=None,
                scale=alt.Scale(domain=[_MOVED, _NOISE], range=[STATUS_COLOURS["lost"], STATUS_COLOURS["own"]]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=[alt.Tooltip("class:N"), alt.Tooltip("way:Q", format=".2f"), alt.Tooltip("what:N")],
        )
    )
    lines = ["Those that moved by more than noise first; less what noise adds"]
    return titled(alt.LayerChart(layer=[bars], width=WIDTH, height=_height(rows)), "How far classes moved", lines)


def lost(drift: Drift) -> alt.LayerChart:
    """Draw the recall that each class lost, with its interval."""
    rows: list[Row] = [
        {
            "class": name,
            "lost": 100 * float(drift.lost[k]),
            "low": 100 * float(drift.lost_interval[k, 0]),
            "high": 100 * float(drift.lost_interval[k, 1]),
        }
        for name, k in _drawn(drift, ~np.isnan(drift.lost))
    ]
    y = alt.Y("class:N", title=None, sort=None, axis=alt.Axis(labelLimit=160))
    base = alt.Chart(inline(rows)).encode(y=y)
    line = base.mark_rule(strokeWidth=2, color=STATUS_COLOURS["own"]).encode(
        x=alt.X("low:Q", title="recall lost, points"), x2="high:Q"
    )
    dots = base.mark_circle(size=60, opacity=1, color=STATUS_COLOURS["own"]).encode(
        x="lost:Q",
        tooltip=[alt.Tooltip("class:N"), *(alt.Tooltip(f"{f}:Q", format=".1f") for f in ("lost", "low", "high"))],
    )
    zero = alt.Chart(inline([{"level": 0.0}])).mark_rule(color=INK, strokeDash=[2, 2]).encode(x="level:Q")
    lines = ["Counted on both sides; bars: 95 %"]
    return titled(alt.LayerChart(layer=[line, dots, zero], width=WIDTH, height=_height(rows)), "What it cost", lines)


def charts(drift: Drift) -> dict[str, Callable[[], AnyChart]]:
    """Every chart by name, drawn when it is called."""
    drawn: dict[str, Callable[[], AnyChart]] = {"moves": partial(moves, drift)}
    return drawn if np.isnan(drift.lost).all() else {**drawn, "lost": partial(lost, drift)}


def _drawn(drift: Drift, known: np.ndarray) -> list[tuple[str, int]]:
    chosen = [k for k in by_distance(drift).tolist() if known[k]][:_SHOWN]
    return list(zip(distinct_labels([str(drift.counts.names[k]) for k in chosen]), chosen, strict=True))


def _height(rows: list[Row]) -> int:
    return max(60, _STEP * len(rows))
