"""The second pass: what the head answers to every sample, and which class mean is nearest to it.

Both are the largest of affine scores ``s_k(h) = ⟨a_k, h⟩ + c_k``; for the nearest mean ``a_k = m_k`` and
``c_k = −‖m_k‖²/2``.
Most samples of a trained network need no product with all K vectors: if class k scores highest at its mean m_k, it does
so in the whole ball around m_k of radius

    ρ_k = min_{j≠k}  (s_k(m_k) − s_j(m_k)) / ‖a_k − a_j‖,

because ``s_k − s_j`` changes by at most ``‖a_k − a_j‖ ‖h − m_k‖``. A sample of class k inside it is decided by its
distance to m_k alone: O(d), and exactly. Only the others are multiplied out, and, so that the samples of the smallest
margins are known, those beyond half of the radius; where products are few, all are.
"""

import math
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penultimate.errors import FeaturesError
from penultimate.features.arrays import Gaps, as_features, as_labels, usable_rows, wide_of
from penultimate.features.blocks import CACHED, blocks
from penultimate.features.decisions import Decisions
from penultimate.features.head import Head
from penultimate.features.moments import ROWS
from penultimate.features.passes.worst import WorstSamples
from penultimate.features.statistics import FeatureStatistics
from penultimate.kernels import SUM_FLAGS, kernel
from penultimate.threads import each, workers

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Scores that are held at a time: 16 MiB of float32.
_ENTRIES = 1 << 22
# What rounding can take from a margin, relative to the sizes that enter it; 1e4 times what float64 does.
_ROUNDING = 1e-12
# All samples are multiplied out, for their margins, where that takes less than half of what the first pass took for the
# scatter, or 2³⁰ products, some hundredth of a second.
_FEW_PRODUCTS, _SHARE = 1 << 30, 0.25
# Radii take as many products as 4 K samples do in single precision: with more classes than the first and fewer samples
# a class than the second, multiplying all samples out is sooner done.
_FEW, _SAMPLES = 1000, 4


def _centre_rows(
    rows: NDArray[np.floating],
    labels: Ints,
    origin: Floats,
    means: Floats,
    centred: NDArray[np.floating],
    distance: Floats,
    unit: float,
) -> None:
    """`_centre` by NumPy, a few rows at a time."""
    for some in blocks(len(rows), rows.shape[1], CACHED):
        z = rows[some] - origin
        centred[some] = z * unit
        z -= means[labels[some]]
        distance[some] = np.vecdot(z, z)


@kernel(twin=_centre_rows, error_model="numpy", fastmath=SUM_FLAGS)
def _centre(
    rows: NDArray[np.floating],
    labels: Ints,
    origin: Floats,
    means: Floats,
    centred: NDArray[np.floating],
    distance: Floats,
    unit: float,
) -> None:
    """Subtract the origin from every row, and measure its squared distance to the (centred) mean of its class.

    What is written is in units of ``1/unit``.
    """
    for i in range(rows.shape[0]):
        row, mean, out = rows[i], means[labels[i]], centred[i]
        length = 0.0
        for j in range(row.size):
            z = np.float64(row[j]) - origin[j]
            out[j] = z * unit
            length += (z - mean[j]) ** 2
        distance[i] = length


