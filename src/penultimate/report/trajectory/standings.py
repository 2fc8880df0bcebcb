"""The chart of classes over training, and where each stands above noise."""

from collections.abc import Sequence

import altair as alt
import numpy as np
from jaxtyping import Int

from penultimate.noise.standing import Direction, Standing
from penultimate.report.kit.chart_style import HEIGHT, WIDTH, Row, evenly, inline, log_axis, log_scale, titled
from penultimate.report.kit.numbers import number

# Classes of one chart.
_SHOWN = 8


def standings_chart(steps: Int[np.ndarray, " T"], classes: Sequence[Direction]) -> alt.LayerChart:
    """Draw the distance of classes from all other samples, points from where they are above noise until they died."""
    known: list[Direction] = [one for one in classes if np.isfinite(one.error)]
    known.sort(key=_by_samples)
    picked: list[Direction] = [known[place] for place in evenly(len(known), _SHOWN).tolist()]
    labels = [f"{one.name} ({number(one.samples)} samples)" for one in picked]
    rows: list[Row] = [
        {"step": step, "strength": value, "class": label, "above": _above(one, step)}
        for one, label in zip(picked, labels, strict=True)
        for step, value in zip(steps.tolist(), one.strength.tolist(), strict=True)
        if step > 0
    ]
    domain = (float(steps[steps > 0][0]), float(steps[-1]) * 1.05)
    title = "distance from all others, in standard deviations"
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("step:Q", title="step of the optimiser", scale=log_scale(domain), axis=log_axis(domain)),
        y=alt.Y("strength:Q", title=title),
        color=alt.Color(
            "class:N",
            title="class",
            scale=alt.Scale(domain=labels, scheme=alt.SchemeParams("viridis", extent=[0.0, 0.88])),
        ),
        tooltip=["class:N", alt.Tooltip("step:Q", format=",.0f"), alt.Tooltip("strength:Q", format=".2f")],
    )
    points = base.transform_filter("datum.above").mark_point(filled=True, size=40)
    chart = alt.LayerChart(layer=[base.mark_line(strokeWidth=1.4), points], width=WIDTH, height=HEIGHT)
    lines = ["A point: the class stands above noise, from the step at which it first does until it died"]
    if len(picked) < len(classes):
        lines.append(f"{len(picked)} of {number(len(classes))} classes, over all sizes")
    return titled(chart, "Which classes are real, and since when", lines)


def _by_samples(one: Direction) -> float:
    return -one.samples


def _above(one: Direction, step: int) -> bool:
    since = one.standing is Standing.ABOVE and one.born_at is not None and step >= one.born_at
    return since and (one.died_at is None or step < one.died_at)
