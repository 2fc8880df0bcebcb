"""Sums over targets: samples, Σ y and Σ y yᵀ, added up block by block, and put among the labels of a larger whole."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from penultimate.counts.checks import MOST
from penultimate.errors import CountsError
from penultimate.targets.distinct_sets import DistinctSets
from penultimate.targets.matrices import Kind, Rows, scipy_sparse, widest

# What the co-occurrences of labels may take: 2 GiB, at 12 bytes an entry.
_MOST_ENTRIES = (2 << 30) // 12
# A second moment that is symmetric, and one that samples can have, but for rounding.
_ROUNDING = 1e-9


def _nothing() -> Any:
    return scipy_sparse().csr_array((0, 0))


@dataclass(frozen=True)
class Sums:
    """What is kept of targets.

    Attributes
    ----------
    samples : float
        N.
    positives : ndarray of shape (K,)
        Σ y.
    second_moment : csr_array of shape (K, K)
        Σ y yᵀ.
    kind : {"sets", "soft", "real"}
    unlabelled : float
        Samples without any label.
    repeated : float
        Samples that named a label twice.
    sets : DistinctSets or None
        The different label sets; None of real targets, of a table of co-occurrences, and beyond 20,000.
    """

    samples: float = 0.0
    positives: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    second_moment: Any = field(default_factory=_nothing)
    kind: Kind = "sets"
    unlabelled: float = 0.0
    repeated: float = 0.0
    sets: DistinctSets | None = field(default_factory=DistinctSets.none)

    @classmethod
    def of(cls, blocks: Iterable[Rows]) -> "Sums":
        """Add up blocks of rows, each at least as wide as those before it.

        Parameters
        ----------
        blocks : iterable of Rows

        Returns
        -------
        Sums

        Raises
        ------
        CountsError
            When there are no samples, or so many pairs of labels occur together that they fill the memory.
        """
        sums = cls()
        for rows in blocks:
            sums = sums + cls._of_rows(rows)
            if sums.second_moment.nnz > _MOST_ENTRIES:
                raise CountsError(
                    f"{sums.positives.size:,} labels have more than {_MOST_ENTRIES:,} pairs that occur together, over "
                    "2 GiB: keep the most frequent labels"
                )
        if not sums.samples:
            raise CountsError("there are no samples: give the labels, or targets, of each")
        return sums

    @classmethod
    def of_moment(cls, second_moment: Any, positives: ArrayLike, samples: float) -> "Sums":
        """Take a table of co-occurrences, checked.

        Parameters
        ----------
        second_moment : array-like or sparse matrix of shape (K, K)
        positives : array-like of shape (K,)
        samples : float

        Returns
        -------
        Sums

        Raises
        ------
        CountsError
            When it is not symmetric, not finite, or cannot be a sum over so many samples.
        """
        try:
            held = second_moment if hasattr(second_moment, "tocsr") else np.asarray(second_moment, dtype=np.float64)
            moment = scipy_sparse().csr_array(held, dtype=np.float64)
            sums, number = np.asarray(positives, dtype=np.float64), float(samples)
        except (TypeError, ValueError):
            raise CountsError(
                "the second moment, the sums or the number of samples are no numbers: give (K, K), (K,) and one number"
            ) from None
        if moment.shape != (sums.size, sums.size) or sums.ndim != 1 or not sums.size:
            raise CountsError(f"the second moment has shape {moment.shape} for {sums.size} sums: give (K, K) and (K,)")
        if not (np.isfinite(moment.data).all() and np.isfinite(sums).all() and 0 < number < np.inf):
            raise CountsError(
                "the second moment, the sums and the number of samples must be finite, and samples positive"
            )
        _check_possible(moment, sums, number)
        return cls(number, sums, moment, "sets" if np.array_equal(moment.diagonal(), sums) else "real", sets=None)

    def chosen(self, columns: NDArray[np.int64]) -> "Sums":
        """Sums of these labels, in this order."""
        return replace(
            self,
            positives=self.positives[columns],
            second_moment=self.second_moment[columns][:, columns],
            sets=None if self.sets is None else self.sets.chosen(columns),
        )

    def placed(self, columns: NDArray[np.int64], labels: int) -> "Sums":
        """The same among more labels: each in its column, nothing in the others."""
        if labels == self.positives.size and np.array_equal(columns, np.arange(labels)):
            return self
        held, positives = self.second_moment.tocoo(), np.zeros(labels)
        positives[columns] = self.positives
        sparse = scipy_sparse()
        moment = sparse.coo_array((held.data, (columns[held.row], columns[held.col])), shape=(labels, labels))
        sets = None if self.sets is None else self.sets.placed(columns, labels)
        return replace(self, positives=positives, second_moment=sparse.csr_array(moment), sets=sets)

    def __add__(self, other: "Sums") -> "Sums":
        one, more = self._widened(other.positives.size), other._widened(self.positives.size)
        return replace(
            self,
            samples=self.samples + other.samples,
            positives=one.positives + more.positives,
            second_moment=one.second_moment + more.second_moment,
            kind=widest((self.kind, other.kind)),
            unlabelled=self.unlabelled + other.unlabelled,
            repeated=self.repeated + other.repeated,
            sets=None if one.sets is None or more.sets is None else one.sets + more.sets,
        )

    @classmethod
    def _of_rows(cls, rows: Rows) -> "Sums":
        sparse, weights = scipy_sparse(), rows.weights
        moment = sparse.csr_array(rows.values.T @ (sparse.diags_array(weights) @ rows.values))
        unlabelled = float(weights[np.diff(rows.values.indptr) == 0].sum())
        sets = None if rows.kind == "real" else DistinctSets.of(rows.values, weights)
        return cls(float(weights.sum()), rows.values.T @ weights, moment, rows.kind, unlabelled, sets=sets)

    def _widened(self, labels: int) -> "Sums":
        size = self.positives.size
        return self.placed(np.arange(size), max(size, labels))


def _check_possible(moment: Any, sums: NDArray[np.float64], samples: float) -> None:
    """Refuse what no samples can add up to."""
    diagonal = moment.diagonal()
    if max(float(diagonal.max()), float(np.abs(sums).max())) > MOST:
        raise CountsError(f"the second moment is beyond {MOST:g}, where squares overflow: divide all by one number")
    if abs(moment - moment.T).max() > _ROUNDING * max(1.0, float(diagonal.max())):
        raise CountsError("the second moment is not symmetric: give Yᵀ Y, with both halves")
    wrong = np.flatnonzero(diagonal * (1 + _ROUNDING) < sums**2 / samples)
    if wrong.size:
        raise CountsError(
            f"label {wrong[0]} sums to {sums[wrong[0]]:g} over {samples:g} samples, and its squares to "
            f"{diagonal[wrong[0]]:g}: that is less than any {samples:g} numbers can have"
        )
    held, root = moment.tocoo(), np.sqrt(diagonal)
    wrong = np.flatnonzero(np.abs(held.data) > (1 + _ROUNDING) * root[held.row] * root[held.col])
    if wrong.size:
        first, second = int(held.row[wrong[0]]), int(held.col[wrong[0]])
        raise CountsError(
            f"labels {first} and {second} have {held.data[wrong[0]]:g} together, and {diagonal[first]:g} and "
            f"{diagonal[second]:g} alone: their product cannot sum to more than their squares allow"
        )
