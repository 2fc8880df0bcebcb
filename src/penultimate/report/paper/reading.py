"""What a chart holds, read from its Vega-Lite: panels, each of marks over rows.

Charts have one home, in Altair; on paper the same rows are drawn by Matplotlib. What is understood here is what the
package's own charts use.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from penultimate.errors import ProblemError
from penultimate.report.kit.chart_style import CONFIG

Spec = Mapping[str, Any]

_FILTER = re.compile(r"datum\.(\w+)(?: > datum\.(\w+))?")
_NOMINAL = ("nominal", "ordinal")


@dataclass(frozen=True)
class Marks:
    """Marks of one kind over rows: a layer of a chart."""

    kind: str
    options: Spec
    encoding: Spec
    rows: Sequence[Spec]

    def channel(self, name: str) -> Spec:
        """How a channel is encoded; empty where it is not."""
        return self.encoding.get(name, {})

    def has(self, name: str) -> bool:
        """Whether a channel is of a column."""
        return "field" in self.channel(name)

    def is_discrete(self, name: str) -> bool:
        """Whether a channel is of categories."""
        return self.channel(name).get("type") in _NOMINAL

    def column(self, name: str) -> list[Any]:
        """The values of a channel, one a row."""
        field = self.channel(name)["field"]
        return [row.get(field) for row in self.rows]

    def numbers(self, name: str) -> Float[np.ndarray, " n"]:
        """The values of a channel as numbers; NaN where there is none."""
        if "datum" in self.channel(name):
            return np.full(len(self.rows), float(self.channel(name)["datum"]))
        return np.array([np.nan if value is None else float(value) for value in self.column(name)])


@dataclass(frozen=True)
class Panel:
    """Layers over the same axes.

    Attributes
    ----------
    layers : sequence of Marks
    width, height : float
        Of the chart, in pixels.
    title : str
        Of this panel beside others.
    ground : str
        The colour where nothing is drawn.
    """

    layers: Sequence[Marks]
    width: float
    height: float
    title: str
    ground: str

    def first(self, channel: str, key: str, default: Any = None) -> Any:
        """What the first layer says of a channel that says it: layers share their axes and scales."""
        for layer in self.layers:
            if key in layer.channel(channel):
                return layer.channel(channel)[key]
        return default


def read(chart: Any) -> tuple[list[list[Panel]], str]:
    """Panels of a chart, row by row, and its title and notes as text.

    Raises
    ------
    ProblemError
        If it is no chart of the package, or the one that is moved by hand.
    """
    if getattr(chart, "config", None) != CONFIG:
        raise ProblemError(f"chart is a {type(chart).__name__} of another origin: give what plot() of a result returns")
    spec = chart.to_dict()
    if "params" in spec:
        raise ProblemError("this chart is moved by hand and belongs on a page: draw another of the result's charts")
    data = cast(Spec, spec["datasets"])
    rows = spec.get("vconcat", [spec])
    beside = [row.get("hconcat", [row]) for row in rows]
    outer = len(rows) == 1 and len(beside[0]) == 1
    panels = [[_panel(panel, data, "" if outer else _title(panel)) for panel in row] for row in beside]
    return panels, str(spec["description"])


def _panel(spec: Spec, data: Spec, title: str) -> Panel:
    layers = list(_layers(spec, data, {}))
    ground = spec.get("view", {}).get("fill", "white")
    return Panel(layers, float(spec["width"]), float(spec["height"]), title, ground)


def _layers(spec: Spec, data: Spec, inherited: Spec) -> Iterator[Marks]:
    source = spec.get("data", inherited)
    if "layer" in spec:
        for layer in spec["layer"]:
            yield from _layers(layer, data, source)
        return
    rows = data[source["name"]]
    for transform in spec.get("transform", ()):
        rows = _filtered(rows, transform)
    yield Marks(spec["mark"]["type"], spec["mark"], spec.get("encoding", {}), rows)


def _filtered(rows: Sequence[Spec], transform: Spec) -> Sequence[Spec]:
    asked = _FILTER.fullmatch(str(transform.get("filter")))
    if asked is None:
        raise ProblemError(f"figures know no transform {dict(transform)}: draw a chart of the package's own results")
    one, other = asked.groups()
    return [row for row in rows if (row[one] if other is None else row[one] > row[other])]


def _title(spec: Spec) -> str:
    return str(spec.get("title", {}).get("text", ""))
