"""Where a class is looked for: whitened, in the span of the directions to the classes nearest to it.

Both sides are merged before anything is learnt of them: class means, scatter, neighbours. So nothing that is fitted
changes when samples of a class change sides, and the test's size is right (docs/theory, "Drift of every class"). With
directions from the reference alone the noise of its means is taken for drift.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from penultimate.errors import FeaturesError
from penultimate.features.statistics import FeatureStatistics

Floats = NDArray[np.float64]

# Neighbours of a class. The span of all means loses its power as classes grow in number; one neighbour is blind to the
# others (studies/drift.py).
NEAREST = 5
# Share of the mean eigenvalue in the merged scatter, so that it can be inverted however few samples there are.
_RIDGE = 0.02
# Scatter within classes that is rounding, as part of that of their means.
_ROUNDING = 1e-15
# Numbers of all bases: 2 GiB. Entries of a block of distances.
_MOST, _ENTRIES = 1 << 28, 1 << 22


@dataclass(frozen=True)
class Neighbours:
    """Coordinates of every class about its merged mean.

    Made by `neighbours`.

    Attributes
    ----------
    centres : ndarray of shape (K, d)
        Class means of both sides together; NaN for classes without samples.
    white : ndarray of shape (d, d)
        Takes features to coordinates in which the merged scatter within classes has covariance one.
    basis : ndarray of shape (K, d, r)
        Takes features to the r whitened coordinates of each class; zero for classes without samples.
    towards : ndarray of shape (K, r, r)
        Steps to the nearest centres in these coordinates, one a row.
    nearest : ndarray of shape (K, r)
        Which classes these are, the nearest first.
    """

    centres: Float[np.ndarray, "K d"]
    white: Float[np.ndarray, "d d"]
    basis: Float[np.ndarray, "K d r"]
    towards: Float[np.ndarray, "K r r"]
    nearest: NDArray[np.int64]


def neighbours(reference: FeatureStatistics, current: FeatureStatistics) -> Neighbours:
    """Merge two sides, and find the nearest classes of each class and the directions to them.

    Parameters
    ----------
    reference, current : FeatureStatistics
        Of the same classes and width.

    Returns
    -------
    Neighbours

    Raises
    ------
    FeaturesError
        When fewer than two classes have samples, these do not vary, or the directions of all do not fit into memory.
    """
    seen = np.flatnonzero(reference.counts + current.counts > 0)
    rank = min(NEAREST, seen.size - 1, reference.dimension)
    if rank < 1:
        raise FeaturesError("drift is measured against the nearest other class: give samples of at least two classes")
    if reference.classes * reference.dimension * rank > _MOST:
        raise FeaturesError(
            f"{reference.classes:,} classes of width {reference.dimension:,} need more than 2 GiB for directions: keep "
            "the classes in question and their neighbours"
        )
    centres, white = _merged(reference, current)
    # About their mean: distances lose digits to an offset that all share.
    points = (centres[seen] - centres[seen].mean(axis=0)) @ white
    nearest = _nearest(points, rank)
    classes, dimension = centres.shape
    basis = np.zeros((classes, dimension, rank))
    towards = np.zeros((classes, rank, rank))
    named = np.zeros((classes, rank), dtype=np.int64)
    named[seen] = seen[nearest]
    step = max(1, _ENTRIES // (dimension * rank))
    for start in range(0, seen.size, step):
        some = slice(start, start + step)
        apart = points[nearest[some]] - points[some, None]
        directions = np.linalg.qr(apart.transpose(0, 2, 1))[0]
        # All at once: one product of the size of the whitening takes a fifth of the time of many narrow ones.
        wide = white @ directions.transpose(1, 0, 2).reshape(dimension, -1)
        basis[seen[some]] = wide.reshape(dimension, -1, rank).transpose(1, 0, 2)
        towards[seen[some]] = apart @ directions
    return Neighbours(centres, white, basis, towards, named)


def _merged(reference: FeatureStatistics, current: FeatureStatistics) -> tuple[Floats, Floats]:
    """Class means of both sides, and what whitens the scatter about them."""
    n, m = reference.counts, current.counts
    centres = np.where((n > 0)[:, None], reference.means, current.means)
    both = (n > 0) & (m > 0)
    gap = np.where(both[:, None], current.means - centres, 0.0)
    centres += gap * np.divide(m, n + m, out=np.zeros_like(m), where=both)[:, None]
    between = gap * np.sqrt(np.divide(n * m, n + m, out=np.zeros_like(m), where=both))[:, None]
    scatter = reference.within_scatter + current.within_scatter + between.T @ between
    dimension = len(scatter)
    size = float(np.trace(scatter)) / dimension
    seen = n + m > 0
    apart = centres[seen] - centres[seen].mean(axis=0)
    if not size * dimension > _ROUNDING * float(np.sum((n + m)[seen, None] * apart**2)):
        raise FeaturesError(
            "the features do not vary within classes, so there is no noise that a shift could be held against: give "
            "features as the network computes them, not class means"
        )
    scatter *= (1.0 - _RIDGE) / size
    scatter[np.diag_indices(dimension)] += _RIDGE
    freedom = max(float(n.sum() + m.sum()) - np.count_nonzero(n + m), 1.0)
    lower = cholesky(scatter, lower=True, overwrite_a=True, check_finite=False)
    white = solve_triangular(lower, np.eye(dimension), lower=True, check_finite=False).T
    return centres, np.sqrt(freedom / size) * white


def _nearest(points: Floats, number: int) -> NDArray[np.int64]:
    """The nearest other points of each, nearest first."""
    found = np.empty((len(points), number), dtype=np.int64)
    squares = np.einsum("kd,kd->k", points, points)
    step = max(1, _ENTRIES // len(points))
    for start in range(0, len(points), step):
        rows = slice(start, min(start + step, len(points)))
        table = squares[rows, None] + squares - 2.0 * (points[rows] @ points.T)
        table[np.arange(rows.stop - start), np.arange(start, rows.stop)] = np.inf
        some = np.argpartition(table, number - 1, axis=1)[:, :number]
        order = np.argsort(np.take_along_axis(table, some, axis=1), axis=1, kind="stable")
        found[rows] = np.take_along_axis(some, order, axis=1)
    return found
