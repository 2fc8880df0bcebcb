"""Marks of each kind, drawn by Matplotlib where the chart has them."""

# Matplotlib's keyword arguments have no types.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm

from penultimate.errors import ProblemError
from penultimate.report.paper.axis import Place
from penultimate.report.paper.looks import POINTS, Look, groups
from penultimate.report.paper.reading import Marks

# Vega's scheme "blueorange", for cosines.
_DIVERGING = "#134b85 #2f78b3 #5da2cb #9dcae1 #d2e5ef #f2f0eb #fce0ba #fbbf74 #e8932f #c5690d #994a07".split()
_ALIGN = {"top": "top", "bottom": "bottom", "middle": "center"}


class Drawing:
    """One panel's axes and the places of its values; `draw` puts a layer upon the others."""

    def __init__(self, axes: Axes, x: Place, y: Place) -> None:
        self.axes, self.x, self.y = axes, x, y
        self.mesh: QuadMesh | None = None
        self._order = 2.0

    def draw(self, marks: Marks) -> None:
        """Draw one layer.

        Raises
        ------
        ProblemError
            For a kind of mark that no chart of the package has.
        """
        self._order += 0.01
        kinds: dict[str, Callable[[Marks], None]] = {
            "rect": self._rect,
            "text": self._text,
            "bar": self._bar,
            **dict.fromkeys(("point", "circle", "tick", "line", "rule", "area"), self._by_group),
        }
        if marks.kind not in kinds:
            raise ProblemError(f"figures know no mark {marks.kind!r}: draw a chart of the package's own results")
        if marks.rows:
            kinds[marks.kind](marks)

    def _by_group(self, marks: Marks) -> None:
        draw = {"line": self._line, "rule": self._rule, "area": self._area}.get(marks.kind, self._points)
        for look, rows in groups(marks):
            draw(marks, look, rows)

    def _points(self, marks: Marks, look: Look, rows: Bool[np.ndarray, " n"]) -> None:
        area, width = float(marks.options.get("size", 60)), float(marks.options.get("strokeWidth", 1.0))
        tick = marks.kind == "tick"
        marker = "|" if tick else look.marker
        line = tick or marker == "_"
        self.axes.plot(
            self.x.values(marks)[rows],
            self.y.values(marks)[rows],
            linestyle="none",
            marker=marker,
            markersize=POINTS * np.sqrt(4 / np.pi * (4 if tick else 1) * area),
            markerfacecolor=look.face,
            markeredgecolor=look.ink if line else look.edge,
            markeredgewidth=POINTS * (2 * width if line else width) if line or look.edge != "none" else 0.0,
            alpha=look.alpha,
            zorder=self._order,
        )

    def _line(self, marks: Marks, look: Look, rows: Bool[np.ndarray, " n"]) -> None:
        x, y = self.x.values(marks)[rows], self.y.values(marks)[rows]
        along = np.argsort(x, kind="stable")
        stepped = marks.options.get("interpolate") == "step-after"
        dots = marks.options.get("point")
        self.axes.plot(
            x[along],
            y[along],
            color=look.ink,
            linewidth=POINTS * float(marks.options.get("strokeWidth", 2.0)),
            linestyle=look.dash,
            drawstyle="steps-post" if stepped else "default",
            marker="o" if dots else "",
            markersize=POINTS * 5,
            alpha=look.alpha,
            zorder=self._order,
        )

    def _rule(self, marks: Marks, look: Look, rows: Bool[np.ndarray, " n"]) -> None:
        style: dict[str, Any] = {
            "color": look.ink,
            "linewidth": POINTS * float(marks.options.get("strokeWidth", 1.0)),
            "linestyle": look.dash,
            "alpha": look.alpha,
            "zorder": self._order,
        }
        if "y2" in marks.encoding:
            low, high = self.y.values(marks)[rows], self.y.values(marks, second=True)[rows]
            self.axes.vlines(self.x.values(marks)[rows], low, high, **style)
        elif "x2" in marks.encoding:
            low, high = self.x.values(marks)[rows], self.x.values(marks, second=True)[rows]
            self.axes.hlines(self.y.values(marks)[rows], low, high, **style)
        else:
            across = marks.has("y")
            for level in (self.y if across else self.x).values(marks)[rows].tolist():
                (self.axes.axhline if across else self.axes.axvline)(level, **style)

    def _area(self, marks: Marks, look: Look, rows: Bool[np.ndarray, " n"]) -> None:
        x, y = self.x.values(marks)[rows], self.y.values(marks)[rows]
        base = self.y.values(marks, second=True)[rows] if "y2" in marks.encoding else np.zeros(y.size)
        along = np.argsort(x, kind="stable")
        self.axes.fill_between(
            x[along], base[along], y[along], color=look.face, alpha=look.alpha, linewidth=0, zorder=self._order
        )
        edge = marks.options.get("line")
        if edge:
            width = POINTS * float(edge["strokeWidth"])
            self.axes.plot(x[along], y[along], color=edge["color"], linewidth=width, zorder=self._order)

    def _bar(self, marks: Marks) -> None:
        """Bars over names, those of one name upon one another in their order."""
        upright = self.x.categories is not None
        place, size = (self.x.values(marks), self.y) if upright else (self.y.values(marks), self.x)
        lengths = np.nan_to_num(size.values(marks))
        names = self.x.categories if upright else self.y.categories
        # What has been stacked so far, up and down from zero.
        tops = np.zeros((2, len(names or ())))
        for look, rows in groups(marks):
            at, length = place[rows], lengths[rows]
            side = (length < 0).astype(int)
            base = tops[side, at.astype(int)]
            tops[side, at.astype(int)] += length
            style: dict[str, Any] = {"color": look.face, "alpha": look.alpha, "zorder": self._order}
            if upright:
                self.axes.bar(at, length, bottom=base, width=0.8, **style)
            else:
                self.axes.barh(at, length, left=base, height=0.8, **style)

    def _rect(self, marks: Marks) -> None:
        if marks.has("color") and not marks.is_discrete("color"):
            self._matrix(marks)
        elif "x2" in marks.encoding:
            self._boxes(marks)
        else:
            for look, rows in groups(marks):
                ends = zip(self.y.values(marks)[rows], self.y.values(marks, second=True)[rows], strict=True)
                for low, high in ends:
                    self.axes.axhspan(low, high, color=look.face, alpha=look.alpha, linewidth=0, zorder=1.0)

    def _boxes(self, marks: Marks) -> None:
        left, right = self.x.values(marks), self.x.values(marks, second=True)
        low, high = self.y.values(marks, second=True), self.y.values(marks)
        for look, rows in groups(marks):
            self.axes.bar(
                left[rows],
                (high - low)[rows],
                bottom=low[rows],
                width=(right - left)[rows],
                align="edge",
                facecolor=look.face,
                edgecolor=look.edge,
                linewidth=POINTS * float(marks.options["strokeWidth"]),
                alpha=look.alpha,
                zorder=self._order,
            )

    def _matrix(self, marks: Marks) -> None:
        """A matrix of cells; those without a number show the ground."""
        assert self.x.categories is not None and self.y.categories is not None
        cells: Float[np.ndarray, "r c"] = np.full((len(self.y.categories), len(self.x.categories)), np.nan)
        places = self.y.values(marks).astype(int), self.x.values(marks).astype(int)
        cells[places] = marks.numbers("color")
        scale = marks.channel("color")["scale"]
        low, high = float(scale["domain"][0]), float(scale["domain"][-1])
        colours = LinearSegmentedColormap.from_list("cells", scale.get("range", _DIVERGING))
        norm = TwoSlopeNorm(0.0, low, high) if low < 0 < high else None
        limits: dict[str, Any] = {"norm": norm} if norm is not None else {"vmin": low, "vmax": high}
        across: Float[np.ndarray, " c"] = np.arange(len(self.x.categories) + 1) - 0.5
        down: Float[np.ndarray, " r"] = np.arange(len(self.y.categories) + 1) - 0.5
        # Edges of a cell's own colour: without them viewers of PDF show white lines between cells.
        style: dict[str, Any] = {"edgecolors": "face", "linewidth": 0.1, "zorder": self._order}
        self.mesh = self.axes.pcolormesh(across, down, cells, cmap=colours, **limits, **style)

    def _text(self, marks: Marks) -> None:
        """Words beside a value, or at an end of the axes where the chart gives a pixel."""
        options, size = marks.options, len(marks.rows)
        at: list[Float[np.ndarray, " n"]] = []
        systems: list[str] = []
        shift = [POINTS * float(options.get("dx", 0)), -POINTS * float(options.get("dy", 0))]
        for axis, (place, start) in enumerate(((self.x, 0.0), (self.y, 1.0))):
            pixel = marks.channel(place.which).get("value")
            systems.append("data" if pixel is None else "axes fraction")
            at.append(place.values(marks) if pixel is None else np.full(size, start))
            shift[axis] += POINTS * float(pixel or 0) * (1 if axis == 0 else -1)
        for look, rows in groups(marks):
            for x, y, text in zip(at[0][rows], at[1][rows], np.array(marks.column("text"))[rows], strict=True):
                self.axes.annotate(
                    str(text),
                    (x, y),
                    xytext=(shift[0], shift[1]),
                    xycoords=(systems[0], systems[1]),
                    textcoords="offset points",
                    ha=options["align"],
                    va=_ALIGN[options.get("baseline", "middle")],
                    color=look.face,
                    fontsize=7,
                    parse_math=False,
                    zorder=5,
                )
