"""From Gaussian scores to decisions: how likely each score is the largest.

Heads are drawn in pairs of opposite noise, and a block of samples meets the same heads, so that one matrix product
gives the noise of all. Rows of a block are taken from all over the samples: a class meets many heads.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.kernels import kernel

# Rows that meet the same heads.
_BLOCK = 256
# Pairs of heads for each sample: few where many samples are averaged over. With 2^17 pairs in all, the sampling error
# of a recall over 1,000 samples is a tenth of a point.
_PAIRS, _FEWEST, _MOST = 2**17, 16, 512
# Pairs of draws for a class that is Gaussian: a recall to half a point, and the same draws for all.
_CLASS_PAIRS = 4096


def _count_at_once(mean: NDArray[np.floating], noise: NDArray[np.floating], wins: NDArray[np.floating]) -> None:
    """`_count` by NumPy."""
    rows, own = np.arange(len(mean))[:, None] * mean.shape[1], wins.ravel()
    for scores in (mean[:, None] + noise, mean[:, None] - noise):
        best = np.argmax(scores, axis=2) + rows
        own += np.bincount(best.ravel(), minlength=own.size)
    wins[...] = own.reshape(wins.shape)


@kernel(twin=_count_at_once)
def _count(mean: NDArray[np.floating], noise: NDArray[np.floating], wins: NDArray[np.floating]) -> None:
    """Add one for the largest score of each row under each noise and its opposite."""
    rows, pairs, size = noise.shape
    for i in range(rows):
        for t in range(pairs):
            up = down = 0
            most_up = most_down = -np.inf
            for k in range(size):
                above, below = mean[i, k] + noise[i, t, k], mean[i, k] - noise[i, t, k]
                if above > most_up:
                    most_up, up = above, k
                if below > most_down:
                    most_down, down = below, k
            wins[i, up] += 1.0
            wins[i, down] += 1.0


def first_places(
    mean: Float[np.ndarray, "N c"],
    variances: Float[np.ndarray, "N P"],
    parts: Sequence[Float[np.ndarray, "_r c"]],
    seed: int,
) -> Float[np.ndarray, "N c"]:
    """How likely each score is the largest, for scores of covariance ``Σ_p variance_p A_pᵀ A_p``.

    Parameters
    ----------
    mean : ndarray of shape (N, c)
    variances : ndarray of shape (N, P)
        Rounding below zero counts as zero.
    parts : sequence of P arrays of shape (r, c)
        ``A_p``; the ranks r may differ.
    seed : int

    Returns
    -------
    ndarray of shape (N, c)
        Rows sum to one.
    """
    rng, (rows, answers) = np.random.default_rng(seed), mean.shape
    pairs = min(max(_PAIRS // max(rows, 1), _FEWEST), _MOST)
    spreads, scores = np.sqrt(np.clip(variances, 0.0, None)).astype(np.float32), mean.astype(np.float32)
    narrow = [part.astype(np.float32) for part in parts]
    wins = np.zeros((rows, answers), dtype=np.float32)
    blocks, count = -(-rows // _BLOCK), _count.at(classes=answers, samples=rows)
    for block in range(blocks):
        heads = np.stack([rng.standard_normal((pairs, len(part)), dtype=np.float32) @ part for part in narrow])
        noise = spreads[block::blocks] @ heads.reshape(len(parts), -1)
        count(scores[block::blocks], noise.reshape(-1, pairs, answers), wins[block::blocks])
    return wins.astype(np.float64) / (2.0 * pairs)


def gaussian_confusion(
    mean: Float[np.ndarray, "K c"], covariance: Float[np.ndarray, "K c c"], seed: int
) -> Float[np.ndarray, "K c"]:
    """How likely each score is the largest, for one Gaussian vector of scores a class.

    Parameters
    ----------
    mean : ndarray of shape (K, c)
    covariance : ndarray of shape (K, c, c)
    seed : int
        All classes, and all calls with it, meet the same draws, so that differences are smooth.

    Returns
    -------
    ndarray of shape (K, c)
        Rows sum to one.
    """
    draws = np.random.default_rng(seed).standard_normal((_CLASS_PAIRS, mean.shape[1]), dtype=np.float32)
    wins, scores = np.zeros(mean.shape, dtype=np.float32), mean.astype(np.float32)
    count = _count.at(classes=mean.shape[1])
    for k, root in enumerate(roots(covariance)):
        count(scores[k : k + 1], (draws @ root.astype(np.float32))[None], wins[k : k + 1])
    return wins.astype(np.float64) / (2.0 * _CLASS_PAIRS)


def roots(covariances: Float[np.ndarray, "G c c"]) -> Float[np.ndarray, "G c c"]:
    """Symmetric A with ``A A = V`` for each covariance V; what rounding left below zero counts as zero."""
    values, vectors = np.linalg.eigh(covariances)
    return (vectors * np.sqrt(np.clip(values, 0.0, None))[:, None]) @ vectors.swapaxes(1, 2)


def class_means(
    values: Float[np.ndarray, "N c"], labels: Int[np.ndarray, " N"], classes: int
) -> Float[np.ndarray, "K c"]:
    """Mean row of each class; NaN for classes without rows."""
    sums = np.stack([np.bincount(labels, column, classes) for column in values.T], axis=1)
    counts = np.bincount(labels, minlength=classes)[:, None]
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
