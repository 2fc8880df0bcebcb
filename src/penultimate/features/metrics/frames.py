"""NC2 and NC3: lengths of class means and of the head, and their angles against the frames that theory knows."""

import numpy as np
from jaxtyping import Float, Int

from penultimate.counts import ClassCounts
from penultimate.errors import FeaturesError
from penultimate.features.blocks import sum_over_blocks
from penultimate.features.metrics.centred import ClassRows, lengths
from penultimate.features.metrics.sweeping import WORK
from penultimate.model.grouped_matrix import GroupedMatrix


def known_rows(vectors: Float[np.ndarray, "K d"]) -> Int[np.ndarray, " s"]:
    """Classes whose vector is known (no NaN in it)."""
    return np.flatnonzero(np.isfinite(vectors).all(axis=1))


def equinorm(vectors: Float[np.ndarray, "K d"]) -> float:
    """Standard deviation over mean of the vectors' lengths (Papyan, Han and Donoho 2020, arXiv 2008.08186, NC2).

    Parameters
    ----------
    vectors : ndarray of shape (K, d)
        Centred class means or rows of the head; NaN rows are left out.

    Returns
    -------
    float
        Zero when all are equally long; NaN when all are zero.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> pen.metrics.equinorm(np.array([[3.0, 4.0], [0.0, 5.0]]))
    0.0
    """
    return spread_of(lengths(vectors)[known_rows(vectors)])


def spread_of(norms: Float[np.ndarray, " s"]) -> float:
    """`equinorm` of vectors of these lengths."""
    return float(norms.std() / norms.mean()) if norms.size and norms.mean() > 0 else float("nan")


def gram_distance(vectors: Float[np.ndarray, "K d"], target: GroupedMatrix) -> float:
    """``‖G/‖G‖_F − T/‖T‖_F‖_F`` between the vectors' Gram matrix G and a target T: 0 when alike, at most √2 for these.

    The target says what is imbalance-aware: a forecast's `Geometry.mean_gram`, a general orthogonal frame, SELI, or
    for balanced counts the simplex ETF (`penultimate.frames`).

    Parameters
    ----------
    vectors : ndarray of shape (K, d)
        Centred class means or rows of the head; NaN rows, and classes without samples, are left out on both sides.
    target : GroupedMatrix
        Gram matrix of K vectors.

    Returns
    -------
    float
        NaN when one of the two is zero.

    Raises
    ------
    FeaturesError
        When the target is of other classes.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> round(pen.metrics.gram_distance(7 * (np.eye(3) - 1 / 3), pen.frames.simplex_etf(3).mean_gram), 6)
    0.0
    """
    if len(vectors) != target.counts.classes:
        raise FeaturesError(f"{len(vectors)} vectors and a target for {target.counts.classes} classes: give as many")
    known = ClassRows.plain(vectors, known_rows(vectors))
    return GramDistances(known)(target)


class GramDistances:
    """`gram_distance` of the rows of some classes to several targets.

    Parameters
    ----------
    rows : ClassRows
    """

    def __init__(self, rows: ClassRows) -> None:
        self._rows = rows
        self._sums: list[tuple[ClassCounts, Float[np.ndarray, "m d"]]] = []

    def __call__(self, target: GroupedMatrix, classes: Int[np.ndarray, " s"] | None = None) -> float:
        """The distance to a target.

        Parameters
        ----------
        target : GroupedMatrix
        classes : ndarray of shape (s,), optional
            The target's class of every row; by default it is that of the rows' table.

        Returns
        -------
        float
            NaN when one of the two is zero, and with so many distinct counts that the target's entries take too long.
        """
        group, rows = target.counts.group[self._rows.classes if classes is None else classes], self._rows
        if classes is None and (group < 0).any():
            return GramDistances(rows.some(np.flatnonzero(group >= 0)))(target)
        groups = target.counts.distinct.size
        if rows.classes.size == 0 or groups**2 * rows.shape[1] > WORK:
            return float("nan")
        sums = next((sums for counts, sums in self._sums if counts is target.counts), None)
        if sums is None:
            sums = rows.sums(group, groups)
            self._sums.append((target.counts, sums))
        sizes = np.bincount(group, minlength=groups)
        squares = np.bincount(group, weights=rows.squares, minlength=groups)
        inner, theirs = target.beside_gram(sums, squares, sizes)
        if rows.gram_norm == 0.0 or theirs == 0.0:
            return float("nan")
        return float(np.sqrt(max(0.0, 2.0 - 2.0 * inner / (rows.gram_norm * np.sqrt(theirs)))))


