"""The chart of the matrices that the model says are diagonal: the product T, and the Gram matrices of both factors."""

import altair as alt
import numpy as np
from jaxtyping import Float

from penultimate.alignment import factors
from penultimate.layer_auditing import LayerAudit
from penultimate.report.chart_style import GRID, Row, inline, titled
from penultimate.report.cosines import cosines_of
from penultimate.report.records import finite
from penultimate.report.words import number, percent

# Directions of a heat map: some 1,300 cells each.
LEADING = 36
_SIDE = 270
_LABELS = 8


def matrices(layer: LayerAudit) -> alt.HConcatChart:
    """Draw |T|, PPᵀ and QᵀQ of the leading directions, each scaled so that directions of any strength compare.

    Parameters
    ----------
    layer : LayerAudit
        What to draw.

    Returns
    -------
    altair.HConcatChart
    """
    alignment = layer.alignment
    count = min(LEADING, alignment.directions)
    head, means = factors(layer.layer, layer.forecast.geometry.svd, count)
    sigma = np.repeat(alignment.sigma, alignment.multiplicity)[:count]
    product = np.abs(head @ means.T) / np.sqrt(np.outer(sigma, sigma))
    top = float(product.max(initial=0.0))
    shown = {
        ("|T|, the product", alignment.off_diagonal_share): product / top if top > 0 else np.full_like(product, np.nan),
        ("|PPᵀ|, the head", alignment.head_off_diagonal_share): np.abs(cosines_of(head)),
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
        f"{percent(alignment.head_off_diagonal_share, 2)} of the head's and "
        f"{percent(alignment.means_off_diagonal_share, 2)} of the means' Gram matrix"
    )
    return titled(plot, title, leading_words(count, alignment.directions))


def leading_words(count: int, of: int) -> list[str]:
    """Say how many directions are drawn, and what the colours mean."""
    lines = [f"The leading {count} of {number(float(of))} directions, strongest first"] if count < of else []
    return [*lines, "White: nothing. Dark: as much as between a direction and itself"]


def heat_map(values: Float[np.ndarray, "r r"], side: int = _SIDE) -> alt.LayerChart:
    """Draw a matrix over directions, of values from 0 to 1; grey where there is none."""
    size = len(values)
    rows: list[Row] = [
        {"row": row, "column": column, "value": None if finite(value) is None else round(value, 3)}
        for row, line in enumerate(values.tolist(), start=1)
        for column, value in enumerate(line, start=1)
    ]
    step = max(1, -(-size // _LABELS))
    axis = alt.Axis(domain=False, ticks=False, labelAngle=0, values=list(range(1, size + 1, step)), labelOverlap=False)
    cells = alt.Chart(inline(rows)).mark_rect(invalid="filter")
    scale = alt.Scale(range=["#ffffff", "#0d4a86"], domain=[0, 1], interpolate="rgb")
    legend = alt.Legend(title=None, orient="right", gradientLength=140, gradientThickness=12, format=".1f")
    chart = cells.encode(
        x=alt.X("column:O", title="direction", axis=axis),
        y=alt.Y("row:O", title=None, axis=axis),
        color=alt.Color("value:Q", scale=scale, legend=legend),
        tooltip=[
            alt.Tooltip("row:O", title="direction"),
            alt.Tooltip("column:O", title="and"),
            alt.Tooltip("value:Q", format=".3f"),
        ],
    )
    return alt.LayerChart(layer=[chart], width=side, height=side, view=alt.ViewBackground(fill=GRID))
