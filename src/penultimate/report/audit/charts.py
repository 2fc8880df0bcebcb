"""Charts of an audit, one function a chart: by direction of the label matrix here, by class in `class_charts`."""

from collections.abc import Callable
from functools import partial

import altair as alt
import numpy as np
from jaxtyping import Float, Int

from penultimate.audits.audit import Audit
from penultimate.audits.layer import LayerAudit
from penultimate.report.audit.class_charts import mean_cosines, norms, recalls
from penultimate.report.audit.matrices import matrices
from penultimate.report.kit.chart_style import (
    INK,
    STATUS_COLOURS,
    WIDTH,
    AnyChart,
    Row,
    inline,
    is_many,
    log_axis,
    log_scale,
    positive_domain,
    rank_axis,
    spread,
    thinned,
    titled,
)
from penultimate.report.kit.numbers import finite, first_ranks, number, percent
from penultimate.report.kit.series import GREY, Series, forecast, measured, of_head, of_means, points

# Distinct directions of one chart, of up to four marks each; and of the bars, which need room.
_DIRECTIONS = 240
_BARS = 48
_LOST = {
    "decay": STATUS_COLOURS["own"],
    "noise": STATUS_COLOURS["shared"],
    "other directions": STATUS_COLOURS["lost"],
    "residual": GREY,
}
_AXIS = "direction, strongest first"


def charts(audit: Audit) -> dict[str, Callable[[], AnyChart]]:
    """Return every chart that an audit has, by name; a chart is drawn when it is called.

    Without a head there are those of the classes only; the budget is left out where it is not known.
    """
    out: dict[str, Callable[[], AnyChart]] = {}
    layer = audit.last_layer
    if layer is not None:
        out["directions"] = partial(directions, audit, layer)
        out["factors"] = partial(factors, audit, layer)
        out["matrices"] = partial(matrices, layer)
        if layer.fits_loss and np.isfinite(layer.alignment.budget.decay).any():
            out["budget"] = partial(budget, layer)
    out["classes"] = partial(recalls, audit)
    out["norms"] = partial(norms, audit)
    out["cosines"] = partial(mean_cosines, audit)
    return out


def directions(audit: Audit, layer: LayerAudit) -> alt.VConcatChart:
    """Draw the measured strength of each direction beside σ and the forecast, and both as shares of σ."""
    picked = _picked(layer, _DIRECTIONS)
    sigma, strength = layer.alignment.sigma[picked], layer.alignment.strength[picked]
    expected = layer.forecast_strength[picked] if layer.fits_loss else None
    interval = _interval(audit, "alignment/strength", picked)
    series = [measured(strength, interval), Series("σ, nothing lost", sigma, GREY, "stroke", filled=False)]
    shares = [measured(strength / sigma, None if interval is None else interval / sigma[:, None])]
    if expected is not None:
        series.insert(1, forecast(expected))
        shares.append(forecast(expected / sigma))
    bare, x, places = *_rank_axes(layer), _places(layer, picked)
    domain = positive_domain(np.concatenate([one.values for one in series]))
    y = alt.Y("value:Q", title="strength", scale=log_scale(domain), axis=log_axis(domain))
    lower = alt.Y("value:Q", title="share of σ", scale=alt.Scale(zero=False))
    upper = points(series, places, bare, y, where="direction", floor=domain[0])
    chart = _stacked(upper, 200, points(shares, places, x, lower, where="direction", legend=False), 110)
    share = strength / sigma
    title = f"Measured strength is {number(float(share.min()), 3)} to {number(float(share.max()), 3)} of σ"
    off = int((strength <= domain[0]).sum())
    missing = f"{off} of them have vanished and are not drawn above" if off else ""
    return titled(chart, title, [_whose(layer), missing, _thinning(layer, picked)])


def factors(audit: Audit, layer: LayerAudit) -> alt.VConcatChart:
    """Draw the cosine of head and means along each direction, and the norms of both beside the forecast's."""
    picked, alignment = _picked(layer, _DIRECTIONS), layer.alignment
    cosine, interval = alignment.cosine[picked], _interval(audit, "alignment/cosine", picked)
    bare, x, places = *_rank_axes(layer), _places(layer, picked)
    low = float(np.nanmin(cosine if interval is None else interval, initial=0.0))
    scale = alt.Scale(domain=[max(low - 0.05, -1.05) if low < 0 else 0.0, 1.05], nice=False)
    y = alt.Y("value:Q", title="cosine of p and q", scale=scale)
    model = alt.Chart(inline([{"level": 1.0}])).mark_rule(color=INK, strokeDash=[5, 3])
    line = model.encode(y=alt.Y("level:Q", scale=scale))
    upper = [line, *points([measured(cosine, interval)], places, bare, y, where="direction", legend=False)]
    sizes = [of_head("head ‖p‖", alignment.head_norm[picked]), of_means("means ‖q‖", alignment.mean_norm[picked])]
    if layer.fits_loss:
        geometry = layer.forecast.geometry
        sizes.append(of_head("head, forecast", np.prod(geometry.layers, axis=0)[picked], expected=True))
        sizes.append(of_means("means, forecast", geometry.features[picked], expected=True))
    domain = positive_domain(np.concatenate([one.values for one in sizes]))
    y = alt.Y("value:Q", title="norm", scale=log_scale(domain), axis=log_axis(domain))
    chart = _stacked(upper, 120, points(sizes, places, x, y, where="direction", floor=domain[0]), 180)
    known = cosine[np.isfinite(cosine)]
    title = "No direction has both a row norm and a mean"
    if known.size:
        title = f"Cosines of last layer and means: {number(float(known.min()), 2)} to {number(float(known.max()), 2)}"
    return titled(chart, title, ["Dashed: 1, as in theory", _whose(layer), _thinning(layer, picked)])


