"""The chart of measured strengths over training beside the forecast timeline."""

import altair as alt
import numpy as np
from jaxtyping import Float, Int

from penultimate.forecasting import Forecast
from penultimate.report.chart_style import ROWS, Row, inline, spread, titled
from penultimate.report.words import number
from penultimate.timeline import Timeline

_WIDTH, _HEIGHT = 560, 300
# Directions of one chart.
_DIRECTIONS = 10


def trajectory_chart(
    forecast: Forecast,
    steps: Int[np.ndarray, " T"],
    strength: Float[np.ndarray, "T t"],
    timeline: Timeline | None = None,
) -> alt.LayerChart:
    """Draw measured strengths over training, solid, and the forecast's, dashed, as shares of their singular values.

    Parameters
    ----------
    forecast : Forecast
        Whose directions they are.
    steps : ndarray of shape (T,)
    strength : ndarray of shape (T, t)
        One column per distinct singular value, largest first; perhaps the leading ones only.
    timeline : Timeline, optional
        Drawn as far as training went.

    Returns
    -------
    altair.LayerChart
    """
    sigma = forecast.solution.sigma[: strength.shape[1]]
    picked = spread(np.arange(1, sigma.size + 1), _DIRECTIONS, log=False).tolist()
    labels = [f"{i + 1}: σ = {number(float(sigma[i]), 3)}" for i in picked]
    measured = _chart(steps.astype(np.float64), strength[:, picked] / sigma[picked], labels)
    layers = [measured.mark_line(strokeWidth=2.0), measured.mark_point(filled=True, size=34)]
    lines = ["Solid: measured"]
    if timeline is not None:
        shown = np.flatnonzero(timeline.steps <= max(float(steps[-1]), float(timeline.steps[1])))
        expected = _chart(timeline.steps[shown], timeline.strength[np.ix_(shown, picked)] / sigma[picked], labels)
        layers.append(expected.mark_line(strokeWidth=1.4, strokeDash=[5, 3]))
        lines[0] += ". Dashed: the forecast timeline; trust its order more than its clock"
    if len(picked) < forecast.solution.sigma.size:
        lines.append(f"{len(picked)} of {number(forecast.solution.sigma.size)} distinct singular values")
    chart = alt.LayerChart(layer=layers, width=_WIDTH, height=_HEIGHT)
    return titled(chart, "When each direction is learnt", lines)


def _chart(steps: Float[np.ndarray, " T"], share: Float[np.ndarray, "T p"], labels: list[str]) -> alt.Chart:
    kept = spread(np.arange(1, steps.size + 1), ROWS // (3 * len(labels)), log=False)
    rows: list[Row] = [
        {"step": step, "share": value, "direction": label}
        for label, curve in zip(labels, share[kept].T.tolist(), strict=True)
        for step, value in zip(steps[kept].tolist(), curve, strict=True)
    ]
    colour = alt.Color(
        "direction:N",
        title="direction",
        scale=alt.Scale(domain=labels, scheme=alt.SchemeParams("viridis", extent=[0.0, 0.88])),
        legend=alt.Legend(symbolType="stroke", symbolStrokeWidth=3),
    )
    return alt.Chart(inline(rows)).encode(
        x=alt.X("step:Q", title="step of the optimiser", axis=alt.Axis(grid=False)),
        y=alt.Y("share:Q", title="strength, t / σ"),
        color=colour,
        tooltip=[
            "direction:N",
            alt.Tooltip("step:Q", format=",.0f"),
            alt.Tooltip("share:Q", title="t / σ", format=".3f"),
        ],
    )
