"""Charts in the look of the package's own: lines and points on linear or logarithmic axes."""

from collections.abc import Iterable, Mapping, Sequence

import altair as alt

from penultimate.report.kit.chart_style import HEIGHT, INK, WIDTH
from penultimate.report.kit.chart_style import inline as inline
from penultimate.report.kit.chart_style import titled as titled

Row = Mapping[str, str | float | None]
PALETTE = ("#1f6fb4", "#dd9416", "#b3243a", "#3a8f5c", "#7a5aa6", "#5a6775")


def axis(field: str, title: str, *, log: bool = False, domain: Sequence[float] | None = None) -> dict[str, object]:
    """Arguments of a quantitative axis, for `alt.X` and `alt.Y`."""
    # A scale cuts off what is beyond it instead of drawing outside the frame.
    scale = {"type": "log", "nice": False, "padding": 8} if log else {"zero": False}
    scale |= {} if domain is None else {"domain": list(domain), "nice": False, "padding": 0}
    return {"shorthand": f"{field}:Q", "title": title, "scale": alt.Scale(**scale), "axis": _axis(log)}


def _axis(log: bool) -> alt.Axis:
    return alt.Axis(format="~g", tickCount=6, labelOverlap=True) if log else alt.Axis(format="~g", tickCount=6)


def colour(field: str, title: str, names: Sequence[str]) -> alt.Color:
    """One colour a name, in their order, with a legend on top."""
    scale = alt.Scale(domain=list(names), range=list(PALETTE[: len(names)]))
    legend = alt.Legend(
        title=title, orient="top", direction="horizontal", symbolSize=60, offset=4, labelLimit=260, columns=4
    )
    return alt.Color(f"{field}:N", scale=scale, legend=legend)


def ordinal_colour(field: str, title: str) -> alt.Color:
    """Shades from strong to weak, for directions and the like."""
    return alt.Color(f"{field}:O", scale=alt.Scale(scheme="viridis"), legend=alt.Legend(title=title))


def lines(
    rows: Iterable[Row], x: dict[str, object], y: dict[str, object], color: alt.Color, **style: object
) -> alt.Chart:
    """Draw one line a colour (and a `detail` field, if given)."""
    detail = style.pop("detail", None)
    chart = alt.Chart(inline(rows)).mark_line(clip=True, **{"strokeWidth": 1.6, **style})
    encodings = {"x": alt.X(**x), "y": alt.Y(**y), "color": color}
    return chart.encode(**encodings, **({} if detail is None else {"detail": f"{detail}:N"}))


def points(
    rows: Iterable[Row], x: dict[str, object], y: dict[str, object], color: alt.Color, **style: object
) -> alt.Chart:
    """Draw points."""
    chart = alt.Chart(inline(rows)).mark_point(clip=True, **{"filled": True, "size": 28, "opacity": 0.7, **style})
    return chart.encode(x=alt.X(**x), y=alt.Y(**y), color=color)


def identity(low: float, high: float) -> alt.Chart:
    """Draw the line on which both axes agree."""
    rows = [{"one": low, "other": low}, {"one": high, "other": high}]
    return (
        alt.Chart(inline(rows)).mark_line(color=INK, strokeDash=[5, 3], strokeWidth=1.1).encode(x="one:Q", y="other:Q")
    )


def chart(
    title: str, notes: Sequence[str], *layers: alt.Chart, height: int = HEIGHT, width: int = WIDTH
) -> alt.LayerChart:
    """Layers as one chart with title and notes."""
    return titled(alt.layer(*layers).properties(width=width, height=height), title, list(notes))
