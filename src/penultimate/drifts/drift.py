"""What can be said of every class of two sets of features: whether it moved, how far, where to, and what that cost."""

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from penultimate.counts import ClassCounts
from penultimate.drifts.cost import recall_lost
from penultimate.drifts.shape import Shape
from penultimate.features.decisions import Decisions, wilson
from penultimate.features.passes.worst import WorstSamples
from penultimate.features.sources.places import SamplePlaces
from penultimate.reported import Reported

# Recall above which the reference is taken for training samples, if most classes have it.
_FITTED = 0.99


class ClassOutcome(Enum):
    """What can be said of one class.

    Examples
    --------
    >>> import penultimate as pen
    >>> pen.drift("cnn-ce-test", "cnn-ce-test").outcomes[0].name
    'WITHIN_NOISE'
    """

    MOVED = "It moved by more than noise."
    WITHIN_NOISE = "What it moved by is within the noise of its samples."
    ABSENT = "It has no samples on one side: give some, or leave the class out."
    TOO_FEW = "It has a single sample on a side: give at least two, better sixty."
    NO_SAMPLES_TO_PERMUTE = (
        "Statistics were kept of fewer than twenty samples, and then a p-value takes the samples: give the features."
    )
    FEW_GROUPS = (
        "Its samples are of fewer than twenty groups on a side, too few to judge by: give samples of more groups."
    )
    NO_SCATTER_KEPT = (
        "The statistics keep no scatter of single classes, and no p-value holds without: "
        "make them with per_class=True, or give the features."
    )


@dataclass(frozen=True, eq=False, repr=False)
class Drift(Reported, presenter="drift"):
    """Which classes moved between two sets of features of one network, and what that cost.

    Made by `drift`.

    Attributes
    ----------
    counts : ClassCounts
        Samples of each class in the reference.
    current : ndarray of shape (K,)
        Samples of each class on the current side.
    level : float
        At which a class counts as moved, of all classes together.
    outcomes : tuple of ClassOutcome
        What can be said of each class.
    of_the_way : ndarray of shape (K,)
        How far the mean moved, over the distance to the nearest other class, without what noise adds; NaN where a side
        lacks the class.
    times_noise : ndarray of shape (K,)
        Squared shift over what noise alone makes of it.
    p, p_adjusted : ndarray of shape (K,)
        How often samples of one law would look so different, and the same after Holm's correction for all tests; NaN
        where it is not known.
    shape : {"mmd", "sinkhorn"} or None
        The second test, for scatter and for directions that the neighbours do not span.
    shape_p, shape_p_adjusted : ndarray of shape (K,)
        Of the second test; NaN without it.
    divergence, divergence_by_chance : ndarray of shape (K,)
        Sinkhorn divergence in squared feature units, and its mean where samples change sides; NaN but for "sinkhorn".
    spread_ratio : ndarray of shape (K,)
        Root mean square distance from the class mean, current over reference.
    towards : ndarray of shape (K,)
        The class that a class moved towards; −1 where it did not move.
    before, after : Decisions or None
        The head's answers on either side; None without a head.
    effective : tuple of ndarray of shape (K,)
        Independent samples of either side that would know the recall as well: all of them, but for ``groups``.
    at_home : ndarray of shape (K,) or None
        Recall of the current samples if the mean of their class had not moved. It takes samples back by their true
        label: an explanation of a loss, never something that can be done in use.
    identical : bool
        Whether both sides are the same samples.
    notes : tuple of str
        What was put in order, and what was taken as it stands.
    doubts : tuple of str
        What speaks against comparing both sides at all: class means that match only once one side is turned.
    worst : WorstSamples or None
        The current samples of each class with the smallest margins: by the head, without one by the nearest class mean
        of the reference. None for statistics.
    places : SamplePlaces or None
        Which file and row each of them is.

    Examples
    --------
    >>> import penultimate as pen
    >>> drift = pen.drift("cnn-ce", "cnn-ce-test")
    >>> int(drift.of_the_way.argmax()), bool(drift.moved[6])
    (6, True)
    """

    counts: ClassCounts
    current: Float[np.ndarray, " K"]
    level: float
    outcomes: tuple[ClassOutcome, ...]
    of_the_way: Float[np.ndarray, " K"]
    times_noise: Float[np.ndarray, " K"]
    p: Float[np.ndarray, " K"]
    p_adjusted: Float[np.ndarray, " K"]
    shape: Shape | None
    shape_p: Float[np.ndarray, " K"]
    shape_p_adjusted: Float[np.ndarray, " K"]
    divergence: Float[np.ndarray, " K"]
    divergence_by_chance: Float[np.ndarray, " K"]
    spread_ratio: Float[np.ndarray, " K"]
    towards: Int[np.ndarray, " K"]
    before: Decisions | None
    after: Decisions | None
    effective: tuple[Float[np.ndarray, " K"], Float[np.ndarray, " K"]]
    at_home: Float[np.ndarray, " K"] | None
    identical: bool
    notes: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    worst: WorstSamples | None = None
    places: SamplePlaces | None = None

    @property
    def moved(self) -> Bool[np.ndarray, " K"]:
        """Classes that moved by more than noise."""
        return np.array([outcome is ClassOutcome.MOVED for outcome in self.outcomes])

    @property
    def tested(self) -> Bool[np.ndarray, " K"]:
        """Classes of which something can be said."""
        return self.moved | np.array([outcome is ClassOutcome.WITHIN_NOISE for outcome in self.outcomes])

    @property
    def lost(self) -> Float[np.ndarray, " K"]:
        """Recall lost, as measured; NaN where a side has no answers."""
        return self._lost[0]

    @property
    def lost_interval(self) -> Float[np.ndarray, "K 2"]:
        """Its 95 % interval (Newcombe 1998, method 10)."""
        return self._lost[1]

    @property
    def recall_intervals(self) -> tuple[Float[np.ndarray, "K 2"] | None, Float[np.ndarray, "K 2"] | None]:
        """95 % intervals of the recalls of both sides (Wilson 1927); None without answers."""
        sides = zip((self.before, self.after), self.effective, strict=True)
        before, after = (None if side is None else wilson(side.recall, size) for side, size in sides)
        return before, after

    @property
    def by_the_mean(self) -> Float[np.ndarray, " K"]:
        """Share of the recall lost that would not have been lost had the mean stayed; NaN where nothing was lost."""
        nothing = np.full(self.counts.classes, np.nan)
        if self.at_home is None or self.after is None:
            return nothing
        known = self.lost_interval[:, 0] > 0
        return np.divide(self.at_home - self.after.recall, self.lost, out=nothing, where=known)

    @property
    def fitted(self) -> bool:
        """Whether the reference seems to be what the network was trained on: most classes have a recall above 0.99."""
        if self.before is None:
            return False
        recall = self.before.recall[self.before.answered > 0]
        return bool(np.median(recall) > _FITTED) if recall.size else False

    @cached_property
    def _lost(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.before is None or self.after is None:
            return np.full(self.counts.classes, np.nan), np.full((self.counts.classes, 2), np.nan)
        return recall_lost(self.before.recall, self.after.recall, self.effective)
