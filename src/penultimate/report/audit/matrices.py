"""The chart of the matrices that the model says are diagonal: the product T, and the Gram matrices of both factors."""

import altair as alt
import numpy as np

from penultimate.audits.alignment import factors
from penultimate.audits.layer import LayerAudit
from penultimate.report.kit.chart_style import titled
from penultimate.report.kit.cosines import cosines_of
from penultimate.report.kit.heat_map import LEADING, heat_map, leading_words
from penultimate.report.kit.numbers import percent


def matrices(layer: LayerAudit) -> alt.HConcatChart:
    """Draw |T|, PPᵀ and QᵀQ of the leading directions, each scaled so that directions of any strength compare."""
    alignment = layer.alignment
    count = min(LEADING, alignment.directions)
    head, means = factors(layer.measured, layer.forecast.geometry.svd, count)
    sigma = np.repeat(alignment.sigma, alignment.multiplicity)[:count]
    product = np.abs(head @ means.T) / np.sqrt(np.outer(sigma, sigma))
    top = float(product.max(initial=0.0))
    shown = {
        ("|T|, the product", alignment.off_diagonal_share): product / top if top > 0 else np.full_like(product, np.nan),
        ("|PPᵀ|, the last layer", alignment.head_off_diagonal_share): np.abs(cosines_of(head)),
        ("|QᵀQ|, the means", alignment.means_off_diagonal_share): np.abs(cosines_of(means)),
    }
    charts = [
        heat_map(values).properties(
            title=alt.Title(name, subtitle=f"{percent(share, 2)} off the diagonal", fontSize=12, offset=6)
        )
        for (name, share), values in shown.items()
    ]
    plot = alt.HConcatChart(hconcat=charts, spacing=28, resolve=alt.Resolve(scale={"color": "shared"}))
    title = (
        f"Off the diagonal: {percent(alignment.off_diagonal_share, 2)} of T, but "
        f"{percent(alignment.head_off_diagonal_share, 2)} of the last layer's and "
        f"{percent(alignment.means_off_diagonal_share, 2)} of the means' Gram matrix"
    )
    return titled(plot, title, leading_words(count, alignment.directions))
