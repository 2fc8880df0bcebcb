"""What drift has cost: recall lost, measured on the samples of both sides, with its interval."""

import numpy as np
from jaxtyping import Float

from penultimate.features.decisions import wilson


def recall_lost(
    before: Float[np.ndarray, " K"],
    after: Float[np.ndarray, " K"],
    samples: tuple[Float[np.ndarray, " K"], Float[np.ndarray, " K"]],
) -> tuple[Float[np.ndarray, " K"], Float[np.ndarray, "K 2"]]:
    """Recall before less recall after, with a 95 % interval; NaN where a side has no answers.

    Newcombe's hybrid of two Wilson intervals (1998, method 10, doi 10.1002/(SICI)1097-0258(19980430)17:8<873).

    Parameters
    ----------
    before, after : ndarray of shape (K,)
        Recalls.
    samples : tuple of ndarray of shape (K,)
        Independent samples that they were counted on.

    Returns
    -------
    lost : ndarray of shape (K,)
    interval : ndarray of shape (K, 2)
    """
    (low, high), (lows, highs) = wilson(before, samples[0]).T, wilson(after, samples[1]).T
    lost = before - after
    down = np.hypot(before - low, highs - after)
    up = np.hypot(high - before, after - lows)
    return lost, np.stack([lost - down, lost + up], axis=1)
