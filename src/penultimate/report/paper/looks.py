"""Colour, shape and dashes of marks, told apart by their categories as the chart says."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Bool
from matplotlib import colormaps
from matplotlib.colors import to_hex

from penultimate.report.kit.chart_style import COLOURS
from penultimate.report.paper.reading import Marks

# Points on paper for a pixel of a chart: 440 pixels are a column.
POINTS = 0.5
CHANNELS = ("color", "fill", "stroke", "shape", "strokeDash")
_SHAPES = {"circle": "o", "diamond": "D", "cross": "P", "square": "s", "triangle-up": "^", "stroke": "_"}


@dataclass(frozen=True)
class Look:
    """How marks of one category are drawn; `face` is "none" where they are hollow."""

    face: str
    edge: str
    marker: str
    dash: Any
    alpha: float

    @property
    def ink(self) -> str:
        """The one colour of what is not filled: lines, rules."""
        return self.edge if self.edge != "none" else self.face


def groups(marks: Marks) -> Iterator[tuple[Look, Bool[np.ndarray, " n"]]]:
    """Each look, and which rows have it."""
    named = [name for name in CHANNELS if marks.has(name)]
    keys = list(zip(*(marks.column(name) for name in named), strict=True)) if named else [()] * len(marks.rows)
    for key in dict.fromkeys(keys):
        yield look(marks, dict(zip(named, key, strict=True))), np.array([one == key for one in keys], dtype=bool)


def look(marks: Marks, category: dict[str, Any]) -> Look:
    """The look of a category: its value on each channel that is of categories."""
    options = marks.options
    given = {name: _of_scale(marks, name, value) for name, value in category.items()}
    plain = marks.channel("color").get("value", options.get("color", COLOURS[0]))
    color = given.get("color", plain)
    hollow = marks.kind == "point" and not options.get("filled", False)
    face = given.get("fill", "none" if hollow else color)
    edge = given.get("stroke", options.get("stroke", color if hollow else "none"))
    marker = _SHAPES[given.get("shape", options.get("shape", "circle"))]
    width = float(options.get("strokeWidth", 1.0))
    dash = _dash(given.get("strokeDash", options.get("strokeDash")), width)
    return Look(face, edge, marker, dash, float(options.get("opacity", options.get("fillOpacity", 1.0))))


def _of_scale(marks: Marks, name: str, value: Any) -> Any:
    scale = marks.channel(name)["scale"]
    domain = list(scale["domain"])
    place = domain.index(value)
    if "scheme" in scale:
        low, high = scale["scheme"]["extent"]
        along = low + (high - low) * place / max(len(domain) - 1, 1)
        return to_hex(cast(Any, colormaps[scale["scheme"]["name"]](along)))
    return scale["range"][place % len(scale["range"])]


def _dash(pattern: Any, width: float) -> Any:
    """Matplotlib counts dashes in widths of the line."""
    if not pattern or pattern[1] == 0:
        return "-"
    return (0, [length / width for length in pattern])
