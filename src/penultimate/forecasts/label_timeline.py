"""When each direction of the targets is learnt, and since when each label is answered (docs/theory §7, §16)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from penultimate.forecasts.label_decays import scores_on
from penultimate.forecasts.timeline import Timeline
from penultimate.minimisers.label_solution import LabelSolution


@dataclass(frozen=True, eq=False, repr=False)
class LabelTimeline(Timeline):
    """Strength of every direction of several labels a sample over training.

    Attributes
    ----------
    answered_at : ndarray of shape (K,)
        The step from which on the mean score where a label is on exceeds ½: between two steps it is interpolated;
        infinite for labels that are not answered yet, or never.

    Examples
    --------
    >>> import penultimate as pen
    >>> targets = pen.LabelScatter.from_labels([["cat"]] * 40 + [["newt"]] * 9 + [[]] * 51)
    >>> curve = pen.forecast(targets, weight_decay=1e-3, feature_ratio=1).timeline(lr=0.1, steps=1000)
    >>> curve.answered_at.round()
    array([696.,  inf])
    """

    answered_at: Float[np.ndarray, " K"]


def label_timeline(solution: LabelSolution, curve: Timeline) -> LabelTimeline:
    """Read the labels off the curves of their directions.

    Parameters
    ----------
    solution : LabelSolution
    curve : Timeline

    Returns
    -------
    LabelTimeline
    """
    above: Float[np.ndarray, "T K"] = scores_on(solution, curve.strength) - 0.5
    first = np.argmax(above > 0, axis=0)
    before, label = np.maximum(first - 1, 0), np.arange(solution.targets.labels)
    low, high = above[before, label], above[first, label]
    share = np.divide(-low, high - low, out=np.zeros(label.size), where=(high > low) & (low < 0))
    at = curve.steps[before] + share * (curve.steps[first] - curve.steps[before])
    return LabelTimeline(**vars(curve), answered_at=np.where((above > 0).any(axis=0), at, np.inf))
