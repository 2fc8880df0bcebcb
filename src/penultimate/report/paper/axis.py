"""The two axes of a panel: where its values lie, and what is written there."""

# Matplotlib's keyword arguments have no types.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator, PercentFormatter

from penultimate.report.paper.reading import Marks, Panel, Spec

# Letters of a label of a class.
_LETTERS = 26
# Powers of ten are written out from here to there.
_PLAIN = (1e-3, 1e5)
# Marks that Vega draws from zero.
_FROM_ZERO = ("bar", "area", "point", "circle", "tick", "rect")
# Points of a label's height that a row of a matrix or of bars needs, and the smallest that can be read.
_LINE, _SMALLEST = 1.15, 4.0
# Points that a letter of such a label takes.
_LETTER = 3.6


@dataclass(frozen=True)
class Place:
    """How one axis of a panel places values.

    Attributes
    ----------
    which : {"x", "y"}
    panel : Panel
    categories : sequence or None
        In their order, of an axis that is of names; else None.
    """

    which: Literal["x", "y"]
    panel: Panel
    categories: Sequence[Any] | None

    @classmethod
    def of(cls, panel: Panel, which: Literal["x", "y"]) -> "Place":
        """The axis of that name."""
        named = [layer for layer in panel.layers if layer.is_discrete(which)]
        return cls(which, panel, _order(named, which) if named else None)

    def values(self, marks: Marks, second: bool = False) -> Float[np.ndarray, " n"]:
        """Where the marks lie along this axis; `second` for their other end."""
        if self.categories is None:
            return marks.numbers(f"{self.which}2" if second else self.which)
        places = {name: float(place) for place, name in enumerate(self.categories)}
        return np.array([places[name] for name in marks.column(self.which)])

    def prepare(self, axes: Axes) -> None:
        """Set the scale, before anything is drawn."""
        kind = self._scale("type", "linear")
        if kind != "linear":
            set_scale = cast(Callable[..., None], axes.set_xscale if self.which == "x" else axes.set_yscale)
            set_scale(kind, **({"linthresh": 1.0} if kind == "symlog" else {}))

    def finish(self, axes: Axes, points: float) -> None:
        """Set limits, ticks, labels and title, after everything is drawn; `points` is the length of the axis."""
        self._limit(axes)
        self._ticks(axes, points)
        self._grid(axes)
        axis = axes.xaxis if self.which == "x" else axes.yaxis
        first = next((layer.channel(self.which)["field"] for layer in self.panel.layers if layer.has(self.which)), "")
        title = self.panel.first(self.which, "title", first)
        axis.set_label_text(title or "", parse_math=False)

    def _scale(self, key: str, default: Any = None) -> Any:
        scale: Spec = self.panel.first(self.which, "scale") or {}
        return scale.get(key, default)

    def _axis(self, key: str, default: Any = None) -> Any:
        axis: Spec = self.panel.first(self.which, "axis") or {}
        return axis.get(key, default)

    def _limit(self, axes: Axes) -> None:
        domain = self._scale("domain")
        set_limits: Callable[..., Any] = axes.set_xlim if self.which == "x" else axes.set_ylim
        if self.categories is not None:
            ends = (-0.5, len(self.categories) - 0.5)
            set_limits(*(ends if self.which == "x" else reversed(ends)))
        elif domain is not None:
            set_limits(float(domain[0]), float(domain[-1]))
        elif self._scale("zero", self._starts_at_zero()):
            low, high = axes.get_xlim() if self.which == "x" else axes.get_ylim()
            values = self._drawn()
            set_limits(0.0 if values.min() >= 0 else low, 0.0 if values.max() <= 0 else high)

    def _starts_at_zero(self) -> bool:
        kinds = {layer.kind for layer in self.panel.layers if layer.has(self.which)}
        return not kinds.isdisjoint(_FROM_ZERO)

    def _drawn(self) -> Float[np.ndarray, " n"]:
        """All values of a quantitative axis, both ends of what has two."""
        names = (self.which, f"{self.which}2")
        held = [layer.numbers(name) for layer in self.panel.layers for name in names if layer.has(name)]
        every = np.concatenate([*held, np.zeros(1)])
        return every[np.isfinite(every)]

    def _ticks(self, axes: Axes, points: float) -> None:
        axis = axes.xaxis if self.which == "x" else axes.yaxis
        axis.set_minor_locator(NullLocator())
        if self.categories is not None:
            self._name(axes, points)
            return
        values = self._axis("values")
        if values is not None:
            axis.set_major_locator(FixedLocator(values))
        elif self._scale("type", "linear") == "linear":
            axis.set_major_locator(MaxNLocator(min(int(self._axis("tickCount", 6)), 6)))
        if self._axis("labels", True) is False:
            axis.set_major_formatter(NullFormatter())
            axis.set_tick_params(length=0)
        elif "%" in self._axis("format", ""):
            axis.set_major_formatter(PercentFormatter(1.0))
        else:
            axis.set_major_formatter(FuncFormatter(_number))

    def _name(self, axes: Axes, points: float) -> None:
        """Write the categories: smaller where there are many, and only some where even that is too large."""
        assert self.categories is not None
        size = points / len(self.categories) / _LINE
        step = max(1, int(np.ceil(_SMALLEST / size)))
        wanted = self._axis("values")
        places = range(0, len(self.categories), step)
        shown = [i for i in places if wanted is None or self.categories[i] in wanted]
        labels = [_short(str(self.categories[i])) for i in shown]
        upright = self.which == "x" and sum(len(label) + 2 for label in labels) * _LETTER > points
        font = min(max(size * step, _SMALLEST), 7.0) if self.which == "y" or upright else 7.0
        set_ticks = cast(Callable[..., Any], axes.set_xticks if self.which == "x" else axes.set_yticks)
        set_ticks(shown, labels, fontsize=font, rotation=90 if upright else 0, parse_math=False)
        (axes.xaxis if self.which == "x" else axes.yaxis).set_tick_params(length=0)

    def _grid(self, axes: Axes) -> None:
        if self.categories is None and self._axis("grid", True):
            axes.grid(axis=self.which)


def _order(layers: Sequence[Marks], which: str) -> list[Any]:
    """Categories of all layers, in the order that the chart asks for."""
    found: list[Any] = list(dict.fromkeys(value for layer in layers for value in layer.column(which)))
    channels = [layer.channel(which) for layer in layers]
    domains = (channel["scale"]["domain"] for channel in channels if "domain" in (channel.get("scale") or {}))
    asked: Any = next((channel["sort"] for channel in channels if "sort" in channel), "ascending")
    listed = next(domains, asked)
    if isinstance(listed, list):
        return cast(list[Any], listed)
    return found if listed is None else sorted(found)


def _short(name: str) -> str:
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"


def _number(value: float, _: object = None) -> str:
    """A tick's number; a very small or large one as a power of ten."""
    if value == 0 or _PLAIN[0] <= abs(value) < _PLAIN[1]:
        return f"{value:,.6g}".replace("-", "−")
    digits, power = f"{value:.6e}".split("e")
    digits = digits.rstrip("0").rstrip(".")
    raised = f"10^{{{int(power)}}}"
    return f"${raised}$" if digits == "1" else f"${digits}{{\\times}}{raised}$"
