"""Class means about a global mean: what every measure of collapse looks at."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.sparse import csr_array

from penultimate.features.blocks import blocks, over_blocks, sum_over_blocks
from penultimate.features.moments import mean_of
from penultimate.features.statistics import FeatureStatistics

Centre = Literal["samples", "classes"]

# With so many rows, singular values whose square is below 1e-15 times their number of the largest one count as zero
# (`nc1`): 3e-11, which a Gram matrix in float64 holds with two digits to spare.
_TALL = 1 << 15


@runtime_checkable
class Rows(Protocol):
    """A table whose rows are read some at a time: an array, or what makes them."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""
        ...

    def __getitem__(self, place: Any, /) -> NDArray[Any]:
        """Some rows, by a slice or their numbers."""
        ...


@dataclass(frozen=True)
class ClassRows:
    """Rows of some classes, class means or those of a head, less a common vector; made when read, some at a time.

    Attributes
    ----------
    table : Rows of shape (K, d)
        Of all classes.
    centre : ndarray of shape (d,)
        What is taken off.
    classes : ndarray of shape (s,)
        Which of them are rows here.
    """

    table: Rows
    centre: Float[np.ndarray, " d"]
    classes: Int[np.ndarray, " s"]

    @classmethod
    def means(cls, statistics: FeatureStatistics, centre: Centre = "samples") -> "ClassRows":
        """Class means of those that have samples, less the global mean.

        Parameters
        ----------
        statistics : FeatureStatistics
        centre : {"samples", "classes"}, default "samples"
            The mean of all samples (the model's h_G, docs/theory §6), or the plain mean of the classes, which papers on
            balanced data use. For balanced counts they are one.

        Returns
        -------
        ClassRows
        """
        means, seen = statistics.means, seen_classes(statistics)
        if centre == "samples":
            return cls(means, statistics.global_mean, seen)
        return cls(means, mean_of(means, (statistics.counts > 0).astype(np.float64)), seen)

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows and columns."""
        return self.classes.size, self.centre.size

    def __getitem__(self, place: Any, /) -> Float[np.ndarray, "b d"]:
        """Some rows, by a slice or their numbers."""
        # A range of a table is no copy, as rows picked from it are.
        return self.table[place if self._every else self.classes[place]] - self.centre

    @cached_property
    def _every(self) -> bool:
        """Whether rows are those of the table, in its order."""
        every = np.arange(self.table.shape[0])
        return np.array_equal(self.classes, every)

    @classmethod
    def plain(cls, table: Rows, classes: Int[np.ndarray, " s"]) -> "ClassRows":
        """Rows as they are."""
        return cls(table, np.zeros(int(table.shape[1])), classes)

    def of(self, table: Rows) -> "ClassRows":
        """The rows of the same classes in another table, as they are."""
        return ClassRows.plain(table, self.classes)

    def some(self, places: Int[np.ndarray, " n"]) -> "ClassRows":
        """Fewer rows."""
        return ClassRows(self.table, self.centre, self.classes[places])

    def blocks(self) -> Iterator[tuple[slice, Float[np.ndarray, "b d"]]]:
        """All rows, some at a time, with their places."""
        for place in blocks(*self.shape):
            yield place, self[place]

    @cached_property
    def squares(self) -> Float[np.ndarray, " s"]:
        """Squared length of every row."""
        return squares_of(self)

    @cached_property
    def axes(self) -> tuple[Float[np.ndarray, " r"], Float[np.ndarray, "r d"]]:
        """At most d singular values, largest first, and right singular vectors.

        Of very many rows they come from their Gram matrix, in a fifth of the time.
        """
        if self.classes.size >= _TALL:
            squares, vectors = np.linalg.eigh(self.gram)
            return np.sqrt(np.maximum(squares[::-1], 0.0)), vectors[:, ::-1].T
        # A QR decomposition leaves both as they are.
        rest: NDArray[np.float64] = np.empty((0, self.centre.size))
        for _, rows in self.blocks():
            rest = compressed(np.vstack([rest, rows]))
        _, sizes, directions = np.linalg.svd(rest, full_matrices=False)
        return sizes, directions

    @cached_property
    def gram_norm(self) -> float:
        """Frobenius norm of the Gram matrix of the rows."""
        if self.classes.size <= self.centre.size:
            return float(np.linalg.norm(self.axes[0] ** 2))
        return float(np.linalg.norm(self.gram))

    @cached_property
    def gram(self) -> Float[np.ndarray, "d d"]:
        """Inner products of columns."""
        return self.scatter(np.ones(self.classes.size))

    def beside(self, other: "ClassRows") -> Float[np.ndarray, " s"]:
        """Inner product of every row with that of the same class."""
        out = np.empty(self.classes.size)

        def write(place: slice) -> None:
            out[place] = np.vecdot(self[place], other[place])

        over_blocks(*self.shape, write)
        return out

    def scatter(self, weights: Float[np.ndarray, " s"]) -> Float[np.ndarray, "d d"]:
        """``Σ_k w_k m_k m_kᵀ`` over the rows m_k."""

        def of(place: slice) -> Float[np.ndarray, "d d"]:
            rows = self[place]
            rows *= np.sqrt(weights[place, None])
            return rows.T @ rows

        return sum_over_blocks(*self.shape, of)

    def sums(self, group: Int[np.ndarray, " s"], groups: int) -> Float[np.ndarray, "m d"]:
        """Sum of the rows of each group."""

        def of(place: slice) -> Float[np.ndarray, "m d"]:
            own = group[place]
            return (
                csr_array((np.ones(own.size), own, np.arange(own.size + 1)), shape=(own.size, groups)).T @ self[place]
            )

        return sum_over_blocks(*self.shape, of)

    def per_class(self, values: Float[np.ndarray, " s"]) -> Float[np.ndarray, " K"]:
        """What is known of every row, by class; NaN for the others."""
        out = np.full(self.table.shape[0], np.nan)
        out[self.classes] = values
        return out


@dataclass(frozen=True)
class Projected:
    """Rows in other coordinates; made when read.

    Attributes
    ----------
    rows : ClassRows of shape (s, d)
    basis : ndarray of shape (d, r)
    """

    rows: ClassRows
    basis: Float[np.ndarray, "d r"]

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows, and coordinates."""
        return self.rows.shape[0], self.basis.shape[1]

    def __getitem__(self, place: Any, /) -> Float[np.ndarray, "b r"]:
        """Some rows, by a slice or their numbers."""
        return self.rows[place] @ self.basis

    def per_class(self) -> Float[np.ndarray, "K r"]:
        """All of them, by class; NaN for classes without samples."""
        out = np.full((self.rows.table.shape[0], self.basis.shape[1]), np.nan)

        def write(place: slice) -> None:
            out[self.rows.classes[place]] = self[place]

        over_blocks(*self.rows.shape, write)
        return out


