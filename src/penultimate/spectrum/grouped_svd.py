"""Singular value decomposition of a K × K matrix that treats classes of equal count alike, in O(K) memory.

Group g (s_g classes of count c_g) contributes s_g − 1 *inside* directions, vectors that sum to zero over the group, all
with one singular value (√c_g for the label matrix) and with the same left and right vector; the remaining, *mixed*
directions are constant on groups and come from the m × m quotient. Inside a group the Helmert basis is used: vector j
is ``(1, …, 1, −j, 0, …)`` with j ones, scaled by ``1/√(j(j+1))``; products with it take O(s_g).
"""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.counts import ClassCounts
from penultimate.kernels import kernel
from penultimate.spectrum.quotient import Quotient, Side
from penultimate.spectrum.secular import Floats, Ints

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator


def _helmert_by_group(z: Floats, starts: Ints, order: Ints, positions: Ints, out: Floats) -> None:
    """`_helmert` by NumPy, group by group."""
    for g in np.flatnonzero(np.diff(starts) > 1):
        members = order[starts[g] : starts[g + 1]]
        j = np.arange(members.size, dtype=np.float64)
        scaled = np.zeros(members.size)
        scaled[1:] = z[positions[g] : positions[g] + members.size - 1] / np.sqrt(j[1:] * (j[1:] + 1.0))
        suffix = np.zeros(members.size)
        suffix[:-1] = np.cumsum(scaled[:0:-1])[::-1]
        out[members] += suffix - j * scaled


@kernel(twin=_helmert_by_group)
def _helmert(z: Floats, starts: Ints, order: Ints, positions: Ints, out: Floats) -> None:
    """Add ``Σ_j z_j q_j`` to out, for the Helmert basis q of every group."""
    for g in range(positions.size):
        first, size = starts[g], starts[g + 1] - starts[g]
        suffix = 0.0
        for j in range(size - 1, 0, -1):
            scaled = z[positions[g] + j - 1] / np.sqrt(j * (j + 1.0))
            out[order[first + j]] += suffix - j * scaled
            suffix += scaled
        out[order[first]] += suffix


def _helmert_rows_by_group(
    rows: NDArray[np.float64], starts: Ints, order: Ints, positions: Ints, out: NDArray[np.float64]
) -> None:
    """`_helmert_rows` by NumPy, group by group."""
    for g in np.flatnonzero(np.diff(starts) > 1):
        size = min(starts[g + 1] - starts[g], len(out) - positions[g] + 1)
        if size < 2:
            continue
        members = rows[order[starts[g] : starts[g] + size]]
        j = np.arange(1.0, size)[:, None]
        found = np.cumsum(members[:-1], axis=0) - j * members[1:]
        out[positions[g] : positions[g] + size - 1] = found / np.sqrt(j * (j + 1.0))


@kernel(twin=_helmert_rows_by_group)
def _helmert_rows(
    rows: NDArray[np.float64], starts: Ints, order: Ints, positions: Ints, out: NDArray[np.float64]
) -> None:
    """`_helmert_transpose` of every column at once; positions beyond the end of out are left out."""
    prefix = np.empty(rows.shape[1])
    for g in range(positions.size):
        first, size = starts[g], starts[g + 1] - starts[g]
        prefix[:] = 0.0
        for j in range(1, min(size, out.shape[0] - positions[g] + 1)):
            prefix += rows[order[first + j - 1]]
            out[positions[g] + j - 1] = (prefix - j * rows[order[first + j]]) / np.sqrt(j * (j + 1.0))


def _helmert_transpose_by_group(y: Floats, starts: Ints, order: Ints, positions: Ints, out: Floats) -> None:
    """`_helmert_transpose` by NumPy."""
    _helmert_rows_by_group(y[:, None], starts, order, positions, out[:, None])


@kernel(twin=_helmert_transpose_by_group)
def _helmert_transpose(y: Floats, starts: Ints, order: Ints, positions: Ints, out: Floats) -> None:
    """Write ``⟨q_j, y⟩`` into out, for the Helmert basis q of every group."""
    for g in range(positions.size):
        first, size = starts[g], starts[g + 1] - starts[g]
        prefix = 0.0
        for j in range(1, size):
            prefix += y[order[first + j - 1]]
            out[positions[g] + j - 1] = (prefix - j * y[order[first + j]]) / np.sqrt(j * (j + 1.0))


@dataclass(frozen=True)
class UnseenRows:
    """Left vectors of classes without samples, alike in groups of their own; their right vectors are zero.

    Attributes
    ----------
    of : ndarray of int of shape (u,)
        The group of each such class, in the order of classes.
    left : ndarray of shape (g, q)
        Entries of a class of each group, for every column of the quotient.
    """

    of: Int[np.ndarray, " u"]
    left: Float[np.ndarray, "g q"]


