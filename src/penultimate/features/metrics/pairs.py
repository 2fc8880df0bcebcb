"""What every pair of classes tells: distances against variances, and angles.

The table of all pairs is gone through in tiles, once for all that is read off it, and never held. Of very many classes
a sample is held against all (`penultimate.features.metrics.sweeping`): each of its rows is known exactly, and averages
over all pairs have the error of an average over so many rows.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.features.metrics.centred import ClassRows, Rows, variances
from penultimate.features.metrics.frames import known_rows
from penultimate.features.metrics.pair_kernels import add_angles, add_quotients
from penultimate.features.metrics.sweeping import Leading, Tile, sampled, sweep
from penultimate.features.statistics import FeatureStatistics

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Squared distances below this part of the squared norms have lost digits to cancellation and are taken anew: of
# products in double and in single precision.
_CLOSE, _CLOSE_NARROW = 1e-6, 1e-2


class Estimate(NamedTuple):
    """An average over all pairs, and its standard error where it is one over a sample of classes; else 0."""

    value: float
    error: float


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
        quotients = _Quotients.of(statistics, ClassRows.means(statistics), None)
        sweep(quotients.means, quotients)
        self.mean, self.of_class = quotients.mean.value, quotients.of_class
        self.worst = np.full(statistics.classes, -1)
        if len(quotients.means.classes) > 1:
            self.worst[quotients.means.classes] = quotients.means.classes[quotients.worst.index]


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
    known = known_rows(vectors)
    rows = vectors[known]
    squares = np.einsum("kd,kd->k", rows, rows)
    angles = angles_of(rows[squares > 0], squares[squares > 0], None)
    return angles.away.value, angles.deviation.value


@dataclass(frozen=True)
class MeanPairs:
    """What the pairs of class means tell, from one look at them.

    Attributes
    ----------
    variance : Estimate
        Mean of the `PairwiseVariance`.
    variance_of_class : ndarray of shape (K,)
        The same class by class.
    away, deviation : Estimate
        `equiangularity` of the centred class means.
    nearest, nearest_cosine : ndarray of shape (K,)
        For each class the other one of largest cosine, and that cosine; −1 and NaN for means that are zero or unknown,
        where there is no other, and outside of the sample.
    sample : ndarray of shape (n,) or None
        Classes that were held against all others, where it was not all of them.
    """

    variance: Estimate
    variance_of_class: Float[np.ndarray, " K"]
    away: Estimate
    deviation: Estimate
    nearest: Int[np.ndarray, " K"]
    nearest_cosine: Float[np.ndarray, " K"]
    sample: Int[np.ndarray, " n"] | None

    @classmethod
    def of(cls, statistics: FeatureStatistics, means: ClassRows) -> "MeanPairs":
        """Look at all pairs of the class means of some features, or at those of a sample of classes."""
        sample = sampled(*means.shape)
        quotients = _Quotients.of(statistics, means, sample)
        angled = np.flatnonzero(means.squares > 0)
        if angled.size == means.shape[0]:
            angles = _Angles(means.squares, sample)
            sweep(means, quotients, angles, sample=sample)
        else:
            sweep(means, quotients, sample=sample)
            angles = angles_of(means.some(angled), means.squares[angled], sampled(angled.size, means.shape[1]))
        nearest, cosine = np.full(statistics.classes, -1), np.full(statistics.classes, np.nan)
        if angled.size > 1:
            of = means.classes[angled if angles.sample is None else angled[angles.sample]]
            nearest[of], cosine[of] = means.classes[angled[angles.nearest.index]], angles.nearest.value
        looked_at = None if sample is None else means.classes[sample]
        return cls(quotients.mean, quotients.of_class, angles.away, angles.deviation, nearest, cosine, looked_at)


def angles_of(rows: Rows, squares: Floats, sample: Ints | None) -> "_Angles":
    """What the angles between some rows tell, all of squared lengths above zero."""
    angles = _Angles(squares, sample)
    sweep(rows, angles, sample=sample)
    return angles


class _Quotients:
    """Of every row: the sum of the quotients with the others, and where the largest is."""

    def __init__(self, means: ClassRows, spreads: Floats, sample: Ints | None, classes: int) -> None:
        self.means, self._spreads, self._sample, self._classes = means, spreads, sample, classes
        size = means.shape[0] if sample is None else sample.size
        self._totals, self.worst = np.zeros(size), Leading(size)

    @classmethod
    def of(cls, statistics: FeatureStatistics, means: ClassRows, sample: Ints | None) -> "_Quotients":
        return cls(means, variances(statistics)[means.classes], sample, statistics.classes)

    def part(self) -> "_Quotients":
        return _Quotients(self.means, self._spreads, self._sample, self._classes)

    def merge(self, other: "_Quotients") -> None:
        self._totals += other._totals
        self.worst.merge(other.worst)

    def add(self, tile: Tile) -> None:
        add_quotients.at(classes=self.means.shape[0])(
            tile.gram,
            tile.vectors,
            tile.own,
            tile.squares,
            tile.known(self._spreads),
            _CLOSE if tile.gram.dtype == np.float64 else _CLOSE_NARROW,
            tile.mirrored,
            tile.kept(self._totals),
            tile.kept(self.worst.value),
            tile.kept(self.worst.index),
            tile.first,
        )

    @property
    def mean(self) -> Estimate:
        return _average(self._of_row, self._sample, self.means.shape[0])

    @property
    def of_class(self) -> Float[np.ndarray, " K"]:
        found = np.full(self._classes, np.nan)
        found[self.means.classes if self._sample is None else self.means.classes[self._sample]] = self._of_row
        return found

    @property
    def _of_row(self) -> Floats:
        others = self.means.shape[0] - 1
        return self._totals / others if others > 0 else np.full(self._totals.size, np.nan)


class _Angles:
    """Of every row: how far its angles are from a simplex's, and which other row is nearest to it."""

    def __init__(self, squares: Floats, sample: Ints | None) -> None:
        self.squares, self.sample = squares, sample
        size = squares.size if sample is None else sample.size
        self._inverse = 1.0 / np.sqrt(squares)
        # A simplex has this cosine, with the sign changed.
        self._simplex = 1.0 / max(squares.size - 1, 1)
        self._sums, self.nearest = np.zeros((3, size)), Leading(size)

    def part(self) -> "_Angles":
        return _Angles(self.squares, self.sample)

    def merge(self, other: "_Angles") -> None:
        self._sums += other._sums
        self.nearest.merge(other.nearest)

    def add(self, tile: Tile) -> None:
        sums = tile.kept(self._sums)
        add_angles.at(classes=self.squares.size)(
            tile.gram,
            tile.vectors,
            tile.own,
            tile.known(self._inverse),
            self._simplex,
            tile.slack,
            tile.mirrored,
            (tuple(sums[0]), tuple(sums[1])),
            tile.kept(self.nearest.value),
            tile.kept(self.nearest.index),
            tile.first,
        )

    @property
    def away(self) -> Estimate:
        """Average distance of a cosine from a simplex's."""
        return _average(self._of_row[2], self.sample, self.squares.size)

    @property
    def deviation(self) -> Estimate:
        """Standard deviation of the cosines."""
        total, square, _ = self._of_row
        value = float(np.sqrt(max(square.mean() - total.mean() ** 2, 0.0))) if total.size else float("nan")
        # How a row moves the deviation, to first order.
        moves = (square - 2.0 * total.mean() * total) / (2.0 * value) if value > 0 else np.zeros_like(total)
        return Estimate(value, _average(moves, self.sample, self.squares.size).error)

    @property
    def _of_row(self) -> Floats:
        others = self.squares.size - 1
        return self._sums / others if others > 0 else np.full(self._sums.shape, np.nan)


def _average(of_row: Floats, sample: Ints | None, rows: int) -> Estimate:
    """Over rows, and the standard error where they are drawn from more without being put back."""
    if not of_row.size:
        return Estimate(float("nan"), 0.0)
    value = float(of_row.mean())
    if sample is None or not np.isfinite(value):
        return Estimate(value, 0.0)
    return Estimate(value, float(of_row.std(ddof=1) / np.sqrt(sample.size) * np.sqrt(1.0 - sample.size / rows)))
