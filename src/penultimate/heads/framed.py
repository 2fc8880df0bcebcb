"""Heads whose rows are a named geometry, turned to where the class means are."""

from typing import Any, Literal, Self, cast

import numpy as np
from jaxtyping import Float
from scipy.linalg import svd

from penultimate.counts import ClassCounts
from penultimate.errors import FeaturesError
from penultimate.features.statistics import FeatureStatistics
from penultimate.forecasts.forecasting import forecast
from penultimate.heads.linear_head import StatisticsHead, filled_means

FRAMES = ("simplex", "orthogonal", "forecast")


class FrameHead(StatisticsHead):
    """A head with the angles and norms of a frame; only its orientation is fitted.

    ``W = F R`` with F the frame, one row a class, and R the orthonormal map that takes it nearest to the centred class
    means (orthogonal Procrustes); ``b = −W m`` with m the mean of the class means.

    Parameters
    ----------
    frame : {"simplex", "orthogonal", "forecast"}, default "simplex"
        The simplex equiangular tight frame, orthonormal rows, or the head that is forecast for these counts.
    weight_decay : float, default 5e-4
        Of the forecast.

    Notes
    -----
    Heads fixed to a simplex: Yang et al. 2022 (arXiv 2203.09081); there for training, here for features as they are.
    Procrustes: Schönemann 1966 (doi 10.1007/BF02289451). Where d is less than the rank of the frame, R projects.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> X, y = np.array([[5.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]), np.arange(3)
    >>> head = pen.heads.FrameHead().fit(X, y)
    >>> np.linalg.norm(head.coef_, axis=1).round(12), head.predict(X)
    (array([1., 1., 1.]), array([0, 1, 2]))
    """

    frame: Literal["simplex", "orthogonal", "forecast"]
    weight_decay: float

    def __init__(
        self, frame: Literal["simplex", "orthogonal", "forecast"] = "simplex", *, weight_decay: float = 5e-4
    ) -> None:
        self.frame = frame
        self.weight_decay = weight_decay

    def _fit_statistics(self, statistics: FeatureStatistics) -> Self:
        counts = statistics.counts
        seen = np.flatnonzero(counts)
        means = filled_means(statistics)
        centre = means[seen].mean(axis=0)
        vectors = self._vectors(counts[seen])
        left, _, right = cast(Any, svd)((means[seen] - centre).T @ vectors, full_matrices=False)
        rows = np.zeros_like(means)
        rows[seen] = vectors @ (left @ right).T
        return self._settle((rows, -rows @ centre), counts, None)

    def _vectors(self, counts: Float[np.ndarray, " k"]) -> Float[np.ndarray, "k k"]:
        size = counts.size
        if self.frame == "orthogonal":
            return np.eye(size)
        if self.frame == "simplex":
            return np.sqrt(size / (size - 1)) * (np.eye(size) - 1.0 / size)
        if self.frame != "forecast":
            raise FeaturesError(f"frame={self.frame!r}: give one of {', '.join(FRAMES)}")
        rows = forecast(ClassCounts(counts), self.weight_decay, feature_ratio=1.0).geometry.factors(d=size).weights[0]
        longest = float(np.linalg.norm(rows, axis=1).max())
        return rows / longest if longest > 0 else rows