def seen_classes(statistics: FeatureStatistics) -> Int[np.ndarray, " s"]:
    """Classes that have samples, in order.

    Parameters
    ----------
    statistics : FeatureStatistics

    Returns
    -------
    ndarray of shape (s,)
    """
    return np.flatnonzero(statistics.counts > 0)


def variances(statistics: FeatureStatistics) -> Float[np.ndarray, " K"]:
    """``E ‖h − h̄_k‖²`` of each class, shape (K,); NaN for classes without samples."""
    counts = statistics.counts
    return np.divide(statistics.spreads, counts, out=np.full(counts.size, np.nan), where=counts > 0)


def squares_of(rows: Rows) -> Float[np.ndarray, " s"]:
    """Squared length of every row, some at a time."""
    out = np.empty(rows.shape[0])

    def write(place: slice) -> None:
        some = rows[place]
        out[place] = np.vecdot(some, some)

    over_blocks(rows.shape[0], rows.shape[1], write)
    return out


def lengths(rows: Float[np.ndarray, "k d"]) -> Float[np.ndarray, " k"]:
    """Euclidean length of every row, with no copy of them; NaN for unknown ones."""
    return np.sqrt(np.einsum("kd,kd->k", rows, rows))


def unit_rows(rows: Float[np.ndarray, "k d"]) -> Float[np.ndarray, "k d"]:
    """Rows of length one; NaN for rows that are zero."""
    norms = lengths(rows)[:, None]
    return np.divide(rows, norms, out=np.full(rows.shape, np.nan), where=norms > 0)


def compressed(rows: Float[np.ndarray, "k d"]) -> Float[np.ndarray, "r d"]:
    """At most d rows with the singular values and right singular vectors of many: the R of their QR decomposition."""
    return rows if rows.shape[0] <= rows.shape[1] else np.asarray(np.linalg.qr(rows, mode="r"), dtype=np.float64)
