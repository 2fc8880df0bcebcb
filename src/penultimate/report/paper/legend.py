"""Legends above a panel: one entry a category, in the order of the chart."""

# Matplotlib's keyword arguments have no types.
# pyright: reportUnknownMemberType=false

from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from penultimate.report.paper.looks import CHANNELS, POINTS, Look, look
from penultimate.report.paper.reading import Marks, Panel, Spec

# Points of a letter of size 7, and of an entry's symbol with the gap after it.
_LETTER, _SYMBOL = 3.4, 22.0
_LETTERS = 34
# Heights of a letter that words above the axes need.
_OVER_TEXT = 1.5
_LINES = ("line", "rule")


def add_legend(axes: Axes, panel: Panel, points: float) -> None:
    """Put what the colours, shapes and dashes of a panel mean above it; nothing where all marks are alike.

    Parameters
    ----------
    axes : Axes
    panel : Panel
    points : float
        The width there is.
    """
    entries, title = _entries(panel)
    if not entries:
        return
    labels = [name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…" for name in entries]
    widest = max(map(len, labels)) * _LETTER + _SYMBOL
    columns = max(1, min(len(labels), int(points // widest)))
    legend = axes.legend(
        list(entries.values()),
        [" "] * len(labels),
        title=title,
        ncols=columns,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        alignment="left",
        borderaxespad=_OVER_TEXT if any(layer.channel("y").get("value", 0) < 0 for layer in panel.layers) else None,
    )
    # Set afterwards: a name may begin with "_" or hold dollars, and is to be shown as it is.
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_parse_math(False)
        text.set_text(label)


def _entries(panel: Panel) -> tuple[dict[str, Artist], str | None]:
    entries: dict[str, Artist] = {}
    title: Any = None
    # Points say more than the lines beside them.
    for marks in sorted(panel.layers, key=lambda layer: layer.kind in _LINES):
        named = [name for name in CHANNELS if marks.has(name) and marks.is_discrete(name)]
        shown = [name for name in named if marks.channel(name)["legend"] is not None]
        if not shown:
            continue
        channel = marks.channel(shown[0])
        legend: Spec = channel["legend"]
        title = title or legend.get("title", channel.get("title"))
        for value in channel["scale"]["domain"]:
            # All channels of a layer say the same.
            entries.setdefault(str(value), _symbol(marks, look(marks, dict.fromkeys(named, value))))
    return entries, title


def _symbol(marks: Marks, one: Look) -> Artist:
    if marks.kind in ("bar", "rect", "area"):
        return Patch(facecolor=one.face, alpha=one.alpha)
    style: dict[str, Any] = {"color": one.ink, "linewidth": POINTS * float(marks.options.get("strokeWidth", 2.0))}
    if marks.kind in _LINES:
        return Line2D([], [], linestyle=one.dash, **style)
    edge = one.ink if one.marker == "_" else one.edge
    drawn: dict[str, Any] = {"markerfacecolor": one.face, "markeredgecolor": edge, "alpha": one.alpha}
    return Line2D([], [], linestyle="none", marker=one.marker, markersize=4, **drawn)
