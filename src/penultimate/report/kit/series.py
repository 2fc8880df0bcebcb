"""Points of several series over one axis, with intervals: measured figures beside the forecast's."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
from jaxtyping import Float, Int

from penultimate.report.kit.chart_style import (
    INK,
    STATUS_COLOURS,
    TALL,
    WIDTH,
    Row,
    dot_size,
    inline,
    log_axis,
    log_scale,
    positive_domain,
    rank_axis,
)
from penultimate.report.kit.numbers import finite

GREY = "#8793a0"
# Places of one chart, of up to four marks each.
PLACES = 240
# More points than this run into one another.
_MANY = 80
_HEAD, _MEANS = STATUS_COLOURS["own"], STATUS_COLOURS["shared"]


@dataclass(frozen=True)
class Series:
    """One figure of every direction or class.

    Attributes
    ----------
    name : str
        In the legend.
    values : ndarray of shape (n,)
        Not drawn where NaN.
    color : str
    shape : str, default "circle"
        Of Vega's symbols.
    filled : bool, default True
        False for what is forecast rather than measured.
    interval : ndarray of shape (n, 2), optional
        Ends of each figure's interval.
    """

    name: str
    values: Float[np.ndarray, " n"]
    color: str
    shape: str = "circle"
    filled: bool = True
    interval: Float[np.ndarray, "n 2"] | None = None


def measured(
    values: Float[np.ndarray, " n"], interval: Float[np.ndarray, "n 2"] | None = None, name: str = "measured"
) -> Series:
    """What was measured, with its intervals where there are some."""
    return Series(name, values, _HEAD, interval=interval)


def forecast(values: Float[np.ndarray, " n"], name: str = "forecast") -> Series:
    """What the forecast says of the same."""
    return Series(name, values, INK, "diamond", filled=False)


def of_head(name: str, values: Float[np.ndarray, " n"], *, expected: bool = False) -> Series:
    """A figure of the head, measured or forecast."""
    return Series(name, values, _HEAD, "diamond" if expected else "circle", filled=not expected)


def of_means(
    name: str,
    values: Float[np.ndarray, " n"],
    interval: Float[np.ndarray, "n 2"] | None = None,
    *,
    expected: bool = False,
) -> Series:
    """A figure of the class means, measured or forecast."""
    return Series(name, values, _MEANS, "triangle-up" if expected else "square", filled=not expected, interval=interval)


def points(
    series: Sequence[Series],
    places: Sequence[Row],
    x: alt.X,
    y: alt.Y,
    *,
    where: str,
    floor: float | None = None,
    legend: bool = True,
) -> list[alt.Chart]:
    """Layers with the points of every series, the filled ones on top, and rules for their intervals.

    Where there are many places, what is forecast is a line, and points are small and let one another through.

    Parameters
    ----------
    series : sequence of Series
        Each with one value a place.
    places : sequence of mapping
        For each place what x needs, and ``where``, its name; with ``last``, a place spans x to that.
    x, y : altair.X, altair.Y
        Axes; y is of the field ``value``.
    where : str
        What a place is, for the tooltip.
    floor : float, optional
        Lower end of a logarithmic axis: what is not above it is not drawn.
    legend : bool, default True
        Whether there is one.

    Returns
    -------
    list of altair.Chart
    """
    many = len(places) > _MANY
    fill, stroke, shape = _scales(series, legend, many)
    number = alt.Tooltip("value:Q", format=".4~g")
    tooltip = [alt.Tooltip("where:N", title=where), alt.Tooltip("series:N", title="figure"), number]
    layers: list[alt.Chart] = []
    for one in sorted(series, key=lambda one: one.filled):
        rows = _rows(one, places, floor)
        base = alt.Chart(inline(rows)).encode(x=x, y=y, stroke=stroke)
        if many and not one.filled:
            layers.append(base.mark_line(strokeWidth=1.6, clip=True))
            continue
        if one.interval is not None:
            rules = base.mark_rule(strokeWidth=1.4, opacity=0.2 if many else 0.55, clip=True)
            layers.append(rules.encode(y=_of(y, "low"), y2=alt.Y2("high:Q")))
        if any(row.get("last", 0) != row.get("first", 0) for row in rows):
            layers.append(base.mark_rule(strokeWidth=2.5, strokeCap="round").encode(x2=alt.X2("last:Q")))
        size = dot_size(len(rows)) * (1.0 if one.filled else 4.0 if one.shape == "stroke" else 1.6)
        dots = base.mark_point(size=size, strokeWidth=1.3, opacity=0.6 if many else 0.9, clip=True)
        layers.append(dots.encode(fill=fill, shape=shape, tooltip=tooltip))
    return layers


def by_rank(series: Sequence[Series], picked: Int[np.ndarray, " b"], size: int, title: str) -> alt.LayerChart:
    """Draw values of picked directions over their rank, the strongest first, on a logarithmic axis.

    Parameters
    ----------
    series : sequence of Series
        With a value for each direction picked.
    picked : ndarray of shape (b,)
        Which, from 0 on.
    size : int
        How many directions there are.
    title : str
        Of the axis.

    Returns
    -------
    altair.LayerChart
    """
    domain = positive_domain(np.concatenate([one.values for one in series]))
    y = alt.Y("value:Q", title=title, scale=log_scale(domain), axis=log_axis(domain))
    places: list[Row] = [{"first": rank, "last": rank, "where": f"{rank:,}"} for rank in (picked + 1).tolist()]
    x = rank_axis("first", size, "direction, strongest first")
    layers = points(series, places, x, y, where="direction", floor=domain[0])
    return alt.LayerChart(layer=layers, width=WIDTH, height=TALL)


def _of(y: alt.Y, field: str) -> alt.Y:
    """The same axis for another field."""
    other = y.copy(deep=False)
    other.shorthand = f"{field}:Q"
    return other


def _rows(series: Series, places: Sequence[Row], floor: float | None) -> list[Row]:
    drawn = series.values if floor is None else np.where(series.values > floor, series.values, np.nan)
    rows: list[Row] = []
    for place, value in enumerate(drawn.tolist()):
        row: dict[str, str | float | None] = {**places[place], "series": series.name, "value": finite(value)}
        if series.interval is not None:
            low, high = (finite(end) for end in series.interval[place].tolist())
            low = low if low is None or floor is None else max(low, floor)
            row |= {"low": low, "high": high if row["value"] is not None else None}
        if row["value"] is not None:
            rows.append(row)
    return rows


def _scales(series: Sequence[Series], legend: bool, many: bool) -> tuple[alt.Fill, alt.Stroke, alt.Shape]:
    names = [one.name for one in series]
    key = alt.Legend(title=None, orient="top", direction="horizontal", symbolSize=60, offset=4, labelLimit=240)
    fills = alt.Scale(domain=names, range=[one.color if one.filled else "white" for one in series])
    colours = alt.Scale(domain=names, range=[one.color for one in series])
    shapes = alt.Scale(domain=names, range=["stroke" if many and not one.filled else one.shape for one in series])
    shown = key if legend else None
    return (
        alt.Fill("series:N", scale=fills, legend=shown),
        alt.Stroke("series:N", scale=colours, legend=shown),
        alt.Shape("series:N", scale=shapes, legend=shown),
    )