@dataclass(frozen=True)
class AffineScores:
    """``s_k(h) = ⟨a_k, h⟩ + c_k``, and which k scores highest.

    Attributes
    ----------
    vectors : ndarray of shape (K, d)
        a_k, one row a class.
    offsets : ndarray of shape (K,)
        c_k; −∞ for a class that is never the answer.
    unit : float, default 1
        What the scores were multiplied by.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.features.passes.deciding import AffineScores
    >>> scores = AffineScores(np.eye(2), np.zeros(2))
    >>> scores.best(np.array([[3.0, 1.0], [0.0, 2.0]])), scores.balls(3 * np.eye(2))[0].round(2)
    (array([0, 1]), array([2.12, 2.12]))
    """

    vectors: Floats
    offsets: Floats
    unit: float = 1.0

    def balls(self, points: Floats) -> tuple[Floats, Floats]:
        """Radius around each class's point in which the class is sure to score highest; 0 if nowhere.

        Parameters
        ----------
        points : ndarray of shape (K, d)
            NaN rows for classes without one.

        Returns
        -------
        radii, least : ndarray of shape (K,)
            Radii, and the margin that every sample within half of the radius has at least.
        """
        classes = len(self.offsets)
        squares = np.einsum("kd,kd->k", self.vectors, self.vectors)
        radii, least = np.zeros(classes), np.zeros(classes)
        # A single odd label may make millions of classes, nearly all without samples: they are passed over.
        known = np.flatnonzero(np.isfinite(points).all(axis=1) & np.isfinite(self.offsets))
        for place in blocks(known.size, 4 * classes, _ENTRIES):
            rows = known[place]
            scores = points[rows] @ self.vectors.T + self.offsets
            own = scores[np.arange(rows.size), rows]
            size = np.abs(own) + np.linalg.norm(points[rows], axis=1) * np.sqrt(squares.max(initial=0.0))
            margins = (own - _ROUNDING * size)[:, None] - scores
            apart = squares[rows, None] + squares - 2.0 * (self.vectors[rows] @ self.vectors.T)
            apart = np.sqrt(np.maximum(apart, 0.0) + _ROUNDING * (squares[rows, None] + squares))
            with np.errstate(divide="ignore", invalid="ignore"):
                sure = np.where(margins > 0, margins / apart, 0.0)
            sure[np.arange(rows.size), rows] = np.inf
            radii[rows] = sure.min(axis=1)
            # A class without rivals has no border, and no margin to lose.
            half = np.where(np.isfinite(radii[rows]), 0.5 * radii[rows], 0.0)
            left = margins - half[:, None] * apart
            left[np.arange(rows.size), rows] = np.inf
            least[rows] = left.min(axis=1)
        return radii, np.maximum(least, 0.0)

    def best(self, features: NDArray[np.floating]) -> Ints:
        """The class that scores highest for each row, the first of those that tie.

        Parameters
        ----------
        features : ndarray of shape (n, d)
            Products are taken in their precision.

        Returns
        -------
        ndarray of shape (n,)
        """
        vectors, offsets = self._in(features.dtype)
        best = np.empty(len(features), dtype=np.int64)
        for some in blocks(len(features), len(offsets), _ENTRIES):
            scores = features[some] @ vectors
            scores += offsets
            best[some] = np.argmax(scores, axis=1)
        return best

    def judged(self, features: NDArray[np.floating], labels: Ints) -> tuple[Ints, Floats]:
        """`best`, and the score of each row's own class less the highest of all others, shapes (n,).

        Parameters
        ----------
        features : ndarray of shape (n, d)
        labels : ndarray of int of shape (n,)
        """
        vectors, offsets = self._in(features.dtype)
        best, margin = np.empty(len(features), dtype=np.int64), np.empty(len(features))
        for some in blocks(len(features), len(offsets), _ENTRIES):
            scores = features[some] @ vectors
            scores += offsets
            best[some] = np.argmax(scores, axis=1)
            own = np.arange(len(scores)), labels[some]
            ours = scores[own].astype(np.float64)
            scores[own] = -np.inf
            margin[some] = ours - scores.max(axis=1)
        return best, margin / self.unit

    def in_units(self, unit: float) -> "AffineScores":
        """The scores of features times `unit`, up to a factor that makes the largest weight about one."""
        factor = _unit(self.vectors)
        return AffineScores(self.vectors * factor, self.offsets * (factor * unit), self.unit * factor * unit)

    def _in(self, dtype: np.dtype[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        if dtype == np.float64:
            return self.vectors.T, self.offsets
        return self._narrow

    @cached_property
    def _narrow(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self.vectors.astype(np.float32).T, self.offsets.astype(np.float32)


class Deciding:
    """Counts the head's answers and their agreement with the nearest class mean, batch by batch.

    Parameters
    ----------
    statistics : FeatureStatistics
        Of the first pass: class means are taken from it.
    head : Head, optional
        Without it the nearest class mean is the answer, and there is nothing to agree with.
    gaps : {"refuse", "drop", "observed"}, default "refuse"
        Leave out rows that hold NaN or infinity, unless they are refused.

    Attributes
    ----------
    decisions : Decisions
        The counts so far.
    worst : WorstSamples
        The samples of each class with the smallest margins so far.
    rows, certified : int
        Samples so far, and those near enough to the mean of their class to be sure of them.

    Notes
    -----
    The nearest class mean as a decision: Papyan, Han and Donoho 2020 (arXiv 2008.08186), NC4.
    """

    deals = False

    def __init__(self, statistics: FeatureStatistics, head: Head | None, *, gaps: Gaps = "refuse") -> None:
        self.gaps: Gaps = gaps
        self.decisions = Decisions.empty(statistics.classes)
        self.worst = WorstSamples.empty(statistics.classes)
        self.rows = 0
        self.certified = 0
        self._read = 0
        self._dimension = statistics.dimension
        self._origin = statistics.global_mean
        self._means = statistics.means - self._origin
        # Scores are compared in units of about the features' own, so that none leaves the range of single precision.
        self._unit = _unit(self._means)
        self._nearest = nearest_scores(self._means * self._unit, self._unit**2)
        scores = None if head is None else _head_scores(head, self._origin)
        self._near = self._safe = least = np.zeros(statistics.classes)
        worth = statistics.classes <= _FEW or statistics.samples >= _SAMPLES * statistics.classes
        if worth:
            near, least = self._nearest.balls(self._means * self._unit)
            self._near, least = near / self._unit, least / self._unit**2
            self._safe, least = (self._near, least) if scores is None else scores.balls(self._means)
        self._head = None if scores is None else scores.in_units(self._unit)
        # Beyond these radii scores are formed, and every margin below these bounds is that of a sample beyond.
        products = statistics.samples * statistics.classes * statistics.dimension
        few = products <= max(_FEW_PRODUCTS, _SHARE * statistics.samples * statistics.dimension**2)
        if not len(self.worst.row):
            self._looked_at = self._safe
        else:
            self._looked_at = np.zeros(statistics.classes) if few else 0.5 * self._safe
        self._below = np.full(statistics.classes, np.inf) if few or not worth else least

    def update(self, features: object, labels: object, weights: object = None) -> None:
        """Decide a batch.

        Parameters
        ----------
        features : array-like of shape (N, d)
        labels : array-like of shape (N,)
        weights : object
            Answers are counted without them.

        Raises
        ------
        FeaturesError
            As `FeatureStatistics.update`, and for a class that the first pass did not see.
        """
        rows = wide_of(as_features(features, self._dimension))
        own = as_labels(labels, len(rows), len(self._near))
        kept = usable_rows(rows, self.rows, gaps=self.gaps)
        place = self._read + np.arange(len(rows))
        self._read += len(rows)
        rows, own, place = (rows, own, place) if kept is None else (rows[kept], own[kept], place[kept])
        strange = np.flatnonzero(np.isnan(self._means[own, 0]))
        if strange.size:
            raise FeaturesError(
                f"class {own[strange[0]]} has samples in the second pass and had none in the first: "
                "give the same features in both"
            )
        predictions, nearest, margin = own.copy(), own.copy(), np.full(len(own), np.inf)
        threads = max(1, min(workers(), -(-len(rows) // ROWS)))
        certified = each(lambda thread: self._decide(rows, own, predictions, nearest, margin, thread, threads), threads)
        self.rows += len(rows)
        self.certified += sum(certified)
        low = np.flatnonzero(margin < self._below[own])
        self.worst.add(own[low], margin[low], place[low], predictions[low])
        self.decisions.add(own, predictions, None if self._head is None else nearest)

    def fresh(self, before: Ints | None = None) -> "Deciding":
        """No counts yet, by the same means and head; what comes before tells the numbers of the rows."""
        other = copy(self)
        other.decisions = Decisions.empty(len(self._near))
        other.worst = WorstSamples.empty(len(self._near))
        other.rows = other.certified = 0
        other._read = 0 if before is None else int(before.sum())
        return other

    def merge(self, other: "Deciding") -> "Deciding":
        """Add what was decided of other samples by the same means and head."""
        self.decisions.merge(other.decisions)
        self.worst.merge(other.worst)
        self.rows += other.rows
        self.certified += other.certified
        return self

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that was counted or kept, for a checkpoint."""
        return self._counts | self.worst.arrays() | {"progress": np.array([self.rows, self.certified, self._read])}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` gave."""
        for name, array in self._counts.items():
            array[...] = arrays[name]
        self.worst.restore(arrays)
        self.rows, self.certified, self._read = (int(number) for number in arrays["progress"])

    @property
    def _counts(self) -> dict[str, NDArray[Any]]:
        return {name: array for name, array in vars(self.decisions).items() if array is not None}

    def _decide(
        self,
        features: NDArray[np.floating],
        labels: Ints,
        predictions: Ints,
        nearest: Ints,
        margin: Floats,
        thread: int,
        threads: int,
    ) -> int:
        certified = 0
        dtype = np.float64 if features.dtype == np.float64 else np.float32
        centred = np.empty((min(ROWS, len(labels)), features.shape[1]), dtype=dtype)
        distance = np.empty(len(centred))
        centre = _centre.at(classes=len(self._near), samples=self._read)
        for start in range(thread * ROWS, len(labels), threads * ROWS):
            rows = slice(start, min(start + ROWS, len(labels)))
            size = rows.stop - start
            block = features[rows]
            centre(block, labels[rows], self._origin, self._means, centred, distance[:size], self._unit)
            reach = np.sqrt(distance[:size]) * (1.0 + 1e-6)
            own = labels[rows]
            far = np.flatnonzero(reach >= self._near[own])
            looked_at = start + np.flatnonzero(reach >= self._looked_at[own])
            judge = self._nearest if self._head is None else self._head
            found = judge.judged(centred[looked_at - start], labels[looked_at])
            predictions[looked_at], margin[looked_at] = found
            if self._head is None:
                nearest[rows] = predictions[rows]
            else:
                nearest[start + far] = self._nearest.best(centred[far])
            certified += int(np.count_nonzero(reach < np.minimum(self._near, self._safe)[own]))
        return certified


def _unit(values: Floats) -> float:
    """The power of two that makes the largest of some values about one; 1 for zeros."""
    return unit_of(float(np.nanmax(np.abs(values), initial=0.0)))


def unit_of(largest: float) -> float:
    """The power of two that makes a size about one; 1 for zero."""
    return math.ldexp(1.0, -math.frexp(largest)[1]) if largest > 0 else 1.0


def nearest_scores(means: Floats, unit: float = 1.0) -> AffineScores:
    """‖h − m_k‖² is smallest where ``⟨m_k, h⟩ − ‖m_k‖²/2`` is largest; classes without a mean are never nearest."""
    seen: NDArray[np.bool_] = np.asarray(np.isfinite(means).all(axis=1))
    vectors = np.where(seen[:, None], means, 0.0)
    return AffineScores(vectors, np.where(seen, -0.5 * np.einsum("kd,kd->k", vectors, vectors), -np.inf), unit)


def _head_scores(head: Head, origin: Floats) -> AffineScores:
    """Scores of features from which the origin has been subtracted."""
    return AffineScores(head.product, head.offset + head.product @ origin)
