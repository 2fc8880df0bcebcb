"""NC2 and NC3: lengths of class means and of the head, and their angles against the frames that theory knows."""

import numpy as np
from jaxtyping import Float, Int

from penultimate.errors import FeaturesError
from penultimate.features.metrics.centred import compressed, lengths
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
    norms = lengths(vectors)[known_rows(vectors)]
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
    seen = known_rows(vectors)
    seen = seen[target.counts.group[seen] >= 0]
    rows = vectors[seen]
    ours = float(np.sum((rows.T @ rows) ** 2))
    inner, theirs = target.beside_gram(rows, seen) if seen.size else (0.0, 0.0)
    if ours == 0.0 or theirs == 0.0:
        return float("nan")
    return float(np.sqrt(max(0.0, 2.0 - 2.0 * inner / np.sqrt(ours * theirs))))


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
    one, other = means[seen].astype(np.float64, copy=False), head[seen].astype(np.float64, copy=False)
    sizes = float(np.linalg.norm(one)), float(np.linalg.norm(other))
    if not min(sizes) > 0:
        return float("nan")
    one /= sizes[0]
    other /= sizes[1]
    one -= other
    return float(np.linalg.norm(one))


def cosines_between(one: Float[np.ndarray, "K d"], other: Float[np.ndarray, "K d"]) -> Float[np.ndarray, " K"]:
    """Cosine of row k of one with row k of the other, shape (K,): NC3 class by class; NaN where one is zero or unknown.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> cosines_between(np.eye(2), np.array([[2.0, 0.0], [1.0, 0.0]]))
    array([1., 0.])
    """
    first, second = lengths(one), lengths(other)
    known = (first > 0) & (second > 0)
    cosine = np.full(len(one), np.nan)
    cosine[known] = np.einsum("kd,kd->k", one, other)[known] / first[known] / second[known]
    return cosine


def effective_rank(vectors: Float[np.ndarray, "K d"]) -> float:
    """``exp`` of the entropy of the normalised singular values (Roy and Vetterli 2007): directions really in use.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> round(pen.metrics.effective_rank(np.eye(4)), 9)
    4.0
    """
    known = known_rows(vectors)
    rows = vectors if known.size == len(vectors) else vectors[known]
    sizes = np.linalg.svd(compressed(rows), compute_uv=False) if rows.size else np.zeros(1)
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
    norms = lengths(vectors)
    used = np.isfinite(norms) & (norms > 0) & (counts > 0)
    x, y = np.log(counts[used]), np.log(norms[used])
    if np.unique(x).size < 2:
        return float("nan"), float("nan")
    x = x - x.mean()
    slope = float(x @ y / (x @ x))
    rest = y - y.mean() - slope * x
    error = float(np.sqrt(rest @ rest / (x.size - 2) / (x @ x))) if x.size > 2 else float("nan")
    return slope, error
