"""Least squares on one-hot labels with weight decay: what squared error makes of fixed features."""

from typing import Literal, Self

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from penultimate.errors import FeaturesError
from penultimate.features.moments import mean_of
from penultimate.features.statistics import FeatureStatistics
from penultimate.heads.covariance import divided
from penultimate.heads.label_weights import ClassWeight, weights_by_label
from penultimate.heads.linear_head import StatisticsHead, filled_means
from penultimate.heads.ridge_risk import RidgeRisk
from penultimate.heads.scikit import check_fitted


class RidgeHead(StatisticsHead):
    """The head that minimises ``1/(2N) Σ_i ω_{y_i} ‖W h_i + b − e_{y_i}‖² + (λ/2) ‖W‖²``, in closed form.

    Its scores are shares of probability, and sum to 1. Their softmax is far too flat: give the head to
    `CalibratedHead` where probabilities matter.

    Parameters
    ----------
    weight_decay : float or "auto", default 5e-4
        λ, in the convention of docs/theory §1; "auto" takes the one that should leave least squared error on new
        samples (`explain`), with class weights as without. It needs no samples, only statistics. Cross-validation is
        no worse where samples are at hand, and better where there are fewer than features (docs/laws).
    class_weight : "balanced", mapping of label to float, or None, default None
        ω_k: N / (K n_k), so that every class weighs alike; as given; or 1. From statistics, weights need the scatter of
        every class (``FeatureStatistics(…, per_class=True)``).

    Attributes
    ----------
    weight_decay_ : float
        λ, as given or chosen.

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

    weight_decay: float | Literal["auto"]
    class_weight: ClassWeight
    weight_decay_: float
    _seen: FeatureStatistics

    def __init__(self, weight_decay: float | Literal["auto"] = 5e-4, *, class_weight: ClassWeight = None) -> None:
        self.weight_decay = weight_decay
        self.class_weight = class_weight

    def explain(self) -> RidgeRisk:
        """Bias, variance and noise of the error on new samples, for one weight decay after another.

        Returns
        -------
        RidgeRisk

        Raises
        ------
        FeaturesError
            With class weights, for which the law is another; and as `RidgeRisk.from_statistics`.
        NotFittedError
            Before `fit`.
        """
        check_fitted(self)
        if self.class_weight is not None:
            raise FeaturesError(
                "with class weights the closed form is another: leave class_weight out to see that of equal weights"
            )
        return RidgeRisk.from_statistics(self._seen)

    def _fit_rows(self, rows: NDArray[np.floating], own: Int[np.ndarray, " N"]) -> Self:
        plain = FeatureStatistics.from_features(rows, own, len(self.classes_))
        if self.class_weight is None:
            return self._fit_statistics(plain)
        counts = plain.counts
        weighted = FeatureStatistics(len(self.classes_), self.n_features_in_)
        weighted.update(rows, own, weights_by_label(self.class_weight, self.classes_, counts)[own])
        return self._solve(weighted, weighted.within_scatter, plain)

    def _fit_statistics(self, statistics: FeatureStatistics) -> Self:
        if self.class_weight is None:
            return self._solve(statistics, statistics.within_scatter, statistics)
        weights = weights_by_label(self.class_weight, self.classes_, statistics.counts)
        scatter = np.einsum("k,kde->de", weights, statistics.class_scatters)
        return self._solve(statistics, scatter, statistics, weights)

    def _decay(self, plain: FeatureStatistics) -> float:
        if self.weight_decay == "auto":
            return RidgeRisk.from_statistics(plain).best
        if isinstance(self.weight_decay, str) or not self.weight_decay > 0.0:
            raise FeaturesError(f"weight_decay={self.weight_decay!r}: give a positive number, or 'auto'")
        return float(self.weight_decay)

    def _solve(
        self,
        statistics: FeatureStatistics,
        scatter: NDArray[np.float64],
        plain: FeatureStatistics,
        weights: NDArray[np.float64] | float = 1.0,
    ) -> Self:
        self._seen, self.weight_decay_ = plain.copy(), self._decay(plain)
        mass: NDArray[np.float64] = statistics.counts * weights
        shares, means = mass / mass.sum(), filled_means(statistics)
        centre = mean_of(means, mass)
        lifted = (means - centre) * mass[:, None]
        system = scatter + (means - centre).T @ lifted
        system[np.diag_indices_from(system)] += self.weight_decay_ * plain.samples
        rows = divided(lifted, system)
        return self._settle((rows, shares - rows @ centre), plain.counts, shares)
