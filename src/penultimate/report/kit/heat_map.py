"""Heat maps of the leading directions."""

import altair as alt
import numpy as np
from jaxtyping import Float

from penultimate.report.kit.chart_style import GRID, Row, inline
from penultimate.report.kit.numbers import finite, number

# Directions of a heat map: some 1,300 cells each.
LEADING = 36


_SIDE = 270


_LABELS = 8


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
