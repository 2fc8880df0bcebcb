"""All measures of collapse of one network in one object."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, Int

from penultimate.counts import ClassCounts
from penultimate.features.metrics.centred import centred_means, lengths
from penultimate.features.metrics.collapse import nc1, signal_to_noise, variability_quotient
from penultimate.features.metrics.frames import (
    cosines_between,
    effective_rank,
    equinorm,
    gram_distance,
    known_rows,
    norm_slope,
    self_duality,
)
from penultimate.features.metrics.pairs import MeanPairs, equiangularity
from penultimate.features.statistics import FeatureStatistics
from penultimate.minimisers import frames
from penultimate.model.geometry import Geometry
from penultimate.reported import OneLine


@dataclass(frozen=True, repr=False)
class CollapseMetrics(OneLine):
    """Measures of neural collapse; classes without samples enter none of them.

    Made by `collapse_metrics`; a figure that does not exist is NaN.

    Attributes
    ----------
    classes : int
        How many classes the averages are over: those with samples.
    nc1, variability_quotient, nc1_cdnv : float
        `nc1`, `variability_quotient`, and the mean of `PairwiseVariance`.
    nc2_equinorm, nc2_equiangular, nc2_cosine_deviation : float
        `equinorm` and `equiangularity` of the class means.
    head_equinorm, head_equiangular : float
        The same of the head's rows.
    nc3_duality, nc3_cosine : float
        `self_duality`, and the mean over classes of the cosine of head and class mean.
    effective_rank : float
        Of the class means.
    mean_norm_slope, head_norm_slope : float
        `norm_slope` from the rarest to the most frequent class.
    distance_to_forecast, distance_to_gof, distance_to_seli, distance_to_etf : float
        `gram_distance` of the class means to the forecast's, to a general orthogonal frame, to SELI and to the simplex
        ETF.
    head_distance_to_forecast : float
        `gram_distance` of the head's rows to the forecast's.

    Examples
    --------
    >>> import penultimate as pen
    >>> source = pen.datasets.features("cnn-mse")
    >>> statistics = pen.FeatureStatistics(10, 64)
    >>> for batch in source.batches():
    ...     statistics.update(*batch)
    >>> round(pen.metrics.collapse_metrics(statistics, source.head.product).nc1, 3)
    0.041
    """

    classes: int
    nc1: float
    variability_quotient: float
    nc1_cdnv: float
    nc2_equinorm: float
    nc2_equiangular: float
    nc2_cosine_deviation: float
    head_equinorm: float
    head_equiangular: float
    nc3_duality: float
    nc3_cosine: float
    effective_rank: float
    mean_norm_slope: float
    head_norm_slope: float
    distance_to_forecast: float
    distance_to_gof: float
    distance_to_seli: float
    distance_to_etf: float
    head_distance_to_forecast: float

    def to_dict(self) -> dict[str, float | int | None]:
        """Every measure by name; None for what does not exist."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value if np.isfinite(value) else None for name, value in values.items()}


@dataclass(frozen=True, repr=False)
class ClassMetrics(OneLine):
    """The same class by class, each array of shape (K,); NaN (or −1) where there is none.

    Attributes
    ----------
    mean_norm, head_norm : ndarray
        ‖h̄_k − h_G‖ and ‖w_k‖.
    signal_to_noise : ndarray
        See `signal_to_noise`.
    cdnv : ndarray
        Mean over its pairs, see `PairwiseVariance`.
    head_cosine : ndarray
        Of the head's row with the class mean.
    nearest, nearest_cosine : ndarray
        Class whose centred mean has the largest cosine, and that cosine.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> pen.metrics.class_metrics(pen.FeatureStatistics.from_features(np.eye(2), np.arange(2))).nearest
    array([1, 0])
    """

    mean_norm: Float[np.ndarray, " K"]
    head_norm: Float[np.ndarray, " K"]
    signal_to_noise: Float[np.ndarray, " K"]
    cdnv: Float[np.ndarray, " K"]
    head_cosine: Float[np.ndarray, " K"]
    nearest: Int[np.ndarray, " K"]
    nearest_cosine: Float[np.ndarray, " K"]


def collapse_metrics(
    statistics: FeatureStatistics, head: Float[np.ndarray, "K d"] | None = None, geometry: Geometry | None = None
) -> CollapseMetrics:
    """Measure the collapse of features, and of the head where there is one.

    Parameters
    ----------
    statistics : FeatureStatistics
        Of the features.
    head : ndarray of shape (K, d), optional
        W, the product of the linear layers.
    geometry : Geometry, optional
        The forecast's, for the distances to it and to the frames of its counts.

    Returns
    -------
    CollapseMetrics

    Raises
    ------
    FeaturesError
        When head or geometry are of other classes.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> statistics = pen.FeatureStatistics.from_features(np.eye(3), np.arange(3))
    >>> pen.metrics.collapse_metrics(statistics).nc1, round(pen.metrics.collapse_metrics(statistics).effective_rank, 6)
    (0.0, 2.0)
    """
    return _collapse(statistics, head, geometry, MeanPairs.of(statistics))


