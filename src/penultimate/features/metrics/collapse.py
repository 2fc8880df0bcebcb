"""NC1: how far features of a class have collapsed to their mean, measured against how far the means lie apart."""

import numpy as np
from jaxtyping import Float

from penultimate.features.metrics.centred import Centre, ClassRows, variances
from penultimate.features.statistics import FeatureStatistics


def nc1(statistics: FeatureStatistics, centre: Centre = "samples") -> float:
    """Within-class scatter seen through the between-class one, ``tr(Σ_W Σ_B⁺)/K``.

    Σ_W is the within-class covariance of all samples, Σ_B the plain average over classes of ``(h̄_k − h_G)(…)ᵀ``
    (Papyan, Han and Donoho 2020, arXiv 2008.08186). K counts classes with samples. Eigenvalues of Σ_B below
    ``1e-15 · max(K, d)`` of the largest count as zero, as NumPy's pinv has it, and all but the K − 1 largest.

    Parameters
    ----------
    statistics : FeatureStatistics
    centre : {"samples", "classes"}, default "samples"
        Which global mean.

    Returns
    -------
    float
        Zero when features have collapsed; NaN when all class means are equal.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> features = np.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.0], [-1.0, 0.0]])
    >>> pen.metrics.nc1(pen.FeatureStatistics.from_features(features, np.array([0, 0, 1, 1])))
    0.0
    """
    return nc1_of(statistics, ClassRows.means(statistics, centre))


def nc1_of(statistics: FeatureStatistics, means: ClassRows) -> float:
    """`nc1` of features whose centred class means are at hand."""
    seen = means.shape[0]
    if seen == 0:
        return float("nan")
    # Σ_B = MᵀM over the number of classes.
    sizes, directions = means.axes[0] / np.sqrt(seen), means.axes[1]
    kept = sizes**2 > 1e-15 * max(means.shape) * sizes[0] ** 2
    # Means about their own mean span K − 1 directions; one more would be rounding, which an enormous offset magnifies.
    kept[seen - 1 :] = False
    if not (float(sizes[0]) > 0 and kept.any()):
        return float("nan")
    directions = directions[kept]
    # No variance is negative; where features hardly vary, the scatter's own rounding may say otherwise.
    seen_scatter = np.maximum(np.einsum("rd,rd->r", directions @ statistics.within_scatter, directions), 0.0)
    through: list[float] = (seen_scatter / sizes[kept] ** 2).tolist()
    return sum(through) / statistics.samples / seen


def variability_quotient(statistics: FeatureStatistics, centre: Centre = "samples") -> float:
    """``tr Σ_W / tr Σ_B``, which needs no pseudo-inverse; NaN when all class means are equal.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> features = np.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.0], [-1.0, 0.0]])
    >>> statistics = pen.FeatureStatistics.from_features(features, np.array([0, 0, 1, 1]))
    >>> round(pen.metrics.variability_quotient(statistics), 9)
    0.005
    """
    return variability_of(statistics, ClassRows.means(statistics, centre))


def variability_of(statistics: FeatureStatistics, means: ClassRows) -> float:
    """`variability_quotient` of features whose centred class means are at hand."""
    between = float(means.squares.sum()) / max(means.shape[0], 1)
    return float(statistics.spreads.sum() / statistics.samples / between) if between > 0 else float("nan")


def signal_to_noise(statistics: FeatureStatistics, centre: Centre = "samples") -> Float[np.ndarray, " K"]:
    """``‖h̄_k − h_G‖² / E‖h − h̄_k‖²`` of each class, shape (K,); infinite when collapsed, NaN without samples.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> features = np.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.0], [-1.0, 0.0]])
    >>> pen.metrics.signal_to_noise(pen.FeatureStatistics.from_features(features, np.array([0, 0, 1, 1]))).round(6)
    array([100.,  inf])
    """
    return signal_of(statistics, ClassRows.means(statistics, centre))


def signal_of(statistics: FeatureStatistics, means: ClassRows) -> Float[np.ndarray, " K"]:
    """`signal_to_noise` of features whose centred class means are at hand."""
    signal, noise = means.per_class(means.squares), variances(statistics)
    with np.errstate(divide="ignore", invalid="ignore"):
        return signal / noise
