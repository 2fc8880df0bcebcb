"""Which classes overlap so far that no rule along the line between their means tells them apart.

For two classes with means m_i and m_j, a rule that cuts the line between them errs equally often on both where

    error = Φ(−Δ / (s_i + s_j)),        Δ = ‖m_i − m_j‖,

s_i and s_j are the standard deviations along that line, for Gaussian classes (Anderson and Bahadur 1962). Noise in all
other directions does not enter: CDNV, which adds it up, grows with the width of the features however far apart classes
lie. The *shape* of the scatter is pooled over classes, so that K d + d² numbers suffice, its *size* is the class's own:

    s_i² = (δᵀΣδ/δᵀδ) v_i/tr Σ,        δ = m_i − m_j,   Σ the pooled within-class covariance,   v_i = E ‖h − m_i‖².
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from penultimate.features.metrics.centred import centred_means, row_blocks, seen_classes, squared_distances
from penultimate.features.statistics import FeatureStatistics

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Two classes are merged where a rule errs half as often as a coin. On held-out samples the pair of the bundled networks
# that is nearest to it, shirts and T-shirts, errs on 0.046; in simulation 0.2 and 0.3 are told apart (tests).
MERGED_AT = 0.25
# A pair is told where the standard deviation that chance gives the squared distance is at most so many times the one
# asked for: at two, classes that err on less than 0.067 do not look merged by chance but in one case of forty.
_TOLD = 2.0
# Pairs that are listed; of 10,000 classes that all merged there would be 50 million.
_LISTED = 1000
# Variance that is within the rounding of products in single precision, as part of the largest.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class MergedPairs:
    """Pairs of classes that overlap, those that overlap most first.

    Made by `merged_pairs`.

    Attributes
    ----------
    pairs : ndarray of shape (p, 2)
        Classes of each pair; at most 1,000 pairs.
    error : ndarray of shape (p,)
        What the best rule along the line between the two means gets wrong of either class, at most 0.5.
    count : int
        How many pairs have merged, listed or not.
    classes : ndarray of shape (c,)
        Classes that are in any of them, ascending.
    undecided : int
        Further pairs that may have merged, but have too few samples to tell.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> features, labels = np.array([[0.0], [2.0], [1.0], [3.0], [90.0], [92.0]]), np.array([0, 0, 1, 1, 2, 2])
    >>> merged = pen.metrics.merged_pairs(pen.FeatureStatistics.from_features(features, labels))
    >>> merged.pairs.tolist(), merged.count
    ([[0, 1]], 1)
    """

    pairs: Int[np.ndarray, "p 2"]
    error: Float[np.ndarray, " p"]
    count: int
    classes: Int[np.ndarray, " c"]
    undecided: int


def merged_pairs(statistics: FeatureStatistics, merged_at: float = MERGED_AT) -> MergedPairs:
    """Pairs of classes that the best rule along the line between their means gets wrong this often, or more.

    Parameters
    ----------
    statistics : FeatureStatistics
        Of the features.
    merged_at : float, default 0.25
        Error from which on two classes count as merged: with 0.25, half as often as a coin. Equally wide Gaussian
        classes have it where their means are 1.35 standard deviations apart.

    Returns
    -------
    MergedPairs

    Notes
    -----
    *Few samples.* What chance alone adds to the distance of two means, ``v_i/n_i + v_j/n_j``, is taken off its square.
    A class's own variance is ``(Σ‖h − m_i‖² + tr Σ)/n_i``, as if one more sample deviated as those of all classes do:
    with a single sample it is that of all. What is left of chance, ``√(2 tr Σ²)`` times that sum of ``1/n``, may exceed
    the distance that is asked for, as with five samples of a class in hundreds of noisy directions: where such pairs
    may have merged they are *undecided*. Where no class has two samples, only equal means have merged.

    The measure does not change under rotation, a common scale, or added directions of noise (but for chance). Scatter
    that is not Gaussian, or of another shape in each class, is not seen; neither is a direction off that line in which
    the two classes differ less and scatter less, so that a head may part some pairs that this takes for merged.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng, labels = np.random.default_rng(0), np.repeat(np.arange(3), 400)
    >>> means = np.zeros((3, 256))
    >>> means[2, 0] = 6.0
    >>> features = means[labels] + rng.normal(size=(1200, 256))
    >>> merged = pen.metrics.merged_pairs(pen.FeatureStatistics.from_features(features, labels))
    >>> merged.pairs.tolist(), bool(merged.error[0] > 0.4)
    ([[0, 1]], True)
    """
    seen = seen_classes(statistics)
    found = _Largest(seen.size)
    if seen.size > 1:
        means, sizes = centred_means(statistics)[seen], np.maximum(statistics.counts[seen], 1.0)
        pooled = statistics.within_scatter / max(statistics.samples - seen.size, 1.0)
        whole, square = float(np.trace(pooled)), float(np.sum(pooled**2))
        own = (statistics.spreads[seen] + whole) / sizes
        by_chance, relative = own / sizes, np.sqrt(own / whole) if whole > 0 else np.ones(seen.size)
        luck = math.sqrt(2.0 * square) / whole if whole > 0 else 0.0
        along, least = means @ _root(pooled), -float(ndtri(merged_at))
        for block in row_blocks(seen.size):
            # Each pair once: rows of the block with those from its first on.
            start, rows = int(block.start), slice(0, block.stop - block.start)
            distance = squared_distances(means[start:], rows)
            chance = by_chance[block, None] + by_chance[start:]
            relatives = relative[block, None] + relative[start:]
            # No line has more variance than the norm of the covariance: most pairs are apart by far.
            near = distance <= (1.0 + 2.0 * luck) * chance + least**2 * math.sqrt(square) * relatives**2
            first, second = np.nonzero(np.triu(near, 1))
            if first.size:
                wide = squared_distances(along[start:], rows)[first, second] * relatives[first, second] ** 2
                pairs = np.column_stack([first, second]) + start
                found.add(pairs, *_judged(distance[first, second], chance[first, second], wide, luck, least))
    return found.result(seen)


def _judged(distance: Floats, chance: Floats, wide: Floats, luck: float, least: float) -> tuple[Floats, Bools, Bools]:
    """Reach ``Δ/(s_i + s_j)`` of pairs, which have merged, and which may have but cannot be told.

    `wide` is ``δᵀΣδ`` times what makes it ``δᵀδ (s_i + s_j)²``; `luck` what chance deviates by, as a part of itself.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        widths = np.where(distance > 0, np.maximum(wide, 0.0) / distance, 0.0)
        reach = np.sqrt(np.maximum(distance - chance, 0.0) / widths)
    reach[distance <= chance] = 0.0
    told = (luck * chance <= _TOLD * least**2 * widths) | (distance == 0.0)
    possible = distance - chance - 2.0 * luck * chance <= least**2 * widths
    return reach, told & (reach <= least), possible & ~told


