"""Charts of an audit of several labels a sample, one function a chart."""

from collections.abc import Callable
from functools import partial

import altair as alt
import numpy as np
from jaxtyping import Float, Int

from penultimate.audits.label_audit import LabelAudit
from penultimate.report.kit.chart_style import (
    HEIGHT,
    INK,
    STATUS_COLOURS,
    WIDTH,
    AnyChart,
    Row,
    dot_size,
    evenly,
    inline,
    log_axis,
    log_scale,
    rank_axis,
    thinned,
    titled,
)
from penultimate.report.kit.numbers import number
from penultimate.report.label_audit.words import share


def shares(audit: LabelAudit) -> alt.LayerChart:
    """Draw where the scatter of the features goes."""
    found = audit.shares
    parts = {
        "a sum of label vectors": found.additive,
        "beyond the labels": found.beyond,
        "within label sets": found.within,
    }
    rows: list[Row] = [{"part": name, "share": max(value, 0.0)} for name, value in parts.items() if value is not None]
    bars = (
        alt.Chart(inline(rows))
        .mark_bar(color=STATUS_COLOURS["own"])
        .encode(
            x=alt.X(
                "share:Q", title="share of the scatter", axis=alt.Axis(format=".0%"), scale=alt.Scale(domain=[0, 1])
            ),
            y=alt.Y("part:N", title=None, sort=list(parts)),
            tooltip=["part:N", alt.Tooltip("share:Q", format=".1%")],
        )
    )
    title = f"{share(found.additive)} of the scatter is a sum of label vectors"
    return titled(alt.LayerChart(layer=[bars], width=WIDTH, height=HEIGHT // 3), title, [])


def strengths(audit: LabelAudit) -> alt.LayerChart:
    """Draw the strength of each direction beside what it could be, and what the law says."""
    sigma, strength = audit.spectrum.sigma, audit.strength
    assert strength is not None
    picked = evenly(sigma.size)
    rows: list[Row] = [
        {"rank": i + 1, "could": float(sigma[i]), "strength": float(strength[i])} for i in picked.tolist()
    ]
    base = alt.Chart(inline(rows)).encode(
        x=rank_axis("rank", sigma.size, "direction, strongest first"),
        tooltip=[
            alt.Tooltip("rank:Q", title="direction"),
            *(alt.Tooltip(f"{name}:Q", format=".3g") for name in ("could", "strength")),
        ],
    )
    y = alt.Y("strength:Q", title="strength t, and s")
    layers = [
        base.mark_line(color=STATUS_COLOURS["shared"], strokeWidth=1.5).encode(y=alt.Y("could:Q")),
        base.mark_point(filled=True, size=dot_size(len(rows)), color=STATUS_COLOURS["own"]).encode(y=y),
    ]
    lines = ["Dots: measured. Line: s, what it would be without decay"]
    if audit.followed is not None:
        layers.append(_dashed(audit.followed.strength, picked))
        lines[0] += f". Dashed: the law of L = {audit.followed.layers}"
    if audit.progress is not None:
        layers.append(_dashed(audit.progress.strength, picked))
        lines[0] += ". Dashed: the curves of training that goes on"
    lines.append(thinned(len(rows), sigma.size, "directions"))
    title = f"{number(audit.alive)} of {number(sigma.size)} directions are alive"
    return titled(alt.LayerChart(layer=layers, width=WIDTH, height=HEIGHT), title, lines)


def _dashed(expected: Float[np.ndarray, " r"], picked: Int[np.ndarray, " p"]) -> alt.Chart:
    """What is expected of the directions picked, by rank."""
    rows: list[Row] = [{"rank": i + 1, "expected": float(expected[i])} for i in picked.tolist()]
    return alt.Chart(inline(rows)).mark_line(color=INK, strokeDash=[5, 3]).encode(x="rank:Q", y="expected:Q")


def labels(audit: LabelAudit) -> alt.LayerChart:
    """Draw how well features tell each label, against its samples."""
    positives = audit.targets.positives
    shown = np.flatnonzero((audit.targets.variance > 0) & (positives > 0))
    order = shown[np.argsort(-positives[shown], kind="stable")]
    picked = order[evenly(order.size)]
    rows: list[Row] = [
        {
            "label": str(audit.targets.names[k]),
            "samples": float(positives[k]),
            "separation": float(audit.separation[k]),
        }
        for k in picked.tolist()
    ]
    domain = (float(positives[picked].min()) / 1.3, float(positives[picked].max()) * 1.3)
    dots = (
        alt.Chart(inline(rows))
        .mark_point(filled=True, size=dot_size(len(rows)), color=STATUS_COLOURS["own"], opacity=0.85)
        .encode(
            x=alt.X("samples:Q", title="samples with the label", scale=log_scale(domain), axis=log_axis(domain)),
            y=alt.Y(
                "separation:Q",
                title="share of the label that features explain",
                axis=alt.Axis(format=".0%"),
                scale=alt.Scale(domain=[0, 1]),
            ),
            tooltip=["label:N", alt.Tooltip("samples:Q", format=","), alt.Tooltip("separation:Q", format=".1%")],
        )
    )
    lines = [thinned(len(rows), order.size, "labels")]
    return titled(alt.LayerChart(layer=[dots], width=WIDTH, height=HEIGHT), "How well features tell each label", lines)


def charts(audit: LabelAudit) -> dict[str, Callable[[], AnyChart]]:
    """Every chart by name, drawn when it is called."""
    drawn: dict[str, Callable[[], AnyChart]] = {"shares": partial(shares, audit)}
    if audit.strength is not None:
        drawn["strengths"] = partial(strengths, audit)
    if audit.targets.kind != "real":
        drawn["labels"] = partial(labels, audit)
    return drawn
