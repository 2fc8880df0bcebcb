"""Linear discriminant analysis with a shrunk covariance, means that know how few samples they have, and any prior."""

from typing import Literal, Self

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from penultimate.counts.matching import PerClass
from penultimate.errors import FeaturesError
from penultimate.features.statistics import FeatureStatistics
from penultimate.heads.covariance import Shrinkage, mean_noise, settled, whitened
from penultimate.heads.leave_one_out import LeaveOneOut
from penultimate.heads.linear_head import StatisticsHead
from penultimate.heads.noisy_means import Means, weighed
from penultimate.heads.validation_curve import Curve

# Where no sample can be left out: better than the oracle's on features of trained networks (a test has it), and on
# pixels; in trials up to a point worse on embeddings of texts.
_FROM_STATISTICS = 0.5


class DiscriminantHead(StatisticsHead):
    """The best answer where features of a class are Gaussian around its mean, all classes with one covariance.

    Scores are ``m_k Σ⁻¹ h − m_k Σ⁻¹ m_k / 2 + log prior_k``: log posteriors up to a constant. Made for few samples:
    what is not known of a class's mean is allowed for, and the shrinkage is what answers best for samples left out.

    Parameters
    ----------
    shrinkage : "loo", "auto" or float, default "loo"
        Σ is ``(1 − s) S + s tr(S)/d I`` with S the pooled within-class covariance, and 1 is the nearest mean. "loo"
        takes the s of least balanced log loss for samples left out, one after another; where a class has two samples
        or fewer, the largest within a standard error of it; 1 where there is nothing to leave out. Statistics alone
        have no samples: 0.5 then. "auto" is the oracle approximating s
        (`penultimate.heads.covariance.oracle_shrinkage`). 0 needs no more samples than dimensions either: directions
        without scatter are then left out.
    means : {"pulled", "corrected", "plain"}, default "pulled"
        A class of few samples has a mean that is off by tr(AΣ)/n_k, A being the inverse in the scores, so that its
        samples seem too far away. "corrected" adds half of that to its score. "pulled" first draws all means to their
        centre, as by `pull_` samples there, and corrects for what is left. "plain" does neither.
    prior : {"balanced", "counts"}, array of shape (K,), or mapping by class, default "balanced"
        Class shares where the head is used.

    Attributes
    ----------
    shrinkage_ : float
        s, as given or chosen.
    loo_ : Curve or None
        How good each s is for samples left out; None where none was.
    mean_noise_ : float
        tr(AΣ). Not a number without shrinkage where samples are hardly more than dimensions: means then stay plain.
    pull_ : float
        In samples; 0 unless "pulled".

    Notes
    -----
    Hastie, Tibshirani and Friedman 2009, section 4.3. scikit-learn's `LinearDiscriminantAnalysis` with solver "lsqr"
    gives the same scores from samples with plain means. Leave-one-out is exact, for every s from one
    eigendecomposition; of large classes some samples are left out. It and the pull are derived in docs/theory §13.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1, 2], [90, 10, 3])
    >>> X = rng.normal(size=(103, 3)) + 4 * np.eye(3)[y]
    >>> head = pen.heads.DiscriminantHead().fit(X, y)
    >>> head.predict(4 * np.eye(3)), head.shrinkage_
    (array([0, 1, 2]), 1.0)
    """

    shrinkage: Shrinkage | Literal["loo"]
    means: Means
    prior: Literal["balanced", "counts"] | PerClass
    shrinkage_: float
    loo_: Curve | None
    mean_noise_: float
    pull_: float

    def __init__(
        self,
        shrinkage: Shrinkage | Literal["loo"] = "loo",
        *,
        means: Means = "pulled",
        prior: Literal["balanced", "counts"] | PerClass = "balanced",
    ) -> None:
        self.shrinkage = shrinkage
        self.means = means
        self.prior = prior

    def _fit_rows(self, rows: NDArray[np.floating], own: Int[np.ndarray, " N"]) -> Self:
        statistics = FeatureStatistics.from_features(rows, own, len(self.classes_))
        if self.shrinkage != "loo":
            return self._fit_statistics(statistics)
        left_out = LeaveOneOut(rows, own, self.means)
        self.loo_ = left_out.curve() if left_out.tells else None
        return self._fit_with(statistics, 1.0 if self.loo_ is None else self.loo_.setting)

    def _fit_statistics(self, statistics: FeatureStatistics) -> Self:
        self.loo_ = None
        given = _FROM_STATISTICS if self.shrinkage == "loo" else self.shrinkage
        return self._fit_with(statistics, settled(statistics, given))

    def _fit_with(self, statistics: FeatureStatistics, shrinkage: float) -> Self:
        counts = statistics.counts
        seen = counts > 0
        centre = statistics.means[seen].mean(axis=0)
        means = statistics.means[seen] - centre
        rows = whitened(statistics, means, shrinkage)
        self.shrinkage_, self.mean_noise_ = shrinkage, mean_noise(statistics, shrinkage)
        sizes, noise = np.einsum("kd,kd->k", rows, means)[None], np.array([self.mean_noise_])
        treatment = self.means if np.isfinite(self.mean_noise_) else "plain"
        (factors,), (offsets,), pull = weighed(treatment, sizes, noise, counts[None, seen])
        self.pull_, prior = float(pull[0]), self._prior(counts)
        return self._settle_about(centre, factors[:, None] * rows, offsets + np.log(prior[seen]), counts, prior)

    def _prior(self, counts: np.ndarray) -> np.ndarray:
        if isinstance(self.prior, str):
            if self.prior == "counts":
                return counts / counts.sum()
            if self.prior != "balanced":
                raise FeaturesError(f"prior={self.prior!r}: give 'balanced', 'counts' or one share for each class")
            return (counts > 0) / np.count_nonzero(counts)
        return np.where(counts > 0, self._checked_prior(self.prior), 0.0)
