"""Closed-form changes of a trained head that need its training counts only: scales of rows, and shifts of biases."""

from typing import Self

import numpy as np

from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.features.statistics import FeatureStatistics
from penultimate.heads.based_head import base_of, classes_of, log_shares, shares_of
from penultimate.heads.linear_head import StatisticsHead


class _BasedHead(StatisticsHead):
    base: Head | None
    tau: float

    def _classes_given(self) -> int | None:
        return classes_of(self.base)

    def _checked_base(self, statistics: FeatureStatistics) -> Head:
        if not np.isfinite(self.tau):
            raise FeaturesError(f"tau={self.tau!r}: give a finite number")
        return base_of(self.base, statistics)


class TauNormalisedHead(_BasedHead):
    """τ-normalisation: rows ``w_k / ‖w_k‖^τ``, no bias.

    Parameters
    ----------
    base : Head, optional
        The trained head; by default a `RidgeHead` is fitted first.
    tau : float, default 1
        0 leaves the rows, 1 makes their norms equal, more favours short rows.

    Notes
    -----
    Kang et al. 2020 (arXiv 1910.09217), equation (3). Norms grow with class counts, so this helps the tail.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> trained = pen.Head((np.array([[3.0, 4.0], [0.0, 1.0]]),), np.array([0.5, 0.0]))
    >>> statistics = pen.FeatureStatistics.from_features(np.eye(2), np.array([0, 1]))
    >>> pen.heads.TauNormalisedHead(trained).fit_statistics(statistics).coef_
    array([[0.6, 0.8],
           [0. , 1. ]])
    """

    def __init__(self, base: Head | None = None, *, tau: float = 1.0) -> None:
        self.base = base
        self.tau = tau

    def _fit_statistics(self, statistics: FeatureStatistics) -> Self:
        rows = self._checked_base(statistics).product
        norms = np.linalg.norm(rows, axis=1)
        scales = np.where(norms > 0, norms, 1.0) ** -self.tau
        return self._settle((rows * scales[:, None], np.zeros(len(rows))), statistics.counts, None)


class PriorScaledHead(_BasedHead):
    """Scores divided by a power of the class shares: ``s_k / π_k^τ``.

    The adjustment in the units of squared error, whose scores are shares: at τ = 1 it is Bayes' rule for balanced
    classes where ``s_k`` is the posterior probability, which least squares estimates. Subtracting logarithms
    (`LogitAdjustedHead`) from such scores would overrule them.

    Parameters
    ----------
    base : Head, optional
        The trained head; by default a `RidgeHead` is fitted first.
    tau : float, default 1
        0 leaves the scores.

    Notes
    -----
    Derived for this project (docs/heads).

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> trained = pen.Head((np.eye(2),), np.array([0.9, 0.1]))
    >>> statistics = pen.FeatureStatistics.from_features(np.eye(2)[[0, 0, 0, 1]], np.array([0, 0, 0, 1]))
    >>> pen.heads.PriorScaledHead(trained).fit_statistics(statistics).intercept_
    array([1.2, 0.4])
    """

    _scores_are_shares = True

    def __init__(self, base: Head | None = None, *, tau: float = 1.0) -> None:
        self.base = base
        self.tau = tau

    def _fit_statistics(self, statistics: FeatureStatistics) -> Self:
        base, log_prior = self._checked_base(statistics), log_shares(statistics.counts)
        scales = np.exp(-self.tau * log_prior)
        rest = np.where(statistics.counts > 0, np.exp((1.0 - self.tau) * log_prior), 0.0)
        return self._settle((base.product * scales[:, None], base.offset * scales), statistics.counts, shares_of(rest))


class LogitAdjustedHead(_BasedHead):
    """Post-hoc logit adjustment: ``s_k / T − τ log π_k``.

    For heads trained with cross-entropy. The scores of squared error are no logarithms, and this ruins them: see
    `PriorScaledHead`, and `CalibratedHead`, which finds the units itself.

    Parameters
    ----------
    base : Head, optional
        The trained head; by default a `RidgeHead` is fitted first.
    tau : float, default 1
        0 leaves the scores; 1 is Bayes' rule for balanced classes where probabilities are calibrated.
    temperature : float, default 1
        T, by which scores are divided first.

    Notes
    -----
    Menon et al. 2021 (arXiv 2007.07314), equation (9).

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> trained = pen.Head((np.eye(2),), np.log([0.75, 0.25]))
    >>> statistics = pen.FeatureStatistics.from_features(np.eye(2)[[0, 0, 0, 1]], np.array([0, 0, 0, 1]))
    >>> pen.heads.LogitAdjustedHead(trained).fit_statistics(statistics).intercept_.round(12)
    array([0., 0.])
    """

    def __init__(self, base: Head | None = None, *, tau: float = 1.0, temperature: float = 1.0) -> None:
        self.base = base
        self.tau = tau
        self.temperature = temperature

    def _fit_statistics(self, statistics: FeatureStatistics) -> Self:
        base, log_prior = self._checked_base(statistics), log_shares(statistics.counts)
        if not self.temperature > 0.0:
            raise FeaturesError(f"temperature={self.temperature!r}: give a positive number")
        bias = base.offset / self.temperature - self.tau * log_prior
        rest = np.where(statistics.counts > 0, np.exp((1.0 - self.tau) * log_prior), 0.0)
        return self._settle((base.product / self.temperature, bias), statistics.counts, shares_of(rest))
