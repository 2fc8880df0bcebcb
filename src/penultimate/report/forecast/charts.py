"""Charts of a forecast, one function a chart, the same in reports, notebooks and pages.

Every chart is drawn from groups of equal count, so its size does not grow with the number of classes. Class names are
data only: Vega draws them as text.
"""

import math
from collections.abc import Callable
from functools import partial

import altair as alt
import numpy as np
from jaxtyping import Int

from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.over_decay import can_sweep
from penultimate.forecasts.status import LOST, OWN, STATUSES
from penultimate.model.strength_law import GONE
from penultimate.report.forecast.geometry import geometry, has_geometry
from penultimate.report.forecast.learning import has_learning, learning
from penultimate.report.forecast.slider import has_slider, slider
from penultimate.report.forecast.sweep import sweep
from penultimate.report.forecast.words import IN_THE_MEDIAN, band_words
from penultimate.report.kit.chart_style import (
    HEIGHT,
    INK,
    ROWS,
    STATUS_COLOURS,
    TALL,
    WIDTH,
    AnyChart,
    Row,
    dot_size,
    inline,
    is_many,
    level_layers,
    log_axis,
    log_domain,
    log_scale,
    rank_axis,
    spread,
    status_encodings,
    thinned,
    titled,
)
from penultimate.report.kit.cosines import chosen_classes, cosine_map
from penultimate.report.kit.numbers import first_ranks, number

_KEPT = {"survives": "own", "partly survives": "shared", "uncertain": "shared", "dies": "lost"}


def counts(forecast: Forecast) -> alt.LayerChart:
    """Draw the samples of each class by rank, coloured by status, with the survival line."""
    groups, needed = forecast.counts, forecast.samples_needed
    known = not np.isnan(forecast.group_samples_needed[0])
    domain = log_domain(groups.distinct, needed)
    y = alt.Y("count:Q", title="samples of the class, n", scale=log_scale(domain), axis=log_axis(domain))
    rows = _group_rows(forecast)
    layers = [
        *level_layers(needed, f"samples needed: {number(needed, 3)}", domain, groups.largest),
        *_by_rank(forecast, rows, y),
    ]
    below = f"{number(forecast.classes_below) if forecast.classes_below else 'none'} of {number(groups.seen)} classes"
    judged = known and not forecast.has_own_paths
    title = f"Too few samples for a direction of their own: {below}" if judged else "Samples of each class"
    line = ""
    if not math.isnan(needed):
        line = f"A class with more than {number(needed, 3)} samples keeps a direction of its own"
        line += f", {IN_THE_MEDIAN}" if forecast.has_own_paths else ""
    if known and not line:
        line = "With this loss the number needed differs from class to class, so there is no one line"
    return titled(_sized(layers), title, [line, *_group_notes(forecast, len(rows))])


def spectrum(forecast: Forecast) -> alt.LayerChart:
    """Draw the singular values of the label matrix, survivors against dead, and the strength that decay leaves."""
    picked, real = _drawn_directions(forecast)
    rows = _direction_rows(forecast, picked)
    sigma = np.array([row["sigma"] for row in rows], dtype=float)
    label = "" if np.isnan(forecast.threshold) else f"threshold: {number(forecast.threshold, 3)}"
    top, domain = sigma[0], log_domain(sigma, forecast.threshold)
    colour, shape = status_encodings("kept", "direction", _KEPT, (row["kept"] for row in rows))
    y = alt.Y("sigma:Q", title="singular value σ and strength x", scale=log_scale(domain), axis=log_axis(domain))
    base = alt.Chart(inline(rows)).encode(
        x=rank_axis("first", forecast.directions, "direction, strongest first"),
        y=y,
        tooltip=[
            alt.Tooltip("ranks:N", title="direction"),
            alt.Tooltip("sigma:Q", title="singular value σ", format=".4g"),
            alt.Tooltip("strength:Q", title="strength x", format=".4g"),
            alt.Tooltip("kept:N", title="under this decay"),
        ],
    )
    layers = [
        *level_layers(forecast.threshold, label, domain, float(top)),
        *_spans(base.encode(color=colour), rows),
        base.mark_point(filled=True, size=dot_size(len(rows)), opacity=0.9).encode(color=colour, shape=shape),
        *_strength_layers(rows),
    ]
    line = "Colour: singular values σ. Dark: what weight decay leaves of them, the strength x"
    if forecast.band is not None:
        layers.insert(0, _interval_layer(forecast, picked))
    within = "" if forecast.band is None else f"Grey: within the {band_words(forecast)}, from a tenth of σ on"
    lines = [line, within, thinned(len(rows), real, "distinct singular values")]
    return titled(_sized(layers), _spectrum_title(forecast), lines)


