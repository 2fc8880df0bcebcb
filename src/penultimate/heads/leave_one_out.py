"""Exact leave-one-out of a shrunk discriminant, for every shrinkage from one eigendecomposition."""

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.features.statistics import FeatureStatistics
from penultimate.heads.covariance import noise_of_trace
from penultimate.heads.noisy_means import Means, weighed
from penultimate.heads.softmax import balanced_weights, inverse_temperature, log_losses
from penultimate.heads.validation_curve import Curve, balanced_error

# From hardly any, in decades, to the nearest mean; dense where few samples decide.
SHRINKAGES = (1e-6, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 1.0)
# Scores and features that are looked at for one shrinkage, and the least samples of a class.
_SCORES, _FEATURES, _FEWEST = 1e6, 4e6, 2
# A class of so few samples leaves one behind: luck decides, so the choice leans towards the nearest mean.
_PAIR = 2
# Of losses that differ by less the largest shrinkage is taken, where all samples are right by far.
_TIE = 1e-6
# A variance below this share of that of all samples is rounding.
_ROUNDING = 1e-12


class LeaveOneOut:
    """Scores of samples by discriminants that were fitted without them.

    Parameters
    ----------
    rows : ndarray of shape (N, d)
    own : ndarray of shape (N,)
        Classes; those without samples have no part.
    means : {"pulled", "corrected", "plain"}
        As in `DiscriminantHead`.

    Attributes
    ----------
    rows : ndarray of shape (m,)
        Rows that are left out, one at a time: those of classes of two samples or more; of large classes, some.
    labels : ndarray of shape (m,)
        Their columns of the scores: places of their classes among those that have samples.

    Notes
    -----
    docs/theory §13.1.
    """

    def __init__(self, rows: NDArray[np.floating], own: Int[np.ndarray, " N"], means: Means) -> None:
        places = np.unique(own, return_inverse=True)[1]
        points = _coordinates(rows)
        statistics = FeatureStatistics.from_features(points, places)
        self._counts, self._samples = statistics.counts, statistics.samples
        self._width = rows.shape[1]
        self._treatment: Means = means
        self.rows = _left_out(places, rows.shape[1])
        self.labels = places[self.rows]
        values, basis = np.linalg.eigh(statistics.within_scatter / statistics.samples)
        self._values = np.maximum(values, 0.0)
        centre = statistics.means.mean(axis=0)
        self._means = (statistics.means - centre) @ basis
        self._points = (points[self.rows] - centre) @ basis

    @property
    def tells(self) -> bool:
        """Whether something scatters, and still can without a sample."""
        return self._samples - len(self._means) >= 2 and float(self._values.sum()) > 0.0

    def scores(self, shrinkage: float) -> Float[np.ndarray, "m k"]:
        """Of each sample by the discriminant of this shrinkage fitted to all others, for balanced classes.

        Parameters
        ----------
        shrinkage : float
            Above 0, at most 1.

        Returns
        -------
        ndarray of shape (m, k)
        """
        means, samples, classes = self._means, self._samples, len(self._means)
        number = self._counts[self.labels]
        residuals = self._points - means[self.labels]
        # The scatter loses n/(n − 1) r rᵀ, which is this share of r rᵀ in the covariance of all samples.
        share = number / (number - 1.0) / samples
        inverse = self._inverse(residuals, share, shrinkage)
        scaled = residuals * inverse
        reach, of_point = (np.einsum("md,md->m", scaled, side) for side in (residuals, self._points))
        of_means = scaled @ means.T
        free = (1.0 - shrinkage) * share
        # Sherman and Morrison: A + gain A r rᵀ A, by which A r grows too.
        gain = free / (1.0 - free * reach)
        across = (self._points * inverse) @ means.T + (gain * of_point)[:, None] * of_means
        sizes = inverse @ (means**2).T + gain[:, None] * of_means**2
        trace = inverse @ self._values + gain * (scaled**2 @ self._values)
        growth = 1.0 + gain * reach
        reach, of_point, of_means = reach * growth, of_point * growth, of_means * growth[:, None]
        # Without the sample its class's mean is r/(n − 1) further away, and their centre follows.
        step = 1.0 / (number - 1.0)
        place, follows = (np.arange(len(number)), self.labels), step / classes
        moved = np.repeat(follows[:, None], classes, axis=1)
        moved[place] -= step
        across += follows[:, None] * of_means + moved * (of_point + follows * reach)[:, None]
        sizes += 2.0 * moved * of_means + moved**2 * reach[:, None]
        left = np.repeat(self._counts[None], len(number), axis=0)
        left[place] -= 1.0
        noise = noise_of_trace(trace - share * reach, shrinkage, samples - 1.0, classes)
        size = (samples - 1.0) / samples  # the covariance is one of N − 1 samples
        factors, offsets, _ = weighed(self._treatment, sizes * size, noise, left)
        return factors * across * size + offsets

    def curve(self) -> Curve:
        """How good every shrinkage is, by balanced log loss at the temperature that suits it, and which is taken.

        Returns
        -------
        Curve
        """
        labels, classes = self.labels, len(self._means)
        weights = balanced_weights(labels, classes)
        losses: list[Float[np.ndarray, " m"]] = []
        rates: list[float] = []
        errors: list[float] = []
        for shrinkage in SHRINKAGES:
            scores = self.scores(shrinkage)
            losses.append(log_losses(scores * inverse_temperature(scores, labels, classes), labels))
            right = (scores.argmax(axis=1) == labels) * 1.0
            rates.append(float(weights @ right))
            errors.append(balanced_error(right, labels, weights))
        loss = np.array([weights @ one for one in losses])
        picked = int(np.flatnonzero(loss <= loss.min() + _TIE)[-1])
        if self._counts.min() <= _PAIR:
            within = [balanced_error(one - losses[picked], labels, weights) for one in losses]
            picked = int(np.flatnonzero(loss <= loss[picked] + within)[-1])
        return Curve(np.array(SHRINKAGES), np.array(rates), np.array(errors), loss, picked)

    def _inverse(
        self, residuals: Float[np.ndarray, "m d"], share: Float[np.ndarray, " m"], shrinkage: float
    ) -> Float[np.ndarray, "m d"]:
        """Of the shrunk eigenvalues, where only the mean variance that they are shrunk to lacks the sample."""
        total = float(self._values.sum())
        left = np.maximum(total - share * np.einsum("md,md->m", residuals, residuals), _ROUNDING * total)
        return 1.0 / ((1.0 - shrinkage) * self._values + (shrinkage / self._width) * left[:, None])


def _coordinates(rows: NDArray[np.floating]) -> Float[np.ndarray, "N r"]:
    """The rows themselves, or where they are fewer than columns their coordinates in the space that they span."""
    wide = np.asarray(rows, dtype=np.float64)
    if len(wide) >= wide.shape[1]:
        return wide
    left, values, _ = np.linalg.svd(wide - wide.mean(axis=0), full_matrices=False)
    return left * values


def _left_out(own: Int[np.ndarray, " N"], width: int) -> Int[np.ndarray, " m"]:
    """Rows of classes of two samples or more, evenly over each class as many as the limits allow."""
    number = np.bincount(own)
    limit = max(_FEWEST, int(min(_SCORES / number.size, _FEATURES / width) / number.size))
    order = np.argsort(own, kind="stable")
    place = np.arange(len(own)) - np.repeat(np.cumsum(number) - number, number)
    step = -(-number // limit)[own[order]]
    return order[(place % step == 0) & (number[own[order]] >= _PAIR)]
