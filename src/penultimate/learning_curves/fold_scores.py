"""Scores of samples that took no part in what scored them, summed by fold and class: all that a forecast reads.

The second half of each sum is what other counts would change: docs/theory §9.4.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.equivalents.read_out import gaussian_confusion

# Of the variance of scores at least this share stays, however much of it the law calls noise of the head.
_KEPT = 0.1


@dataclass(frozen=True, eq=False)
class FoldScores:
    """Sums of the scores of held-out samples, for each fold and class.

    Attributes
    ----------
    counts : ndarray of shape (F, K)
        Samples.
    first : ndarray of shape (F, K, c)
        Sums of scores.
    second : ndarray of shape (F, K, c, c)
        Sums of their squares and products.
    noise : ndarray of shape (F, K, c, c)
        Sums of what the covariance gains, or loses, by other counts.
    """

    counts: Float[np.ndarray, "F K"]
    first: Float[np.ndarray, "F K c"]
    second: Float[np.ndarray, "F K c c"]
    noise: Float[np.ndarray, "F K c c"]

    def recalls(self, offsets: Float[np.ndarray, " c"]) -> Float[np.ndarray, " K"]:
        """Recalls of classes whose scores are Gaussian, with these means and covariances."""
        return self._recalls(np.ones(len(self.counts), dtype=np.bool_), offsets)

    def without_one(self, offsets: Float[np.ndarray, " c"]) -> Float[np.ndarray, "F K"]:
        """The same with one fold left out, each in turn."""
        every = np.arange(len(self.counts))
        return np.stack([self._recalls(every != fold, offsets) for fold in every])

    def _recalls(self, folds: NDArray[np.bool_], offsets: Float[np.ndarray, " c"]) -> NDArray[np.float64]:
        counts = self.counts[folds].sum(axis=0)
        mean = self.first[folds].sum(axis=0) / counts[:, None]
        scatter = self.second[folds].sum(axis=0) - counts[:, None, None] * mean[:, :, None] * mean[:, None]
        noise = self.noise[folds].sum(axis=0) / counts[:, None, None]
        spread = _shrunk(scatter, counts)
        centre = _real_differences(mean, spread, counts)
        return np.diagonal(gaussian_confusion(centre + offsets, _with_noise(spread, noise), seed=0)).copy()


def _shrunk(scatter: Float[np.ndarray, "K c c"], counts: Float[np.ndarray, " K"]) -> Float[np.ndarray, "K c c"]:
    """Covariance of each class, drawn towards that of all the more the fewer samples there are for its c² numbers."""
    pooled = scatter.sum(axis=0) / (counts - 1.0).sum()
    share = (len(pooled) / (len(pooled) + counts))[:, None, None]
    return (1.0 - share) * scatter / np.maximum(counts - 1.0, 1.0)[:, None, None] + share * pooled


def _real_differences(
    mean: Float[np.ndarray, "K c"], covariance: Float[np.ndarray, "K c c"], counts: Float[np.ndarray, " K"]
) -> Float[np.ndarray, "K c"]:
    """Class means, drawn together by the share of their differences that few samples explain (James and Stein).

    Without it labels without meaning would be told apart as soon as noise is taken away.
    """
    centre = counts @ mean / counts.sum()
    apart = float(counts @ ((mean - centre) ** 2).sum(axis=1))
    by_chance = float(np.trace(covariance, axis1=1, axis2=2).sum()) * (1.0 - 1.0 / len(mean))
    return centre + (mean - centre) * max(0.0, 1.0 - by_chance / max(apart, 1e-300))


def _with_noise(
    covariance: Float[np.ndarray, "K c c"], noise: Float[np.ndarray, "K c c"]
) -> Float[np.ndarray, "K c c"]:
    """Add noise, or take it away but for a rest of the variance in every direction."""
    values, vectors = np.linalg.eigh(covariance)
    values = np.clip(values, 1e-12 * values[:, -1:], None)
    root = vectors * np.sqrt(values)[:, None]
    inverse = (vectors / np.sqrt(values)[:, None]).swapaxes(1, 2)
    relative = np.eye(covariance.shape[1]) + inverse @ noise @ inverse.swapaxes(1, 2)
    values, vectors = np.linalg.eigh((relative + relative.swapaxes(1, 2)) / 2.0)
    half = root @ (vectors * np.sqrt(np.clip(values, _KEPT, None))[:, None])
    return half @ half.swapaxes(1, 2)
