"""The chart of angles between class means."""

import math

import altair as alt
import numpy as np
from jaxtyping import Float, Int

from penultimate.counts import ClassCounts
from penultimate.features.metrics.centred import unit_rows
from penultimate.report.kit.chart_style import GRID, Row, distinct_labels, inline, titled
from penultimate.report.kit.numbers import number

# Classes of one heat map: their names stay legible, and some 2,000 cells are drawn at once.
CLASSES = 48
_SIDE = 370
_LARGEST_CELL = 64
# Names of so many letters fit below their column without being turned.
_SHORT = 3
# So many classes have room for larger letters.
_ROOMY = 24


def cosine_map(
    counts: ClassCounts, classes: Int[np.ndarray, " b"], values: Float[np.ndarray, "b b"], what: str
) -> alt.LayerChart:
    """Draw the cosines between vectors of some classes.

    Parameters
    ----------
    counts : ClassCounts
        Of all classes.
    classes : ndarray of shape (b,)
        Which ones are drawn, in this order.
    values : ndarray of shape (b, b)
        Cosines; NaN where a vector is zero or unknown.
    what : str
        Whose cosines these are, in the plural.

    Returns
    -------
    altair.LayerChart
    """
    names = distinct_labels([str(counts.names[index]) for index in classes.tolist()])
    side = min(_SIDE, _LARGEST_CELL * len(names))
    scale = alt.Scale(domain=names)
    turned = -90 if max(map(len, names)) > _SHORT or len(names) > _ROOMY else 0
    cells = alt.Chart(inline(_rows(names, values))).mark_rect(invalid="filter")
    chart = cells.encode(
        x=alt.X("column:N", title=None, scale=scale, axis=_axis(len(names), turned)),
        y=alt.Y("row:N", title=None, scale=scale, axis=_axis(len(names), 0)),
        color=alt.Color(
            "cosine:Q",
            title="cosine",
            scale=alt.Scale(scheme="blueorange", domain=[-1, 1], domainMid=0),
            legend=alt.Legend(
                orient="right", gradientLength=min(side, 180), values=[-1, -0.5, 0, 0.5, 1], format=".1f"
            ),
        ),
        tooltip=[
            alt.Tooltip("row:N", title="class"),
            alt.Tooltip("column:N", title="and"),
            alt.Tooltip("cosine:Q", format=".3f"),
        ],
    )
    # Cells that are null are not drawn: the ground shows.
    plot = alt.LayerChart(layer=[chart], width=side, height=side, view=alt.ViewBackground(fill=GRID))
    grey = f"Grey: {what} that are zero have no angle" if np.isnan(values).any() else ""
    legend = "" if np.isnan(values).all() else f"Amber: {what} that point alike. Blue: apart"
    return titled(plot, _title(values, what), [_which(counts, len(names)), legend, grey])


def cosines_of(rows: Float[np.ndarray, "b d"]) -> Float[np.ndarray, "b b"]:
    """Cosines between rows; NaN where one is zero or unknown."""
    units = unit_rows(rows)
    return np.clip(units @ units.T, -1.0, 1.0)


def chosen_classes(counts: ClassCounts, limit: int = CLASSES) -> Int[np.ndarray, " b"]:
    """Choose a few classes evenly spaced by rank among those with samples, most samples first."""
    ranks = np.unique(np.rint(np.linspace(0, counts.seen - 1, min(limit, counts.seen))).astype(np.int64))
    return np.argsort(-counts.values, kind="stable")[ranks]


def _axis(classes: int, angle: int) -> alt.Axis:
    return alt.Axis(
        domain=False,
        labelAngle=angle,
        labelFontSize=10 if classes <= _ROOMY else 8,
        labelLimit=96,
        # On a narrow screen names that would lie on one another are left out; where each just fits, all stay.
        labelOverlap="greedy",
        labelSeparation=-3,
        labelPadding=4,
        ticks=False,
    )


def _rows(names: list[str], values: Float[np.ndarray, "b b"]) -> list[Row]:
    return [
        {"row": row, "column": column, "cosine": round(value, 6) if math.isfinite(value) else None}
        for row, line in zip(names, values.tolist(), strict=True)
        for column, value in zip(names, line, strict=True)
    ]


def _title(values: Float[np.ndarray, "b b"], what: str) -> str:
    between = values[~np.eye(len(values), dtype=bool)]
    between = between[~np.isnan(between)]
    if between.size == 0:
        return f"Cosines of {what}: no two have an angle"
    low, high = (number(float(value), 2).replace("-", "−") for value in (between.min(), between.max()))
    return f"Cosines of {what}: {low if low == high else f'{low} to {high}'} between classes"


def _which(counts: ClassCounts, drawn: int) -> str:
    seen = counts.seen
    if drawn == seen:
        return f"All {number(seen)} classes with samples, most samples first"
    return f"{drawn} of {number(seen)} classes, evenly spaced by rank, most samples first"
