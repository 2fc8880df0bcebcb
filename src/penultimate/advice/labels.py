"""Which classes to label next, by the learning curve of a head on held-out samples."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penultimate.advice.status import Piece, Status
from penultimate.counts import ClassCounts
from penultimate.datasets.by_name import source_of
from penultimate.errors import FeaturesError, ProblemError
from penultimate.learning_curves.curve import LearningCurve, learning_curve
from penultimate.learning_curves.where_next import ClassGain

if TYPE_CHECKING:
    import os

    from penultimate.features.sources import FeatureSource

# Classes that are advised at most.
_NAMED = 3


@dataclass(frozen=True, repr=False, kw_only=True)
class LabelsAdvice(Piece):
    """Which classes to label next.

    Attributes
    ----------
    status : Status
        CHANGE when the interval of a gain is above zero; UNKNOWN when the held-out samples cannot say.
    next_up : tuple of ClassGain
        The classes advised, the largest gain of balanced accuracy first.
    curve : LearningCurve or None
        Of a head in which all classes weigh alike.
    refusal : str
        Why the held-out samples cannot say; empty where they can.
    """

    next_up: tuple[ClassGain, ...] = ()
    curve: LearningCurve | None = None
    refusal: str = ""

    def name(self, one: ClassGain) -> str:
        """The class of a gain."""
        assert self.curve is not None
        return self.curve.counts.names[one.index]


def advise_labels(valid: "FeatureSource | os.PathLike[str] | str | None", counts: ClassCounts) -> LabelsAdvice | None:
    """Rank the classes by what a hundred more labels bring, where held-out samples can say.

    Parameters
    ----------
    valid : FeatureSource, path or name, or None
        Held-out features.
    counts : ClassCounts
        Of the training, which names the classes where the features do not.

    Returns
    -------
    LabelsAdvice or None
        None without held-out features.
    """
    if valid is None:
        return None
    source = source_of(valid)
    try:
        curve = learning_curve(
            source, class_weight="balanced", names=counts.names if source.names is None else source.names
        )
    except (FeaturesError, ProblemError) as refused:
        return LabelsAdvice(status=Status.UNKNOWN, refusal=str(refused))
    sure = tuple(one for one in curve.where_next if one.gain > one.error and one.balanced > 0.0)[:_NAMED]
    return LabelsAdvice(status=Status.CHANGE if sure else Status.KEEP, next_up=sure, curve=curve)
