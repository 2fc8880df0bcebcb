"""Did a class change in shape, or along directions that no neighbour lies on? Maximum mean discrepancy, by permutation.

Gretton et al. 2012 (JMLR 13), with a Gaussian kernel on whitened samples of one class, as wide as the median of their
distances; samples change sides within the class.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from penultimate.drifts.groups import Groups, one_of_each
from penultimate.drifts.neighbours import Neighbours
from penultimate.drifts.p_values import by_permutation
from penultimate.drifts.sides import Side
from penultimate.features.sources.in_memory import Samples, gather
from penultimate.features.statistics import FeatureStatistics

Floats = NDArray[np.float64]

# Samples of a class and side: a table of distances of 128 MiB.
MOST = 2000


def shape_p_values(
    one: Side,
    other: Side,
    about: Neighbours,
    tested: Bool[np.ndarray, " K"],
    least: float,
    rng: np.random.Generator,
    groups: tuple[Groups, Groups] = (None, None),
) -> Float[np.ndarray, " K"]:
    """Test the shape of classes, on at most 2,000 samples of each side.

    Parameters
    ----------
    one, other : Side
        With samples.
    about : Neighbours
    tested : ndarray of bool of shape (K,)
    least : float
        The p-value that has to be told from smaller ones.
    rng : numpy Generator
    groups : tuple of ndarray of shape (N,) or None
        Of the samples of each side; of a group the first sample of a class is taken.

    Returns
    -------
    ndarray of shape (K,)
        NaN for classes that are not tested.
    """
    sides = [gather(side.given) for side in (one, other) if not isinstance(side.given, FeatureStatistics)]
    p = np.full(tested.size, np.nan)
    for k in np.flatnonzero(tested).tolist():
        before, after = (_whitened(side, k, about, own) for side, own in zip(sides, groups, strict=True))
        if min(len(before), len(after)) >= 2:
            p[k] = _tested(before, after, least, rng)
    return p


def _whitened(samples: Samples, k: int, about: Neighbours, groups: Groups) -> Floats:
    rows = np.flatnonzero(samples.labels == k)
    rows = rows if groups is None else rows[one_of_each(groups[rows])]
    own = samples.take(rows).thinned(MOST)
    return (own.features.astype(np.float64) - about.centres[k]) @ about.white


def _tested(one: Floats, other: Floats, least: float, rng: np.random.Generator) -> float:
    z = np.concatenate([one, other])
    squares = np.einsum("nd,nd->n", z, z)
    table = np.maximum(squares[:, None] + squares - 2.0 * (z @ z.T), 0.0)
    width = float(np.median(table[np.triu_indices(len(z), 1)]))
    if not width > 0.0:
        return 1.0
    kernel = np.exp(-0.5 * table / width)
    # About its means, so that the discrepancy of a choice is the sum over its own entries, but for a factor.
    kernel -= kernel.mean(axis=0) + kernel.mean(axis=1)[:, None] - kernel.mean()
    small = np.arange(len(one)) if len(one) <= len(other) else np.arange(len(one), len(z))

    def discrepancies(chosen: Int[np.ndarray, "b s"]) -> Float[np.ndarray, " b"]:
        inside = np.zeros((len(chosen), len(z)))
        np.put_along_axis(inside, chosen, 1.0, axis=1)
        return np.einsum("bn,bn->b", inside @ kernel, inside)

    observed = float(discrepancies(small[None])[0])
    return by_permutation(observed, discrepancies, len(z), len(small), least, rng)
