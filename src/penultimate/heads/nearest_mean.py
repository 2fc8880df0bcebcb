"""The nearest class mean as a head."""

from typing import Literal, Self

import numpy as np

from penultimate.errors import FeaturesError
from penultimate.features.statistics import FeatureStatistics
from penultimate.heads.covariance import Shrinkage, settled, whitened
from penultimate.heads.linear_head import StatisticsHead, filled_means


class NearestMeanHead(StatisticsHead):
    """Answer with the class whose mean is nearest: ``⟨m_k, h⟩ − ‖m_k‖²/2`` is largest.

    Parameters
    ----------
    metric : {"euclidean", "within"}, default "euclidean"
        Distances as they are, or after whitening with the within-class covariance (Mahalanobis).
    shrinkage : float or "auto", default "auto"
        Of the covariance, for "within"; as in `DiscriminantHead`, which also chooses it by leave-one-out.
    pull : float, default 0
        Means are pulled to the global mean as by so many samples there: ``(n_k m_k + pull m) / (n_k + pull)``, which
        moves means of few samples most.

    Notes
    -----
    With collapsed features and squared error it agrees with the trained head (Papyan, Han and Donoho 2020, arXiv
    2008.08186, NC4); where it does better, the head is in the way. Kang et al. 2020 (arXiv 1910.09217) propose it for
    long tails.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> X, y = np.array([[0.0, 0.0], [0.0, 2.0], [4.0, 0.0]]), np.array(["a", "a", "b"])
    >>> pen.heads.NearestMeanHead().fit(X, y).predict([[1.0, 1.0], [3.0, 1.0]])
    array(['a', 'b'], dtype='<U1')
    """

    metric: Literal["euclidean", "within"]
    shrinkage: Shrinkage
    pull: float

    def __init__(
        self,
        metric: Literal["euclidean", "within"] = "euclidean",
        *,
        shrinkage: Shrinkage = "auto",
        pull: float = 0.0,
    ) -> None:
        self.metric = metric
        self.shrinkage = shrinkage
        self.pull = pull

    def _fit_statistics(self, statistics: FeatureStatistics) -> Self:
        if self.metric not in ("euclidean", "within"):
            raise FeaturesError(f"metric={self.metric!r}: give 'euclidean' or 'within'")
        if not self.pull >= 0.0:
            raise FeaturesError(f"pull={self.pull!r}: give a number of samples, zero or above")
        counts, origin = statistics.counts, statistics.global_mean
        stays = counts / np.maximum(counts + self.pull, 1e-300)
        means = (filled_means(statistics) - origin) * stays[:, None]
        rows = means if self.metric == "euclidean" else whitened(statistics, means, settled(statistics, self.shrinkage))
        bias = -0.5 * np.einsum("kd,kd->k", rows, means) - rows @ origin
        return self._settle((rows, bias), counts, (counts > 0) / np.count_nonzero(counts))
