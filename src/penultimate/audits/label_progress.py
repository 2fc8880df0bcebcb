"""How far training is, by the strengths that directions have so far (docs/theory §7, §20).

Without much decay, a direction grows as ``t = s/(1 + (s/x_0 − 1) e^{−2sτ/N})`` from a start x_0 that all share. So
``log(s/t − 1) − log s`` falls on a line in s, of slope −2τ/N and height −log x_0: both are read off the directions that
are neither at their start nor at their end, and say when each of the others has half of its strength.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from penultimate.reported import OneLine

# Two numbers are fitted, so that three times as much is asked as of a law (`label_law`).
_FITS = 0.05
# Shares of s between which a direction is under way, and how many of them a line is read from.
_BEGUN, _DONE, _LEAST = 0.02, 0.98, 3


@dataclass(frozen=True, repr=False)
class LabelProgress(OneLine):
    """The curves that come nearest.

    Attributes
    ----------
    strength : ndarray of shape (r,)
        What they say of every direction.
    error : float
        Mean of ``|x − t|/s``.
    half_at : ndarray of shape (r,)
        When a direction has half of s, in units of the training so far: above 1 where it has not been learnt yet.
    """

    strength: Float[np.ndarray, " r"]
    error: float
    half_at: Float[np.ndarray, " r"]

    @property
    def fits(self) -> bool:
        """Whether strengths are within 5 % of them, on average, and some are not learnt yet."""
        return self.error <= _FITS and bool((self.half_at > 1.0).any())

    @property
    def learnt(self) -> int:
        """How many directions have half of what they could."""
        return int(np.count_nonzero(self.half_at <= 1.0))


def progress_of(sigma: Float[np.ndarray, " r"], strength: Float[np.ndarray, " r"]) -> LabelProgress | None:
    """How far training is; None where fewer than three directions are under way, or they do not grow with s.

    Parameters
    ----------
    sigma, strength : ndarray of shape (r,)
        s and t.

    Returns
    -------
    LabelProgress or None
    """
    share = strength / sigma
    under_way = (share > _BEGUN) & (share < _DONE)
    s = sigma[under_way]
    if s.size < _LEAST or np.ptp(s) == 0:
        return None
    slope, height = map(float, np.polyfit(s, np.log(1.0 / share[under_way] - 1.0) - np.log(s), 1))
    if slope >= 0:
        return None
    # log(s/x_0 − 1), with x_0 far below s.
    behind = np.log(sigma) + height
    expected = sigma / (1.0 + np.exp(np.clip(behind + slope * sigma, -700.0, 700.0)))
    half_at: Float[np.ndarray, " r"] = np.maximum(behind, 0.0) / (-slope * sigma)
    return LabelProgress(expected, float(np.mean(np.abs(expected - strength) / sigma)), half_at)
