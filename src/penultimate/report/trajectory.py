"""The chart of measured strengths over training beside the forecast timeline."""

import altair as alt
import numpy as np
from jaxtyping import Float, Int

from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.timeline import Timeline
from penultimate.report.kit.chart_style import ROWS, Row, inline, log_axis, log_scale, spread, titled
from penultimate.report.kit.numbers import number

_WIDTH, _HEIGHT = 560, 300
# Directions of one chart.
_DIRECTIONS = 10


def trajectory_chart(
    forecast: Forecast,
    steps: Int[np.ndarray, " T"],
    strength: Float[np.ndarray, "T t"],
    timeline: Timeline | None = None,
    clock: float = 1.0,
) -> alt.LayerChart:
    """Draw measured strengths over training, solid, and the forecast's, dashed, as shares of their singular values.

    Parameters
    ----------
    forecast : Forecast
        Whose directions they are.
    steps : ndarray of shape (T,)
        Those after step 0 are drawn.
    strength : ndarray of shape (T, t)
        One column per distinct singular value, largest first; perhaps the leading ones only.
    timeline : Timeline, optional
    clock : float, default 1
        How many of its steps pass in one of training.

    Returns
    -------
    altair.LayerChart
    """
    sigma = forecast.solution.sigma[: strength.shape[1]]
    picked = spread(np.arange(1, sigma.size + 1), _DIRECTIONS, log=False).tolist()
    labels = [f"{i + 1}: σ = {number(float(sigma[i]), 3)}" for i in picked]
    share, at = strength[:, picked] / sigma[picked], steps.astype(np.float64)
    domain = (float(at[at > 0][0]), float(at[-1]) * 1.05)
    measured = _chart(at, share, labels, domain)
    layers = [measured.mark_line(strokeWidth=2.0), measured.mark_point(filled=True, size=26)]
    lines = ["Solid: measured"]
    if timeline is not None:
        expected = _chart(timeline.steps / clock, timeline.strength[:, picked] / sigma[picked], labels, domain)
        layers.append(expected.mark_line(strokeWidth=1.4, strokeDash=[5, 3]))
        lines[0] += f". Dashed: the forecast timeline, {number(clock, 2)} of its steps in one of training"
    if len(picked) < forecast.solution.sigma.size:
        lines.append(f"{len(picked)} of {number(forecast.solution.sigma.size)} distinct singular values")
    chart = alt.LayerChart(layer=layers, width=_WIDTH, height=_HEIGHT)
    return titled(chart, "When each direction is learnt", lines)


def _chart(
    steps: Float[np.ndarray, " T"], share: Float[np.ndarray, "T p"], labels: list[str], domain: tuple[float, float]
) -> alt.Chart:
    inside = np.flatnonzero((steps >= domain[0]) & (steps <= domain[1]))
    # Two such charts, in one of which every row is drawn twice.
    kept = inside[spread(np.arange(1, inside.size + 1), ROWS // (3 * len(labels)), log=True)]
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
        x=alt.X("step:Q", title="step of the optimiser", scale=log_scale(domain), axis=log_axis(domain)),
        y=alt.Y("share:Q", title="strength, t / σ"),
        color=colour,
        tooltip=[
            "direction:N",
            alt.Tooltip("step:Q", format=",.0f"),
            alt.Tooltip("share:Q", title="t / σ", format=".3f"),
        ],
    )
