"""Class means about a global mean: what every measure of collapse looks at."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.features.moments import mean_of
from penultimate.features.statistics import FeatureStatistics

Centre = Literal["samples", "classes"]
# Entries of a K × K table that are held at a time: 8 MiB.
_ENTRIES = 1 << 20
# Squared distances below this part of the squared norms have lost digits to cancellation and are taken anew.
_CLOSE = 1e-6


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


def centred_means(statistics: FeatureStatistics, centre: Centre = "samples") -> Float[np.ndarray, "K d"]:
    """Class means less the global mean, one row a class.

    Parameters
    ----------
    statistics : FeatureStatistics
    centre : {"samples", "classes"}, default "samples"
        The mean of all samples (the model's h_G, docs/theory §6), or the plain mean of the classes, which papers on
        balanced data use. For balanced counts they are one.

    Returns
    -------
    ndarray of shape (K, d)
        NaN for classes without samples.
    """
    means = statistics.means
    weights = statistics.counts if centre == "samples" else (statistics.counts > 0).astype(np.float64)
    return means - mean_of(means, weights)


def variances(statistics: FeatureStatistics) -> Float[np.ndarray, " K"]:
    """``E ‖h − h̄_k‖²`` of each class, shape (K,); NaN for classes without samples."""
    counts = statistics.counts
    return np.divide(statistics.spreads, counts, out=np.full(counts.size, np.nan), where=counts > 0)


def unit_rows(rows: Float[np.ndarray, "k d"]) -> Float[np.ndarray, "k d"]:
    """Rows of length one; NaN for rows that are zero."""
    norms = np.linalg.norm(rows, axis=1)
    return np.divide(rows, norms[:, None], out=np.full(rows.shape, np.nan), where=norms[:, None] > 0)


def row_blocks(rows: int) -> Iterator[slice]:
    """Slices of a rows × rows table of a few MiB each."""
    step = max(1, _ENTRIES // max(rows, 1))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def squared_distances(means: Float[np.ndarray, "s d"], block: slice) -> NDArray[np.float64]:
    """Squared distances of some class means to all of them, without cancellation for close ones.

    Parameters
    ----------
    means : ndarray of shape (s, d)
        Centred.
    block : slice
        Which rows.

    Returns
    -------
    ndarray of shape (b, s)
    """
    squares = np.einsum("kd,kd->k", means, means)
    sizes = squares[block, None] + squares
    distances = sizes - 2.0 * (means[block] @ means.T)
    first, second = np.nonzero(distances < _CLOSE * sizes)
    step = max(1, _ENTRIES // means.shape[1])
    for start in range(0, first.size, step):
        one, other = first[start : start + step], second[start : start + step]
        apart = means[block.start + one] - means[other]
        distances[one, other] = np.einsum("kd,kd->k", apart, apart)
    return distances
