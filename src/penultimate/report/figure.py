"""A chart as a figure for a paper; Matplotlib is loaded when one is drawn."""

import math
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from penultimate.errors import ProblemError
from penultimate.optional import needed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from penultimate.report.kit.chart_style import AnyChart

# Inches: a column of ICML's and CVPR's two (IEEE's and Nature's are a quarter of an inch wider), the text of NeurIPS
# and ICLR, both columns of ICML.
_WIDTHS = {"column": 3.25, "text": 5.5, "page": 6.75}
# A poster's side; what is narrower than the least has no room for its labels.
_LEAST, _MOST = 2.0, 40.0


def figure(chart: "AnyChart", *, width: float | Literal["column", "text", "page"] = "column") -> "Figure":
    """Draw a chart of a result for a paper: the same numbers, by Matplotlib, at the width of a column.

    The title and the notes of the chart belong in the caption: they are the figure's label, and not drawn.

    Parameters
    ----------
    chart : altair chart
        What the `plot` of a result returns.
    width : {"column", "text", "page"} or float, default "column"
        Of the whole figure, in inches: "column" is 3.25, one of two columns; "text" 5.5, the one column of NeurIPS and
        ICLR; "page" 6.75, both columns.

    Returns
    -------
    matplotlib.figure.Figure
        ``savefig("name.pdf")`` writes vectors, with fonts embedded as TrueType, and the same file every time.
        ``get_label()`` is a caption to start from; ``axes`` are there to be changed.

    Raises
    ------
    ProblemError
        For another width, for what is no chart of a result, and for the chart that is moved by hand.
    MissingDependencyError
        Without the extra ``penultimate[plot]``.

    Examples
    --------
    >>> import penultimate as pen
    >>> forecast = pen.forecast(pen.ClassCounts([600, 300, 12, 9]), weight_decay=0.12, feature_ratio=1)
    >>> figure = pen.figure(forecast.plot("spectrum"), width="column")
    >>> figure.axes[0].get_xlabel(), float(figure.get_figwidth())
    ('direction, strongest first', 3.25)
    >>> figure.get_label().partition(". ")[0]
    'Directions that survive: 2 of 3'
    """
    for library in ("altair", "matplotlib"):
        needed(library, "plot", "a figure")
    return import_module("penultimate.report.paper.drawing").drawn(chart, _inches(width))


def _inches(width: Any) -> float:
    if isinstance(width, str) and width in _WIDTHS:
        return _WIDTHS[width]
    try:
        inches = math.nan if isinstance(width, str | bool) else float(width)
    except (TypeError, ValueError):
        inches = math.nan
    if not _LEAST <= inches <= _MOST:
        names = ", ".join(map(repr, _WIDTHS))
        raise ProblemError(f"width is {width!r}: give one of {names}, or inches from {_LEAST:g} to {_MOST:g}")
    return inches