class _Largest:
    """The pairs of least reach so far, how many there were, and which classes are in them."""

    def __init__(self, classes: int) -> None:
        self._pairs, self._reach = np.zeros((0, 2), dtype=np.int64), np.zeros(0)
        self._count, self._undecided, self._in = 0, 0, np.zeros(classes, dtype=bool)

    def add(self, pairs: Int[np.ndarray, "p 2"], reach: Floats, merged: Bools, undecided: Bools) -> None:
        """Add pairs that have been judged."""
        self._undecided += int(np.count_nonzero(undecided))
        self._count += int(np.count_nonzero(merged))
        self._in[pairs[merged]] = True
        every, values = np.concatenate([self._pairs, pairs[merged]]), np.concatenate([self._reach, reach[merged]])
        kept = np.argsort(values, kind="stable")[:_LISTED]
        self._pairs, self._reach = every[kept], values[kept]

    def result(self, seen: Int[np.ndarray, " s"]) -> MergedPairs:
        """By the names of the classes that have samples."""
        error = np.asarray(ndtr(-self._reach), dtype=np.float64)
        return MergedPairs(seen[self._pairs], error, self._count, seen[self._in], self._undecided)


def _root(pooled: Float[np.ndarray, "d d"]) -> NDArray[np.float64]:
    """L with ``L Lᵀ`` = Σ, but for what is rounding: Σ itself has no triangular root where noise lacks directions."""
    identity, size = np.eye(len(pooled)), float(np.diagonal(pooled).max())
    lift = _ROUNDING * size
    while size > 0:
        try:
            return np.asarray(np.linalg.cholesky(pooled + lift * identity), dtype=np.float64)
        except np.linalg.LinAlgError:
            lift *= 10.0
    return np.zeros_like(pooled)
