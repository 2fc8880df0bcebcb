"""A chart as a Matplotlib figure: its panels laid out, and the one style of all figures."""

# Matplotlib's keyword arguments have no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import io
from collections.abc import Sequence
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from penultimate.report.kit.chart_style import GRID, INK, MUTED
from penultimate.report.paper.axis import Place
from penultimate.report.paper.legend import add_legend
from penultimate.report.paper.marks import Drawing
from penultimate.report.paper.reading import Panel, read

# Times, as papers are set in, with letters that it lacks from the font that Matplotlib always has.
_STYLE: dict[Any, Any] = {
    "font.family": ["STIXGeneral", "DejaVu Sans"],
    "mathtext.fontset": "stix",
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "legend.frameon": False,
    "legend.borderpad": 0.2,
    "legend.borderaxespad": 0.1,
    "legend.handlelength": 1.4,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.0,
    "legend.labelspacing": 0.2,
    "axes.linewidth": 0.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.4,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    # Embedded as TrueType, which venues ask for; their default, Type 3, is refused by some.
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    # So that the same figure is the same file.
    "svg.hashsalt": "penultimate",
}
# Inches of a pixel of the chart: so wide a chart fills a column with its labels; a wider one keeps that height.
_MARGIN, _INCHES = 60.0, 3.25 / 500
# Inches of one row of a chart of names.
_ROW = 0.14
# What a file says of the day it was written on.
_DATES = {"pdf": "CreationDate", "svg": "Date"}
_DPI = 200


class _PaperFigure(Figure):
    """A figure that is drawn in the package's style whenever it is saved, whatever the style of the session."""

    def savefig(self, fname: Any, **kwargs: Any) -> None:
        """As Matplotlib's, without the date and with the caption as the file's title."""
        kind = str(kwargs.get("format") or fname).rpartition(".")[2].lower()
        known = {"Title": self.get_label(), _DATES[kind]: None} if kind in _DATES else {}
        kwargs["metadata"] = known | (kwargs.get("metadata") or {})
        with style.context(_STYLE, after_reset=True):
            super().savefig(fname, **kwargs)

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        held = io.BytesIO()
        self.savefig(held, format="png", dpi=_DPI)
        return held.getvalue()


def drawn(chart: object, width: float) -> Figure:
    """Draw every panel of a chart; width in inches."""
    rows, told = read(chart)
    with style.context(_STYLE, after_reset=True):
        heights = [max(_height(panel, row, width) for panel in row) for row in rows]
        figure = _PaperFigure(figsize=(width, sum(heights) + _MARGIN * _INCHES), layout=_layout())
        figure.set_label(told)
        grid = figure.add_gridspec(len(rows), max(map(len, rows)), height_ratios=heights)
        for place, row in enumerate(rows):
            drawings = [_panel(figure.add_subplot(grid[place, k]), panel, width) for k, panel in enumerate(row)]
            _key(figure, drawings)
        return figure


def _layout() -> ConstrainedLayoutEngine:
    return ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, hspace=0.03, wspace=0.03)


def _height(panel: Panel, row: Sequence[Panel], width: float) -> float:
    """Inches of a panel: as tall as the chart is, and with room for the names of its rows."""
    inches = max(width / (sum(one.width for one in row) + _MARGIN), _INCHES if len(row) == 1 else 0.0)
    names = Place.of(panel, "y").categories
    return max(panel.height * inches, 0.0 if names is None or _is_matrix(panel) else _ROW * len(names))


def _panel(axes: Axes, panel: Panel, width: float) -> Drawing:
    x, y = Place.of(panel, "x"), Place.of(panel, "y")
    axes.set_facecolor(panel.ground)
    drawing = Drawing(axes, x, y)
    x.prepare(axes)
    y.prepare(axes)
    for marks in panel.layers:
        drawing.draw(marks)
    across = 72.0 * width * 0.8 / axes.get_subplotspec().get_gridspec().ncols  # pyright: ignore[reportOptionalMemberAccess]
    x.finish(axes, across)
    y.finish(axes, across * panel.height / panel.width)
    if panel.title:
        axes.set_title(panel.title, parse_math=False)
    if drawing.mesh is not None:
        axes.set_aspect("equal")
        for spine in axes.spines.values():
            spine.set_visible(False)
    add_legend(axes, panel, across)
    return drawing


def _key(figure: Figure, drawings: Sequence[Drawing]) -> None:
    """One bar of colours for the matrices of a row."""
    meshes = [drawing.mesh for drawing in drawings if drawing.mesh is not None]
    if meshes:
        axes = [drawing.axes for drawing in drawings]
        bar = figure.colorbar(meshes[0], ax=axes, aspect=25, fraction=0.05, pad=0.02, shrink=0.8)
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
        bar.ax.tick_params(length=0, labelsize=6)


def _is_matrix(panel: Panel) -> bool:
    return all(layer.kind == "rect" for layer in panel.layers)