class GroupedSVD:
    """Thin singular value decomposition ``U diag(σ) Vᵀ`` of a K × K matrix that is symmetric within groups.

    Parameters
    ----------
    counts : ClassCounts
        The classes and their groups.
    quotient : Quotient
        The decomposition of the m × m quotient.
    inside : ndarray of shape (m,), optional
        The singular value of each group inside; √c of its count by default.
    unseen : UnseenRows, optional
        What classes without samples have of the left vectors; nothing by default.
    """

    def __init__(
        self,
        counts: ClassCounts,
        quotient: Quotient,
        inside: Float[np.ndarray, " m"] | None = None,
        unseen: UnseenRows | None = None,
    ) -> None:
        self.counts = counts
        self.unseen = unseen
        self.quotient = quotient
        self.inside = np.sqrt(counts.distinct) if inside is None else inside

    @property
    def sigma(self) -> Float[np.ndarray, " t"]:
        """Distinct non-zero singular values, largest first, shape (t,)."""
        return self._distinct[0]

    @property
    def multiplicity(self) -> Int[np.ndarray, " t"]:
        """How many directions share each singular value, shape (t,)."""
        return self._distinct[1]

    @property
    def inside_index(self) -> Int[np.ndarray, " m"]:
        """Index into `sigma` of each group's inside directions; −1 where the group has a single class, shape (m,)."""
        return self._distinct[2]

    @property
    def mixed_index(self) -> Int[np.ndarray, " q"]:
        """Index into `sigma` of each singular value of the quotient, shape (q,)."""
        return self._distinct[3]

    @property
    def rank(self) -> int:
        """How many singular values are not zero, with multiplicity: the number of columns of U and V."""
        return int(self.multiplicity.sum())

    @property
    def U(self) -> "LinearOperator":
        """Left singular vectors as an operator of shape (K, rank); column i belongs to the i-th largest value."""
        return self._operator("left")

    @property
    def V(self) -> "LinearOperator":
        """Right singular vectors as an operator of shape (K, rank); column i belongs to the i-th largest value."""
        return self._operator("right")

    def mixed_like(self, right: Float[np.ndarray, "m b"]) -> Int[np.ndarray, " b"]:
        """Which mixed directions some right vectors of the quotient are, each another one, for the largest overlap.

        Singular values cross where a problem changes, and their ranks then say nothing; the vectors do.

        Parameters
        ----------
        right : ndarray of shape (m, b)
            Unit vectors on ``1_g/√s_g``, b at most as many as there are mixed directions.

        Returns
        -------
        ndarray of int of shape (b,)
            Columns of the quotient.
        """
        from scipy.optimize import linear_sum_assignment

        own = self.quotient.vectors("right", np.arange(self.mixed_index.size))
        _, columns = linear_sum_assignment(np.square(right.T @ own), maximize=True)
        return columns

    def vectors(self, side: Side, columns: Int[np.ndarray, " b"] | None = None) -> Float[np.ndarray, "K b"]:
        """Singular vectors as a dense array.

        Parameters
        ----------
        side : {"left", "right"}
            Columns of U or of V.
        columns : ndarray of int, optional
            Which ones, counted from the largest singular value; all of them by default, which takes K × rank numbers.

        Returns
        -------
        ndarray of shape (K, len(columns))
        """
        columns = np.arange(self.rank) if columns is None else np.asarray(columns, dtype=np.int64)
        m = self.counts.distinct.size
        owner = self._owner[columns]
        mixed = owner >= m
        out = np.zeros((self.counts.classes, columns.size))
        per_group = self.quotient.vectors(side, owner[mixed] - m) / np.sqrt(self.counts.multiplicity)[:, None]
        seen = np.flatnonzero(self.counts.group >= 0)
        out[np.ix_(seen, np.flatnonzero(mixed))] = per_group[self.counts.group[seen]]
        if side == "left" and self.unseen is not None:
            rows = self.unseen.left[:, owner[mixed] - m][self.unseen.of]
            out[np.ix_(self.counts.unseen, np.flatnonzero(mixed))] = rows
        for place in np.flatnonzero(~mixed):
            g = owner[place]
            j = int(columns[place] - self._first_column[g]) + 1
            members = self._order[self._starts[g] : self._starts[g] + j + 1]
            out[members[:-1], place] = 1.0 / np.sqrt(j * (j + 1.0))
            out[members[-1], place] = -j / np.sqrt(j * (j + 1.0))
        return out

    def project(
        self, side: Side, rows: Float[np.ndarray, "K d"], directions: int | None = None
    ) -> Float[np.ndarray, "r d"]:
        """``UᵀX`` or ``VᵀX`` for a matrix with one row a class: its coordinates along the leading directions.

        Parameters
        ----------
        side : {"left", "right"}
            U or V.
        rows : ndarray of shape (K, d)
            Rows of classes without samples count where these have left vectors (`unseen`).
        directions : int, optional
            How many, counted from the largest singular value; all by default.

        Returns
        -------
        ndarray of shape (directions, d)
        """
        count = self.rank if directions is None else min(directions, self.rank)
        m = self.counts.distinct.size
        members = np.ascontiguousarray(rows, dtype=np.float64)
        sums = np.add.reduceat(members[self._order], self._starts[:-1], axis=0)
        sums /= np.sqrt(self.counts.multiplicity)[:, None]
        out = np.empty((count, members.shape[1]))
        mixed = np.flatnonzero(self._owner[:count] >= m)
        out[mixed] = self.quotient.vectors(side, self._owner[mixed] - m).T @ sums
        if side == "left" and self.unseen is not None:
            own = np.zeros((self.unseen.left.shape[0], members.shape[1]))
            np.add.at(own, self.unseen.of, members[self.counts.unseen])
            out[mixed] += self.unseen.left[:, self._owner[mixed] - m].T @ own
        _helmert_rows.at(classes=self.counts.distinct.size)(
            members, self._starts, self._order, self._inside_columns, out
        )
        return out

    @cached_property
    def _distinct(
        self,
    ) -> tuple[Float[np.ndarray, " t"], Int[np.ndarray, " t"], Int[np.ndarray, " m"], Int[np.ndarray, " q"]]:
        inside = self.counts.multiplicity > 1
        values = np.concatenate([self.inside[inside], self.quotient.sigma])
        sizes = np.concatenate(
            [self.counts.multiplicity[inside] - 1, np.ones(self.quotient.sigma.size, dtype=np.int64)]
        )
        negative, index = np.unique(-values, return_inverse=True)
        multiplicity = np.bincount(index, weights=sizes, minlength=negative.size).astype(np.int64)
        inside_index = np.full(inside.size, -1, dtype=np.int64)
        inside_index[inside] = index[: inside.sum()]
        return -negative, multiplicity, inside_index, index[inside.sum() :].astype(np.int64)

    @cached_property
    def _blocks(self) -> tuple[Int[np.ndarray, " mq"], Int[np.ndarray, " mq"]]:
        """Columns come in blocks, m of inside directions then q mixed ones: their order by σ, and their sizes."""
        values = np.concatenate([self.inside, self.quotient.sigma])
        sizes = np.concatenate([self.counts.multiplicity - 1, np.ones(self.quotient.sigma.size, dtype=np.int64)])
        return np.argsort(-values, kind="stable"), sizes

    @cached_property
    def _first_column(self) -> Int[np.ndarray, " mq"]:
        order, sizes = self._blocks
        first = np.empty(order.size, dtype=np.int64)
        first[order] = np.cumsum(sizes[order]) - sizes[order]
        return first

    @cached_property
    def _owner(self) -> Int[np.ndarray, " rank"]:
        """The block that each column belongs to."""
        order, sizes = self._blocks
        return np.repeat(order, sizes[order])

    @property
    def _mixed_columns(self) -> Int[np.ndarray, " q"]:
        return self._first_column[self.counts.distinct.size :]

    @property
    def _inside_columns(self) -> Int[np.ndarray, " m"]:
        return self._first_column[: self.counts.distinct.size]

    @cached_property
    def _order(self) -> Int[np.ndarray, " seen"]:
        """Seen classes, group by group."""
        return np.argsort(self.counts.group, kind="stable")[self.counts.classes - self.counts.seen :]

    @cached_property
    def _starts(self) -> Int[np.ndarray, " m1"]:
        return np.concatenate([[0], np.cumsum(self.counts.multiplicity)])

    def _operator(self, side: Side) -> "LinearOperator":
        from scipy.sparse.linalg import LinearOperator

        return LinearOperator(
            shape=(self.counts.classes, self.rank),
            matvec=partial(self._apply, side),
            rmatvec=partial(self._apply_transpose, side),
            dtype=np.float64,
        )

    def _apply(self, side: Side, z: Float[np.ndarray, " rank"]) -> Float[np.ndarray, " K"]:
        z = np.ascontiguousarray(z, dtype=np.float64).ravel()
        per_group = self.quotient.apply(side, z[self._mixed_columns]) / np.sqrt(self.counts.multiplicity)
        seen = self.counts.group >= 0
        out = np.zeros(self.counts.classes)
        out[seen] = per_group[self.counts.group[seen]]
        if side == "left" and self.unseen is not None:
            out[~seen] = (self.unseen.left @ z[self._mixed_columns])[self.unseen.of]
        _helmert.at(classes=self.counts.distinct.size)(z, self._starts, self._order, self._inside_columns, out)
        return out

    def _apply_transpose(self, side: Side, y: Float[np.ndarray, " K"]) -> Float[np.ndarray, " rank"]:
        y = np.ascontiguousarray(y, dtype=np.float64).ravel()
        seen = self.counts.group >= 0
        sums = np.bincount(self.counts.group[seen], weights=y[seen], minlength=self.counts.distinct.size)
        out = np.empty(self.rank)
        mixed = self.quotient.apply_transpose(side, sums / np.sqrt(self.counts.multiplicity))
        if side == "left" and self.unseen is not None:
            own = np.bincount(self.unseen.of, weights=y[~seen], minlength=self.unseen.left.shape[0])
            mixed = mixed + self.unseen.left.T @ own
        out[self._mixed_columns] = mixed
        _helmert_transpose.at(classes=self.counts.distinct.size)(
            y, self._starts, self._order, self._inside_columns, out
        )
        return out
