"""Charts of thresholds: where they lie, and what they gain."""

from collections.abc import Callable
from functools import partial

import altair as alt
import numpy as np
from jaxtyping import Int

from penultimate.probabilities.thresholds import Thresholds
from penultimate.report.kit.chart_style import (
    COLOURS,
    DASHES,
    HEIGHT,
    INK,
    ROWS,
    STATUS_COLOURS,
    WIDTH,
    AnyChart,
    Row,
    distinct_labels,
    dot_size,
    evenly,
    inline,
    log_axis,
    log_scale,
    thinned,
    titled,
)
from penultimate.report.kit.numbers import number

# A label with next to no expected positives is drawn at this many.
_LEAST = 1e-3


def thresholds(found: Thresholds) -> alt.LayerChart:
    """Draw every threshold over the expected positives of its label."""
    drawn = _drawn(found)
    rows: list[Row] = [
        {
            "label": name,
            "positives": max(_LEAST, float(found.expected_positives[k])),
            "threshold": float(found.values[k]),
        }
        for name, k in zip(_labels(found, drawn), drawn.tolist(), strict=True)
    ]
    dots = (
        alt.Chart(inline(rows))
        .mark_circle(size=dot_size(len(rows)), opacity=0.7, color=STATUS_COLOURS["own"])
        .encode(
            x=_positives(found),
            y=alt.Y("threshold:Q", title="threshold", scale=alt.Scale(domain=[0, 0.5])),
            tooltip=[
                alt.Tooltip("label:N"),
                *(alt.Tooltip(f"{f}:Q", format=".3~g") for f in ("positives", "threshold")),
            ],
        )
    )
    half = alt.Chart(inline([{"level": 0.5}])).mark_rule(color=INK, strokeDash=[5, 3]).encode(y="level:Q")
    lines = ["No threshold that makes F1 largest lies above ½", thinned(drawn.size, len(found.names), "labels")]
    return titled(
        alt.LayerChart(layer=[dots, half], width=WIDTH, height=HEIGHT), "Thresholds over expected positives", lines
    )


def gains(found: Thresholds) -> alt.LayerChart:
    """Draw the expected F1 of the labels at ½ and with their thresholds, rarest first."""
    order = np.argsort(found.expected_positives, kind="stable")
    places = evenly(order.size, ROWS // 2)
    drawn, rank = order[places], places + 1
    names = _labels(found, drawn)
    series = {"with its threshold": found.expected_f, "at ½": found.expected_f_at_half}
    rows: list[Row] = [
        {"label": name, "rank": float(place), "f1": float(values[k]), "threshold": kind}
        for kind, values in series.items()
        for name, place, k in zip(names, rank.tolist(), drawn.tolist(), strict=True)
    ]
    kinds = list(series)
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("rank:Q", title="labels, fewest expected positives first", axis=alt.Axis(format=",d", grid=False)),
        y=alt.Y("f1:Q", title="expected F1", axis=alt.Axis(format=".0%"), scale=alt.Scale(domain=[0, 1])),
        color=alt.Color(
            "threshold:N",
            scale=alt.Scale(domain=kinds, range=list(COLOURS[:2])),
            legend=alt.Legend(title=None, orient="top"),
        ),
        tooltip=[alt.Tooltip("label:N"), alt.Tooltip("threshold:N"), alt.Tooltip("f1:Q", format=".1%")],
    )
    dots = base.mark_circle(size=dot_size(len(rows)), opacity=0.7)
    line = base.mark_line(strokeWidth=1).encode(
        strokeDash=alt.StrokeDash("threshold:N", scale=alt.Scale(domain=kinds, range=list(DASHES[:2])), legend=None)
    )
    means = [float(values.mean()) for values in series.values()]
    lines = [
        f"On average {number(round(100 * means[1], 1))} % at ½, {number(round(100 * means[0], 1))} % with thresholds"
    ]
    return titled(alt.LayerChart(layer=[line, dots], width=WIDTH, height=HEIGHT), "What thresholds gain", lines)


CHARTS: dict[str, Callable[[Thresholds], alt.LayerChart]] = {"thresholds": thresholds, "gains": gains}


def charts(found: Thresholds) -> dict[str, Callable[[], AnyChart]]:
    """Every chart by name, drawn when it is called."""
    return {name: partial(draw, found) for name, draw in CHARTS.items()}


def _drawn(found: Thresholds) -> Int[np.ndarray, " b"]:
    order = np.argsort(-found.expected_positives, kind="stable")
    return order[evenly(order.size)]


def _labels(found: Thresholds, chosen: Int[np.ndarray, " b"]) -> list[str]:
    return distinct_labels([str(found.names[k]) for k in chosen.tolist()])


def _positives(found: Thresholds) -> alt.X:
    held = np.maximum(found.expected_positives, _LEAST)
    domain = (float(held.min()) / 1.6, float(held.max()) * 1.6)
    return alt.X("positives:Q", title="expected positives", scale=log_scale(domain), axis=log_axis(domain))
