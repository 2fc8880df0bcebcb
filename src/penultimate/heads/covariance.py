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


def whitened(
    statistics: FeatureStatistics, means: Float[np.ndarray, "K d"], shrinkage: Shrinkage
) -> Float[np.ndarray, "K d"]:
    """``m_k Σ⁻¹`` with Σ the shrunk within-class covariance, one row a class.

    Parameters
    ----------
    statistics : FeatureStatistics
    means : ndarray of shape (K, d)
        Finite.
    shrinkage : float or "auto"
        0 … 1; with 0, directions without scatter are left out (the pseudo-inverse).

    Returns
    -------
    ndarray of shape (K, d)
        In units in which a mean variance of 1 changes nothing; the means themselves when nothing scatters.

    Raises
    ------
    FeaturesError
        When the shrinkage is neither "auto" nor from 0 to 1.
    """
    share = shrinkage
    covariance = statistics.within_scatter / statistics.samples
    if share == "auto":
        share = oracle_shrinkage(covariance, statistics.samples)
    if not 0.0 <= share <= 1.0:
        raise FeaturesError(f"shrinkage={shrinkage!r}: give 'auto', or a number from 0 to 1")
    variance = float(np.trace(covariance)) / len(covariance)
    if not variance > 0.0:
        return means
    if share == 1.0:
        return means / variance
    if share > 0.0:
        return divided(means, (1.0 - share) * covariance + share * variance * np.eye(len(covariance)))
    return _divided_by_kept(means, covariance)


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
