"""What every pair of classes tells: distances against variances, and angles.

The table of all pairs is gone through in blocks, once for all that is read off it, and never held.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.features.metrics.centred import centred_means, lengths, seen_classes, variances
from penultimate.features.metrics.frames import known_rows
from penultimate.features.statistics import FeatureStatistics
from penultimate.threads import over_blocks

Floats = NDArray[np.float64]

# Rows and columns of the tile of a K × K table that a thread holds at a time: with two more of its size, made of it,
# it stays in cache.
_ROWS, _COLUMNS = 512, 512
# Entries of differences of close means that are taken at a time.
_ENTRIES = 1 << 19
# Squared distances below this part of the squared norms have lost digits to cancellation and are taken anew.
_CLOSE = 1e-6


def sweep(vectors: Floats, *readers: Callable[[slice, slice, Floats], object]) -> None:
    """Show readers the Gram matrix of some vectors, in threads.

    Parameters
    ----------
    vectors : ndarray of shape (s, d)
    *readers : callable
        Called with rows, columns and their tile, which it leaves as it is. Tiles of the same rows come one after the
        other; those of other rows may come at the same time, from other threads: what is kept is kept by row.
    """

    def show(rows: slice) -> None:
        for columns in slices(len(vectors), _COLUMNS):
            gram = vectors[rows] @ vectors[columns].T
            for reader in readers:
                reader(rows, columns, gram)

    over_blocks(show, slices(len(vectors), _ROWS))


def on_diagonal(rows: slice, columns: slice) -> tuple[Int[np.ndarray, " o"], Int[np.ndarray, " o"]]:
    """Where a tile holds entries of the diagonal."""
    first, last = int(max(rows.start, columns.start)), int(min(rows.stop, columns.stop))
    own: NDArray[np.int64] = np.arange(first, last)
    return own - int(rows.start), own - int(columns.start)


class Leading:
    """The largest entry of every row of a table that comes in tiles; the first one of several."""

    def __init__(self, rows: int) -> None:
        self.index, self.value = np.zeros(rows, dtype=np.int64), np.full(rows, -np.inf)

    def add(self, rows: slice, columns: slice, tile: NDArray[np.floating]) -> None:
        """Take in a tile; those of the same rows come in the order of their columns."""
        index = tile.argmax(axis=1)
        value = tile[np.arange(len(tile)), index]
        better = value > self.value[rows]
        self.index[rows] = np.where(better, index + columns.start, self.index[rows])
        self.value[rows] = np.where(better, value, self.value[rows])


class PairwiseVariance:
    """Class-distance normalised variance of every pair of classes, ``(v_i + v_j) / (2 ‖h̄_i − h̄_j‖²)``.

    v is the variance within a class (Galanti, György and Hutter 2021, arXiv 2112.15121). The variance is that of all
    directions, so the quotient grows with the width of the features, and says nothing of whether two classes overlap:
    see `penultimate.noise.class_pairs`.

    Parameters
    ----------
    statistics : FeatureStatistics

    Attributes
    ----------
    mean : float
        Average over all pairs of classes with samples; infinite when two means coincide with spread around them, NaN
        with fewer than two classes.
    of_class : ndarray of shape (K,)
        Average over the pairs with one class; NaN for classes without samples.
    worst : ndarray of shape (K,)
        The class with which the quotient is largest; −1 where there is none.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> features = np.array([[0.0], [2.0], [1.0], [3.0], [90.0], [92.0]])
    >>> statistics = pen.FeatureStatistics.from_features(features, np.array([0, 0, 1, 1, 2, 2]))
    >>> pairs = pen.metrics.PairwiseVariance(statistics)
    >>> pairs.of_class.round(4), pairs.worst
    (array([5.001e-01, 5.001e-01, 1.000e-04]), array([1, 0, 1]))
    """

    def __init__(self, statistics: FeatureStatistics) -> None:
        quotients = _Quotients(statistics)
        sweep(quotients.means, quotients)
        self.mean, self.of_class, self.worst = quotients.mean, quotients.of_class, quotients.worst


def equiangularity(vectors: Float[np.ndarray, "K d"]) -> tuple[float, float]:
    """Average of ``|cos_ij + 1/(K−1)|`` over pairs, and the standard deviation of the cosines (NC2, as `equinorm`).

    Parameters
    ----------
    vectors : ndarray of shape (K, d)
        Centred class means or rows of the head; NaN rows and zero rows have no angle and are left out.

    Returns
    -------
    tuple of float
        Both zero for a simplex; NaN with fewer than two angles.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> away, deviation = pen.metrics.equiangularity(np.eye(3) - 1 / 3)
    >>> round(away, 12), round(deviation, 6)
    (0.0, 0.0)
    """
    rows = vectors[_with_angle(vectors)]
    cosines = _Cosines(rows)
    sweep(rows, cosines)
    return cosines.equiangularity


@dataclass(frozen=True)
class MeanPairs:
    """What the pairs of class means tell, from one look at them.

    Attributes
    ----------
    variance : float
        Mean of the `PairwiseVariance`.
    variance_of_class : ndarray of shape (K,)
        The same class by class.
    equiangularity : tuple of float
        Of the centred class means.
    nearest, nearest_cosine : ndarray of shape (K,)
        For each class the other one of largest cosine, and that cosine; −1 and NaN for means that are zero or unknown,
        and where there is no other.
    """

    variance: float
    variance_of_class: Float[np.ndarray, " K"]
    equiangularity: tuple[float, float]
    nearest: Int[np.ndarray, " K"]
    nearest_cosine: Float[np.ndarray, " K"]

    @classmethod
    def of(cls, statistics: FeatureStatistics) -> "MeanPairs":
        """Look at all pairs of the class means of some features."""
        quotients, means = _Quotients(statistics), centred_means(statistics)
        angled = _with_angle(means)
        cosines = _Cosines(means[angled])
        if angled.size == len(quotients.means):
            sweep(quotients.means, quotients, cosines)
        else:
            sweep(quotients.means, quotients)
            sweep(means[angled], cosines)
        nearest, cosine = np.full(len(means), -1), np.full(len(means), np.nan)
        if angled.size > 1:
            nearest[angled], cosine[angled] = angled[cosines.nearest.index], cosines.nearest.value
        return cls(quotients.mean, quotients.of_class, cosines.equiangularity, nearest, cosine)


class _Quotients:
    """Of every row: the sum of the quotients with the others, and where the largest is."""

    def __init__(self, statistics: FeatureStatistics) -> None:
        self._classes, self._seen = statistics.classes, seen_classes(statistics)
        self.means, self._spread = centred_means(statistics)[self._seen], variances(statistics)[self._seen]
        self._squares = np.einsum("kd,kd->k", self.means, self.means)
        self._totals, self._worst = np.zeros(self._seen.size), Leading(self._seen.size)

    def __call__(self, rows: slice, columns: slice, gram: Floats) -> None:
        own, distances = on_diagonal(rows, columns), self._squared_distances(rows, columns, gram)
        quotient = self._spread[rows, None] + self._spread[columns]
        with np.errstate(divide="ignore", invalid="ignore"):
            quotient /= distances
        # Two collapsed classes with one mean: nothing tells them apart.
        quotient[np.isnan(quotient)] = np.inf
        quotient[own] = 0.0
        self._totals[rows] += 0.5 * quotient.sum(axis=1)
        quotient[own] = -1.0
        self._worst.add(rows, columns, quotient)

    @property
    def mean(self) -> float:
        others = self._seen.size - 1
        return float(self._totals.sum() / (self._seen.size * others)) if others > 0 else float("nan")

    @property
    def of_class(self) -> Float[np.ndarray, " K"]:
        found, others = np.full(self._classes, np.nan), self._seen.size - 1
        if others > 0:
            found[self._seen] = self._totals / others
        return found

    @property
    def worst(self) -> Int[np.ndarray, " K"]:
        found = np.full(self._classes, -1)
        if self._seen.size > 1:
            found[self._seen] = self._seen[self._worst.index]
        return found

    def _squared_distances(self, rows: slice, columns: slice, gram: Floats) -> Floats:
        """Of some class means to some, without cancellation for close ones."""
        sizes = self._squares[rows, None] + self._squares[columns]
        distances = np.multiply(gram, -2.0)
        distances += sizes
        sizes *= _CLOSE
        first, second = np.nonzero(distances < sizes)
        step = max(1, _ENTRIES // self.means.shape[1])
        for start in range(0, first.size, step):
            one, other = first[start : start + step], second[start : start + step]
            apart = self.means[rows.start + one] - self.means[columns.start + other]
            distances[one, other] = np.einsum("kd,kd->k", apart, apart)
        return distances


class _Cosines:
    """Of every row: how far its angles are from a simplex's, and which other row is nearest to it."""

    def __init__(self, rows: Floats) -> None:
        self._inverse = 1.0 / lengths(rows)
        size = len(rows)
        # A simplex has this cosine, with the sign changed.
        self._simplex = 1.0 / max(size - 1, 1)
        self._away, self._total, self._square = np.zeros(size), np.zeros(size), np.zeros(size)
        self.nearest = Leading(size)

    def __call__(self, rows: slice, columns: slice, gram: Floats) -> None:
        own = on_diagonal(rows, columns)
        cosines = gram * self._inverse[columns]
        cosines *= self._inverse[rows, None]
        cosines[own] = -np.inf
        self.nearest.add(rows, columns, cosines)
        # An angle is one of two rows: a row's own is put on the simplex, where it adds nothing to any sum.
        cosines[own] = -self._simplex
        cosines += self._simplex
        self._total[rows] += cosines.sum(axis=1)
        self._square[rows] += np.einsum("kl,kl->k", cosines, cosines)
        self._away[rows] += np.abs(cosines, out=cosines).sum(axis=1)

    @property
    def equiangularity(self) -> tuple[float, float]:
        size = len(self._away)
        if size < 2:
            return float("nan"), float("nan")
        pairs = size * (size - 1)
        mean, square = float(self._total.sum()) / pairs, float(self._square.sum()) / pairs
        return float(self._away.sum()) / pairs, float(np.sqrt(max(square - mean**2, 0.0)))


def _with_angle(vectors: Float[np.ndarray, "K d"]) -> Int[np.ndarray, " s"]:
    """Vectors that are known, and not zero."""
    known = known_rows(vectors)
    return known[lengths(vectors)[known] > 0]


def slices(size: int, step: int) -> Iterator[slice]:
    """Ranges of so many, or fewer at the end, that make up 0 … size − 1."""
    for start in range(0, size, step):
        yield slice(start, min(start + step, size))
