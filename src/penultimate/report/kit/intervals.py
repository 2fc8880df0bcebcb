"""A dot and its interval for each of some classes, one below the other."""

import altair as alt

from penultimate.report.kit.chart_style import INK, STATUS_COLOURS, WIDTH, Row, inline, titled

# Height of a class, and the least of a chart.
_STEP, _LEAST = 18, 60


def height_of(rows: list[Row]) -> int:
    """Of a chart with a class in each row."""
    return max(_LEAST, _STEP * len(rows))


def interval_row(name: str, figure: str, value: float, low: float, high: float) -> Row:
    """A class's figure and the ends of its interval, shares turned into points."""
    return {"class": name, figure: 100 * value, "low": 100 * low, "high": 100 * high}


def intervals(rows: list[Row], figure: str, axis: str, title: str, lines: list[str]) -> alt.LayerChart:
    """Draw rows of `interval_row`, and where nothing changes."""
    base = alt.Chart(inline(rows)).encode(y=alt.Y("class:N", title=None, sort=None, axis=alt.Axis(labelLimit=160)))
    line = base.mark_rule(strokeWidth=2, color=STATUS_COLOURS["own"]).encode(x=alt.X("low:Q", title=axis), x2="high:Q")
    dots = base.mark_circle(size=60, opacity=1, color=STATUS_COLOURS["own"]).encode(
        x=f"{figure}:Q",
        tooltip=[alt.Tooltip("class:N"), *(alt.Tooltip(f"{f}:Q", format=".1f") for f in (figure, "low", "high"))],
    )
    zero = alt.Chart(inline([{"level": 0.0}])).mark_rule(color=INK, strokeDash=[2, 2]).encode(x="level:Q")
    chart = alt.LayerChart(layer=[line, dots, zero], width=WIDTH, height=height_of(rows))
    return titled(chart, title, lines)
