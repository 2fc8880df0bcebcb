"""What all charts share: palette, type, titles, legends, and how many rows go into one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

import altair as alt
import numpy as np
from jaxtyping import Float, Int

from penultimate.forecasts.status import STATUSES

Row = Mapping[str, str | float | None]
AnyChart = alt.LayerChart | alt.VConcatChart | alt.HConcatChart
_Chart = TypeVar("_Chart", alt.LayerChart, alt.VConcatChart, alt.HConcatChart)

# Blue, amber and dark red stay apart for every kind of colour blindness, by hue or by lightness; shapes say it again.
STATUS_COLOURS: dict[str, str] = dict(zip(STATUSES, ("#1f6fb4", "#dd9416", "#b3243a"), strict=True))
STATUS_SHAPES: dict[str, str] = dict(zip(STATUSES, ("circle", "diamond", "cross"), strict=True))
# Apart for every kind of colour blindness (Okabe and Ito 2008), dark enough on white; dashes say it again.
COLOURS = ("#1f6fb4", "#b3243a", "#dd9416", "#00805f", "#7b4aa0", "#5a6775", "#9a5b13", "#0d8ba1")
DASHES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [4, 2], [12, 4], [1, 3], [6, 2, 1, 2])
INK = "#1d2733"
MUTED = "#5a6775"
GRID = "#e6eaee"

WIDTH = 440
HEIGHT = 280
# As tall as the heat map that stands beside it in a report.
TALL = 360
# Rows that one chart holds at most: what a browser draws at once, and a spec of some 100 kB.
ROWS = 2000
# A log axis follows a threshold this many times beyond the data; further out a sentence says where it lies.
_REACH = 30.0
# What is below this part of the largest value is off a log axis.
_LEAST = 1e-3
_MANY = 100
_DECADES = 8
_FEW_DOTS = 40

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
# Of every chart of the package, and of no other.
CONFIG = {
    "font": _FONT,
    "background": "white",
    "view": {"stroke": None},
    "title": {
        "anchor": "start",
        "color": INK,
        "fontSize": 14,
        "fontWeight": 600,
        "offset": 12,
        "subtitleColor": MUTED,
        "subtitleFontSize": 11.5,
        "subtitlePadding": 4,
    },
    "axis": {
        "domainColor": "#9aa5b1",
        "gridColor": GRID,
        "labelColor": MUTED,
        "labelFontSize": 11,
        "tickColor": "#9aa5b1",
        "tickSize": 4,
        "titleColor": INK,
        "titleFontSize": 11.5,
        "titleFontWeight": 500,
        "titlePadding": 8,
    },
    "legend": {
        "labelColor": INK,
        "labelFontSize": 11,
        "titleColor": INK,
        "titleFontSize": 11.5,
        "titleFontWeight": 500,
        "symbolOpacity": 1,
    },
    "text": {"fontSize": 11},
}


def titled(chart: _Chart, title: str, lines: Sequence[str]) -> _Chart:
    """Give a chart its title, its subtitle of one or more lines, and the common look."""
    kept = [line for line in lines if line]
    # Set, where `properties` would copy the chart and hold the look against the schema each time.
    chart.title = alt.Title(title, subtitle=kept) if kept else alt.Title(title)
    chart.description = ". ".join([title, *kept])
    chart.config = CONFIG
    return chart


def inline(rows: Iterable[Row]) -> alt.InlineData:
    """Rows as data within the spec."""
    return _Rows(values=[dict(row) for row in rows], name=_NAMED)


# That rows have a name: which, the spec that they stand in says.
_NAMED = "rows"


class _Rows(alt.InlineData):
    """Rows of plain values that nobody changes; layers that share them have them once.

    Altair would validate each of them, copy it with every layer, and write it out for a name: nine tenths of the time
    that a chart takes.
    """

    _class_is_valid_at_instantiation = False

    def __deepcopy__(self, memo: object = None) -> "_Rows":
        return self

    def to_dict(self, *_: Any, context: dict[str, Any] | None = None, **__: Any) -> dict[str, Any]:
        rows = cast(Any, self["values"])
        if context is None:
            return {"values": rows}
        known: dict[str, Any] = context.setdefault("datasets", {})
        same = (name for name, values in known.items() if values is rows)
        name = next(same, f"{_NAMED}{len(known) + 1}")
        known[name] = rows
        return {"name": name}


def status_encodings(
    field: str, title: str, statuses: Mapping[str, str], present: Iterable[object]
) -> tuple[alt.Color, alt.Shape]:
    """Colour and shape of each status, with a legend of those that occur.

    Parameters
    ----------
    field : str
        Column of the data.
    title : str
        Of the legend.
    statuses : mapping of str to str
        What the column holds, and the status whose colour that takes.
    present : iterable
        Values of the column.

    Returns
    -------
    color, shape : altair.Color, altair.Shape
    """
    found = set(present)
    domain = [name for name in statuses if name in found]
    legend = alt.Legend(title=title, orient="top", direction="horizontal", symbolSize=60, offset=4)
    colours = alt.Scale(domain=domain, range=[STATUS_COLOURS[statuses[name]] for name in domain])
    shapes = alt.Scale(domain=domain, range=[STATUS_SHAPES[statuses[name]] for name in domain])
    return alt.Color(f"{field}:N", scale=colours, legend=legend), alt.Shape(f"{field}:N", scale=shapes, legend=legend)


def rank_axis(field: str, size: int, title: str | None) -> alt.X:
    """Ranks 1 … size on the horizontal axis, on a log scale when there are many; without a title also no labels."""
    if is_many(size):
        domain = (0.9, size * 1.1)
        scale, axis = log_scale(domain), log_axis(domain)
    else:
        scale, axis = alt.Scale(domain=[0.5, size + 0.5], nice=False), whole_axis(1, size, 10)
    if title is None:
        axis.labels, axis.ticks = False, False
    return alt.X(f"{field}:Q", title=title, scale=scale, axis=axis)


def whole_axis(low: int, high: int, labels: int) -> alt.Axis:
    """Axis of whole numbers, all of them where they are few (Vega would put halves between)."""
    if high - low < labels:
        return alt.Axis(values=list(range(low, high + 1)), grid=False, format=",d")
    return alt.Axis(tickCount=labels, grid=False, format=",d")


def dot_size(dots: int) -> int:
    """Area of a dot: large enough to be seen when there are few."""
    return 70 if dots <= _FEW_DOTS else 28


def is_many(size: int) -> bool:
    """Whether ranks are drawn on a log scale: on a linear one a long tail would press the head against the axis."""
    return size > _MANY


def log_scale(domain: tuple[float, float]) -> alt.Scale:
    """Log scale over exactly this domain."""
    return alt.Scale(type="log", domain=list(domain), nice=False)


def log_axis(domain: tuple[float, float]) -> alt.Axis:
    """Axis with a label at each power of ten, or at some of them; where these are few, with others between."""
    low, high = int(np.floor(np.log10(domain[0]))), int(np.ceil(np.log10(domain[1])))
    step = max(1, -(-(high - low) // _DECADES))
    multiples = range(1, 10) if domain[1] < 6 * domain[0] else (1, 2, 5) if high - low <= 2 else (1,)
    values = [float(f"{multiple}e{power}") for power in range(low, high + 1, step) for multiple in multiples]
    return alt.Axis(values=[value for value in values if domain[0] <= value <= domain[1]], format=",~g")


def spread(first: Int[np.ndarray, " g"], limit: int = ROWS, *, log: bool) -> Int[np.ndarray, " b"]:
    """Choose at most `limit` of the places that begin at the ranks `first`, evenly by rank.

    On a logarithmic axis half of them are even in the logarithm, so that the first ranks are not lost.
    """
    if first.size <= limit:
        return np.arange(first.size)
    total = float(first[-1])
    ranks = [np.linspace(1.0, total, limit - limit // 2 if log else limit)]
    if log:
        ranks.append(np.geomspace(1.0, total, limit // 2))
    return np.unique(np.searchsorted(first, np.concatenate(ranks), side="right") - 1)


def evenly(size: int, limit: int = ROWS) -> Int[np.ndarray, " b"]:
    """Choose at most `limit` of so many places, evenly by rank."""
    return spread(np.arange(1, size + 1), limit, log=False)


def thinned(drawn: int, of: int, what: str) -> str:
    """Say so when not everything is drawn."""
    return f"{drawn:,} of {of:,} {what} drawn, evenly by rank" if drawn < of else ""


def log_domain(values: Float[np.ndarray, " n"], level: float) -> tuple[float, float]:
    """Find the ends of a log axis that shows all values, and the level where it is not far from them."""
    low, high = float(values.min()), float(values.max())
    if low / _REACH <= level <= high * _REACH:
        low, high = min(low, level), max(high, level)
    return low / 1.6, high * 1.4


def positive_domain(values: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Find the ends of a log axis for all values but those that are next to nothing beside the largest."""
    top = float(np.nanmax(values, initial=0.0))
    shown = values[values > _LEAST * top]
    return (float(shown.min()) / 1.4, top * 1.4) if shown.size else (0.5, 2.0)


def level_layers(level: float, text: str, domain: tuple[float, float], top: float) -> list[alt.Chart]:
    """Draw a labelled horizontal line where a curve falls from `top` leaves room; nothing if it is off the axis."""
    if not domain[0] <= level <= domain[1]:
        return []
    base = alt.Chart(inline([{"level": level, "text": text}]))
    below = (domain[0] * domain[1]) ** 0.5 < level < top
    rule = base.mark_rule(color=INK, strokeDash=[5, 3], strokeWidth=1.2)
    label = base.mark_text(
        align="left", baseline="top" if below else "bottom", dx=5, dy=5 if below else -4, color=INK, fontWeight=500
    )
    return [rule.encode(y=alt.Y("level:Q")), label.encode(y=alt.Y("level:Q"), x=alt.XValue(0), text=alt.Text("text:N"))]


def distinct_labels(names: Sequence[str], length: int = 40) -> list[str]:
    """Names cut to a length, and told apart by a number where the cut made two alike."""
    labels: list[str] = []
    taken: set[str] = set()
    for place, name in enumerate(names, start=1):
        label = name if len(name) <= length else f"{name[: length - 1]}…"
        label = f"{label} ({place})" if label in taken else label
        taken.add(label)
        labels.append(label)
    return labels
