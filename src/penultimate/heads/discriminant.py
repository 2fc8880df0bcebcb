"""Linear discriminant analysis with a shrunk covariance and a chosen prior."""

from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from penultimate.errors import FeaturesError
from penultimate.features.statistics import FeatureStatistics
from penultimate.heads.covariance import Shrinkage, whitened
from penultimate.heads.linear_head import StatisticsHead, filled_means


class DiscriminantHead(StatisticsHead):
    """The best answer where features of a class are Gaussian around its mean, all classes with one covariance.

    Scores are ``m_k Σ⁻¹ h − m_k Σ⁻¹ m_k / 2 + log prior_k``: log posteriors up to a constant.

    Parameters
    ----------
    shrinkage : float or "auto", default "auto"
        Σ is ``(1 − s) S + s tr(S)/d I`` with S the pooled within-class covariance; "auto" takes the oracle
        approximating s (`penultimate.heads.covariance.oracle_shrinkage`). 0 needs no more samples than dimensions
        either: directions without scatter are then left out.
    prior : {"balanced", "counts"} or array of shape (K,), default "balanced"
        Class shares where the head is used.

    Notes
    -----
    Hastie, Tibshirani and Friedman 2009, section 4.3. scikit-learn's `LinearDiscriminantAnalysis` with solver "lsqr"
    gives the same scores from samples; this needs statistics only.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], [90, 10])
    >>> X = rng.normal(size=(100, 3)) + 4 * y[:, None]
    >>> head = pen.heads.DiscriminantHead().fit_statistics(pen.FeatureStatistics.from_features(X, y))
    >>> head.predict([[0.0, 0.0, 0.0], [3.0, 3.0, 3.0]])
    array([0, 1])
    """

    shrinkage: Shrinkage
    prior: Literal["balanced", "counts"] | ArrayLike

    def __init__(
        self, shrinkage: Shrinkage = "auto", *, prior: Literal["balanced", "counts"] | ArrayLike = "balanced"
    ) -> None:
        self.shrinkage = shrinkage
        self.prior = prior

    def _fit_statistics(self, statistics: FeatureStatistics) -> Self:
        counts, origin = statistics.counts, statistics.global_mean
        means = filled_means(statistics) - origin
        rows = whitened(statistics, means, self.shrinkage)
        prior = self._prior(counts)
        with np.errstate(divide="ignore"):
            bias = -0.5 * np.einsum("kd,kd->k", rows, means) - rows @ origin + np.log(prior)
        return self._settle((rows, bias), counts, prior)

    def _prior(self, counts: np.ndarray) -> np.ndarray:
        if isinstance(self.prior, str):
            if self.prior == "counts":
                return counts / counts.sum()
            if self.prior != "balanced":
                raise FeaturesError(f"prior={self.prior!r}: give 'balanced', 'counts' or one share for each class")
            return (counts > 0) / np.count_nonzero(counts)
        return np.where(counts > 0, self._checked_prior(np.asarray(self.prior)), 0.0)
