"""Charts of an audit of a head with more classes than d + 1, one function a chart."""

from collections.abc import Callable
from functools import partial

import altair as alt
import numpy as np
from jaxtyping import Int

from penultimate.audits.row_audit import RowAudit
from penultimate.audits.row_lengths import RowLengths
from penultimate.report.kit.by_count import class_places, count_axis
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
from penultimate.report.kit.numbers import percent
from penultimate.report.kit.series import GREY, Series, by_rank, forecast, measured, of_head, points

# Classes and singular values of one chart.
_CLASSES = 240
_VALUES = 240


def lengths(audit: RowAudit, found: RowLengths) -> alt.LayerChart:
    """Draw the lengths of rows against counts, beside the law and the mean at alike counts."""
    order = np.argsort(-found.counts, kind="stable")
    picked: Int[np.ndarray, " b"] = order[spread(np.arange(1, order.size + 1), _CLASSES, log=False)]
    series = [
        of_head("rows of the last layer", found.lengths[picked]),
        forecast(found.by_law[picked], "the law, scaled"),
        Series("mean at alike counts", found.by_best[picked], GREY, "square", filled=False),
    ]
    domain = positive_domain(np.concatenate([one.values for one in series]))
    y = alt.Y("value:Q", title="length of the row", scale=log_scale(domain), axis=log_axis(domain))
    x = count_axis(audit.counts)
    layers = points(series, class_places(audit.counts, audit.compared[picked]), x, y, where="class", floor=domain[0])
    whose = "these frequencies" if audit.proxy_counts else "counts"
    law, most = percent(found.law.share, 2), percent(found.best.share, 2)
    title = f"By the law {whose} explain {law} of the variance of lengths, at most {most}"
    return titled(
        alt.LayerChart(layer=layers, width=WIDTH, height=TALL), title, [thinned(picked.size, order.size, "classes")]
    )


def spectrum(audit: RowAudit) -> alt.LayerChart:
    """Draw the singular values of the rows, beside those of the same rows at one length."""
    values, equal = audit.singular_values, audit.equal_length_values
    scaled = equal * float(values @ equal) / float(equal @ equal)
    picked: Int[np.ndarray, " b"] = spread(np.arange(1, values.size + 1), _VALUES, log=False)
    series = [
        measured(values[picked], name="rows as they are"),
        Series("the same rows at one length, scaled", scaled[picked], GREY, "square", filled=False),
    ]
    title = f"Spectrum: {percent(audit.from_flat, 2)} from flat; lengths account for "
    title += percent(audit.from_equal_lengths, 2)
    plot = by_rank(series, picked, values.size, "singular value")
    return titled(plot, title, [thinned(picked.size, values.size, "directions")])


def charts(audit: RowAudit) -> dict[str, Callable[[], AnyChart]]:
    """Every chart by name, drawn when it is called; lengths only where counts explain some of them."""
    drawn: dict[str, Callable[[], AnyChart]] = {"spectrum": partial(spectrum, audit)}
    if audit.lengths is not None and audit.lengths.explained:
        drawn = {"lengths": partial(lengths, audit, audit.lengths), **drawn}
    return drawn
