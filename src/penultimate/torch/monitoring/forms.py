"""What a sample has, one class or several labels: all in which a monitor of the one differs from that of the other."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from penultimate.counts.class_names import NumberedNames
from penultimate.errors import FeaturesError
from penultimate.features.label_statistics import LabelStatistics
from penultimate.features.statistics import FeatureStatistics
from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.label_forecast import LabelForecast
from penultimate.torch.class_order import outputs_of
from penultimate.torch.monitoring.figures import Figures
from penultimate.torch.monitoring.label_set_figures import LabelSetFigures
from penultimate.torch.monitoring.label_sums import LabelSums
from penultimate.torch.monitoring.sums import Sums
from penultimate.torch.monitoring.watched import WatchedLayers


class OneClass:
    """One class a sample: labels of shape (n,), whole numbers.

    Parameters
    ----------
    names : sequence of str
        Of the classes.
    """

    sums = Sums

    def __init__(self, names: Sequence[str]) -> None:
        FeatureStatistics(len(names), 1)  # refuses fewer than two
        self.own: tuple[int, ...] = ()
        self.answers: tuple[int, ...] = (len(names),)
        self.wanted, self.range = "one whole number", f"labels were outside 0 … {len(names) - 1}"

    def takes(self, labels: Tensor) -> bool:
        """Whether the type of labels fits."""
        return not (labels.is_floating_point() or labels.is_complex())

    def rows(self, labels: Tensor) -> Int[Tensor, " n"]:
        """Labels, one entry a sample."""
        return labels.reshape(-1).long()

    def ignored(self, labels: Int[Tensor, " n"], index: int) -> Bool[Tensor, " n"]:
        """Samples that are to be left out."""
        return labels == index

    def outside(self, labels: Int[Tensor, " n"]) -> Bool[Tensor, " n"]:
        """Samples whose labels cannot be."""
        return (labels < 0) | (labels >= self.answers[0])

    def right(
        self, head: WatchedLayers, features: Tensor, labels: Int[Tensor, " n"], used: Bool[Tensor, " n"]
    ) -> Int[Tensor, " K"]:
        """Samples of each class that the head answers rightly."""
        right = used & head.right(features, labels)
        zeros = torch.zeros(self.answers, dtype=torch.int64, device=labels.device)
        return zeros.index_add_(0, torch.where(used, labels, 0), right.long())

    def gathered(self, parts: Iterable[Sums]) -> FeatureStatistics:
        """The statistic of all parts."""
        return Sums.gathered(parts)


class LabelSets:
    """Several labels a sample: labels of shape (n, K), 0 or 1.

    Parameters
    ----------
    names : sequence of str
        Of the labels.
    threshold : float or None
        The score from which a label is answered.
    """

    sums = LabelSums

    def __init__(self, names: Sequence[str], threshold: float | None) -> None:
        LabelStatistics(names, 1)  # refuses none, and too many
        self.own: tuple[int, ...] = (len(names),)
        self.answers: tuple[int, ...] = (2, len(names))
        self.wanted, self.range = f"0 or 1 for each of {len(names)} labels", "samples had labels other than 0 and 1"
        self._names, self._threshold = names, threshold

    def takes(self, labels: Tensor) -> bool:
        """Whether the type of labels fits."""
        return not labels.is_complex()

    def rows(self, labels: Tensor) -> Float[Tensor, "n K"]:
        """Labels, one row a sample."""
        return labels.reshape(-1, *self.own).to(torch.float32)

    def ignored(self, labels: Float[Tensor, "n K"], index: int) -> Bool[Tensor, " n"]:
        """Samples that are to be left out."""
        return (labels == index).any(dim=1)

    def outside(self, labels: Float[Tensor, "n K"]) -> Bool[Tensor, " n"]:
        """Samples whose labels cannot be."""
        return ((labels != 0) & (labels != 1)).any(dim=1)

    def right(
        self, head: WatchedLayers, features: Tensor, labels: Float[Tensor, "n K"], used: Bool[Tensor, " n"]
    ) -> Int[Tensor, "2 K"]:
        """How often the head answers each label rightly, and how often at all."""
        if self._threshold is None:
            return torch.zeros(self.answers, dtype=torch.int64, device=labels.device)
        said = used[:, None] & (head.scores(features) > self._threshold)
        return torch.stack([(said & (labels > 0)).sum(dim=0), said.sum(dim=0)])

    def gathered(self, parts: Iterable[LabelSums]) -> LabelStatistics:
        """The statistic of all parts."""
        return LabelSums.gathered(parts, self._names)


Form = OneClass | LabelSets


def form_of(
    classes: int,
    names: Sequence[str] | None,
    forecast: Forecast | LabelForecast | None,
    *,
    label_sets: bool,
    directions: int,
    figures: Sequence[str] | None,
    stacklevel: int,
) -> tuple[Form, Figures | LabelSetFigures, Float[np.ndarray, " K"]]:
    """What samples have, what is said of them, and the training samples of each class or label, in their order.

    Parameters
    ----------
    classes : int
        K.
    names, forecast, label_sets, directions, figures
        As of `FeatureMonitor`.
    stacklevel : int
        Of a warning about the order of classes, 1 being the caller.
    """
    outputs, expected = np.arange(classes), np.zeros(0)
    if forecast is not None:
        if label_sets and not isinstance(forecast, LabelForecast):
            raise FeaturesError(
                "the forecast is of class counts, one class a sample: make it of targets, pen.forecast(LabelScatter)"
            )
        several = isinstance(forecast, LabelForecast)
        given = forecast.targets.names if several else forecast.counts.names
        values = forecast.targets.positives if several else forecast.counts.values
        if len(given) != classes:
            raise FeaturesError(f"the forecast is for {len(given)} classes and the monitor for {classes}")
        outputs = outputs_of(given, names, stacklevel=stacklevel)
        order: list[int] = np.argsort(outputs).tolist()
        names, expected = tuple(given[k] for k in order) if names is None else names, values[order]
    known = NumberedNames(max(classes, 0)) if names is None else names
    if isinstance(forecast, LabelForecast) or (forecast is None and label_sets):
        told = LabelSetFigures(known, forecast, outputs, directions, figures)
        return LabelSets(known, told.threshold), told, expected
    return OneClass(known), Figures(known, forecast, outputs, directions, figures), expected
