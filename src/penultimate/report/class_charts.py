"""Charts of an audit class by class: recall, norms, and which classes lie near one another."""

import altair as alt
import numpy as np
from jaxtyping import Int

from penultimate.auditing import Audit
from penultimate.features.metrics.centred import centred_means, unit_rows
from penultimate.report.chart_style import (
    HEIGHT,
    STATUS_COLOURS,
    TALL,
    WIDTH,
    Row,
    distinct_labels,
    inline,
    log_axis,
    log_scale,
    spread,
    thinned,
    titled,
)
from penultimate.report.cosines import chosen_classes, cosine_map
from penultimate.report.series import Series, forecast, of_head, of_means, points
from penultimate.report.words import number

# Classes of one chart, of up to four marks each.
_CLASSES = 240
# Weaker classes that are named on the chart, and how far apart they must lie, in parts of the axes.
_NAMED = 6
_APART = (0.55, 0.07)
_MIDDLE = 0.5
_LETTERS = 24


def recalls(audit: Audit) -> alt.LayerChart:
    """Draw the recall of each class with its interval against its count, what the forecast retains, and weaker classes.

    Parameters
    ----------
    audit : Audit
        What to draw.

    Returns
    -------
    altair.LayerChart
    """
    classes = _drawn(audit)
    x, domain = _count_axis(audit)
    y = alt.Y("value:Q", title="recall", scale=alt.Scale(domain=[-0.03, 1.06], nice=False))
    layers = points(_recall_series(audit, classes), _places(audit, classes), x, y, where="class")
    plot = alt.LayerChart(layer=[*layers, *_names(audit, x, y, domain)], width=WIDTH, height=HEIGHT)
    return titled(plot, _recall_title(audit), ["Upright lines: 95 % intervals (Wilson)", *_missing(audit, classes)])


def norms(audit: Audit) -> alt.LayerChart:
    """Draw the norms of head rows and centred class means against counts, beside the forecast's.

    Parameters
    ----------
    audit : Audit
        What to draw.

    Returns
    -------
    altair.LayerChart
    """
    classes, layer = _drawn(audit), audit.layer
    interval = audit.intervals.get("classes/mean_norm")
    means = audit.classes.mean_norm[classes]
    series = [of_means("class means", means, None if interval is None else interval[classes])]
    if layer is not None:
        series.insert(0, of_head("head", audit.classes.head_norm[classes]))
    if layer is not None and layer.fits_squared_error:
        geometry, group = layer.forecast.geometry, audit.counts.group[classes]
        series.append(of_head("head, forecast", geometry.group_product_norms[group], expected=True))
        series.append(of_means("means, forecast", geometry.group_mean_norms[group], expected=True))
    values = np.concatenate([one.values for one in series])
    values = values[np.isfinite(values) & (values > 0)]
    domain = (float(values.min()) / 1.4, float(values.max()) * 1.4) if values.size else (0.5, 2.0)
    x, _ = _count_axis(audit)
    y = alt.Y("value:Q", title="norm", scale=log_scale(domain), axis=log_axis(domain))
    layers = points(series, _places(audit, classes), x, y, where="class", floor=domain[0])
    plot = alt.LayerChart(layer=layers, width=WIDTH, height=TALL)
    foreign = layer is not None and not layer.fits_squared_error
    lines = ["No forecast is drawn: this is not what squared error leaves" if foreign else ""]
    return titled(plot, _slopes(audit), [*lines, *_missing(audit, classes)])


def mean_cosines(audit: Audit) -> alt.LayerChart:
    """Draw the cosines between centred class means of at most 48 classes, most samples first.

    Parameters
    ----------
    audit : Audit
        What to draw.

    Returns
    -------
    altair.LayerChart
    """
    classes = chosen_classes(audit.counts)
    units = unit_rows(centred_means(audit.statistics)[classes])
    return cosine_map(audit.counts, classes, np.clip(units @ units.T, -1.0, 1.0), "class means")


def _drawn(audit: Audit) -> Int[np.ndarray, " b"]:
    """Classes with training samples, most first; evenly by rank where there are many, and those to be named."""
    order = np.argsort(-audit.counts.values, kind="stable")[: audit.counts.seen]
    picked = order[spread(np.arange(1, order.size + 1), _CLASSES, log=False)]
    named = np.setdiff1d(_to_name(audit), picked)
    return np.concatenate([picked, named])


