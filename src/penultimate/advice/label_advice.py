"""What to change where a sample has several labels: weight decay, pos_weight, and which labels need more samples."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from penultimate.archives.npy_writing import write_npy
from penultimate.errors import ProblemError
from penultimate.forecasts.forecasting import forecast as make_forecast
from penultimate.forecasts.label_forecast import LabelForecast
from penultimate.losses.binary_cross_entropy import class_weights
from penultimate.reported import Reported
from penultimate.targets.label_scatter import LabelScatter

# Keep this far below the largest decay that does what is wanted: the feature decay is an assumption before training.
_MARGIN = 0.5


@dataclass(frozen=True, eq=False, repr=False)
class LabelAdvice(Reported, presenter="label_advice"):
    """What to change so that labels are answered, cheapest first.

    Made by `penultimate.advise` of a `LabelScatter`.

    Attributes
    ----------
    forecast : LabelForecast
        As it is now.
    weighted : LabelForecast or None
        With the pos_weight advised; None for squared error, where there is none, and where it is refused.
    refused : str
        Why no pos_weight is advised; empty if one is, and for squared error.

    Examples
    --------
    >>> import penultimate as pen
    >>> sets = [["cat", "pet"]] * 600 + [["dog", "pet"]] * 300 + [["newt"]] * 30 + [[]] * 70
    >>> advice = pen.advise(pen.LabelScatter.from_labels(sets), 0.1)
    >>> advice.forecast.never_answered, advice.weighted.never_answered
    (1, 0)
    >>> advice.pos_weight.round(2)
    array([0.82, 1.53, 5.69, 0.33])
    """

    forecast: LabelForecast
    weighted: LabelForecast | None
    refused: str = ""

    @property
    def targets(self) -> LabelScatter:
        """The sums over targets."""
        return self.forecast.targets

    @property
    def pos_weight(self) -> Float[np.ndarray, " K"] | None:
        """√((N − n)/n) of each label, for ``BCEWithLogitsLoss(pos_weight=…)``, shape (K,); None where none is advised.

        Every label, taken alone, is then answered up to one and the same weight decay; (N − n)/n over-corrects
        (docs/theory §17).
        """
        return None if self.weighted is None else class_weights("auto", self.targets)

    @property
    def advised_weight_decay(self) -> float | None:
        """Half of the largest weight decay at which every label is answered, with pos_weight where it is advised.

        None where nothing is to change, and where no such decay is known.
        """
        best = self.weighted or self.forecast
        largest = best.largest_answering_weight_decay
        if largest is None or not best.never_answered:
            return None
        return _MARGIN * largest

    @cached_property
    def to_collect(self) -> Int[np.ndarray, " b"]:
        """Labels that stay unanswered even so and would be answered with more samples, the nearest to it first."""
        best = self.weighted or self.forecast
        missing = best.to_answer - self.targets.positives
        found = np.flatnonzero(best.varying & ~best.answered & (missing > 0) & np.isfinite(missing))
        return found[np.argsort(missing[found], kind="stable")]

    def missing(self, label: int) -> float:
        """About how many samples more a label needs to be answered, with all else as it is."""
        return float((self.weighted or self.forecast).to_answer[label] - self.targets.positives[label])

    def save_pos_weight(self, path: "os.PathLike[str] | str") -> None:
        """Write `pos_weight` as .npy, whole or not at all: ``torch.from_numpy(numpy.load(path))``.

        Raises
        ------
        ProblemError
            Where none is advised, with the reason.
        FileError
            When the name does not end in ``.npy``, or the file cannot be written.
        """
        if self.pos_weight is None:
            raise ProblemError(self.refused or "no pos_weight is advised for squared error: say loss='bce'")
        write_npy(self.pos_weight, path)

    def __repr__(self) -> str:
        return f"<LabelAdvice of {self.targets.labels:,} labels: print it for its verdict>"


def advise_label_sets(
    targets: LabelScatter, weight_decay: float | Sequence[float], loss: Any, **options: Any
) -> LabelAdvice:
    """Weigh pos_weight and weight decay for several labels a sample.

    Parameters
    ----------
    targets : LabelScatter
        Label sets or soft labels.
    weight_decay : float or sequence of float
    loss, **options
        As for `penultimate.forecast`.

    Returns
    -------
    LabelAdvice

    Raises
    ------
    ProblemError
        For real targets, and as `penultimate.forecast`.
    """
    if targets.kind == "real":
        raise ProblemError("real targets are never answered: advice is for labels between 0 and 1")
    now: LabelForecast = make_forecast(targets, weight_decay, loss=loss, **options)
    if now.loss is None:
        return LabelAdvice(now, None)
    try:
        class_weights("auto", targets)
    except ProblemError as error:
        return LabelAdvice(now, None, str(error))
    return LabelAdvice(now, make_forecast(targets, problem=now.problem, loss="bce:sqrt"))
