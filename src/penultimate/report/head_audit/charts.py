"""Charts of an audit of a head without features, one function a chart."""

from collections.abc import Callable
from functools import partial

import altair as alt
import numpy as np

from penultimate.audits.head import HeadAudit
from penultimate.report.kit.by_count import by_count, drawn_classes, not_drawn
from penultimate.report.kit.chart_style import AnyChart, evenly, positive_domain, thinned, titled
from penultimate.report.kit.cosines import chosen_classes, cosine_map, cosines_of
from penultimate.report.kit.heat_map import LEADING, heat_map, leading_words
from penultimate.report.kit.numbers import number, percent, power_of_count
from penultimate.report.kit.series import GREY, PLACES, Series, by_rank, forecast, measured, of_head

_SIDE = 340


def spectrum(audit: HeadAudit) -> alt.LayerChart:
    """Draw norms along the label directions and the singular values of the head, beside the scaled forecast."""
    size = audit.singular_values.size
    picked = evenly(size, PLACES)
    along = np.full(size, np.nan)
    norms = np.repeat(audit.direction_norm, audit.multiplicity)[:size]
    along[: norms.size] = norms
    series = [measured(along[picked], name="along the label directions, ‖p‖")]
    series.append(Series("singular values", audit.singular_values[picked], GREY, "square"))
    expected = audit.expected_singular_values * audit.spectrum.scale
    series.append(forecast(expected[picked], "forecast, scaled"))
    plot = by_rank(series, picked, size, "strength of the head")
    domain = positive_domain(np.concatenate([one.values for one in series]))
    title = f"Differs from the forecast by {percent(audit.spectrum.error, 2)}, up to scale"
    off = int((audit.singular_values <= domain[0]).sum())
    missing = f"{number(off)} singular values are almost zero and not drawn" if off else ""
    scale = "The forecast is drawn at the scale that fits best, which the last layer alone does not tell"
    return titled(plot, title, [scale, missing, thinned(picked.size, size, "directions")])


def norms(audit: HeadAudit) -> alt.LayerChart:
    """Draw the lengths of rows against counts, beside the scaled forecast."""
    counts = audit.counts
    classes = drawn_classes(counts)
    series = [of_head("rows of the last layer", audit.norms[classes])]
    series.append(forecast(audit.expected_norms[classes] * audit.along.scale, "forecast, scaled"))
    plot = by_count(series, counts, classes, "length of the row")
    slope, _, expected = audit.slopes
    title = "Lengths of rows" if np.isnan(slope) else f"Row lengths grow like {power_of_count(slope)}"
    title += "" if np.isnan(expected) or np.isnan(slope) else f", in the forecast like {power_of_count(expected)}"
    return titled(plot, title, not_drawn(counts, classes))


def gram(audit: HeadAudit) -> alt.LayerChart:
    """Draw |PPᵀ| of the leading label directions, as cosines between rows of P = UᵀW."""
    directions = int(audit.multiplicity.sum())
    count = min(LEADING, directions)
    plot = heat_map(np.abs(cosines_of(audit.leading[:count])), side=_SIDE)
    title = f"Off the diagonal: {percent(audit.off_diagonal_share, 2)} of the Gram matrix of W"
    return titled(plot, title, leading_words(count, directions))


def cosines(audit: HeadAudit) -> alt.LayerChart:
    """Draw the cosines between rows of at most 48 classes, most samples first."""
    classes = chosen_classes(audit.counts)
    return cosine_map(audit.counts, classes, cosines_of(audit.rows.rows(classes)), "rows of the last layer")


CHARTS: dict[str, Callable[[HeadAudit], alt.LayerChart]] = {
    "spectrum": spectrum,
    "norms": norms,
    "gram": gram,
    "cosines": cosines,
}


def charts(audit: HeadAudit) -> dict[str, Callable[[], AnyChart]]:
    """Every chart by name, drawn when it is called."""
    return {name: partial(draw, audit) for name, draw in CHARTS.items()}
