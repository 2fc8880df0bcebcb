"""How often samples of one law would look so different: by moments from twenty samples on, by permutation below.

Under the permutation of a class's samples between the sides, the mean of ``T = |x̄ − ȳ|²`` is ``tr A`` exactly,
``A = S(1/n + 1/m)`` and S the class's covariance about the mean of both sides; so it is in any coordinates that do not
change with the sides, as those of `own_metric`. A gamma law of that mean and of the variance ``2 tr A²`` is right to a
tenth of a per cent from twenty samples on; below, its tail is too light by up to ten times, and samples change sides
instead (docs/theory, "Drift of every class").
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.special import gammaincc

Floats = NDArray[np.float64]

# Samples of a class on its smaller side from which the gamma law holds.
ENOUGH = 20
# Permutations at first, and so many that reach the observed figure end the drawing (Besag and Clifford 1991).
_DRAWS, _HITS = 999, 10
# Numbers drawn at once.
_ENTRIES = 1 << 22


def own_metric(noise: Float[np.ndarray, "r r"]) -> Float[np.ndarray, "r r"]:
    """Coordinates in which a shift is measured half by the scatter of all classes and half by that of its own.

    Whitening by the merged scatter leaves each class a covariance of its own. Its inverse, from the samples of both
    sides, finds what lies along its weak directions; alone it loses where samples are few. ``R Rᵀ = (A + tr A/r)⁻¹`` is
    between the two.

    Parameters
    ----------
    noise : ndarray of shape (r, r)
        A, not zero.

    Returns
    -------
    ndarray of shape (r, r)
        R, which multiplies shifts from the right.
    """
    values, vectors = np.linalg.eigh(noise)
    return vectors / np.sqrt(np.maximum(values, 0.0) + values.mean())


def by_moments(observed: float, noise: Float[np.ndarray, "r r"]) -> float:
    """Upper tail of a gamma law with the mean ``tr A`` and the variance ``2 tr A²``.

    Parameters
    ----------
    observed : float
        T.
    noise : ndarray of shape (r, r)
        A.

    Returns
    -------
    float
    """
    mean, variance = float(np.trace(noise)), 2.0 * float(np.sum(noise * noise.T))
    if not variance > 0.0:
        return 1.0
    return float(gammaincc(mean**2 / variance, observed * mean / variance))


def by_permutation(
    observed: float,
    statistic: Callable[[Int[np.ndarray, "b s"]], Float[np.ndarray, " b"]],
    total: int,
    size: int,
    least: float,
    rng: np.random.Generator,
) -> float:
    """Share of the ways to choose a side whose statistic is at least as large as that observed.

    Parameters
    ----------
    observed : float
    statistic : callable
        Of b choices of samples for the smaller side, each a row of numbers from 0 to total − 1.
    total, size : int
        Samples of both sides, and of the smaller one.
    least : float
        The p-value that is worth telling from smaller ones: so many permutations are drawn that one can be as small.
    rng : numpy Generator

    Returns
    -------
    float
    """
    wanted, drawn, hits = max(_DRAWS, int(np.ceil(2.0 / least))), 0, 0
    # Choices that tie but for rounding count as ties.
    bound = observed * (1.0 - 1e-9)
    while drawn < wanted and (drawn < _DRAWS or hits < _HITS):
        number = min(wanted - drawn, max(1, _ENTRIES // total)) if drawn else _DRAWS
        hits += int(np.count_nonzero(statistic(_choices(total, size, number, rng)) >= bound))
        drawn += number
    return (hits + 1) / (drawn + 1)


def _choices(total: int, size: int, number: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Ways to choose some of all, each as likely as any other."""
    if size**2 > total:
        return np.argpartition(rng.random((number, total)), size - 1, axis=1)[:, :size]
    # Few of many are rarely the same twice: those that are, are drawn again.
    chosen = rng.integers(total, size=(number, size))
    while (again := np.flatnonzero((np.diff(np.sort(chosen, axis=1), axis=1) == 0).any(axis=1))).size:
        chosen[again] = rng.integers(total, size=(again.size, size))
    return chosen
