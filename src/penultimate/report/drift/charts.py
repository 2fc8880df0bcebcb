"""Charts of drift: how far classes moved, and what they lost."""

from collections.abc import Callable
from functools import partial

import altair as alt
import numpy as np

from penultimate.drifts.drift import Drift
from penultimate.report.drift.record import by_distance
from penultimate.report.kit.chart_style import (
    STATUS_COLOURS,
    WIDTH,
    AnyChart,
    Row,
    distinct_labels,
    inline,
    titled,
)
from penultimate.report.kit.intervals import height_of, interval_row, intervals

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
    return titled(alt.LayerChart(layer=[bars], width=WIDTH, height=height_of(rows)), "How far classes moved", lines)


def lost(drift: Drift) -> alt.LayerChart:
    """Draw the recall that each class lost, with its interval."""
    rows = [
        interval_row(name, "lost", float(drift.lost[k]), *map(float, drift.lost_interval[k]))
        for name, k in _drawn(drift, ~np.isnan(drift.lost))
    ]
    return intervals(rows, "lost", "recall lost, points", "What it cost", ["Counted on both sides; bars: 95 %"])


def charts(drift: Drift) -> dict[str, Callable[[], AnyChart]]:
    """Every chart by name, drawn when it is called."""
    drawn: dict[str, Callable[[], AnyChart]] = {"moves": partial(moves, drift)}
    return drawn if np.isnan(drift.lost).all() else {**drawn, "lost": partial(lost, drift)}


def _drawn(drift: Drift, known: np.ndarray) -> list[tuple[str, int]]:
    chosen = [k for k in by_distance(drift).tolist() if known[k]][:_SHOWN]
    return list(zip(distinct_labels([str(drift.counts.names[k]) for k in chosen]), chosen, strict=True))
