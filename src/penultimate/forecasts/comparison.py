"""What several losses make of the same class counts at the same decays, side by side.

counts, losses → `compare_losses` → `LossComparison`: a forecast each; margins, angles, samples needed, by class.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from penultimate.counts import ClassCounts
from penultimate.counts.given import Counts, counts_of
from penultimate.errors import ProblemError
from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.forecasting import by_itself
from penultimate.losses import Loss, plainly
from penultimate.model.before_training import before_training
from penultimate.model.problem import Bias
from penultimate.reported import Reported


@dataclass(frozen=True, eq=False, repr=False)
class LossComparison(Reported, presenter="comparison"):
    """Forecasts that differ in their loss alone.

    Made by `compare_losses`.

    Attributes
    ----------
    forecasts : dict of str to Forecast
        By the name of the loss.

    Examples
    --------
    >>> import penultimate as pen
    >>> counts = pen.ClassCounts([600, 60, 6])
    >>> comparison = pen.compare_losses(counts, ["ce", "weighted:inverse"], 5e-2, feature_ratio=1)
    >>> [forecast.over_corrects for forecast in comparison.forecasts.values()]
    [False, True]
    """

    forecasts: dict[str, Forecast]

    @property
    def counts(self) -> ClassCounts:
        """The class counts."""
        return next(iter(self.forecasts.values())).counts


def compare_losses(
    counts: Counts,
    losses: Sequence[str | Loss],
    weight_decay: float = 5e-4,
    *,
    feature_decay: float | None = None,
    feature_ratio: float | None = None,
    like: str | None = None,
    bias: Bias = "free",
) -> LossComparison:
    """Forecast the same counts with several losses at the same weight decay.

    Parameters
    ----------
    counts : ClassCounts, path, bundled name, mapping or array of shape (K,)
        Samples per class.
    losses : sequence of str, CrossEntropy or SquaredError
        At least one, all of different names.
    weight_decay : float, default 5e-4
        λ of the last layer.
    feature_decay, feature_ratio, like, bias
        As for `forecast`.

    Returns
    -------
    LossComparison

    Raises
    ------
    ProblemError
        If there is no loss, or two have the same name, or as `forecast`.

    Examples
    --------
    >>> import penultimate as pen
    >>> comparison = pen.compare_losses(pen.ClassCounts([600, 60, 6]), ["ce", "la:1"], 5e-2, feature_ratio=1)
    >>> [forecast.geometry.margins.round(1).tolist() for forecast in comparison.forecasts.values()]
    [[4.6, 2.1, 0.9], [1.2, 1.8, 3.4]]
    """
    counts = counts_of(counts)
    if not losses:
        raise ProblemError("there is nothing to compare: give at least one loss")
    losses = [plainly(loss) for loss in losses]
    names = [str(loss) for loss in losses]
    if len(set(names)) < len(names):
        raise ProblemError(f"two losses have the same name: {', '.join(names)}; give each once, or name them")
    problems = {
        name: before_training(
            weight_decay,
            loss=loss,
            feature_decay=feature_decay,
            feature_ratio=feature_ratio,
            like=like,
            bias=bias,
        )
        for name, loss in zip(names, losses, strict=True)
    }
    # At the median of other networks alone.
    return LossComparison({name: by_itself(counts, problem) for name, problem in problems.items()})
