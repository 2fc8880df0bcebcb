"""Charts of a forecast with more classes than dimensions, one function a chart."""

from collections.abc import Callable
from functools import partial

import altair as alt
import numpy as np

from penultimate.forecasts.narrow_forecast import NarrowForecast
from penultimate.report.kit.by_count import by_count, drawn_classes, not_drawn
from penultimate.report.kit.chart_style import AnyChart, evenly, thinned, titled
from penultimate.report.kit.numbers import number, power_of_count
from penultimate.report.kit.series import PLACES, by_rank, of_head, of_means

_FLAT = 1.005


def lengths(forecast: NarrowForecast) -> alt.LayerChart:
    """Draw the lengths of rows and of features against counts."""
    chosen = drawn_classes(forecast.counts)
    series = [
        of_head("rows of the last layer", forecast.head_norms[chosen]),
        of_means("features", forecast.mean_norms[chosen]),
    ]
    title = "Rows of one length, as all counts are alike"
    if not np.isnan(forecast.slope):
        title = f"Rows grow with the count like {power_of_count(forecast.slope)}"
    return titled(by_count(series, forecast.counts, chosen, "length"), title, not_drawn(forecast.counts, chosen))


def spectrum(forecast: NarrowForecast) -> alt.LayerChart:
    """Draw the singular values of the head."""
    values = forecast.singular_values
    picked = evenly(values.size, PLACES)
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
