"""Charts of a comparison: one line a loss, classes by rank."""

from collections.abc import Callable
from functools import partial

import altair as alt
import numpy as np
from jaxtyping import Float

from penultimate.forecasts.comparison import LossComparison
from penultimate.forecasts.forecast import Forecast
from penultimate.report.kit.chart_style import (
    COLOURS,
    DASHES,
    HEIGHT,
    INK,
    ROWS,
    WIDTH,
    AnyChart,
    Row,
    distinct_labels,
    inline,
    is_many,
    log_axis,
    log_scale,
    rank_axis,
    spread,
    titled,
)
from penultimate.report.kit.numbers import number

_Figures = Callable[[Forecast], Float[np.ndarray, " m"]]


def margins(comparison: LossComparison) -> alt.LayerChart:
    """Draw the margin of every class's mean, bias included, by rank."""
    y = alt.Y("value:Q", title="own logit minus the largest other one")
    zero = alt.Chart(inline([{"level": 0.0}])).mark_rule(color=INK, strokeDash=[2, 2]).encode(y=alt.Y("level:Q"))
    curves = _curves(comparison, _lines(comparison, lambda forecast: forecast.geometry.group_margins), y)
    return _chart(
        [curves, zero], "Margins of class means", "Below zero the mean of the class is assigned to another class"
    )


def cosines(comparison: LossComparison) -> alt.LayerChart:
    """Draw the cosine between every class mean and its nearest other one, by rank."""
    y = alt.Y("value:Q", title="cosine to the nearest class mean", scale=alt.Scale(domain=[-1, 1]))
    curves = _curves(comparison, _lines(comparison, lambda forecast: forecast.geometry.group_nearest[1]), y)
    return _chart([curves], "Angles between class means", "At 1 a class cannot be told from its neighbour")


def needed(comparison: LossComparison) -> alt.LayerChart:
    """Draw how many samples every class needs to stand above the threshold, beside how many it has."""
    lines = _lines(comparison, lambda forecast: forecast.group_samples_needed)
    have = _rows(next(iter(comparison.forecasts.values())), "has", lambda forecast: forecast.counts.distinct)
    values = [float(row["value"]) for row in (*lines, *have) if isinstance(row["value"], float)]
    domain = (min(values) / 1.6, max(values) * 1.4)
    y = alt.Y("value:Q", title="samples of the class, n", scale=log_scale(domain), axis=log_axis(domain))
    ranks = rank_axis("rank", comparison.counts.seen, "class, largest first")
    dots = alt.Chart(inline(have)).mark_point(filled=True, color=INK, size=22, opacity=0.55).encode(x=ranks, y=y)
    below = {name: forecast.classes_below for name, forecast in comparison.forecasts.items()}
    line = "Classes without a direction of their own: " + ", ".join(
        f"{name} {number(size)}" for name, size in below.items()
    )
    dot = "A dot is a class. Above a line it keeps a direction of its own with that loss"
    return _chart([dots, _curves(comparison, lines, y)], "Samples needed", dot, line)


def retained(comparison: LossComparison) -> alt.LayerChart:
    """Draw the share of its own direction that every class retains, by rank."""
    y = alt.Y("value:Q", title="retained share of its own direction", scale=alt.Scale(domain=[0, 1.03], nice=False))
    curves = _curves(comparison, _lines(comparison, lambda forecast: forecast.geometry.group_retained), y)
    return _chart([curves], "What each class retains")


CHARTS: dict[str, Callable[[LossComparison], alt.LayerChart]] = {
    "margins": margins,
    "cosines": cosines,
    "needed": needed,
    "retained": retained,
}


def charts(comparison: LossComparison) -> dict[str, Callable[[], AnyChart]]:
    """Every chart by name, drawn when it is called."""
    return {name: partial(draw, comparison) for name, draw in CHARTS.items()}


def _chart(layers: list[alt.Chart], title: str, *lines: str) -> alt.LayerChart:
    return titled(alt.LayerChart(layer=layers, width=WIDTH, height=HEIGHT), title, list(lines))


def _lines(comparison: LossComparison, figures: _Figures) -> list[Row]:
    names = distinct_labels(list(comparison.forecasts))
    return [
        row
        for name, forecast in zip(names, comparison.forecasts.values(), strict=True)
        for row in _rows(forecast, name, figures, ROWS // len(names))
    ]


def _rows(forecast: Forecast, name: str, figures: _Figures, limit: int = ROWS) -> list[Row]:
    """One row a group, thinned, at the middle of its ranks."""
    size = forecast.counts.multiplicity
    last = np.cumsum(size)
    first = last - size + 1
    values = figures(forecast)
    picked = spread(first, limit, log=is_many(forecast.counts.seen))
    return [
        {
            "loss": name,
            "rank": float(first[g] + last[g]) / 2.0,
            "count": float(forecast.counts.distinct[g]),
            "value": float(values[g]) if np.isfinite(values[g]) else None,
        }
        for g in picked.tolist()
    ]


def _curves(comparison: LossComparison, rows: list[Row], y: alt.Y) -> alt.Chart:
    names = distinct_labels(list(comparison.forecasts))
    count = len(names)
    colours = [COLOURS[i % len(COLOURS)] for i in range(count)]
    dashes = [DASHES[i % len(DASHES)] for i in range(count)]
    legend = alt.Legend(title=None, orient="top", columns=3, symbolType="stroke", symbolStrokeWidth=2.5)
    return (
        alt.Chart(inline(rows))
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=18) if comparison.counts.distinct.size <= 30 else False)
        .encode(
            x=rank_axis("rank", comparison.counts.seen, "class, largest first"),
            y=y,
            color=alt.Color("loss:N", scale=alt.Scale(domain=names, range=colours), legend=legend),
            strokeDash=alt.StrokeDash("loss:N", scale=alt.Scale(domain=names, range=dashes), legend=legend),
            tooltip=[
                alt.Tooltip("loss:N"),
                alt.Tooltip("count:Q", title="samples", format=","),
                alt.Tooltip("value:Q", format=".3g"),
            ],
        )
    )
