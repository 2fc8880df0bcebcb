"""What a monitor says of the sums that it holds: collapse, recall by class, alignment; and which of it is asked for."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from jaxtyping import Float, Int

from penultimate.audits.alignment import Alignment, align
from penultimate.audits.last_layer import LastLayer
from penultimate.features.head import Head
from penultimate.features.metrics import CollapseMetrics, collapse_metrics
from penultimate.features.statistics import FeatureStatistics
from penultimate.forecasts.forecast import Forecast
from penultimate.torch.monitoring.chosen import Chosen

_SHARES = ("off_diagonal_share", "head_off_diagonal_share", "means_off_diagonal_share")
# The bands of class size by which the long-tail literature reports (`ClassCounts.bands`).
_BANDS = ("many", "medium", "few")
# What is kept about each class, and so put in another order with the classes.
_BY_CLASS = ("weight", "shift", "total", "square")


class Figures:
    """Figures of a monitor, by name.

    Parameters
    ----------
    names : sequence of str
        Classes, in the order of the labels.
    forecast : Forecast or None
    outputs : ndarray of shape (K,)
        The label of each class of the forecast.
    directions : int
        How many of them get a figure.
    chosen : sequence of str or None
        Names or patterns of those wanted.
    """

    def __init__(
        self,
        names: Sequence[str],
        forecast: Forecast | None,
        outputs: Int[np.ndarray, " K"],
        directions: int,
        chosen: Sequence[str] | None,
    ) -> None:
        self.names, self.forecast, self.directions = names, forecast, directions
        self.outputs = outputs
        self._chosen = Chosen(chosen, _possible(), ("recall",), "class", names)

    @property
    def with_answers(self) -> bool:
        """Whether any figure needs to know which samples the head answers rightly."""
        return any(self._chosen.takes(name) for name in (*_answered(self.names), "recall/"))

    def of(
        self, statistics: FeatureStatistics, head: Head | None, right: Float[np.ndarray, " K"] | None
    ) -> dict[str, float]:
        """Those that exist and were asked for; `right` is how many samples of each label the head answers rightly."""
        geometry = None if self.forecast is None else self.forecast.geometry
        ours, own_head = self._in_order(statistics, head)
        collapse = collapse_metrics(ours, None if own_head is None else own_head.product, geometry)
        figures = {"samples": statistics.samples, **collapse.to_dict()}
        if right is not None:
            figures |= self._recalls(right, statistics.counts)
        alignment = self._aligned(ours, own_head)
        if alignment is not None:
            figures |= {f"alignment/{name}": getattr(alignment, name) for name in _SHARES}
            figures["alignment/mean_cosine"] = _mean(alignment.cosine, alignment.multiplicity)
            leading = alignment.strength[: self.directions].tolist()
            figures |= {f"direction/{index}": strength for index, strength in enumerate(leading, start=1)}
        return self._chosen.among(figures)

    def aligned(self, statistics: FeatureStatistics, head: Head | None) -> Alignment | None:
        """The head along the directions of the forecast; None without either, or samples of every class."""
        return self._aligned(*self._in_order(statistics, head))

    def _in_order(self, statistics: FeatureStatistics, head: Head | None) -> tuple[FeatureStatistics, Head | None]:
        """Both in the forecast's order of classes."""
        order = self.outputs
        if self.forecast is None or np.array_equal(order, np.arange(order.size)):
            return statistics, head
        arrays = statistics.arrays()
        moved = {name: np.ascontiguousarray(arrays[name][order]) for name in _BY_CLASS}
        if head is not None:
            bias = None if head.bias is None else head.bias[order]
            head = Head((*head.weights[:-1], head.weights[-1][order]), bias)
        return FeatureStatistics.from_arrays(arrays | moved), head

    def _aligned(self, statistics: FeatureStatistics, head: Head | None) -> Alignment | None:
        if head is None or self.forecast is None:
            return None
        counts = self.forecast.counts
        if np.any((counts.values > 0) & (statistics.counts == 0)):
            return None
        layer = LastLayer(counts, statistics.means, head, None, self.forecast.problem.bias != "none")
        return align(layer, self.forecast.geometry.svd, None)

    def _recalls(self, right: Float[np.ndarray, " K"], counts: Float[np.ndarray, " K"]) -> dict[str, float]:
        recall = np.divide(right, counts, out=np.full(counts.size, np.nan), where=counts > 0)
        figures = {
            "accuracy": float(right.sum() / counts.sum()) if counts.sum() else float("nan"),
            "balanced_accuracy": _mean(recall, np.ones(recall.size)),
        }
        if self.forecast is not None:
            bands = self.forecast.counts.bands()[np.argsort(self.outputs)]
            figures |= {f"recall_{band}": _mean(recall, (bands == band).astype(np.float64)) for band in _BANDS}
        return figures | {f"recall/{name}": value for name, value in zip(self.names, recall.tolist(), strict=True)}


def _possible() -> list[str]:
    collapse = [field.name for field in fields(CollapseMetrics)]
    aligned = [f"alignment/{name}" for name in (*_SHARES, "mean_cosine")]
    return ["samples", *collapse, *aligned, "direction/1", *_answered(())]


def _answered(names: Sequence[str]) -> list[str]:
    """Figures that need the head's answers."""
    return ["accuracy", "balanced_accuracy", *(f"recall_{band}" for band in _BANDS), *(f"recall/{n}" for n in names)]


def _mean(values: Float[np.ndarray, " n"], weights: "Float[np.ndarray, ' n'] | Int[np.ndarray, ' n']") -> float:
    known = np.isfinite(values) & (weights > 0)
    return float(np.average(values[known], weights=weights[known])) if known.any() else float("nan")
