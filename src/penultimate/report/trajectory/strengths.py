"""The chart of measured strengths over training beside what the forecast expects."""

from typing import NamedTuple

import altair as alt
import numpy as np
from jaxtyping import Float, Int

from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.foreseeing import Foreseen
from penultimate.forecasts.label_forecast import LabelForecast
from penultimate.forecasts.timeline import Timeline
from penultimate.report.kit.chart_style import ROWS, Row, evenly, inline, log_axis, log_scale, spread, titled
from penultimate.report.kit.numbers import number
from penultimate.report.trajectory.words import foreseen_line

_WIDTH, _HEIGHT = 560, 300
# Directions of one chart.
_DIRECTIONS = 10
_DASH = [5, 3]
_DOTS = [1, 3]


class _Look(NamedTuple):
    """What all layers of the chart share: a label for each direction, the ends of the steps, what is measured."""

    labels: list[str]
    domain: tuple[float, float]
    title: str


def trajectory_chart(
    forecast: Forecast | LabelForecast,
    steps: Int[np.ndarray, " T"],
    strength: Float[np.ndarray, "T t"],
    timeline: Timeline | None = None,
    clock: float = 1.0,
    foreseen: Foreseen | None = None,
) -> alt.LayerChart:
    """Draw measured strengths, solid, and dashed the timeline, or the values at the forecast's end; dotted the end."""
    sigma = forecast.solution.sigma[: strength.shape[1]]
    picked = evenly(sigma.size, _DIRECTIONS).tolist()
    squared = forecast.is_squared_error
    unit = sigma[picked] if squared else np.ones(len(picked))
    look = _Look(
        labels=[f"{i + 1}: σ = {number(float(sigma[i]), 3)}" for i in picked],
        domain=(float(steps[steps > 0][0]), float(steps[-1] if foreseen is None else foreseen.until) * 1.05),
        title="strength, t / σ" if squared else "strength t",
    )
    measured = _curves(steps.astype(np.float64), strength[:, picked] / unit, look)
    layers = [measured.mark_line(strokeWidth=2.0), measured.mark_point(filled=True, size=26)]
    ends = _ending(forecast)
    if timeline is not None:
        expected = _curves(timeline.steps / clock, timeline.strength[:, picked] / unit, look)
        layers.append(expected.mark_line(strokeWidth=1.4, strokeDash=_DASH))
        told = f"Dashed: the forecast timeline, {number(clock, 2)} of its steps in one of training"
        lines = [f"Solid: measured. {told}"]
    elif ends is not None:
        layers.append(_ends(ends[picked] / unit, look))
        lines = ["Solid: measured. Dashed: where the forecast expects training to end"]
    else:
        lines = ["Measured; where training ends along these directions is not known for this loss"]
    if foreseen is not None:
        layers += _foreseen(float(steps[-1]), strength[-1, picked] / unit, foreseen, picked, unit, look)
        lines.append(foreseen_line(foreseen))
    if len(picked) < forecast.solution.sigma.size:
        lines.append(f"{len(picked)} of {number(forecast.solution.sigma.size)} distinct singular values")
    chart = alt.LayerChart(layer=layers, width=_WIDTH, height=_HEIGHT)
    return titled(chart, "When each direction is learnt", lines)


def _ending(forecast: Forecast | LabelForecast) -> Float[np.ndarray, " t"] | None:
    """Strengths where the forecast expects training to end, if it knows."""
    if isinstance(forecast, Forecast):
        return forecast.solution.strength
    return forecast.geometry.strength if forecast.is_squared_error else None


def _curves(steps: Float[np.ndarray, " T"], values: Float[np.ndarray, "T p"], look: _Look) -> alt.Chart:
    """Strengths at some steps, one colour a direction."""
    inside = np.flatnonzero((steps >= look.domain[0]) & (steps <= look.domain[1]))
    # Two such charts, in one of which every row is drawn twice.
    kept = inside[spread(np.arange(1, inside.size + 1), ROWS // (3 * len(look.labels)), log=True)]
    rows: list[Row] = [
        {"step": step, "share": value, "direction": label}
        for label, curve in zip(look.labels, values[kept].T.tolist(), strict=True)
        for step, value in zip(steps[kept].tolist(), curve, strict=True)
    ]
    return alt.Chart(inline(rows)).encode(
        x=alt.X("step:Q", title="step of the optimiser", scale=log_scale(look.domain), axis=log_axis(look.domain)),
        y=alt.Y("share:Q", title=look.title),
        color=_colour(look),
        tooltip=[
            "direction:N",
            alt.Tooltip("step:Q", format=",.0f"),
            alt.Tooltip("share:Q", title=look.title, format=".3f"),
        ],
    )


def _foreseen(
    now: float,
    last: Float[np.ndarray, " p"],
    foreseen: Foreseen,
    picked: list[int],
    unit: Float[np.ndarray, " p"],
    look: _Look,
) -> list[alt.Chart]:
    """From the last look to the end, dotted, and how sure that end is."""
    end = foreseen.strength[picked] / unit
    times = np.array([now, float(foreseen.until)])
    layers = [_curves(times, np.stack([last, end]), look).mark_line(strokeWidth=1.4, strokeDash=_DOTS)]
    ends = _curves(times[1:], end[None], look)
    layers.append(ends.mark_point(filled=False, size=60))
    if foreseen.low is not None and foreseen.high is not None:
        low, high = foreseen.low[picked] / unit, foreseen.high[picked] / unit
        bars = _curves(np.repeat(times[1:], 2), np.stack([low, high]), look)
        layers.append(bars.mark_line(strokeWidth=3, opacity=0.4))
    return layers


def _ends(values: Float[np.ndarray, " p"], look: _Look) -> alt.Chart:
    """One line a direction over the whole width."""
    rows: list[Row] = [
        {"share": value, "direction": label} for label, value in zip(look.labels, values.tolist(), strict=True)
    ]
    tooltip = ["direction:N", alt.Tooltip("share:Q", title="expected", format=".3f")]
    encoded = alt.Chart(inline(rows)).encode(y="share:Q", color=_colour(look), tooltip=tooltip)
    return encoded.mark_rule(strokeWidth=1.4, strokeDash=_DASH)


def _colour(look: _Look) -> alt.Color:
    return alt.Color(
        "direction:N",
        title="direction",
        scale=alt.Scale(domain=look.labels, scheme=alt.SchemeParams("viridis", extent=[0.0, 0.88])),
        legend=alt.Legend(symbolType="stroke", symbolStrokeWidth=3),
    )
