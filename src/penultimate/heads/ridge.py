"""Least squares on one-hot labels with weight decay: what squared error makes of fixed features."""

from typing import Self

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from penultimate.errors import FeaturesError
from penultimate.features.statistics import FeatureStatistics, mean_of
from penultimate.heads.class_weights import ClassWeight, class_weights
from penultimate.heads.covariance import divided
from penultimate.heads.linear_head import StatisticsHead, filled_means


class RidgeHead(StatisticsHead):
    """The head that minimises ``1/(2N) Σ_i ω_{y_i} ‖W h_i + b − e_{y_i}‖² + (λ/2) ‖W‖²``, in closed form.

    Its scores are shares of probability, and sum to 1. Their softmax is far too flat: give the head to
    `CalibratedHead` where probabilities matter.

    Parameters
    ----------
    weight_decay : float, default 5e-4
        λ, in the convention of docs/theory §1.
    class_weight : "balanced", mapping of label to float, or None, default None
        ω_k: N / (K n_k), so that every class weighs alike; as given; or 1. From statistics, weights need the scatter of
        every class (``FeatureStatistics(…, per_class=True)``).

    Notes
    -----
    scikit-learn's `Ridge` on one-hot labels with ``alpha = N λ``.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> X, y = np.array([[0.0], [1.0], [2.0], [9.0]]), np.array([0, 0, 0, 1])
    >>> head = pen.heads.RidgeHead(weight_decay=1e-6).fit(X, y)
    >>> head.intercept_.sum().round(9), head.predict([[1.0], [8.0]])
    (np.float64(1.0), array([0, 1]))
    """

    _scores_are_shares = True

    weight_decay: float
    class_weight: ClassWeight

    def __init__(self, weight_decay: float = 5e-4, *, class_weight: ClassWeight = None) -> None:
        self.weight_decay = weight_decay
        self.class_weight = class_weight

    def _fit_rows(self, rows: NDArray[np.floating], own: Int[np.ndarray, " N"]) -> Self:
        counts = np.bincount(own, minlength=len(self.classes_)).astype(np.float64)
        weighted = FeatureStatistics(len(self.classes_), self.n_features_in_)
        weighted.update(rows, own, class_weights(self.class_weight, self.classes_, counts)[own])
        return self._solve(weighted, weighted.within_scatter, counts)

    def _fit_statistics(self, statistics: FeatureStatistics) -> Self:
        counts = statistics.counts
        if self.class_weight is None:
            return self._solve(statistics, statistics.within_scatter, counts)
        weights = class_weights(self.class_weight, self.classes_, counts)
        scatter = np.einsum("k,kde->de", weights, statistics.class_scatters)
        return self._solve(statistics, scatter, counts, weights)

    def _solve(
        self,
        statistics: FeatureStatistics,
        scatter: NDArray[np.float64],
        counts: NDArray[np.float64],
        weights: NDArray[np.float64] | float = 1.0,
    ) -> Self:
        if not self.weight_decay > 0.0:
            raise FeaturesError(f"weight_decay={self.weight_decay!r}: give a positive number")
        mass: NDArray[np.float64] = statistics.counts * weights
        shares, means = mass / mass.sum(), filled_means(statistics)
        centre = mean_of(means, mass)
        lifted = (means - centre) * mass[:, None]
        system = scatter + (means - centre).T @ lifted
        system[np.diag_indices_from(system)] += self.weight_decay * counts.sum()
        rows = divided(lifted, system)
        return self._settle((rows, shares - rows @ centre), counts, shares)
