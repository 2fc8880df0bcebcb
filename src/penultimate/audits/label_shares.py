"""Where the scatter of features with several labels goes: into label vectors, beyond them, within label sets.

Of the total scatter SS, the best sum of label vectors explains ``SS_add = tr(Cᵀ S⁺ C)`` with r = rank S directions, and
means of the M label sets explain ``SS_sets`` (docs/theory §20). Means of few samples carry noise, MSW =
(SS − SS_sets)/(N − M) a direction, which is taken off: shares are components of variance.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from penultimate.features.label_statistics import LabelStatistics
from penultimate.reported import OneLine
from penultimate.spectrum.scatter_spectrum import ScatterSpectrum


@dataclass(frozen=True, repr=False)
class LabelShares(OneLine):
    """Shares of the features' scatter.

    Attributes
    ----------
    additive : float
        A sum of one vector a label; 1 in the model.
    beyond : float or None
        What separates label sets beyond such a sum: combinations of labels. None where label sets are not known, or
        each has one sample.
    within : float or None
        Within label sets: what is not collapsed. None as `beyond`.
    lack_of_fit : float or None
        Scatter beyond the labels over that within label sets, each for a degree of freedom: about 1 where combinations
        are not coded at all; None as `beyond`, and where label sets leave none.
    sets : int or None
        M: different label sets.
    """

    additive: float
    beyond: float | None
    within: float | None
    lack_of_fit: float | None
    sets: int | None


def label_shares(statistics: LabelStatistics, along: Float[np.ndarray, "r d"]) -> LabelShares:
    """Estimate the shares.

    Parameters
    ----------
    statistics : LabelStatistics
    along : ndarray of shape (r, d)
        ``diag(1/s) Uᵀ C``: the features along the directions of the targets.

    Returns
    -------
    LabelShares
    """
    samples, rank = statistics.samples, len(along)
    total, additive = float(np.trace(statistics.scatter)), float(np.sum(along**2))
    sets, between = statistics.targets.sets, statistics.between_sets
    if sets is None or between is None or samples - sets.times.size < 1.0:
        # Only what r directions explain by chance is taken off.
        left = max(samples - 1.0 - rank, 1.0)
        adjusted = 1.0 - (1.0 - additive / total) * (samples - 1.0) / left
        return LabelShares(adjusted, None, None, None, None if sets is None else sets.times.size)
    number = sets.times.size
    noise = (total - between) / (samples - number)
    free, lack = number - 1 - rank, between - additive
    beyond = (lack - free * noise) / total if free > 0 else 0.0
    share = (additive - rank * noise) / total
    fit = lack / free / noise if free > 0 and noise > 0 else None
    return LabelShares(share, beyond, 1.0 - share - beyond, fit, number)


def along_directions(statistics: LabelStatistics, spectrum: ScatterSpectrum) -> Float[np.ndarray, "r d"]:
    """``diag(1/s) Uᵀ C``."""
    return (spectrum.vectors.T @ statistics.cross) / spectrum.sigma[:, None]
