"""Which directions of class means stand above what chance gives the means of samples.

Row k is ``√(n_k/c_k) Σ_W^{−1/2}(h̄_k − h_G)``, c_k the size of the class's own scatter over that of all. By sampling
alone its noise has variance one, so that nothing has to be assumed of a network (docs/theory §12.1).
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.features.metrics.centred import ClassRows, Projected
from penultimate.features.moments import mean_of
from penultimate.features.statistics import FeatureStatistics
from penultimate.noise.edges import fisher_edge, fisher_strengths, margin
from penultimate.noise.row_directions import LEAST
from penultimate.reported import OneLine

Floats = NDArray[np.float64]

# Variance of a direction that is within the rounding of products in single precision, as part of the largest.
ROUNDING = 1e-9


class MeansOutcome(Enum):
    """What can be said of directions of class means.

    Examples
    --------
    >>> import penultimate as pen
    >>> print(pen.noise.MeansOutcome.FEW.value)
    With fewer than 20 classes or features the edge, a law of large matrices, counts no directions.
    """

    COUNTED = "Directions above the noise were counted."
    FEW = "With fewer than 20 classes or features the edge, a law of large matrices, counts no directions."
    TOO_FEW_SAMPLES = (
        "There are no more samples than classes and features together, so what is chance in the class means is not "
        "known: give more samples, or fewer features."
    )


@dataclass(frozen=True, eq=False, repr=False)
class ClassDirections(OneLine):
    """Directions of K class means that stand above the noise of their samples.

    Made by `class_directions`. Of classes with samples; of those without one, rows hold NaN.

    Attributes
    ----------
    outcome : MeansOutcome
        Whether directions were counted; its value says what happened.
    edge : float
        Largest singular value that noise alone has; NaN without enough samples.
    singular_values : ndarray of shape (r,)
        Of the directions above it, largest first.
    strengths : ndarray of shape (r,)
        Without noise; NaN within 20 % of the edge, and where directions are not counted.
    dimension : int
        d, directions that features have at all.
    freedom : float
        ``N − K``, of the covariance within classes.
    counts : ndarray of shape (K,)
        n_k, samples of each class.
    size : ndarray of shape (K,)
        c_k, a class's own scatter over that of all.
    basis : ndarray of shape (d, r)
        Takes features to coordinates along the directions, in which scatter within classes has covariance one.
    white : ndarray of shape (d, m)
        Takes features to all m coordinates in which scatter has covariance one.
    means : ClassRows of shape (s, d)
        Class means, less that of all.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng, labels = np.random.default_rng(0), np.repeat(np.arange(40), 30)
    >>> features = (rng.normal(size=(40, 3)) @ rng.normal(size=(3, 25)))[labels] + rng.normal(size=(1200, 25))
    >>> found = pen.noise.class_directions(pen.FeatureStatistics.from_features(features, labels))
    >>> found.outcome.name, found.count
    ('COUNTED', 3)
    """

    outcome: MeansOutcome
    edge: float
    singular_values: Float[np.ndarray, " r"]
    strengths: Float[np.ndarray, " r"]
    dimension: int
    freedom: float
    counts: Float[np.ndarray, " K"]
    size: Float[np.ndarray, " K"]
    basis: Float[np.ndarray, "d r"]
    white: Float[np.ndarray, "d m"]
    means: ClassRows

    @property
    def count(self) -> int | None:
        """How many directions stand above the noise; None where the edge counts none (`outcome`)."""
        return self.singular_values.size if self.outcome is MeansOutcome.COUNTED else None

    def between(self, pairs: Int[np.ndarray, "p 2"]) -> Float[np.ndarray, "p d"]:
        """What lies between the means of two classes, for some pairs, shape (p, d)."""
        one, other = np.searchsorted(self.means.classes, pairs).T
        return self.means[one] - self.means[other]

    @property
    def coordinates(self) -> Float[np.ndarray, "K r"]:
        """Class means, less that of all, along the directions, shape (K, r)."""
        return Projected(self.means, self.basis).per_class()

    @property
    def whitened(self) -> Float[np.ndarray, "K m"]:
        """Class means, less that of all, in all coordinates in which scatter has covariance one, shape (K, m)."""
        return Projected(self.means, self.white).per_class()


def class_directions(statistics: FeatureStatistics) -> ClassDirections:
    """Find the directions of class means that stand above the noise of their samples.

    Parameters
    ----------
    statistics : FeatureStatistics
        Of the features.

    Returns
    -------
    ClassDirections

    Notes
    -----
    The edge of an F matrix (Wachter 1980), as the scatter within classes is estimated too.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> statistics = pen.FeatureStatistics.from_features(np.eye(3), np.arange(3))
    >>> pen.noise.class_directions(statistics).outcome.name
    'TOO_FEW_SAMPLES'
    """
    counts, seen = statistics.counts, np.flatnonzero(statistics.counts > 0)
    freedom = statistics.samples - seen.size
    size = class_sizes(statistics)
    # Weights of the mean are those of the rows, so that noise leaves one row's worth of directions.
    means = ClassRows(statistics.means, mean_of(statistics.means, counts / size), seen)
    values, vectors = np.linalg.eigh(statistics.within_scatter / max(freedom, 1.0))
    between = np.einsum("di,di->i", vectors, means.scatter(counts[seen]) @ vectors) / statistics.samples
    floor = ROUNDING * float((values + between).max(initial=0.0))
    # A direction in which nothing varies is none; where only means vary, scatter is at most rounding.
    kept = values + between > floor
    white = vectors[:, kept] / np.sqrt(np.maximum(values[kept], floor))
    rows, dimension = seen.size - 1, int(np.count_nonzero(kept))
    none = np.empty(0)
    if freedom <= dimension or not rows or not dimension:
        nothing, width = float("nan"), np.empty((statistics.dimension, 0))
        return ClassDirections(
            MeansOutcome.TOO_FEW_SAMPLES, nothing, none, none, dimension, freedom, counts, size, width, white, means
        )
    edge = fisher_edge(rows, dimension, freedom)
    gram = white.T @ means.scatter(counts[seen] / size[seen]) @ white
    found, axes = _leading(gram, min(seen.size, dimension), edge * margin(rows, dimension))
    large = min(rows + 1, dimension) >= LEAST
    return ClassDirections(
        MeansOutcome.COUNTED if large else MeansOutcome.FEW,
        edge,
        found,
        fisher_strengths(found, rows, dimension, freedom) if large else np.full(found.size, np.nan),
        dimension,
        freedom,
        counts,
        size,
        white @ axes,
        white,
        means,
    )


def class_sizes(statistics: FeatureStatistics) -> Float[np.ndarray, " K"]:
    """A class's own variance over that of all, as if one more sample deviated as those of all do."""
    counts, spreads = statistics.counts, statistics.spreads
    seen = counts > 0
    whole = float(spreads.sum()) / max(statistics.samples - int(seen.sum()), 1.0)
    own = np.divide(spreads + whole, counts, out=np.ones_like(counts), where=seen)
    return own / whole if whole > 0 else np.ones_like(counts)


def _leading(gram: Floats, most: int, least: float) -> tuple[Floats, Floats]:
    """Singular values above one of rows with this Gram matrix of columns, at most so many, and their vectors."""
    squares, vectors = np.linalg.eigh(gram)
    values = np.sqrt(np.maximum(squares[::-1][:most], 0.0))
    above = values > least
    return values[above], vectors[:, ::-1][:, :most][:, above]