def retained(forecast: Forecast) -> alt.LayerChart:
    """Draw the share of its own direction that each class retains, by rank, and the bands of own and lost."""
    scale = alt.Scale(domain=[-0.03, 1.03], nice=False)
    y = alt.Y("retained:Q", title="retained share of its own direction", scale=scale)
    rows = _group_rows(forecast)
    layers = [*_bands(scale), *_by_rank(forecast, rows, y)]
    kept = [(status, forecast.classes_with(status)) for status in STATUSES]
    parts = [f"{number(size)} {status}" for status, size in kept if size]
    title = f"Directions of {number(forecast.counts.seen)} classes: {', '.join(parts)}"
    line = f"Shaded: own (at least {OWN:g}) and lost (below {LOST:g}); between them, shared"
    return titled(_sized(layers, TALL), title, [line, *_group_notes(forecast, len(rows))])


def cosines(forecast: Forecast) -> alt.LayerChart:
    """Draw the cosines between class means, a heat map of at most 48 classes, most samples first."""
    classes = chosen_classes(forecast.counts)
    return cosine_map(forecast.counts, classes, forecast.geometry.mean_gram.normalised(classes.tolist()), "class means")


CHARTS: dict[str, Callable[[Forecast], AnyChart]] = {
    "counts": counts,
    "spectrum": spectrum,
    "retained": retained,
    "cosines": cosines,
    "geometry": geometry,
    "slider": slider,
    "learning": learning,
    "sweep": sweep,
}


def charts(forecast: Forecast) -> dict[str, Callable[[], AnyChart]]:
    """Every chart by name, drawn when it is called; none that shows nothing, or would take minutes."""
    left_out = {
        "geometry": not has_geometry(forecast),
        "learning": not has_learning(forecast),
        "sweep": not can_sweep(forecast.solution),
        "slider": not has_slider(forecast),
    }
    return {name: partial(draw, forecast) for name, draw in CHARTS.items() if not left_out.get(name)}


# Fewer strengths than this are drawn one by one.
_STRENGTH_POINTS = 60
_EDGE_POINTS = 400


def _sized(layers: list[alt.Chart], height: int = HEIGHT) -> alt.LayerChart:
    chart = alt.LayerChart(width=WIDTH, height=height)
    # Set, where Altair would copy every layer twice to join the sliders that these have not.
    chart.layer = [*layers]
    return chart


def _by_rank(forecast: Forecast, rows: list[Row], y: alt.Y) -> list[alt.Chart]:
    """Dots of the groups of equal count at their first class's rank, with a line to the last one's."""
    colour, shape = status_encodings("status", "direction", {s: s for s in STATUSES}, (row["status"] for row in rows))
    base = alt.Chart(inline(rows)).encode(
        x=rank_axis("first", forecast.counts.seen, "class, most samples first"),
        y=y,
        tooltip=[
            alt.Tooltip("classes:N", title="class"),
            alt.Tooltip("count:Q", title="samples", format=",.6~g"),
            alt.Tooltip("status:N", title="direction"),
            alt.Tooltip("retained:Q", format=".3f"),
        ],
    )
    return [
        *_spans(base.encode(color=colour), rows),
        base.mark_point(filled=True, size=dot_size(len(rows)), opacity=0.9).encode(color=colour, shape=shape),
    ]


def _spans(base: alt.Chart, rows: list[Row]) -> list[alt.Chart]:
    """Lines from the first rank to the last, of rows where these are not the same."""
    if all(row["first"] == row["last"] for row in rows):
        return []
    line = base.transform_filter("datum.last > datum.first").mark_rule(strokeWidth=2.5, strokeCap="round")
    return [line.encode(x2=alt.X2("last:Q"))]


def _group_rows(forecast: Forecast) -> list[Row]:
    """One row a group of equal count: ranks of its first and last class, count, status, retained, whom it holds."""
    groups = forecast.counts
    last = np.cumsum(groups.multiplicity)
    first = last - groups.multiplicity + 1
    retained = forecast.geometry.group_retained
    return [
        {
            "first": int(first[g]),
            "last": int(last[g]),
            "count": float(groups.distinct[g]),
            "status": STATUSES[forecast.group_status[g]],
            "retained": float(retained[g]),
            "classes": _members(forecast, g),
        }
        for g in spread(first, log=is_many(groups.seen)).tolist()
    ]


def _members(forecast: Forecast, group: int) -> str:
    """Name a group by its first class or two, and how many more there are."""
    groups = forecast.counts
    first, second = groups.representatives[group].tolist()
    size = int(groups.multiplicity[group])
    if size == 1:
        return str(groups.names[first])
    if size == 2:
        return f"{groups.names[first]} and {groups.names[second]}"
    return f"{groups.names[first]} and {number(size - 1)} more of the same count"


