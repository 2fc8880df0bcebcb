"""Charts of an audit of a head with more classes than d + 1, one function a chart."""

from collections.abc import Callable
from functools import partial

import altair as alt
import numpy as np
from jaxtyping import Int

from penultimate.audits.row_audit import RowAudit
from penultimate.audits.row_lengths import RowLengths
from penultimate.report.kit.by_count import by_count
from penultimate.report.kit.chart_style import AnyChart, evenly, thinned, titled
from penultimate.report.kit.numbers import percent
from penultimate.report.kit.series import GREY, PLACES, Series, by_rank, forecast, measured, of_head


def lengths(audit: RowAudit, found: RowLengths) -> alt.LayerChart:
    """Draw the lengths of rows against counts, beside the law and the mean at alike counts."""
    order = np.argsort(-found.counts, kind="stable")
    picked: Int[np.ndarray, " b"] = order[evenly(order.size, PLACES)]
    series = [
        of_head("rows of the last layer", found.lengths[picked]),
        forecast(found.by_law[picked], "the law, scaled"),
        Series("mean at alike counts", found.by_best[picked], GREY, "square", filled=False),
    ]
    plot = by_count(series, audit.counts, audit.compared[picked], "length of the row")
    whose = "these frequencies" if audit.proxy_counts else "counts"
    law, most = percent(found.law.share, 2), percent(found.best.share, 2)
    title = f"By the law {whose} explain {law} of the variance of lengths, at most {most}"
    return titled(plot, title, [thinned(picked.size, order.size, "classes")])


def spectrum(audit: RowAudit) -> alt.LayerChart:
    """Draw the singular values of the rows, beside those of the same rows at one length."""
    values, equal = audit.singular_values, audit.equal_length_values
    scaled = equal * float(values @ equal) / float(equal @ equal)
    picked = evenly(values.size, PLACES)
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
