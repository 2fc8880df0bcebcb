"""The chart of strength against weight decay."""

from dataclasses import dataclass

import altair as alt
import numpy as np
from jaxtyping import Bool, Float, Int

from penultimate.forecasts.critical_decays import ALL_DEATHS
from penultimate.forecasts.forecast import Forecast
from penultimate.minimisers.shrinkage import keep_widest
from penultimate.report.forecast.words import band_words
from penultimate.report.kit.chart_style import (
    INK,
    STATUS_COLOURS,
    Row,
    inline,
    log_axis,
    log_scale,
    spread,
    titled,
    whole_axis,
)
from penultimate.report.kit.numbers import first_ranks, number
from penultimate.spectrum.label_spectrum import LabelSpectrum

_WIDTH = 780
# Directions of one chart, and weight decays of one curve beside those where something happens.
_DIRECTIONS = 10
_POINTS = 140
_SOLVED_POINTS = 24  # where each one has to be solved
_COARSE_POINTS = 8  # where each one takes seconds; then without those where something happens
# A decay just below and just above this fraction of a critical one, so that a hard threshold is drawn as a cliff.
_CLIFF, _SOLVED_CLIFF = 1e-9, 1e-5


def sweep(forecast: Forecast) -> alt.VConcatChart:
    """Draw the strength of some directions, and how many survive, against weight decay (all layers scaled alike)."""
    figures = _figures(forecast)
    domain = (float(figures.decays[0]), float(figures.decays[-1]))
    chosen = alt.Chart(inline([{"decay": forecast.problem.weight_decay[0], "text": _chosen(forecast)}]))
    rule = chosen.mark_rule(color=INK, strokeDash=[5, 3], strokeWidth=1.2).encode(x=alt.X("decay:Q"))
    right = forecast.problem.weight_decay[0] ** 2 > domain[0] * domain[1]
    label = chosen.mark_text(align="right" if right else "left", baseline="bottom", color=INK, fontWeight=500)
    label = label.encode(x=alt.X("decay:Q"), y=alt.YValue(-3), text=alt.Text("text:N"))
    upper = alt.LayerChart(layer=[_curves(figures, domain), rule, label], width=_WIDTH, height=230)
    lower = alt.LayerChart(layer=[*_survivors(figures, domain), rule], width=_WIDTH, height=80)
    chart = alt.VConcatChart(vconcat=[upper, lower], spacing=14, resolve=alt.Resolve(scale={"x": "shared"}))
    return titled(chart, _title(forecast), _lines(forecast, figures))


@dataclass(frozen=True)
class _Figures:
    """What is plotted: for each decay the strength of each chosen direction as a share of σ, and all survivors.

    `fewest` and `most` are the survivors at the ends of the forecast's band, or twice the same.
    """

    decays: Float[np.ndarray, " w"]
    labels: list[str]
    share: Float[np.ndarray, "w p"]
    survivors: Int[np.ndarray, " w"]
    fewest: Int[np.ndarray, " w"]
    most: Int[np.ndarray, " w"]
    directions: int


def _figures(forecast: Forecast) -> _Figures:
    solution, real = forecast.solution, _real(forecast)
    picked, labels = drawn_directions(forecast)
    decays = _decays(forecast, picked)
    every = forecast.shares_at(decays)
    kept = _kept(forecast, every)
    most = fewest = kept.sum(axis=1)
    if forecast.band is not None:
        most, fewest = (_kept(end, end.shares_at(decays)).sum(axis=1) for end in forecast.band)
    share = np.where(kept > 0, every, 0.0)[:, picked]
    return _Figures(decays, labels, share, kept.sum(axis=1), fewest, most, int(solution.multiplicity[real].sum()))


def drawn_directions(forecast: Forecast) -> tuple[Int[np.ndarray, " p"], list[str]]:
    """Directions of one chart, from the strongest to the weakest evenly by rank, and what they are called."""
    real = _real(forecast)
    first = first_ranks(forecast.solution.multiplicity)
    picked = np.flatnonzero(real)[spread(first[real], _DIRECTIONS, log=False)]
    return picked, [f"{first[i]:,}: σ = {number(float(forecast.solution.sigma[i]), 3)}" for i in picked.tolist()]


def direction_colours(labels: list[str]) -> alt.Color:
    """A colour a direction, dark for the strongest."""
    return alt.Color(
        "direction:N",
        title="direction",
        scale=alt.Scale(domain=labels, scheme=alt.SchemeParams("viridis", extent=[0.0, 0.88])),
        legend=alt.Legend(symbolType="stroke", symbolStrokeWidth=3),
    )


def _kept(forecast: Forecast, share: Float[np.ndarray, "w t"]) -> Int[np.ndarray, "w t"]:
    multiplicity, width = forecast.solution.multiplicity, forecast.problem.width
    return np.stack([keep_widest(row, multiplicity, width) for row in share])


def _real(forecast: Forecast) -> Bool[np.ndarray, " t"]:
    """With a regularised bias a singular value may be zero to rounding: that direction does not exist."""
    sigma = forecast.solution.sigma
    return sigma > 1e-12 * sigma[0]


