"""Where directions die, of any number of distinct counts: read off solutions on bins of counts at a row of decays.

Sorted singular values die in order, so the direction of rank r dies where its singular value falls below Nμ. On the
dead side that value hardly moves with μ (docs/theory §5), so over N, at the smallest decay at which it is dead, it is
the μ of its death; between that decay and the next smaller one it dies on the bins. These are close, but prove nothing
for the counts themselves.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from penultimate.counts import ClassCounts
from penultimate.losses import resolve
from penultimate.minimisers.convex.binned import sigma_on_bins
from penultimate.model.problem import Problem

_RATIO = 1.3  # of the decays of two solutions, in μ
# The first to die does so at about the smallest ω√n, as inside a bin it does exactly: it is looked for from a little
# above, and then as little below its singular value there.
_NEAR, _BELOW = 1.1, 1.02
# Times the largest ω√n, where everything is dead: with a bias free or none the gradient at zero is a projection of
# diag(ω√n). The rest is a margin for a regularised one.
_ABOVE = 1.5


@dataclass(frozen=True)
class BinnedDeaths:
    """Decays at which directions of some ranks die.

    Attributes
    ----------
    decay : ndarray of shape (r,)
        λ_1; NaN for one that lives at no decay that was looked at.
    bracket : ndarray of shape (r, 2)
        Alive on bins at the first, dead at the second.
    """

    decay: Float[np.ndarray, " r"]
    bracket: Float[np.ndarray, "r 2"]


def binned_deaths(counts: ClassCounts, problem: Problem, ranks: Int[np.ndarray, " r"]) -> BinnedDeaths:
    """Find where directions die.

    Parameters
    ----------
    counts, problem
        For which `has_bins`, without weights.
    ranks : ndarray of int of shape (r,)
        Of the directions, by singular value, from 0.

    Returns
    -------
    BinnedDeaths
    """
    lowest, high = _range(counts, problem)
    theta, guess = np.full((ranks.size, 3), np.nan), np.full(ranks.size, high)
    while np.isnan(theta).any() and high > lowest:
        low = high / _RATIO
        sigma = _at(counts, problem, low, ranks)
        lives = np.isnan(theta[:, 0]) & (sigma > low)
        theta[lives, 0], theta[lives, 1:] = np.clip(guess[lives], low, high), (low, high)
        guess, high = sigma, low
    return _decays(counts, problem, theta)


def first_binned_death(counts: ClassCounts, problem: Problem, rank: int) -> BinnedDeaths:
    """Find where the direction of one rank dies, the last: in two solutions, seldom more.

    Parameters
    ----------
    counts, problem
        As for `binned_deaths`.
    rank : int
        From 0; at small decays no direction is weaker.

    Returns
    -------
    BinnedDeaths
        Of one direction.
    """
    lowest, highest = _range(counts, problem)
    last, high = np.array([rank]), _NEAR * _RATIO**3 * lowest
    while (sigma := float(_at(counts, problem, high, last)[0])) > high and high < highest:
        high *= _RATIO
    low = min(sigma, high) / _BELOW
    while (below := float(_at(counts, problem, low, last)[0])) <= low and low > lowest / _RATIO:
        sigma, high, low = below, low, min(below, low) / _RATIO
    alive = below > low
    return _decays(counts, problem, np.array([[np.clip(sigma, low, high), low, high] if alive else [np.nan] * 3]))


def expected_solutions(counts: ClassCounts, problem: Problem) -> float:
    """How many solutions it takes at most to find all deaths."""
    low, high = _range(counts, problem)
    return math.log(high / low) / math.log(_RATIO)


def _range(counts: ClassCounts, problem: Problem) -> tuple[float, float]:
    """Nμ that hardly any direction dies below, as every class stands above it by itself, and that none lives above."""
    leverage = resolve(problem.loss, counts).leverage(counts) * np.sqrt(counts.distinct)
    return float(leverage.min()) / _RATIO**3, _ABOVE * float(leverage.max())


def _at(counts: ClassCounts, problem: Problem, theta: float, ranks: Int[np.ndarray, " r"]) -> Float[np.ndarray, " r"]:
    """Singular values of some ranks in a solution at this Nμ; those beyond all are zero."""
    decay = problem.decay_of(theta / counts.samples, counts.samples)
    sigma, multiplicity = sigma_on_bins(counts, problem.scaled(decay / problem.weight_decay[0]))
    place = np.searchsorted(np.cumsum(multiplicity), ranks, side="right")
    return np.append(sigma, 0.0)[place]


def _decays(counts: ClassCounts, problem: Problem, theta: Float[np.ndarray, "r 3"]) -> BinnedDeaths:
    out = np.full(theta.shape, np.nan)
    for row in np.flatnonzero(~np.isnan(theta[:, 0])):
        out[row] = [problem.decay_of(value / counts.samples, counts.samples) for value in theta[row].tolist()]
    return BinnedDeaths(out[:, 0], out[:, 1:])
