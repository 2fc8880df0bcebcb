"""The within-class covariance of features, shrunk towards a multiple of the identity, and what it turns means into."""

from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve

from penultimate.errors import FeaturesError
from penultimate.features.statistics import FeatureStatistics

# Eigenvalues below this share of the largest are rounding.
_RANK = 1e-12

Shrinkage = float | Literal["auto"]


def oracle_shrinkage(covariance: Float[np.ndarray, "d d"], samples: float) -> float:
    """How much to shrink a covariance of so many samples: the oracle approximation for Gaussian data.

    Parameters
    ----------
    covariance : ndarray of shape (d, d)
    samples : float
        N.

    Returns
    -------
    float
        From 0 (as it is) to 1 (the identity times the mean variance).

    Notes
    -----
    Chen, Wiesel, Eldar and Hero 2010 (arXiv 0907.4698), equation (23), as scikit-learn writes it. Unlike Ledoit and
    Wolf's estimate it needs no fourth moments, so feature statistics suffice.
    """
    width = len(covariance)
    variance = float(np.trace(covariance)) / width
    square = float(np.mean(covariance**2))
    above, below = square + variance**2, (samples + 1.0) * (square - variance**2 / width)
    return 1.0 if below <= 0.0 else min(1.0, above / below)


def settled(statistics: FeatureStatistics, shrinkage: Shrinkage) -> float:
    """The shrinkage as a number.

    Parameters
    ----------
    statistics : FeatureStatistics
    shrinkage : float or "auto"

    Returns
    -------
    float
        0 … 1.

    Raises
    ------
    FeaturesError
        When it is neither "auto" nor from 0 to 1.
    """
    if isinstance(shrinkage, str):
        if shrinkage == "auto":
            return oracle_shrinkage(statistics.within_scatter / statistics.samples, statistics.samples)
    elif 0.0 <= shrinkage <= 1.0:
        return float(shrinkage)
    raise FeaturesError(f"shrinkage={shrinkage!r}: give 'auto', or a number from 0 to 1 (a discriminant: or 'loo')")


def whitened(
    statistics: FeatureStatistics, means: Float[np.ndarray, "K d"], shrinkage: float
) -> Float[np.ndarray, "K d"]:
    """``m_k Σ⁻¹`` with Σ the shrunk within-class covariance, one row a class.

    Parameters
    ----------
    statistics : FeatureStatistics
    means : ndarray of shape (K, d)
        Finite.
    shrinkage : float
        0 … 1; with 0, directions without scatter are left out (the pseudo-inverse).

    Returns
    -------
    ndarray of shape (K, d)
        In units in which a mean variance of 1 changes nothing; the means themselves when nothing scatters.
    """
    covariance = statistics.within_scatter / statistics.samples
    variance = float(np.trace(covariance)) / len(covariance)
    if not variance > 0.0:
        return means
    if shrinkage == 1.0:
        return means / variance
    if shrinkage > 0.0:
        return divided(means, (1.0 - shrinkage) * covariance + shrinkage * variance * np.eye(len(covariance)))
    return _divided_by_kept(means, covariance)


def mean_noise(statistics: FeatureStatistics, shrinkage: float) -> float:
    """How far samples lie from an estimated class mean beyond the true one, for a class of one sample: tr(AΣ).

    A is the inverse of the shrunk covariance and Σ the true one. A class of n samples has 1/n of it.

    Parameters
    ----------
    statistics : FeatureStatistics
    shrinkage : float
        0 … 1.

    Returns
    -------
    float
        Zero where nothing scatters; not a number where the samples do not tell: without shrinkage, when those beyond
        one a class are no more than the dimensions.

    Notes
    -----
    docs/theory §13.2.
    """
    covariance = statistics.within_scatter / statistics.samples
    variance = float(np.trace(covariance)) / len(covariance)
    if not variance > 0.0:
        return 0.0
    values = np.linalg.eigvalsh(covariance)
    kept = values[values > _RANK * values[-1]]
    classes = int(np.count_nonzero(statistics.counts))
    if shrinkage == 0.0 and statistics.samples - classes <= len(covariance):
        return float("nan")
    trace = float(np.sum(kept / ((1.0 - shrinkage) * kept + shrinkage * variance)))
    return float(noise_of_trace(np.array([trace]), shrinkage, statistics.samples, classes)[0])


def noise_of_trace(
    trace: Float[np.ndarray, " m"], shrinkage: float, samples: float, classes: int
) -> Float[np.ndarray, " m"]:
    """tr(AΣ) for new samples, from ``tr(AS)`` with the covariance S that A was made of.

    Parameters
    ----------
    trace : ndarray of shape (m,)
    shrinkage : float
    samples : float
        N.
    classes : int
        K, those that have samples.

    Returns
    -------
    ndarray of shape (m,)
    """
    unbiased = trace * samples / (samples - classes)
    return unbiased / (1.0 - (1.0 - shrinkage) * unbiased / samples)


def divided(rows: Float[np.ndarray, "K d"], system: Float[np.ndarray, "d d"]) -> Float[np.ndarray, "K d"]:
    """``rows S⁻¹`` for a positive definite S; where rounding made it singular, its pseudo-inverse."""
    try:
        return cho_solve(cho_factor(system), rows.T).T
    except np.linalg.LinAlgError:
        return _divided_by_kept(rows, system)


def _divided_by_kept(rows: Float[np.ndarray, "K d"], system: Float[np.ndarray, "d d"]) -> Float[np.ndarray, "K d"]:
    values, vectors = np.linalg.eigh(system)
    kept = values > _RANK * values[-1]
    return (rows @ vectors[:, kept]) / values[kept] @ vectors[:, kept].T