def _decays(forecast: Forecast, picked: Int[np.ndarray, " p"]) -> Float[np.ndarray, " w"]:
    """Decays from well below the first death to beyond the last, the chosen one and both sides of each cliff."""
    chosen, critical = forecast.problem.weight_decay[0], forecast.critical_weight_decay
    cliffs = critical[picked]
    cliffs = cliffs[np.isfinite(cliffs)]
    squared = forecast.problem.is_plain_squared_error
    if not np.any(np.isfinite(critical)):
        # A bound of where they lie: λ grows at most like the square of the threshold.
        critical = chosen * (_free_spectrum(forecast) / forecast.threshold) ** 2
    critical = critical[np.isfinite(critical)]
    low, high = min(float(critical.min()) / 10.0, chosen / 2.0), max(float(critical.max()) * 2.0, chosen * 2.0)
    if forecast.counts.distinct.size > ALL_DEATHS and not squared:
        return np.unique(np.append(np.geomspace(low, high, _COARSE_POINTS), chosen))
    grid = np.geomspace(low, high, _POINTS if squared else _SOLVED_POINTS)
    cliff = _CLIFF if squared else _SOLVED_CLIFF
    return np.unique(np.concatenate([grid, [chosen], cliffs * (1 - cliff), cliffs * (1 + cliff)]))


def _free_spectrum(forecast: Forecast) -> Float[np.ndarray, " t"]:
    """Singular values that do not move: where the loss's own do, those of squared error, which die about alike."""
    if forecast.problem.is_plain_squared_error:
        return forecast.solution.sigma[_real(forecast)]
    return LabelSpectrum(forecast.counts).sigma


def _curves(figures: _Figures, domain: tuple[float, float]) -> alt.Chart:
    rows: list[Row] = [
        {"decay": decay, "share": share, "direction": label}
        for label, curve in zip(figures.labels, figures.share.T.tolist(), strict=True)
        for decay, share in zip(figures.decays.tolist(), curve, strict=True)
    ]
    axis = log_axis(domain)
    axis.labels, axis.ticks = False, False
    curves = alt.Chart(inline(rows)).mark_line(strokeWidth=1.8)
    return curves.encode(
        x=alt.X("decay:Q", title=None, scale=log_scale(domain), axis=axis),
        y=alt.Y("share:Q", title="strength left, x / σ", scale=alt.Scale(domain=[0, 1])),
        color=direction_colours(figures.labels),
        tooltip=[
            "direction:N",
            alt.Tooltip("decay:Q", title="weight decay", format=".3g"),
            alt.Tooltip("share:Q", title="x / σ", format=".3f"),
        ],
    )


def _survivors(figures: _Figures, domain: tuple[float, float]) -> list[alt.Chart]:
    columns = (figures.decays, figures.survivors, figures.fewest, figures.most)
    rows: list[Row] = [
        {"decay": decay, "survivors": survivors, "fewest": fewest, "most": most}
        for decay, survivors, fewest, most in zip(*(column.tolist() for column in columns), strict=True)
    ]
    scale = alt.Scale(domain=[0, figures.directions], nice=False)
    area = {"color": STATUS_COLOURS["own"], "strokeWidth": 1.8}
    data = inline(rows)
    x = alt.X("decay:Q", title="weight decay λ", scale=log_scale(domain), axis=log_axis(domain))
    y = alt.Y("survivors:Q", title="survivors", scale=scale, axis=whole_axis(0, figures.directions, 3))
    curve = alt.Chart(data).mark_area(line=area, color=STATUS_COLOURS["own"], fillOpacity=0.12)
    curve = curve.encode(
        x=x,
        y=y,
        tooltip=[
            alt.Tooltip("decay:Q", title="weight decay", format=".3g"),
            alt.Tooltip("survivors:Q", title="directions alive", format=","),
        ],
    )
    if np.array_equal(figures.fewest, figures.most):
        return [curve]
    band = alt.Chart(data).mark_area(color=STATUS_COLOURS["shared"], opacity=0.3)
    return [curve, band.encode(x=x, y=alt.Y("fewest:Q", scale=scale), y2=alt.Y2("most:Q"))]


def _chosen(forecast: Forecast) -> str:
    return f"chosen: {number(forecast.problem.weight_decay[0])}"


def _title(forecast: Forecast) -> str:
    critical = forecast.critical_weight_decay[np.isfinite(forecast.critical_weight_decay)]
    safe = forecast.largest_safe_weight_decay
    if critical.size == 0:
        return "Strength of directions against weight decay"
    last = f"the last direction dies at weight decay {number(float(critical.max()), 3)}"
    if safe is None:
        return last.capitalize()
    if critical.size == 1:
        return f"All directions die at weight decay {number(safe, 3)}"
    return f"All survive below {number(safe, 3)}; {last}"


def _lines(forecast: Forecast, figures: _Figures) -> list[str]:
    several = forecast.problem.layers > 1
    lines = ["The decays of all layers are scaled together" if several else ""]
    if forecast.band is not None:
        lines.append(f"Shaded: survivors within the {band_words(forecast)}")
    if int(_real(forecast).sum()) > len(figures.labels):
        lines.append(f"{len(figures.labels)} of {number(forecast.directions)} directions, evenly by rank")
    if forecast.width_binds:
        lines.append(
            f"The width has room for {number(forecast.problem.width)} of {number(forecast.directions)} directions"
        )
    if not forecast.problem.is_plain_squared_error:
        lines.append(f"Solved at {figures.decays.size} decays: σ is x plus the threshold and moves with the decay")
    elif not forecast.has_critical_weight_decays:
        lines.append("Approximate: singular values are kept fixed, though the bias moves them with the decay")
    return lines
