"""Class means about a global mean: what every measure of collapse looks at."""

from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from penultimate.features.moments import mean_of
from penultimate.features.statistics import FeatureStatistics

Centre = Literal["samples", "classes"]


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
