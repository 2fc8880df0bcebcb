"""Along which directions features vary together within classes by more than chance.

Independent features of N − K degrees of freedom have correlations by chance alone, and so a spectrum of some width. Its
edge is that of noise whose rows are samples, each with the variance of its class (docs/theory §12.5).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from penultimate.features.blocks import sum_over_blocks
from penultimate.features.metrics.centred import ClassRows
from penultimate.features.statistics import FeatureStatistics
from penultimate.noise.class_means import ROUNDING, class_sizes
from penultimate.noise.edges import edge_of_groups, margin
from penultimate.noise.row_directions import LEAST
from penultimate.reported import OneLine


@dataclass(frozen=True, eq=False, repr=False)
class ScatterDirections(OneLine):
    """Directions of the scatter within classes that independent features would not have.

    Made by `scatter_directions`.

    Attributes
    ----------
    count : int or None
        How many; None with fewer than 20 features that vary within classes, or degrees of freedom: the edge is a law of
        large matrices.
    edge : float
        Largest eigenvalue of the correlations that chance gives independent features; NaN where nothing is counted.
    eigenvalues : ndarray of shape (r,)
        Of the correlations within classes, those counted, largest first.
    dimension : int
        Features that vary within classes.
    freedom : float
        ``N − K``.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng, labels = np.random.default_rng(0), np.repeat(np.arange(10), 30)
    >>> shared = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 25))
    >>> statistics = pen.FeatureStatistics.from_features(shared + rng.normal(size=(300, 25)), labels)
    >>> pen.noise.scatter_directions(statistics).count
    2
    """

    count: int | None
    edge: float
    eigenvalues: Float[np.ndarray, " r"]
    dimension: int
    freedom: float


def scatter_directions(statistics: FeatureStatistics) -> ScatterDirections:
    """Count the directions along which features vary together within classes by more than chance.

    Parameters
    ----------
    statistics : FeatureStatistics
        Of the features.

    Returns
    -------
    ScatterDirections

    Notes
    -----
    Parallel analysis (Horn 1965) with its simulation replaced by the edge of samples whose covariances differ by class
    (Louart and Couillet 2021, arXiv 2109.02644), here by a factor. Without it, classes that scatter more than others
    make directions out of nothing.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> labels, scatter = np.repeat(np.arange(10), 30), np.repeat(np.geomspace(0.2, 5, 10), 30)
    >>> features = scatter[:, None] * np.random.default_rng(0).normal(size=(300, 25))
    >>> found = pen.noise.scatter_directions(pen.FeatureStatistics.from_features(features, labels))
    >>> found.count, round(found.edge, 2)
    (0, 2.49)
    """
    counts, seen = statistics.counts, statistics.counts > 0
    freedom = float(statistics.samples - np.count_nonzero(seen))
    within, means = statistics.within_scatter, ClassRows.means(statistics)
    scatter = np.diag(within)
    between = sum_over_blocks(*means.shape, lambda place: counts[means.classes[place]] @ np.square(means[place]))
    # Features that differ by rounding alone have no correlations.
    varies = scatter > ROUNDING * (scatter + between).max(initial=0.0)
    dimension = int(np.count_nonzero(varies))
    if min(freedom, dimension) < LEAST:
        return ScatterDirections(None, float("nan"), np.empty(0), dimension, freedom)
    unit = 1.0 / np.sqrt(scatter[varies])
    correlations = within[np.ix_(varies, varies)] * np.outer(unit, unit)
    size, rows = class_sizes(statistics)[seen], counts[seen] - 1.0
    size = size * (freedom / float(size @ rows))
    edge = edge_of_groups(size, rows, dimension) ** 2 / freedom
    values = np.linalg.eigvalsh(correlations)[::-1]
    found = values[values > edge * margin(int(freedom), dimension) ** 2]
    return ScatterDirections(found.size, edge, found, dimension, freedom)
