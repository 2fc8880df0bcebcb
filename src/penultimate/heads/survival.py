"""Targets that are seen only inside an interval: log probabilities of that and of the opposite, with derivatives.

With unit noise a target survives with probability ``Φ(g b − u) − Φ(g a − u)``, where u is its mean and g a common scale
of the limits. All are stable in both tails (docs/theory §13.4).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import log_ndtr

_LOG_ROOT = 0.5 * float(np.log(2.0 * np.pi))


class Terms(NamedTuple):
    """A log probability of each sample, and its derivatives by u and by g.

    Attributes
    ----------
    value, u, g, uu, ug, gg : ndarray of shape (N,)
    """

    value: Float[np.ndarray, " N"]
    u: Float[np.ndarray, " N"]
    g: Float[np.ndarray, " N"]
    uu: Float[np.ndarray, " N"]
    ug: Float[np.ndarray, " N"]
    gg: Float[np.ndarray, " N"]


def inside(u: Float[np.ndarray, " N"], g: float, limits: tuple[float, float]) -> Terms:
    """Of a target between the limits, one of which may be infinite.

    Parameters
    ----------
    u : ndarray of shape (N,)
    g : float
        Above zero.
    limits : tuple of float
        a < b.

    Returns
    -------
    Terms
    """
    low, high = g * limits[0] - u, g * limits[1] - u
    # In the right tail both are turned to the left one, where log Φ keeps its digits.
    turned = low > 0.0
    left, right = np.where(turned, -high, low), np.where(turned, -low, high)
    above = log_ndtr(right)
    with np.errstate(divide="ignore"):
        value = above + np.log(-np.expm1(np.minimum(log_ndtr(left) - above, -np.finfo(np.float64).tiny)))
    return _terms(value, low, high, limits, 1.0)


def outside(u: Float[np.ndarray, " N"], g: float, limits: tuple[float, float]) -> Terms:
    """Of a target beyond one of the limits; parameters as `inside`.

    Returns
    -------
    Terms
    """
    low, high = g * limits[0] - u, g * limits[1] - u
    return _terms(np.logaddexp(log_ndtr(low), log_ndtr(-high)), low, high, limits, -1.0)


def _terms(
    value: Float[np.ndarray, " N"],
    low: Float[np.ndarray, " N"],
    high: Float[np.ndarray, " N"],
    limits: tuple[float, float],
    sign: float,
) -> Terms:
    """Derivatives from the densities at both limits over the probability; those of an infinite limit are zero."""
    ends: list[tuple[float, Float[np.ndarray, " N"], Float[np.ndarray, " N"]]] = []
    for limit, place, side in ((limits[0], low, sign), (limits[1], high, -sign)):
        if np.isfinite(limit):
            ends.append((limit, place, side * np.exp(-0.5 * place**2 - _LOG_ROOT - value)))
    zero = np.zeros_like(value)
    u = sum((density for _, _, density in ends), zero)
    g = sum((-limit * density for limit, _, density in ends), zero)
    uu = sum((place * density for _, place, density in ends), zero) - u**2
    ug = sum((-limit * place * density for limit, place, density in ends), zero) - u * g
    gg = sum((limit**2 * place * density for limit, place, density in ends), zero) - g**2
    return Terms(value, u, g, uu, ug, gg)
