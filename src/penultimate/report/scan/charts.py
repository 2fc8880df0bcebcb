"""Charts of a scan, one function a chart."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from functools import partial

import altair as alt
import numpy as np
from jaxtyping import Float

from penultimate.report.kit.chart_style import INK, TALL, WIDTH, AnyChart, Row, inline, log_axis, log_scale, titled
from penultimate.report.kit.numbers import number
from penultimate.scans.scan import Scan

_BINS = 60
# Kinds of names that are drawn.
_KINDS = 12
_HUES = {"group": "#b3243a", "nearly": "#dd9416", "others": "#1f6fb4"}


def distances(scan: Scan) -> alt.LayerChart:
    """Draw how far rows lie from the centre of the most certain group, in a histogram on a log scale."""
    group = scan.groups[0]
    kind = np.full(scan.classes, "others", dtype=object)
    kind[group.nearly], kind[group.rows] = "nearly", "group"
    title = f"{number(group.rows.size)} rows lie at one point: {group.kind.value}"
    lines = [f"Between them and all others a valley, with an evidence of {number(group.evidence, 3)} nats"]
    return _histogram(scan.distances, kind, "distance from the centre", title, lines)


def lengths(scan: Scan) -> alt.LayerChart:
    """Draw the lengths of all rows, with those of untrained ones apart."""
    kind = np.full(scan.classes, "others", dtype=object)
    kind[scan.untrained] = "group"
    low, high = np.nanquantile(scan.lengths, [0.05, 0.95])
    title = f"Nine rows of ten have lengths of {number(float(low), 3)} to {number(float(high), 3)}"
    return _histogram(scan.lengths, kind, "length of the row", title, [])


def names(scan: Scan) -> alt.LayerChart:
    """Draw what the untrained classes are called: by script, or as marks in brackets."""
    untrained = set(scan.untrained.tolist())
    counted = Counter(_kind(scan.name(row)) for row in untrained)
    all_of = Counter(_kind(scan.name(row)) for row in range(scan.classes))
    rows: list[Row] = [
        {"kind": kind, "rows": size, "all": all_of[kind], "share": size / all_of[kind]}
        for kind, size in counted.most_common(_KINDS)
    ]
    first, size = counted.most_common(1)[0]
    bars = alt.Chart(inline(rows)).mark_bar(color=_HUES["group"], opacity=0.75)
    tips = [alt.Tooltip("kind:N"), "rows:Q", "all:Q", alt.Tooltip("share:Q", format=".1%")]
    y = alt.Y("kind:N", sort=[str(row["kind"]) for row in rows], title=None)
    layer = bars.encode(x=alt.X("rows:Q", title="untrained rows"), y=y, tooltip=tips)
    title = f"{number(size)} of {number(len(untrained))} untrained names are {first}"
    return titled(alt.LayerChart(layer=[layer], width=WIDTH, height=24 * len(rows)), title, [])


def charts(scan: Scan) -> dict[str, Callable[[], AnyChart]]:
    """Every chart by name, drawn when it is called."""
    drawn = {"distances": distances, "lengths": lengths} if scan.groups else {"lengths": lengths}
    if scan.names is not None and scan.untrained.size:
        drawn["names"] = names
    return {name: partial(draw, scan) for name, draw in drawn.items()}


def _kind(name: str) -> str:
    """What kind of name: in brackets, by the script of its first letter, or none of these."""
    if re.fullmatch(r"<.+>|\[.+\]|\(.+\)", name):
        return "in brackets"
    letter = next((character for character in name.lstrip("Ġ▁") if character.isalpha()), "")
    if not letter:
        return "without letters"
    return unicodedata.name(letter, "unnamed").split()[0].capitalize().replace("Cjk", "Chinese")


def _histogram(
    values: Float[np.ndarray, " K"], kind: np.ndarray, what: str, title: str, lines: list[str]
) -> alt.LayerChart:
    shown = np.isfinite(values)
    least = float(values[shown & (values > 0)].min(initial=np.inf))
    if not np.isfinite(least):
        least = 1.0
    floored = np.maximum(values, 0.5 * least)
    domain = (0.45 * least, 1.1 * float(floored[shown].max(initial=least)))
    edges = np.geomspace(*domain, _BINS + 1)
    rows: list[Row] = []
    for name in _HUES:
        counted = np.histogram(floored[shown & (kind == name)], edges)[0]
        rows += [
            {"from": float(edges[i]), "to": float(edges[i + 1]), "rows": int(n), "which": name}
            for i, n in enumerate(counted.tolist())
            if n
        ]
    present = [name for name in _HUES if any(row["which"] == name for row in rows)]
    colour = alt.Color(
        "which:N",
        scale=alt.Scale(domain=present, range=[_HUES[name] for name in present]),
        legend=alt.Legend(title=None, orient="top"),
    )
    x = alt.X("from:Q", title=what, scale=log_scale(domain), axis=log_axis(domain))
    y = alt.Y("rows:Q", title="rows", scale=alt.Scale(type="symlog"), stack=False)
    tips = [alt.Tooltip("which:N"), alt.Tooltip("from:Q", format=".3g"), alt.Tooltip("to:Q", format=".3g"), "rows:Q"]
    bars = alt.Chart(inline(rows)).mark_rect(opacity=0.75, stroke=INK, strokeWidth=0.2)
    layer = bars.encode(x=x, x2="to:Q", y=y, y2=alt.Y2Datum(0), color=colour, tooltip=tips)
    return titled(alt.LayerChart(layer=[layer], width=WIDTH, height=TALL), title, lines)
