"""Charts of a comparison of heads for several labels a sample."""

from collections.abc import Callable
from functools import partial

import altair as alt

from penultimate.heads.comparison.label_comparison import LabelHeadComparison
from penultimate.report.kit.chart_style import INK, STATUS_COLOURS, WIDTH, AnyChart, Row, inline, titled
from penultimate.report.kit.numbers import points

_STEP = 40
_SHOWN = {"macro_f1": "all labels", "many": "many", "medium": "medium", "few": "few"}


def gains(found: LabelHeadComparison) -> alt.LayerChart:
    """Draw what the head gains on every other way, on all labels and by thirds, with intervals."""
    rows: list[Row] = []
    for result in found.results[1:]:
        for key, labels in _SHOWN.items():
            gain, low, high = (100 * value for value in result.gains[key])
            if gain == gain:
                sure = "gains" if low > 0 else "loses" if high < 0 else "neither"
                rows.append({"way": f"{result.name}: {labels}", "gain": gain, "low": low, "high": high, "sure": sure})
    kinds = {"gains": STATUS_COLOURS["own"], "neither": STATUS_COLOURS["shared"], "loses": STATUS_COLOURS["lost"]}
    there = [kind for kind in kinds if any(row["sure"] == kind for row in rows)]
    colours = alt.Scale(domain=there, range=[kinds[kind] for kind in there])
    legend = alt.Legend(title="beyond its interval", orient="top", direction="horizontal")
    y = alt.Y("way:N", title=None, sort=None, axis=alt.Axis(labelLimit=220))
    base = alt.Chart(inline(rows)).encode(y=y, color=alt.Color("sure:N", scale=colours, legend=legend))
    line = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title="gain in macro-F1, points"), x2="high:Q")
    dots = base.mark_circle(size=60, opacity=1).encode(x="gain:Q")
    zero = alt.Chart(inline([{"level": 0.0}])).mark_rule(color=INK, strokeDash=[2, 2]).encode(x="level:Q")
    chart = alt.LayerChart(layer=[line, dots, zero], width=WIDTH, height=_STEP * len(found.results[1:]) * 2)
    gain, low, high = found.best.gains["macro_f1"]
    title = f"{points(gain)} points over {found.best.name} ({points(low)} to {points(high)})"
    return titled(chart, title, ["Fitted to TRAIN, judged on VALID; bars: 95 %"])


def charts(found: LabelHeadComparison) -> dict[str, Callable[[], AnyChart]]:
    """Every chart by name, drawn when it is called."""
    return {"gains": partial(gains, found)}
