"""A discriminant for more features than samples: few directions of large scatter, few coordinates that tell."""

from typing import Literal, Self

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.errors import FeaturesError
from penultimate.features.statistics import FeatureStatistics
from penultimate.heads.linear_head import StatisticsHead
from penultimate.noise.edges import edge, margin

# Variance outside the spikes is at least this share of the mean one: less is rounding.
_ROUNDING = 1e-12


class SpikedDiscriminantHead(StatisticsHead):
    """The discriminant where scatter has few large directions, and whitened classes differ in few coordinates.

    The covariance within classes is `spikes` directions of their own and one variance for all others. Features are
    whitened by that, and coordinates in which no class stands out of the noise of its mean are left out. It is for more
    features than samples. On collapsed features of a trained network what scatter is left lies along the differences
    of means, and `DiscriminantHead` does better: choose by cross-validation.

    Parameters
    ----------
    spikes : "auto" or int, default "auto"
        "auto" takes the directions whose scatter stands above the edge of noise (`penultimate.noise.edge`).
    screen : "auto", int or None, default "auto"
        Coordinates to keep: "auto" those in which the mean of some class is off the centre by more than
        ``√(2 log d / n_k)``, the most that noise gives; a number of the most striking ones; or None, all.

    Attributes
    ----------
    spikes_ : int
    kept_ : ndarray of shape (s,)
        Places of the coordinates that are kept, in the order of the features: the whitening hardly turns them.

    Notes
    -----
    Chen and Tang 2021 (arXiv 2110.01950) for two classes, with as many coordinates as are given; the threshold for
    several classes of unequal counts is derived in docs/theory §13.3. Scores are those for balanced classes.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 40)
    >>> X = rng.normal(size=(80, 300)) + 10 * rng.normal(size=(80, 1)) * np.linspace(-1, 1, 300)
    >>> X[y == 1, :2] += 3
    >>> head = pen.heads.SpikedDiscriminantHead().fit(X, y)
    >>> head.spikes_, head.kept_
    (1, array([0, 1]))
    """

    spikes: int | Literal["auto"]
    screen: int | Literal["auto"] | None
    spikes_: int
    kept_: NDArray[np.int64]

    def __init__(
        self, spikes: int | Literal["auto"] = "auto", *, screen: int | Literal["auto"] | None = "auto"
    ) -> None:
        self.spikes = spikes
        self.screen = screen

    def _fit_rows(self, rows: NDArray[np.floating], own: Int[np.ndarray, " N"]) -> Self:
        wide = np.asarray(rows, dtype=np.float64)
        counts = np.bincount(own, minlength=len(self.classes_)).astype(np.float64)
        sums = np.zeros((len(counts), wide.shape[1]))
        np.add.at(sums, own, wide)
        means = sums / np.maximum(counts, 1.0)[:, None]
        _, values, vectors = np.linalg.svd(wide - means[own], full_matrices=False)
        return self._fit_spikes(counts, means, values**2, vectors.T)

    def _fit_statistics(self, statistics: FeatureStatistics) -> Self:
        values, vectors = np.linalg.eigh(statistics.within_scatter)
        return self._fit_spikes(statistics.counts, statistics.means, np.maximum(values[::-1], 0.0), vectors[:, ::-1])

    def _fit_spikes(
        self,
        counts: Float[np.ndarray, " K"],
        means: Float[np.ndarray, "K d"],
        scatter: Float[np.ndarray, " r"],
        directions: Float[np.ndarray, "d r"],
    ) -> Self:
        seen = counts > 0
        centre = means[seen].mean(axis=0)
        away, width = means[seen] - centre, len(centre)
        freedom = float(counts.sum()) - np.count_nonzero(seen)
        prior = seen / np.count_nonzero(seen)
        total = float(scatter.sum())
        if not total > 0.0:
            self.spikes_, self.kept_ = 0, np.arange(width)
            return self._settle_about(centre, away, -0.5 * np.sum(away**2, axis=1), counts, prior)
        self.spikes_ = self._spikes(scatter, freedom, width)
        above, axes = scatter[: self.spikes_] / freedom, directions[:, : self.spikes_]
        rest = max(float(scatter[self.spikes_ :].sum()) / (width - self.spikes_), _ROUNDING * total / width) / freedom

        def whitened(points: Float[np.ndarray, "k d"]) -> Float[np.ndarray, "k d"]:
            along = points @ axes
            return (points - along @ axes.T) / np.sqrt(rest) + (along / np.sqrt(above)) @ axes.T

        places = whitened(away)
        self.kept_ = self._kept(np.abs(places) * np.sqrt(counts[seen])[:, None])
        told = np.zeros_like(places)
        told[:, self.kept_] = places[:, self.kept_]
        offsets = -0.5 * np.sum(told**2, axis=1) + 0.5 * len(self.kept_) / counts[seen]
        return self._settle_about(centre, whitened(told), offsets, counts, prior)

    def _spikes(self, scatter: Float[np.ndarray, " r"], freedom: float, width: int) -> int:
        """How many directions have scatter of their own."""
        most = min(len(scatter), width - 1, int(np.count_nonzero(scatter > _ROUNDING * scatter.sum())))
        if self.spikes != "auto":
            if isinstance(self.spikes, str) or not 0 <= self.spikes <= most or self.spikes != int(self.spikes):
                raise FeaturesError(f"spikes={self.spikes!r}: give 'auto', or a whole number from 0 to {most}")
            return int(self.spikes)
        size, found = max(int(freedom), 1), 0
        # Every spike that is taken out lowers the variance of the rest, and with it the edge.
        while found < most:
            rest = float(scatter[found:].sum()) / (width - found) / freedom
            if not rest > _ROUNDING * scatter.sum() / (width * freedom):
                break
            bound = edge(np.full(size, rest), width) * margin(size, width)
            more = min(most, int(np.count_nonzero(np.sqrt(scatter) > bound)))
            if more <= found:
                break
            found = more
        return found

    def _kept(self, striking: Float[np.ndarray, "K d"]) -> NDArray[np.int64]:
        """Coordinates to keep, from how far means are off in units of their noise."""
        largest: NDArray[np.float64] = striking.max(axis=0)
        width = len(largest)
        if self.screen is None:
            return np.arange(width)
        if self.screen == "auto":
            kept = np.flatnonzero(largest > np.sqrt(2.0 * np.log(width)))
            return kept if kept.size else np.argmax(largest, keepdims=True)
        if isinstance(self.screen, str) or not 1 <= self.screen <= width or self.screen != int(self.screen):
            raise FeaturesError(f"screen={self.screen!r}: give 'auto', None, or a whole number from 1 to {width}")
        return np.sort(np.argsort(-largest, kind="stable")[: int(self.screen)])
