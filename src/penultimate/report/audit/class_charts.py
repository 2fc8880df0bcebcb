"""Charts of an audit class by class: recall, norms, and which classes lie near one another."""

import altair as alt
import numpy as np
from jaxtyping import Int

from penultimate.audits.audit import Audit
from penultimate.report.kit.by_count import by_count, class_places, count_axis, count_domain, drawn_classes, not_drawn
from penultimate.report.kit.chart_style import (
    HEIGHT,
    STATUS_COLOURS,
    WIDTH,
    distinct_labels,
    inline,
    titled,
)
from penultimate.report.kit.cosines import chosen_classes, cosine_map, cosines_of
from penultimate.report.kit.numbers import number, power_of_count
from penultimate.report.kit.series import Series, forecast, of_head, of_means, points

# Weaker classes that are named on the chart, and how far apart they must lie, in parts of the axes.
_NAMED = 6
_APART = (0.55, 0.07)
_MIDDLE = 0.5
_LETTERS = 24


def recalls(audit: Audit) -> alt.LayerChart:
    """Draw recall with its interval against counts, what the forecast retains, and classes that are weaker."""
    classes = np.union1d(drawn_classes(audit.counts), _to_name(audit))
    x, counts = count_axis(audit.counts), audit.counts
    y = alt.Y("value:Q", title="recall", scale=alt.Scale(domain=[-0.03, 1.06], nice=False))
    layers = points(_recall_series(audit, classes), class_places(counts, classes), x, y, where="class")
    plot = alt.LayerChart(layer=[*layers, *_names(audit, x, y)], width=WIDTH, height=HEIGHT)
    return titled(plot, _recall_title(audit), ["Upright lines: 95 % intervals (Wilson)", *not_drawn(counts, classes)])


def norms(audit: Audit) -> alt.LayerChart:
    """Draw the norms of head rows and centred class means against counts, beside the forecast's."""
    classes, layer = drawn_classes(audit.counts), audit.last_layer
    interval = audit.intervals.get("classes/mean_norm")
    means = audit.classes.mean_norm[classes]
    series = [of_means("class means", means, None if interval is None else interval[classes])]
    if layer is not None:
        series.insert(0, of_head("head", audit.classes.head_norm[classes]))
    if layer is not None and layer.fits_loss:
        geometry, group = layer.forecast.geometry, audit.counts.group[classes]
        series.append(of_head("head, forecast", geometry.group_product_norms[group], expected=True))
        series.append(of_means("means, forecast", geometry.group_mean_norms[group], expected=True))
    plot = by_count(series, audit.counts, classes, "norm")
    foreign = "" if layer is None or layer.fits_loss else layer.loss_words
    lines = [f"No forecast is drawn: this network does not look as {foreign} leaves one" if foreign else ""]
    return titled(plot, _slopes(audit), [*lines, *not_drawn(audit.counts, classes)])


def mean_cosines(audit: Audit) -> alt.LayerChart:
    """Draw the cosines between centred class means of at most 48 classes, most samples first."""
    classes, statistics = chosen_classes(audit.counts), audit.statistics
    rows = statistics.means[classes] - statistics.global_mean
    return cosine_map(audit.counts, classes, cosines_of(rows), "class means")


def _to_name(audit: Audit) -> Int[np.ndarray, " w"]:
    """The weaker classes of lowest recall."""
    if audit.last_layer is None:
        return np.empty(0, dtype=np.int64)
    weaker = np.flatnonzero(audit.last_layer.weaker)
    return weaker[np.argsort(audit.decisions.recall[weaker], kind="stable")][:_NAMED]


def _recall_series(audit: Audit, classes: Int[np.ndarray, " b"]) -> list[Series]:
    """Recall of the classes that keep the law, of those that are weaker, and what the forecast retains."""
    layer, recall, interval = audit.last_layer, audit.decisions.recall[classes], audit.recall_interval[classes]
    weaker = np.zeros(classes.size, dtype=bool) if layer is None else layer.weaker[classes]
    kept = np.where(weaker, np.nan, recall)
    series = [Series("recall", kept, STATUS_COLOURS["own"], interval=interval)]
    if weaker.any():
        lost = np.where(weaker, recall, np.nan)
        name, color = "weaker than its samples explain", STATUS_COLOURS["lost"]
        series.append(Series(name, lost, color, "cross", interval=interval))
    if layer is not None and layer.fits_loss:
        series.append(forecast(layer.forecast.retained[classes], "retained by the forecast"))
    return series


def _names(audit: Audit, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Names of weaker classes beside their points, as far as they do not run into one another."""
    domain = count_domain(audit.counts)
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
        # Below the point, where no other point of equal recall is in the way.
        right = across < _MIDDLE
        beside = base.mark_text(align="left" if right else "right", dx=9 if right else -9, dy=13)
        layers.append(beside.encode(x=x, y=y, text="text:N", color=alt.value(STATUS_COLOURS["lost"])))
    return layers


def _recall_title(audit: Audit) -> str:
    known = audit.decisions.recall[np.isfinite(audit.decisions.recall)]
    if known.size == 0:
        return "No sample was classified"
    low, high = number(float(known.min()), 3), number(float(known.max()), 3)
    return f"Recall of every class: {low}" if low == high else f"Recall by class: {low} to {high}"


def _slopes(audit: Audit) -> str:
    head, means = audit.metrics.head_norm_slope, audit.metrics.mean_norm_slope
    if not np.isfinite(means):
        return "Norms of classes"
    slope = f"class means like {power_of_count(means)}"
    return f"Lengths grow with counts: {slope}" + (
        f", rows of W like {power_of_count(head)}" if np.isfinite(head) else ""
    )
