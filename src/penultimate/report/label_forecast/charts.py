"""Charts of a forecast for several labels a sample, one function a chart."""

from collections.abc import Callable
from functools import partial

import altair as alt
import numpy as np

from penultimate.forecasts.label_forecast import LabelForecast
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
    level_layers,
    log_axis,
    log_domain,
    log_scale,
    rank_axis,
    status_encodings,
    thinned,
    titled,
    whole_axis,
)
from penultimate.report.kit.numbers import number
from penultimate.report.label_forecast.words import survive_words

_KEPT = {"survives": "own", "partly survives": "shared", "dies": "lost"}
_ANSWERED = {"answered": "own", "known, never answered": "shared", "lost": "lost"}
_POINTS = 120


def spectrum(forecast: LabelForecast) -> alt.LayerChart:
    """Draw the singular values of the targets, and what weight decay leaves of them."""
    sigma, strength, share = forecast.solution.sigma, forecast.geometry.strength, forecast.geometry.share
    picked = evenly(sigma.size)
    kept = np.where(share >= 1.0, "survives", np.where(share > 0.0, "partly survives", "dies"))
    rows: list[Row] = [
        {"rank": i + 1, "sigma": float(sigma[i]), "strength": float(strength[i]), "kept": str(kept[i])}
        for i in picked.tolist()
    ]
    domain = log_domain(sigma, forecast.threshold)
    colour, shape = status_encodings("kept", "direction", _KEPT, (row["kept"] for row in rows))
    y = alt.Y("sigma:Q", title="singular value σ and strength x", scale=log_scale(domain), axis=log_axis(domain))
    base = alt.Chart(inline(rows)).encode(
        x=rank_axis("rank", sigma.size, "direction, strongest first"),
        tooltip=[
            alt.Tooltip("rank:Q", title="direction"),
            alt.Tooltip("sigma:Q", title="singular value σ", format=".4g"),
            alt.Tooltip("strength:Q", title="strength x", format=".4g"),
        ],
    )
    alive = alt.Chart(inline(row for row in rows if float(row["strength"] or 0.0) > domain[0]))
    layers = [
        *level_layers(forecast.threshold, f"threshold: {number(forecast.threshold, 3)}", domain, float(sigma[0])),
        base.mark_point(filled=True, size=dot_size(len(rows)), opacity=0.9).encode(y=y, color=colour, shape=shape),
        alive.mark_line(color=INK, strokeWidth=1.5).encode(x="rank:Q", y="strength:Q"),
    ]
    lines = ["Colour: singular values σ. Dark: what weight decay leaves of them, the strength x"]
    lines.append(thinned(len(rows), sigma.size, "directions"))
    return titled(_sized(layers), survive_words(forecast).capitalize(), lines)


def labels(forecast: LabelForecast) -> alt.LayerChart:
    """Draw the score of each label where it is on, against its samples, and the threshold of ½."""
    varying = np.flatnonzero(forecast.varying & (forecast.targets.positives > 0))
    order = varying[np.argsort(-forecast.targets.positives[varying], kind="stable")]
    picked = order[evenly(order.size)]
    known = np.where(
        forecast.answered, "answered", np.where(forecast.status == "lost", "lost", "known, never answered")
    )
    rows: list[Row] = [
        {
            "label": str(forecast.targets.names[k]),
            "samples": float(forecast.targets.positives[k]),
            "score": float(forecast.score_on[k]),
            "known": str(known[k]),
        }
        for k in picked.tolist()
    ]
    n = forecast.targets.positives[picked]
    domain = (float(n.min()) / 1.3, float(n.max()) * 1.3)
    colour, shape = status_encodings("known", "label", _ANSWERED, (row["known"] for row in rows))
    x = alt.X("samples:Q", title="samples with the label", scale=log_scale(domain), axis=log_axis(domain))
    y = alt.Y("score:Q", title="mean score where it is on", scale=alt.Scale(domain=[-0.05, 1.05], nice=False))
    dots = alt.Chart(inline(rows)).mark_point(filled=True, size=dot_size(len(rows)), opacity=0.85)
    tooltip = ["label:N", alt.Tooltip("samples:Q", format=","), alt.Tooltip("score:Q", format=".3f")]
    half = alt.Chart(inline([{"half": 0.5}])).mark_rule(color=INK, strokeDash=[5, 3], strokeWidth=1.2)
    layers = [half.encode(y="half:Q"), dots.encode(x=x, y=y, color=colour, shape=shape, tooltip=tooltip)]
    title = f"{number(forecast.never_answered)} of {number(varying.size)} labels stay below a threshold of ½"
    return titled(_sized(layers), title, [thinned(len(rows), order.size, "labels")])


def sweep(forecast: LabelForecast) -> alt.LayerChart:
    """Draw how many directions survive, and how many labels are answered, at other weight decays."""
    critical = forecast.critical_weight_decay[np.isfinite(forecast.critical_weight_decay)]
    chosen = forecast.problem.weight_decay[0]
    low, high = min(float(critical.min()), chosen) / 3.0, max(float(critical.max()), chosen) * 1.5
    decays = np.unique(np.append(np.geomspace(low, high, _POINTS), chosen))
    rows: list[Row] = [
        {"decay": decay, "number": size, "what": what} for decay in decays.tolist() for what, size in forecast.at(decay)
    ]
    domain, most = (low, high), max(int(row["number"] or 0) for row in rows)
    kinds = ["directions alive", "labels answered at ½"]
    scale = alt.Scale(domain=kinds, range=[STATUS_COLOURS["own"], INK])
    chart = alt.Chart(inline(rows)).mark_line(strokeWidth=2, interpolate="step-after")
    legend = alt.Legend(title=None, orient="top", direction="horizontal", offset=4)
    lines = chart.encode(
        x=alt.X("decay:Q", title="weight decay λ", scale=log_scale(domain), axis=log_axis(domain)),
        y=alt.Y("number:Q", title="how many", axis=whole_axis(0, most, 5)),
        color=alt.Color("what:N", scale=scale, legend=legend),
        tooltip=["what:N", alt.Tooltip("decay:Q", format=".3g"), alt.Tooltip("number:Q", format=",")],
    )
    rule = alt.Chart(inline([{"decay": chosen}])).mark_rule(color=INK, strokeDash=[5, 3], strokeWidth=1.2)
    return titled(
        _sized([rule.encode(x="decay:Q"), lines]),
        f"At the chosen weight decay, {number(chosen)}: {survive_words(forecast)}",
        ["The decays of all layers are scaled together" if forecast.problem.layers > 1 else ""],
    )


def charts(forecast: LabelForecast) -> dict[str, Callable[[], AnyChart]]:
    """Every chart by name, drawn when it is called."""
    drawn: dict[str, Callable[[], AnyChart]] = {}
    if forecast.loss is None:
        drawn["spectrum"] = partial(spectrum, forecast)
    if forecast.targets.kind != "real":
        drawn = {"labels": partial(labels, forecast), **drawn}
    if forecast.loss is None and not forecast.solution.is_lower_bound and isinstance(forecast.problem.bias, str):
        drawn["sweep"] = partial(sweep, forecast)
    return drawn


def _sized(layers: list[alt.Chart]) -> alt.LayerChart:
    return alt.LayerChart(layer=layers, width=WIDTH, height=HEIGHT)