def budget(layer: LayerAudit) -> alt.LayerChart:
    """Draw what each direction lost: to decay, noise, other directions, and what is unsettled.

    As shares of its σ with squared error, else of all that decay and noise took: a softmax's strengths have no σ of
    their own to fall short of.
    """
    picked = _picked(layer, _BARS)
    spent, squared = layer.alignment.budget, layer.forecast.problem.is_plain_squared_error
    whole = layer.alignment.sigma if squared else spent.decay + np.nan_to_num(spent.noise)
    values = zip(_LOST, (spent.decay, spent.noise, spent.mixing, spent.unsettled), strict=True)
    parts = {name: (lost / whole)[picked] for name, lost in values if np.isfinite(lost[picked]).any()}
    share_of = "σ" if squared else "what decay and noise took"
    labels = [str(place["where"]) for place in _places(layer, picked)]
    rows: list[Row] = [
        {"direction": labels[place], "part": name, "lost": finite(value), "order": order}
        for order, (name, lost) in enumerate(parts.items())
        for place, value in enumerate(lost.tolist())
    ]
    key = alt.Legend(title=None, orient="top", direction="horizontal", symbolType="square", offset=4)
    crowded = len(labels) > _BARS // 2 or max(map(len, labels)) > 3
    bars = alt.Chart(inline(rows)).mark_bar(invalid="filter")
    chart = bars.encode(
        x=alt.X(
            "direction:N",
            title=_AXIS,
            sort=labels,
            axis=alt.Axis(labelAngle=-90 if crowded else 0, labelFontSize=9 if crowded else 11, ticks=False),
        ),
        y=alt.Y("lost:Q", title=f"lost, as a share of {share_of}", axis=alt.Axis(format="~%")),
        color=alt.Color("part:N", scale=alt.Scale(domain=list(parts), range=[_LOST[p] for p in parts]), legend=key),
        order=alt.Order("order:Q"),
        tooltip=["direction:N", alt.Tooltip("part:N", title="lost to"), alt.Tooltip("lost:Q", format=".3~%")],
    )
    blind = "" if "noise" in parts else "Lost to noise: not known, because these are not the training samples"
    gone = int(np.isnan(spent.decay[picked]).sum())
    silent = f"{gone} directions have vanished and are not drawn" if gone else ""
    plot = alt.LayerChart(layer=[chart], width=WIDTH, height=300)
    return titled(
        plot,
        _largest_loss(parts, (whole * layer.alignment.multiplicity)[picked]),
        [blind, silent, _thinning(layer, picked)],
    )


def _largest_loss(parts: dict[str, Float[np.ndarray, " b"]], weights: Float[np.ndarray, " b"]) -> str:
    """Name what took most of all strength together."""
    totals = {name: float(np.nansum(lost * weights)) for name, lost in parts.items() if name != "residual"}
    most = max(totals, key=lambda name: totals[name])
    share = totals[most] / sum(totals.values()) if sum(totals.values()) > 0 else 0.0
    return f"Most of what was lost, {percent(share, 2)}, went to {most}" if share > 0 else "Nothing was lost"


def _picked(layer: LayerAudit, limit: int) -> Int[np.ndarray, " b"]:
    """Distinct directions to draw, evenly by rank where there are many."""
    return spread(first_ranks(layer.alignment.multiplicity), limit, log=is_many(_last_rank(layer)))


def _last_rank(layer: LayerAudit) -> int:
    return int(layer.alignment.multiplicity.sum())


def _rank_axes(layer: LayerAudit) -> tuple[alt.X, alt.X]:
    """Axes of the upper of two charts, and of the lower one, which has the labels of both."""
    return rank_axis("first", _last_rank(layer), None), rank_axis("first", _last_rank(layer), _AXIS)


def _places(layer: LayerAudit, picked: Int[np.ndarray, " b"]) -> list[Row]:
    first, size = first_ranks(layer.alignment.multiplicity)[picked], layer.alignment.multiplicity[picked]
    ends = zip(first.tolist(), (first + size - 1).tolist(), strict=True)
    return [
        {"first": one, "last": other, "where": f"{one:,}" if one == other else f"{one:,} to {other:,}"}
        for one, other in ends
    ]


def _interval(audit: Audit, name: str, picked: Int[np.ndarray, " b"]) -> Float[np.ndarray, "b 2"] | None:
    return audit.intervals[name][picked] if name in audit.intervals else None


def _stacked(upper: list[alt.Chart], high: int, lower: list[alt.Chart], low: int) -> alt.VConcatChart:
    charts = [
        alt.LayerChart(layer=upper, width=WIDTH, height=high),
        alt.LayerChart(layer=lower, width=WIDTH, height=low),
    ]
    own = dict.fromkeys(("fill", "stroke", "shape"), "independent")
    return alt.VConcatChart(vconcat=charts, spacing=14, resolve=alt.Resolve(scale={"x": "shared", **own}))


def _whose(layer: LayerAudit) -> str:
    return (
        "" if layer.fits_loss else f"No forecast is drawn: this network does not look as {layer.loss_words} leaves one"
    )


def _thinning(layer: LayerAudit, picked: Int[np.ndarray, " b"]) -> str:
    return thinned(picked.size, layer.alignment.sigma.size, "distinct singular values")
