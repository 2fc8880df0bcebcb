"""The different label sets of a stream, with how many samples have each, while there are not too many of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penultimate.targets.matrices import scipy_sparse, spread_columns

# More different sets are not kept: most samples then have one of their own, and there is little to gather.
MOST_SETS = 20_000


@dataclass(frozen=True)
class DistinctSets:
    """Label sets, or rows of soft labels, each once.

    Attributes
    ----------
    rows : csr_array of shape (M, K)
        The label sets, in the order in which they were first seen.
    times : ndarray of shape (M,)
        m: how many samples have each.

    Examples
    --------
    >>> import penultimate as pen
    >>> sets = pen.LabelScatter.from_labels([["cat", "pet"], [], ["pet", "cat"]]).sets
    >>> sets.rows.toarray(), sets.times
    (array([[1., 1.],
           [0., 0.]]), array([2., 1.]))
    """

    rows: Any
    times: NDArray[np.float64]

    @classmethod
    def none(cls) -> "DistinctSets":
        """Of no samples yet."""
        return cls(scipy_sparse().csr_array((0, 0)), np.zeros(0))

    @classmethod
    def of(cls, rows: Any, times: NDArray[np.float64]) -> "DistinctSets | None":
        """Gather the rows of a sparse matrix; None where too many differ.

        Parameters
        ----------
        rows : csr_array of shape (n, K)
            Without explicit zeros, columns in order.
        times : ndarray of shape (n,)
            How many samples each row stands for.

        Returns
        -------
        DistinctSets or None
        """
        first, which = distinct_rows(rows)
        if len(first) > MOST_SETS:
            return None
        return cls(rows[first], np.bincount(which, weights=times, minlength=len(first)).astype(np.float64))

    def __add__(self, other: "DistinctSets") -> "DistinctSets | None":
        """Both together, of labels in the same columns; None where too many differ."""
        if not self.times.size or not other.times.size:
            return self if self.times.size else other
        rows = scipy_sparse().vstack([self.rows, other.rows], format="csr")
        return type(self).of(rows, np.concatenate([self.times, other.times]))

    def chosen(self, columns: NDArray[np.int64]) -> "DistinctSets":
        """Of these labels, in this order; no other label is on."""
        rows = self.rows[:, columns]
        rows.sort_indices()
        return type(self)(rows, self.times)

    def placed(self, columns: NDArray[np.int64], labels: int) -> "DistinctSets":
        """The same among more labels, each in its column."""
        return type(self)(spread_columns(self.rows, columns, labels), self.times)


def distinct_rows(rows: Any) -> tuple[list[int], NDArray[np.int64]]:
    """Where each different row occurs first, and which of these every row is.

    Parameters
    ----------
    rows : csr_array of shape (n, K)
        Without explicit zeros, columns in order.

    Returns
    -------
    first : list of int
    which : ndarray of int of shape (n,)

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> from penultimate.targets.distinct_sets import distinct_rows
    >>> distinct_rows(csr_array([[0, 1], [0, 0], [0, 1]]))
    ([0, 1], array([0, 1, 0]))
    """
    first: dict[bytes, int] = {}
    which = np.fromiter((first.setdefault(key, len(first)) for key in _keys(rows)), np.int64, rows.shape[0])
    return np.unique(which, return_index=True)[1].tolist(), which


def _keys(rows: Any) -> Iterator[bytes]:
    """What tells rows apart: their columns, and their values where these are not all one."""
    indices, ends = rows.indices.astype(np.int64), rows.indptr.tolist()
    plain = bool(np.all(rows.data == 1.0))
    for start, end in pairwise(ends):
        key = indices[start:end].tobytes()
        yield key if plain else key + rows.data[start:end].astype(np.float64).tobytes()
