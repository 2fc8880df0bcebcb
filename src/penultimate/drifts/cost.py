"""What drift has cost: recall lost, measured on the samples of both sides, with its interval."""

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.features.decisions import Decisions

Floats = NDArray[np.float64]


def recall_lost(before: Decisions, after: Decisions) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, "K 2"]]:
    """Recall before less recall after, with a 95 % interval; NaN where a side has no answers.

    Newcombe's hybrid of two Wilson intervals (1998, method 10, doi 10.1002/(SICI)1097-0258(19980430)17:8<873).

    Parameters
    ----------
    before, after : Decisions

    Returns
    -------
    lost : ndarray of shape (K,)
    interval : ndarray of shape (K, 2)
    """
    one, other = before.recall, after.recall
    (low, high), (lows, highs) = before.recall_interval.T, after.recall_interval.T
    lost = one - other
    down = np.hypot(one - low, highs - other)
    up = np.hypot(high - one, other - lows)
    return lost, np.stack([lost - down, lost + up], axis=1)