def _group_notes(forecast: Forecast, drawn: int) -> list[str]:
    unseen = forecast.counts.unseen.size
    missing = f"Not drawn: {number(unseen)} of {number(forecast.counts.classes)} classes, which have no samples"
    return [thinned(drawn, forecast.counts.distinct.size, "distinct counts"), missing if unseen else ""]


def _drawn_directions(forecast: Forecast) -> tuple[Int[np.ndarray, " b"], int]:
    """Distinct singular values to draw, thinned, and how many there are."""
    solution = forecast.solution
    # With a regularised bias a singular value may be zero to rounding: that direction does not exist.
    real = np.flatnonzero(solution.sigma > 1e-12 * solution.sigma[0])
    first = first_ranks(solution.multiplicity)[real]
    # Survivors are drawn twice, once with their strength.
    return real[spread(first, ROWS // 2, log=is_many(forecast.directions))], real.size


def _direction_rows(forecast: Forecast, picked: Int[np.ndarray, " b"]) -> list[Row]:
    """One row a distinct singular value."""
    solution = forecast.solution
    last = np.cumsum(solution.multiplicity)
    first = first_ranks(solution.multiplicity)
    alive, size = solution.surviving, solution.multiplicity
    unsure = forecast.fate == "uncertain"
    kept = np.select([unsure, alive == 0, alive < size], ["uncertain", "dies", "partly survives"], "survives")
    return [
        {
            "first": int(first[i]),
            "last": int(last[i]),
            "ranks": f"{first[i]:,}" if size[i] == 1 else f"{first[i]:,} to {last[i]:,}",
            "sigma": float(solution.sigma[i]),
            "strength": float(solution.strength[i]) if alive[i] else None,
            "kept": str(kept[i]),
        }
        for i in picked.tolist()
    ]


def _spectrum_title(forecast: Forecast) -> str:
    survivors = number(forecast.survivors) if forecast.survivors else "none"
    return f"Directions that survive: {survivors} of {number(forecast.directions)}"


def _strength_layers(rows: list[Row]) -> list[alt.Chart]:
    """Strengths of the survivors; nothing where there are none, or a log axis would have no domain."""
    alive = [row for row in rows if row["strength"] is not None]
    if not alive:
        return []
    base = alt.Chart(inline([{"first": row["first"], "strength": row["strength"]} for row in alive]))
    if len(rows) > _STRENGTH_POINTS:
        mark = base.mark_line(color=INK, strokeWidth=1.5, clip=True)
    else:
        mark = base.mark_point(color=INK, shape="diamond", size=42, strokeWidth=1.4, clip=True)
    return [mark.encode(x=alt.X("first:Q"), y=alt.Y("strength:Q"))]


def _interval_layer(forecast: Forecast, picked: Int[np.ndarray, " b"]) -> alt.Chart:
    """Where strengths lie between both ends of the band; one that is gone at both has a dot at a tenth of σ."""
    first = first_ranks(forecast.solution.multiplicity)
    # The edge of an area is smooth: a few hundred points draw it.
    few = picked[spread(first[picked], _EDGE_POINTS, log=is_many(forecast.directions))]
    interval = np.maximum(forecast.strength_interval, GONE * forecast.solution.sigma[:, None])[few]
    columns = (first[few].tolist(), *interval.T.tolist())
    base = alt.Chart(inline({"first": a, "low": b, "high": c} for a, b, c in zip(*columns, strict=True)))
    if picked.size > _STRENGTH_POINTS:  # so many rules would run into one black shape
        mark = base.mark_area(color=INK, opacity=0.2, clip=True)
    else:
        mark = base.mark_rule(color=INK, opacity=0.3, strokeWidth=3, clip=True)
    return mark.encode(x=alt.X("first:Q"), y=alt.Y("low:Q"), y2=alt.Y2("high:Q"))


def _bands(scale: alt.Scale) -> list[alt.Chart]:
    """Shade the ranges of own and lost."""
    ranges: dict[str, tuple[float, float]] = {"own": (OWN, 1.03), "lost": (-0.03, LOST)}
    layers: list[alt.Chart] = []
    for status, (low, high) in ranges.items():
        base = alt.Chart(inline([{"low": low, "high": high}]))
        layers.append(
            base.mark_rect(color=STATUS_COLOURS[status], opacity=0.1).encode(
                y=alt.Y("low:Q", scale=scale), y2=alt.Y2("high:Q")
            )
        )
    return layers