def self_duality(means: Float[np.ndarray, "K d"], head: Float[np.ndarray, "K d"]) -> float:
    """``‖W/‖W‖_F − M/‖M‖_F‖_F`` of head and centred class means (Papyan, Han and Donoho 2020, NC3).

    Parameters
    ----------
    means : ndarray of shape (K, d)
        NaN for classes without samples, which are left out.
    head : ndarray of shape (K, d)

    Returns
    -------
    float
        Zero when one is a multiple of the other; NaN when one is zero.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> round(pen.metrics.self_duality(np.eye(2), 3 * np.eye(2)), 12)
    0.0
    """
    seen = known_rows(means)
    return duality_of(ClassRows.plain(means, seen), ClassRows.plain(head, seen))


def duality_of(means: ClassRows, head: ClassRows) -> float:
    """`self_duality` of rows of the same classes."""
    sizes = np.sqrt(float(means.squares.sum())), np.sqrt(float(head.squares.sum()))
    if not min(sizes) > 0:
        return float("nan")

    def apart(place: slice) -> Float[np.ndarray, " d"]:
        one = means[place] / sizes[0]
        one -= head[place] / sizes[1]
        return np.einsum("kd,kd->d", one, one)

    return float(np.sqrt(sum_over_blocks(*means.shape, apart).sum()))


def cosines_between(one: ClassRows, other: ClassRows) -> Float[np.ndarray, " s"]:
    """Cosine of every row with that of the same class, shape (s,): NC3 class by class; NaN where one is zero.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.features.metrics.centred import ClassRows
    >>> of = [ClassRows(rows, np.zeros(2), np.arange(2)) for rows in (np.eye(2), np.array([[2.0, 0.0], [1.0, 0.0]]))]
    >>> cosines_between(*of)
    array([1., 0.])
    """
    both = np.sqrt(one.squares) * np.sqrt(other.squares)
    return np.divide(one.beside(other), both, out=np.full(both.size, np.nan), where=both > 0)


def effective_rank(vectors: Float[np.ndarray, "K d"]) -> float:
    """``exp`` of the entropy of the normalised singular values (Roy and Vetterli 2007): directions really in use.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> round(pen.metrics.effective_rank(np.eye(4)), 9)
    4.0
    """
    return rank_of(ClassRows.plain(vectors, known_rows(vectors)))


def rank_of(rows: ClassRows) -> float:
    """`effective_rank` of the rows of some classes."""
    sizes = rows.axes[0] if rows.classes.size else np.zeros(1)
    if not sizes.sum() > 0:
        return float("nan")
    share = sizes[sizes > 0] / sizes.sum()
    return float(np.exp(-np.sum(share * np.log(share))))


def norm_slope(vectors: Float[np.ndarray, "K d"], counts: Float[np.ndarray, " K"]) -> tuple[float, float]:
    """Least-squares slope of log length on log count, and its standard error: how lengths change from head to tail.

    Parameters
    ----------
    vectors : ndarray of shape (K, d)
        Rows of the head, or centred class means; zero and NaN rows are left out.
    counts : ndarray of shape (K,)

    Returns
    -------
    tuple of float
        NaN with fewer than two distinct counts; the error is NaN with fewer than three classes.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> slope, error = norm_slope(np.diag([8.0, 4.0, 2.0]), np.array([64.0, 16.0, 4.0]))
    >>> round(slope, 9)
    0.5
    """
    return slope_of(lengths(vectors), counts)


def slope_of(norms: Float[np.ndarray, " K"], counts: Float[np.ndarray, " K"]) -> tuple[float, float]:
    """`norm_slope` of vectors of these lengths."""
    used = np.isfinite(norms) & (norms > 0) & (counts > 0)
    x, y = np.log(counts[used]), np.log(norms[used])
    if np.unique(x).size < 2:
        return float("nan"), float("nan")
    x = x - x.mean()
    slope = float(x @ y / (x @ x))
    rest = y - y.mean() - slope * x
    error = float(np.sqrt(rest @ rest / (x.size - 2) / (x @ x))) if x.size > 2 else float("nan")
    return slope, error
