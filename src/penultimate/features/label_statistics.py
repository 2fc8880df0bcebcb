"""What a single pass over features with several labels a sample keeps, in O(K² + K d + d²) (docs/theory §20).

Samples, the sums of targets that `LabelScatter` keeps, Σ h, Σ h hᵀ and Σ y hᵀ; and the sum of features of each
different label set, while there are at most 20,000 of these. Sums of shards add up.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Self, cast

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.counts.class_names import NumberedNames, as_names
from penultimate.errors import CountsError, FeaturesError
from penultimate.features.arrays import as_features, finite_rows
from penultimate.model.arguments import whole
from penultimate.spectrum.scatter_spectrum import MOST_DENSE
from penultimate.targets.distinct_sets import distinct_rows
from penultimate.targets.label_scatter import LabelScatter
from penultimate.targets.label_sets import checked_sets, indicator_rows
from penultimate.targets.matrices import Rows, is_matrix, rows_of, scipy_sparse
from penultimate.targets.sums import Sums

# Samples that are added up at once.
_ROWS = 4096


class LabelStatistics:
    """Sums over samples of features and their targets, gathered in one pass and mergeable.

    Parameters
    ----------
    labels : int, or iterable of str
        K, or the names of all labels.
    dimension : int
        d, the width of the features.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> statistics = pen.LabelStatistics(2, dimension=3)
    >>> statistics.update(np.eye(3), np.array([[1, 0], [1, 1], [0, 0]])).targets.positives
    array([2., 1.])
    >>> (statistics + statistics).samples
    6.0
    """

    def __init__(self, labels: int | Iterable[str], dimension: int) -> None:
        self.names = NumberedNames(labels) if isinstance(labels, int) else as_names(labels)
        dimension = whole(dimension, "the width of features", 0)
        if not len(self.names) or dimension < 1:
            raise FeaturesError(
                f"{len(self.names)} labels and features of width {dimension}: give at least one of each"
            )
        if len(self.names) > MOST_DENSE:
            raise FeaturesError(
                f"{len(self.names):,} labels: an audit needs all directions, known up to {MOST_DENSE:,}; keep the most "
                "frequent labels"
            )
        self._sums, self._rows = Sums(), 0
        self._shift: Float[np.ndarray, " d"] | None = None
        self._of_sets: Float[np.ndarray, "M d"] | None = np.zeros((0, dimension))
        try:
            self._total: NDArray[np.float64] = np.zeros(dimension)
            self._moment: NDArray[np.float64] = np.zeros((dimension, dimension))
            self._cross: NDArray[np.float64] = np.zeros((len(self.names), dimension))
        except (MemoryError, ValueError) as error:
            raise FeaturesError(
                f"the statistic of {len(self.names):,} labels and width {dimension:,} does not fit into memory "
                f"({error}): project the features to fewer columns"
            ) from None

    @property
    def dimension(self) -> int:
        """Width of the features, d."""
        return self._total.size

    @property
    def samples(self) -> float:
        """N, the sum of the weights."""
        return self._sums.samples

    @property
    def counts(self) -> Float[np.ndarray, " K"]:
        """How many samples have each label, shape (K,)."""
        return self._sums.positives if self.samples else np.zeros(len(self.names))

    @property
    def targets(self) -> LabelScatter:
        """The sums over targets.

        Raises
        ------
        FeaturesError
            Where there are no samples yet.
        """
        if not self.samples:
            raise FeaturesError("there are no samples: give features with their targets")
        return LabelScatter.from_sums(self._sums, self.names)

    @property
    def scatter(self) -> Float[np.ndarray, "d d"]:
        """``Σ (h − mean)(h − mean)ᵀ``, shape (d, d)."""
        return self._moment - np.outer(self._total, self._total) / self.samples

    @property
    def cross(self) -> Float[np.ndarray, "K d"]:
        """``Σ (y − mean)(h − mean)ᵀ``, shape (K, d)."""
        return self._cross - np.outer(self._sums.positives, self._total / self.samples)

    @property
    def between_sets(self) -> float | None:
        """``Σ_j m_j ‖mean of label set j − mean‖²``; None where the sets are not kept."""
        if self._of_sets is None or self._sums.sets is None:
            return None
        times = self._sums.sets.times[:, None]
        centred = self._of_sets / times - self._total / self.samples
        return float(np.sum(times * centred**2))

    @classmethod
    def from_features(cls, features: object, targets: object, names: Iterable[str] | None = None) -> Self:
        """The statistic of arrays that are at hand.

        Parameters
        ----------
        features : array-like of shape (N, d)
        targets : array or sparse matrix of shape (N, K), or sequence of sequences of str or int
            One row, or the labels, of each sample.
        names : iterable of str, optional
            Of the labels; by default columns are numbered, and names are those that occur, sorted.

        Returns
        -------
        LabelStatistics
        """
        array = as_features(features)
        known: Any = targets
        labels = names
        if labels is None:
            labels = known.shape[1] if is_matrix(targets) else LabelScatter.from_labels(targets).names
        return cls(labels, array.shape[1]).update(array, targets)

    @classmethod
    def from_sums(
        cls,
        names: Sequence[str],
        sums: Sums,
        shift: Float[np.ndarray, " d"],
        total: Float[np.ndarray, " d"],
        moment: Float[np.ndarray, "d d"],
        cross: Float[np.ndarray, "K d"],
        of_sets: Float[np.ndarray, "M d"] | None,
    ) -> Self:
        """Sums about a shift that were added up elsewhere; those of label sets in the order of ``sums.sets``."""
        out = cls(names, total.size)
        out._sums, out._rows = sums, round(sums.samples)
        out._shift, out._total, out._moment, out._cross = (shift if sums.samples else None), total, moment, cross
        out._of_sets = None if sums.sets is None else of_sets
        return out

    def update(self, features: object, targets: object, weights: object = None) -> Self:
        """Take in more samples.

        Parameters
        ----------
        features : array-like of shape (N, d)
        targets : array or sparse matrix of shape (N, K), or sequence of sequences of str or int
        weights : array-like of shape (N,), optional
            How many equal samples each row stands for.

        Returns
        -------
        LabelStatistics
            Itself.

        Raises
        ------
        FeaturesError
            When shapes do not fit, or features hold NaN or infinity.
        CountsError
            When targets do not fit the labels, or are not finite.
        """
        array = as_features(features, self.dimension)
        matrix: Any = targets if is_matrix(targets) else self._indicators(targets)
        if matrix.shape != (len(array), len(self.names)):
            raise FeaturesError(
                f"targets have shape {tuple(matrix.shape)} for {len(array)} samples and {len(self.names)} labels: give "
                "one row for each sample and one column for each label"
            )
        good = finite_rows(array)
        if good is not None:
            row = self._rows + int(np.flatnonzero(~good)[0])
            raise FeaturesError(f"features of row {row} hold NaN or infinity: mend or leave out that sample")
        done = 0
        for rows in rows_of(matrix, weights, any_real=None, first=self._rows) if len(array) else ():
            self._take(array[done : done + len(rows.weights)], rows)
            done += len(rows.weights)
        self._rows += done
        return self

    def __add__(self, other: "LabelStatistics") -> "LabelStatistics":
        if tuple(self.names) != tuple(other.names) or self.dimension != other.dimension:
            raise FeaturesError("the statistics are of other labels or widths: add up shards of one run")
        out = type(self)(self.names, self.dimension)
        for part in (self, other):
            out._add(part)
        out._rows = self._rows + other._rows
        return out

    def _take(self, features: NDArray[np.floating], rows: Rows) -> None:
        """Add samples, a few thousand at once, which stay in the cache of the processor."""
        sparse = scipy_sparse()
        shift = features[:_ROWS].astype(np.float64).mean(axis=0) if self._shift is None else self._shift
        self._shift = shift
        places = self._joined(Sums.of([rows]), rows.values)
        for first in range(0, len(features), _ROWS):
            part, weights = slice(first, first + _ROWS), rows.weights[first : first + _ROWS]
            # Weighed by the root, so that the product is of one matrix with itself, at half the price.
            root, values = np.sqrt(weights), rows.values[part]
            centred: NDArray[np.float64] = np.subtract(features[part], shift, dtype=np.float64)
            if (weights != 1.0).any():
                centred *= root[:, None]
                values = sparse.diags_array(root) @ values
            self._total += root @ centred
            self._moment += centred.T @ centred
            self._cross += values.T @ centred
            if self._of_sets is not None and places is not None:
                own, place = np.unique(places[part], return_inverse=True)
                sums = sparse.csc_array((root, place, np.arange(weights.size + 1)), shape=(own.size, weights.size))
                self._of_sets[own] += sums @ centred

    def _add(self, other: "LabelStatistics") -> None:
        """Add sums that were taken about another shift."""
        if other._shift is None:
            return
        if self._shift is None:
            self._shift = other._shift
        by, sums = other._shift - self._shift, other._sums
        total = other._total + sums.samples * by
        self._total += total
        self._moment += other._moment + np.outer(by, other._total) + np.outer(total, by)
        self._cross += other._cross + np.outer(sums.positives, by)
        places = self._joined(sums, None if sums.sets is None else sums.sets.rows)
        if places is not None and self._of_sets is not None and other._of_sets is not None and sums.sets is not None:
            self._of_sets[places] += other._of_sets + np.outer(sums.sets.times, by)

    def _joined(self, sums: Sums, rows: Any) -> Int[np.ndarray, " n"] | None:
        """Add sums, make room for new label sets, and say which each row is; they stand in the order of the sums."""
        before, self._sums = self._sums, self._sums + sums
        if self._sums.sets is None or before.sets is None or self._of_sets is None:
            self._of_sets = None
            return None
        seen = [before.sets.rows] if before.sets.times.size else []
        first, which = distinct_rows(scipy_sparse().vstack([*seen, rows], format="csr"))
        held = self._of_sets
        self._of_sets = np.zeros((len(first), self.dimension))
        self._of_sets[: len(held)] = held
        return which[len(held) :]

    def _indicators(self, targets: Any) -> Any:
        """Lists of labels as a sparse matrix of 0 and 1."""
        if isinstance(targets, str) or not isinstance(targets, Iterable):
            raise CountsError(
                f"targets are of type {type(targets).__name__}: give a matrix, or a list of labels for each sample"
            )
        sets = (labels for labels, _ in checked_sets(cast(Iterable[Any], targets)))
        return indicator_rows(sets, self.names)[0]
