"""The chart of when directions are learnt."""

import altair as alt
import numpy as np
from jaxtyping import Float, Int

from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.timeline import has_timeline
from penultimate.report.forecast.sweep import direction_colours, drawn_directions
from penultimate.report.kit.chart_style import Row, inline, log_axis, log_scale, titled
from penultimate.report.kit.numbers import number

_WIDTH, _HEIGHT = 780, 230
# SGD as it is mostly used; another learning rate moves all curves alike along the logarithmic axis.
_RATE, _MOMENTUM = 0.1, 0.9
_POINTS = 80
# From a third of the step at which the first direction is learnt to three times that of the last.
_BEYOND = 3.0
# Of a training: what is learnt later is not drawn.
_LONGEST = 1e9


def has_learning(forecast: Forecast) -> bool:
    """Whether the curves are known, and some direction is learnt in a training that can be."""
    return has_timeline(forecast.problem) and forecast.problem.law is None and learnt(forecast).size > 0


def learnt(forecast: Forecast) -> Float[np.ndarray, " s"]:
    """Steps at which surviving directions are learnt."""
    found = forecast.timeline(_RATE, _MOMENTUM, 1, points=2).learnt_at
    return found[np.isfinite(found) & (found > 0) & (found < _LONGEST) & (forecast.solution.surviving > 0)]


def learning(forecast: Forecast) -> alt.LayerChart:
    """Draw the strength of some directions over training."""
    picked, labels = drawn_directions(forecast)
    at = learnt(forecast)
    steps = _steps(float(at.min()), float(at.max()))
    share = np.stack([forecast.timeline(_RATE, _MOMENTUM, step, points=2).strength[-1] for step in steps.tolist()])
    share = (share / forecast.solution.sigma)[:, picked]
    rows: list[Row] = [
        {"step": step, "share": value, "direction": label}
        for label, curve in zip(labels, share.T.tolist(), strict=True)
        for step, value in zip(steps.tolist(), curve, strict=True)
    ]
    domain = (float(steps[0]), float(steps[-1]))
    curves = alt.Chart(inline(rows)).mark_line(strokeWidth=1.8)
    curves = curves.encode(
        x=alt.X("step:Q", title="step of training", scale=log_scale(domain), axis=log_axis(domain)),
        y=alt.Y("share:Q", title="strength, x / σ", scale=alt.Scale(domain=[0, 1])),
        color=direction_colours(labels),
        tooltip=[
            "direction:N",
            alt.Tooltip("step:Q", title="step", format=",.4~g"),
            alt.Tooltip("share:Q", title="x / σ", format=".3f"),
        ],
    )
    chart = alt.LayerChart(layer=[curves], width=_WIDTH, height=_HEIGHT)
    first, last = (number(float(end), 2) for end in (at.min(), at.max()))
    title = f"The first direction is learnt after about {first} steps, the last after {last}"
    lines = [
        f"SGD at learning rate {_RATE:g} and momentum {_MOMENTUM:g}; twice the rate takes half the steps",
        "On free features from a balanced start: trust the order of directions more than the clock",
    ]
    return titled(chart, title if at.size > 1 else f"The direction is learnt after about {first} steps", lines)


def _steps(first: float, last: float) -> Int[np.ndarray, " p"]:
    ends = max(first / _BEYOND, 1.0), max(last * _BEYOND, 10.0)
    return np.unique(np.rint(np.geomspace(*ends, _POINTS)).astype(np.int64))