def class_metrics(statistics: FeatureStatistics, head: Float[np.ndarray, "K d"] | None = None) -> ClassMetrics:
    """Measure every class.

    Parameters
    ----------
    statistics : FeatureStatistics
        Of the features.
    head : ndarray of shape (K, d), optional
        W, the product of the linear layers.

    Returns
    -------
    ClassMetrics

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> pen.metrics.class_metrics(pen.FeatureStatistics.from_features(np.eye(3), np.arange(3))).nearest_cosine.round(6)
    array([-0.5, -0.5, -0.5])
    """
    return _of_classes(statistics, head, MeanPairs.of(statistics))


def measures(
    statistics: FeatureStatistics, head: Float[np.ndarray, "K d"] | None = None, geometry: Geometry | None = None
) -> tuple[CollapseMetrics, ClassMetrics]:
    """Both `collapse_metrics` and `class_metrics`, from one look at the pairs of classes."""
    pairs = MeanPairs.of(statistics)
    return _collapse(statistics, head, geometry, pairs), _of_classes(statistics, head, pairs)


def _collapse(
    statistics: FeatureStatistics,
    head: Float[np.ndarray, "K d"] | None,
    geometry: Geometry | None,
    pairs: MeanPairs,
) -> CollapseMetrics:
    means = centred_means(statistics)
    unknown = float("nan")
    rows = None if head is None else np.where(statistics.counts[:, None] > 0, head, np.nan)
    cosine = np.full(1, np.nan) if rows is None else cosines_between(rows, means)
    aligned = cosine[np.isfinite(cosine)]
    # Lengths go with the counts of training, which those of test samples need not be.
    counts = statistics.counts if geometry is None else geometry.counts.values
    return CollapseMetrics(
        classes=int(np.count_nonzero(statistics.counts)),
        nc1=nc1(statistics),
        variability_quotient=variability_quotient(statistics),
        nc1_cdnv=pairs.variance,
        nc2_equinorm=equinorm(means),
        nc2_equiangular=pairs.equiangularity[0],
        nc2_cosine_deviation=pairs.equiangularity[1],
        head_equinorm=unknown if rows is None else equinorm(rows),
        head_equiangular=unknown if rows is None else equiangularity(rows)[0],
        nc3_duality=unknown if rows is None else self_duality(means, rows),
        nc3_cosine=float(aligned.mean()) if aligned.size else unknown,
        effective_rank=effective_rank(means),
        mean_norm_slope=norm_slope(means, counts)[0],
        head_norm_slope=unknown if rows is None else norm_slope(rows, counts)[0],
        head_distance_to_forecast=(
            unknown if rows is None or geometry is None else gram_distance(rows, geometry.product_gram)
        ),
        **_distances(means, geometry),
    )


def _of_classes(statistics: FeatureStatistics, head: Float[np.ndarray, "K d"] | None, pairs: MeanPairs) -> ClassMetrics:
    means = centred_means(statistics)
    unknown = np.full(statistics.classes, np.nan)
    return ClassMetrics(
        mean_norm=lengths(means),
        head_norm=unknown if head is None else lengths(head),
        signal_to_noise=signal_to_noise(statistics),
        cdnv=pairs.variance_of_class,
        head_cosine=unknown if head is None else cosines_between(head, means),
        nearest=pairs.nearest,
        nearest_cosine=pairs.nearest_cosine,
    )


def _distances(means: Float[np.ndarray, "K d"], geometry: Geometry | None) -> dict[str, float]:
    names = ("distance_to_forecast", "distance_to_gof", "distance_to_seli", "distance_to_etf")
    if geometry is None:
        return dict.fromkeys(names, float("nan"))
    counts, seen = geometry.counts, means[known_rows(means)]
    values = (
        gram_distance(means, geometry.mean_gram),
        gram_distance(means, frames.general_orthogonal_frame(counts).mean_gram),
        gram_distance(seen, frames.seli(_seen_counts(counts)).mean_gram) if len(seen) == counts.seen else float("nan"),
        gram_distance(seen, frames.simplex_etf(len(seen)).mean_gram) if len(seen) > 1 else float("nan"),
    )
    return dict(zip(names, values, strict=True))


def _seen_counts(counts: ClassCounts) -> ClassCounts:
    """The classes with training samples alone, for frames that know no others."""
    return ClassCounts(counts.values[counts.values > 0])
