"""Charts of a forecast with more classes than dimensions, one function a chart."""

from collections.abc import Callable
from functools import partial

import altair as alt
import numpy as np

from penultimate.forecasts.narrow_forecast import NarrowForecast
from penultimate.report.kit.by_count import class_places, count_axis, drawn_classes, not_drawn
from penultimate.report.kit.chart_style import (
    TALL,
    WIDTH,
    AnyChart,
    log_axis,
    log_scale,
    positive_domain,
    spread,
    thinned,
    titled,
)
from penultimate.report.kit.numbers import number, power_of_count
from penultimate.report.kit.series import by_rank, of_head, of_means, points

_VALUES = 240
_FLAT = 1.005


def lengths(forecast: NarrowForecast) -> alt.LayerChart:
    """Draw the lengths of rows and of features against counts."""
    chosen = drawn_classes(forecast.counts)
    head, means = forecast.head_norms[chosen], forecast.mean_norms[chosen]
    series = [of_head("rows of the last layer", head), of_means("features", means)]
    domain = positive_domain(np.concatenate([head, means]))
    y = alt.Y("value:Q", title="length", scale=log_scale(domain), axis=log_axis(domain))
    places, x = class_places(forecast.counts, chosen), count_axis(forecast.counts)
    layers = points(series, places, x, y, where="class", floor=domain[0])
    title = "Rows of one length, as all counts are alike"
    if not np.isnan(forecast.slope):
        title = f"Rows grow with the count like {power_of_count(forecast.slope)}"
    plot = alt.LayerChart(layer=layers, width=WIDTH, height=TALL)
    return titled(plot, title, not_drawn(forecast.counts, chosen))


def spectrum(forecast: NarrowForecast) -> alt.LayerChart:
    """Draw the singular values of the head."""
    values = forecast.singular_values
    picked = spread(np.arange(1, values.size + 1), _VALUES, log=False)
    plot = by_rank([of_head("rows of the last layer", values[picked])], picked, values.size, "singular value")
    ratio = float(values[0] / values[-1])
    title = f"The largest singular value is {number(ratio, 2)} times the smallest"
    if ratio < _FLAT:
        title = "The spectrum is flat"
    return titled(plot, title, [thinned(picked.size, values.size, "directions")])


def charts(forecast: NarrowForecast) -> dict[str, Callable[[], AnyChart]]:
    """Every chart by name, drawn when it is called; none where only a bound is known, or no row has a length."""
    if not forecast.is_known or not forecast.singular_values[-1] > 0.0:
        return {}
    return {"lengths": partial(lengths, forecast), "spectrum": partial(spectrum, forecast)}
