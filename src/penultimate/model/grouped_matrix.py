"""A K × K matrix that treats classes of equal count alike, as an operator: any entry, row or block on request.

For classes k of group g and l of group h,

    M_kl = row_g column_h ( inside_g (δ_kl − 1/s_g) [g = h]  +  B_gh / √(s_g s_h) ),

with B the m × m quotient in orthonormal coordinates. Gram matrices of class means and of the head, and the logits, are
all of this form (docs/theory §3, §5). Memory O(m); an entry costs O(1) where the quotient's does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from penultimate.counts import ClassCounts
from penultimate.reported import OneLine
from penultimate.spectrum.quotient import Gram, shared

# Rows of the m × m quotient that are looked at together: 200,000 numbers, which a cache holds.
_BLOCK_ENTRIES = 200_000


@dataclass(frozen=True, eq=False, repr=False)
class GroupedMatrix(OneLine):
    """A K × K matrix constant on pairs of groups, but for its diagonal.

    Parameters
    ----------
    counts : ClassCounts
        Classes and their groups. Rows and columns of classes without samples are NaN.
    inside : ndarray of shape (m,)
        The value of each group on vectors that sum to zero.
    quotient : Gram
        The m × m quotient B.
    row_scale, column_scale : ndarray of shape (m,)
        Factors of each group's rows and columns.

    Examples
    --------
    >>> import penultimate as pen
    >>> counts = pen.ClassCounts({"cat": 60, "dog": 30, "newt": 10})
    >>> gram = pen.forecast(counts, weight_decay=1e-3, feature_ratio=1).geometry.mean_gram
    >>> gram.block([0, 1], [2]).shape, gram.dense().shape
    ((2, 1), (3, 3))
    """

    counts: ClassCounts
    inside: Float[np.ndarray, " m"]
    quotient: Gram
    row_scale: Float[np.ndarray, " m"]
    column_scale: Float[np.ndarray, " m"]

    @cached_property
    def group_diagonal(self) -> Float[np.ndarray, " m"]:
        """The diagonal entry of each group's classes, shape (m,)."""
        size = self.counts.multiplicity
        return self.row_scale * self.column_scale * (self.inside * (size - 1) + self.quotient.diagonal) / size

    @cached_property
    def group_offdiagonal(self) -> Float[np.ndarray, " m"]:
        """The entry of two different classes of the same group, shape (m,); only meaningful where it has two."""
        return self.row_scale * self.column_scale * (self.quotient.diagonal - self.inside) / self.counts.multiplicity

    @cached_property
    def diagonal(self) -> Float[np.ndarray, " K"]:
        """The diagonal, shape (K,); NaN for classes without samples."""
        return per_class(self.counts, self.group_diagonal)

    def group_block(self, rows: Int[np.ndarray, " a"], columns: Int[np.ndarray, " b"]) -> Float[np.ndarray, "a b"]:
        """Entries of *different* classes of some pairs of groups, shape (len(rows), len(columns))."""
        root = np.sqrt(self.counts.multiplicity)
        out = self.quotient.block(rows, columns)
        out *= (self.row_scale / root)[rows][:, None]
        out *= (self.column_scale / root)[columns]
        row, column = shared(rows, columns)
        out[row, column] = self.group_offdiagonal[rows[row]]
        return out

    def block(self, rows: Sequence[int], columns: Sequence[int]) -> Float[np.ndarray, "a b"]:
        """Entries for some classes.

        Parameters
        ----------
        rows, columns : sequence of int
            Indices of classes.

        Returns
        -------
        ndarray of shape (len(rows), len(columns))
        """
        row, column = np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64)
        row_group, column_group = self.counts.group[row], self.counts.group[column]
        row_seen, column_seen = np.flatnonzero(row_group >= 0), np.flatnonzero(column_group >= 0)
        row_values, row_inverse = np.unique(row_group[row_seen], return_inverse=True)
        column_values, column_inverse = np.unique(column_group[column_seen], return_inverse=True)
        out = np.full((row.size, column.size), np.nan)
        values = self.group_block(row_values, column_values)
        out[np.ix_(row_seen, column_seen)] = values[np.ix_(row_inverse, column_inverse)]
        a, b = np.nonzero(row[:, None] == column)
        out[a, b] = self.diagonal[row[a]]
        return out

    def beside_gram(
        self, sums: Float[np.ndarray, "m d"], squares: Float[np.ndarray, " m"], size: Int[np.ndarray, " m"]
    ) -> tuple[float, float]:
        """``⟨V Vᵀ, M⟩`` and ``‖M‖²`` for vectors V of some classes, one row a class, in O(m² d).

        Parameters
        ----------
        sums : ndarray of shape (m, d)
            Of the vectors of each group.
        squares : ndarray of shape (m,)
            Sum of their squared lengths.
        size : ndarray of shape (m,)
            How many they are.
        """
        used = np.flatnonzero(size)
        own, other = self.group_diagonal[used], self.group_offdiagonal[used]
        # Different classes first, then what a class's entry with itself has over that.
        inner = float((own - other) @ squares[used])
        square = float((own**2 - other**2) @ size[used])
        for start in range(0, used.size, step := max(1, _BLOCK_ENTRIES // used.size)):
            rows = used[start : start + step]
            block = self.group_block(rows, used)
            inner += float(np.sum(block * (sums[rows] @ sums[used].T)))
            square += float(size[rows] @ block**2 @ size[used])
        return inner, square

    def row(self, index: int) -> Float[np.ndarray, " K"]:
        """Row of one class, shape (K,)."""
        return self.block([index], range(self.counts.classes))[0]

    def dense(self) -> Float[np.ndarray, "K K"]:
        """The whole matrix: K² numbers."""
        return self.block(range(self.counts.classes), range(self.counts.classes))

    def normalised(self, classes: Sequence[int]) -> Float[np.ndarray, "a a"]:
        """Cosines among some classes (for a Gram matrix): entries divided by both norms; NaN where a norm is zero."""
        norms = np.sqrt(self.diagonal[np.asarray(classes, dtype=np.int64)])
        norms[norms == 0] = np.nan
        return np.clip(self.block(classes, classes) / np.outer(norms, norms), -1.0, 1.0)

    def nearest(self) -> tuple[Int[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """For a Gram matrix: each group's nearest group by cosine, and that cosine; −1 and NaN where the norm is zero.

        A group of two or more classes can be its own nearest. Time O(m) for each that can be nearest, memory O(m).
        """
        norms = np.sqrt(np.maximum(self.group_diagonal, 0.0))
        inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
        cosines = replace(self, row_scale=self.row_scale * inverse, column_scale=self.column_scale * inverse)
        index, value = cosines._best(np.where(norms > 0, 0.0, -np.inf))
        alive = (norms > 0) & np.isfinite(value)
        return np.where(alive, index, -1), np.where(alive, np.clip(value, -1.0, 1.0), np.nan)

    def margins(self, bias: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """For logits: each group's own logit minus the largest other one, with biases of shape (m,) added."""
        samples_as_rows = replace(
            self, quotient=self.quotient.transposed, row_scale=self.column_scale, column_scale=self.row_scale
        )
        return self.group_diagonal + bias - samples_as_rows._best(bias)[1]

    def _best(self, offset: Float[np.ndarray, " m"]) -> tuple[Int[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Largest entry plus offset of its column in each group's row, among other classes; block by block of rows."""
        m, rivals = self.counts.distinct.size, self.quotient.rivals
        alone = self.counts.multiplicity == 1
        index, value = np.empty(m, dtype=np.int64), np.empty(m)
        step = max(1, _BLOCK_ENTRIES // rivals.size)
        for start in range(0, m, step):
            rows = np.arange(start, min(start + step, m))
            block = self.group_block(rows, rivals)
            block += offset[rivals]
            row, column = shared(rows, rivals)
            itself = alone[rows[row]]
            block[row[itself], column[itself]] = -np.inf
            best = np.argmax(block, axis=1)
            index[rows] = best
            value[rows] = block[np.arange(rows.size), best]
        return self._climb(offset, index, value) if self.quotient.searched else (rivals[index], value)

    def _climb(
        self, offset: Float[np.ndarray, " m"], index: Int[np.ndarray, " m"], value: Float[np.ndarray, " m"]
    ) -> tuple[Int[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Go from the best of the rivals to the best column between its neighbours, and try the row's own neighbours.

        Between rivals entries have one largest, so a bracket is cut to two thirds over and over.
        """
        m, rivals, every = value.size, self.quotient.rivals, np.arange(value.size)
        low, high = rivals[np.maximum(index - 1, 0)], rivals[np.minimum(index + 1, rivals.size - 1)]
        index = rivals[index]
        while int((high - low).max()) > 2:
            third = (high - low) // 3
            rises = self._entries(offset, every, low + third) < self._entries(offset, every, high - third)
            low, high = np.where(rises, low + third, low), np.where(rises, high, high - third)
            low = np.where(rises & (third == 0), low + 1, low)
            high = np.where(~rises & (third == 0), high - 1, high)
        for column in (low, low + 1, high, every - 1, every + 1):
            found = self._entries(offset, every, np.clip(column, 0, m - 1))
            better = found > value
            index, value = np.where(better, np.clip(column, 0, m - 1), index), np.where(better, found, value)
        return index, value

    def _entries(
        self, offset: Float[np.ndarray, " m"], rows: Int[np.ndarray, " m"], columns: Int[np.ndarray, " m"]
    ) -> Float[np.ndarray, " m"]:
        """One entry plus offset a row, of another class."""
        root = np.sqrt(self.counts.multiplicity)
        out = self.quotient.pairs(rows, columns) * (self.row_scale / root)[rows] * (self.column_scale / root)[columns]
        same = rows == columns
        out[same] = np.where(self.counts.multiplicity > 1, self.group_offdiagonal, -np.inf)[rows[same]]
        return out + offset[columns]


def per_class(counts: ClassCounts, per_group: Float[np.ndarray, " m"]) -> Float[np.ndarray, " K"]:
    """Spread a figure of each group to its classes; NaN for classes without samples."""
    return np.append(per_group, np.nan)[counts.group]