def _to_name(audit: Audit) -> Int[np.ndarray, " w"]:
    """The weaker classes that depart most."""
    if audit.layer is None:
        return np.empty(0, dtype=np.int64)
    weaker = np.flatnonzero(audit.layer.weaker)
    return weaker[np.argsort(audit.layer.departure[weaker], kind="stable")][:_NAMED]


def _places(audit: Audit, classes: Int[np.ndarray, " b"]) -> list[Row]:
    labels = distinct_labels([str(audit.counts.names[index]) for index in classes.tolist()])
    counts = audit.counts.values[classes].tolist()
    return [{"count": count, "where": label} for count, label in zip(counts, labels, strict=True)]


def _count_axis(audit: Audit) -> tuple[alt.X, tuple[float, float]]:
    domain = (audit.counts.smallest / 1.6, audit.counts.largest * 1.6)
    title = "training samples of the class, n"
    return alt.X("count:Q", title=title, scale=log_scale(domain), axis=log_axis(domain)), domain


def _recall_series(audit: Audit, classes: Int[np.ndarray, " b"]) -> list[Series]:
    """Recall of the classes that keep the law, of those that are weaker, and what the forecast retains."""
    layer, recall, interval = audit.layer, audit.decisions.recall[classes], audit.recall_interval[classes]
    weaker = np.zeros(classes.size, dtype=bool) if layer is None else layer.weaker[classes]
    kept = np.where(weaker, np.nan, recall)
    series = [Series("recall", kept, STATUS_COLOURS["own"], interval=interval)]
    if weaker.any():
        lost = np.where(weaker, recall, np.nan)
        name, color = "weaker than its count explains", STATUS_COLOURS["lost"]
        series.append(Series(name, lost, color, "cross", interval=interval))
    if layer is not None and layer.fits_squared_error:
        series.append(forecast(layer.forecast.retained[classes], "retained by the forecast"))
    return series


def _names(audit: Audit, x: alt.X, y: alt.Y, domain: tuple[float, float]) -> list[alt.Chart]:
    """Names of weaker classes beside their points, as far as they do not run into one another."""
    placed: list[tuple[float, float]] = []
    layers: list[alt.Chart] = []
    for index in _to_name(audit).tolist():
        count, recall = float(audit.counts.values[index]), float(audit.decisions.recall[index])
        across = float(np.log(count / domain[0]) / np.log(domain[1] / domain[0]))
        if np.isnan(recall) or any(abs(across - a) < _APART[0] and abs(recall - r) < _APART[1] for a, r in placed):
            continue
        placed.append((across, recall))
        (label,) = distinct_labels([str(audit.counts.names[index])], _LETTERS)
        base = alt.Chart(inline([{"count": count, "value": recall, "text": label}]))
        beside = base.mark_text(align="left", dx=9) if across < _MIDDLE else base.mark_text(align="right", dx=-9)
        layers.append(beside.encode(x=x, y=y, text="text:N", color=alt.value(STATUS_COLOURS["lost"])))
    return layers


def _recall_title(audit: Audit) -> str:
    known = audit.decisions.recall[np.isfinite(audit.decisions.recall)]
    if known.size == 0:
        return "No sample was answered"
    low, high = number(float(known.min()), 3), number(float(known.max()), 3)
    return f"Recall of every class: {low}" if low == high else f"Recall by class: {low} to {high}"


def _slopes(audit: Audit) -> str:
    head, means = audit.metrics.head_norm_slope, audit.metrics.mean_norm_slope
    if not np.isfinite(means):
        return "Norms of classes"
    slope = f"class means as n^{number(means, 2)}".replace("-", "−")
    return f"Lengths go with counts: {slope}" + (f", head as n^{number(head, 2)}" if np.isfinite(head) else "")


def _missing(audit: Audit, classes: Int[np.ndarray, " b"]) -> list[str]:
    counts = audit.counts
    unseen = f"Without training samples and not drawn: {number(counts.unseen.size)} classes"
    return [thinned(classes.size, counts.seen, "classes"), unseen if counts.unseen.size else ""]
