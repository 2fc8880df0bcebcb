"""All measures of collapse of one network in one object."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.counts import ClassCounts
from penultimate.errors import FeaturesError
from penultimate.features.decisions import QUANTILE
from penultimate.features.metrics.centred import ClassRows, Rows
from penultimate.features.metrics.collapse import nc1_of, signal_of, variability_of
from penultimate.features.metrics.frames import (
    GramDistances,
    cosines_between,
    duality_of,
    rank_of,
    slope_of,
    spread_of,
)
from penultimate.features.metrics.pairs import Estimate, MeanPairs, angles_of
from penultimate.features.metrics.sweeping import sampled
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


@dataclass(frozen=True, eq=False, repr=False)
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
    return measures(statistics, head, geometry)[0]


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
    return measures(statistics, head)[1]


@dataclass(frozen=True)
class Sampled:
    """Where pairs were too many, and a sample of classes was held against all.

    Attributes
    ----------
    classes : ndarray of shape (n,)
        The sample.
    errors : dict of str to float
        Standard errors of averages over all pairs, by the names of `CollapseMetrics`.
    """

    classes: Int[np.ndarray, " n"]
    errors: dict[str, float]

    def intervals(self, metrics: CollapseMetrics) -> dict[str, NDArray[np.float64]]:
        """95 % intervals of these averages, as an audit names them."""
        return {
            f"metrics/{name}": getattr(metrics, name) + QUANTILE * error * np.array([-1.0, 1.0])
            for name, error in self.errors.items()
        }


def measures(
    statistics: FeatureStatistics, head: Rows | None = None, geometry: Geometry | None = None
) -> tuple[CollapseMetrics, ClassMetrics, Sampled | None]:
    """Both `collapse_metrics` and `class_metrics`, from one look at the pairs of classes, and of how many.

    Parameters
    ----------
    statistics : FeatureStatistics
    head : Rows of shape (K, d), optional
        The head's rows, as an array or read some at a time.
    geometry : Geometry, optional
        The forecast's.

    Returns
    -------
    tuple
    """
    if geometry is not None and geometry.counts.classes != statistics.classes:
        raise FeaturesError(
            f"a forecast for {geometry.counts.classes} classes and features of {statistics.classes}: give as many"
        )
    means = ClassRows.means(statistics)
    rows = None if head is None else means.of(head)
    pairs = MeanPairs.of(statistics, means)
    angles = None if rows is None else _angles(rows)
    collapse = _collapse(statistics, means, rows, geometry, pairs, angles)
    found = _of_classes(statistics, means, rows, head, pairs)
    if pairs.sample is None:
        return collapse, found, None
    estimates = {
        "nc1_cdnv": pairs.variance,
        "nc2_equiangular": pairs.away,
        "nc2_cosine_deviation": pairs.deviation,
    } | ({} if angles is None else {"head_equiangular": angles})
    return collapse, found, Sampled(pairs.sample, {name: estimate.error for name, estimate in estimates.items()})


def _angles(rows: ClassRows) -> Estimate:
    """`equiangularity` of the rows of a head."""
    some = np.flatnonzero(rows.squares > 0)
    return angles_of(rows.some(some), rows.squares[some], sampled(some.size, rows.shape[1])).away


def _collapse(
    statistics: FeatureStatistics,
    means: ClassRows,
    rows: ClassRows | None,
    geometry: Geometry | None,
    pairs: MeanPairs,
    angles: Estimate | None,
) -> CollapseMetrics:
    unknown = float("nan")
    aligned = np.empty(0) if rows is None else cosines_between(rows, means)
    aligned = aligned[np.isfinite(aligned)]
    # Lengths go with the counts of training, which those of test samples need not be.
    counts = (statistics.counts if geometry is None else geometry.counts.values)[means.classes]
    norms = np.sqrt(means.squares)
    return CollapseMetrics(
        classes=means.shape[0],
        nc1=nc1_of(statistics, means),
        variability_quotient=variability_of(statistics, means),
        nc1_cdnv=pairs.variance.value,
        nc2_equinorm=spread_of(norms),
        nc2_equiangular=pairs.away.value,
        nc2_cosine_deviation=pairs.deviation.value,
        head_equinorm=unknown if rows is None else spread_of(np.sqrt(rows.squares)),
        head_equiangular=unknown if angles is None else angles.value,
        nc3_duality=unknown if rows is None else duality_of(means, rows),
        nc3_cosine=float(aligned.mean()) if aligned.size else unknown,
        effective_rank=rank_of(means),
        mean_norm_slope=slope_of(norms, counts)[0],
        head_norm_slope=unknown if rows is None else slope_of(np.sqrt(rows.squares), counts)[0],
        head_distance_to_forecast=(
            unknown if rows is None or geometry is None else GramDistances(rows)(geometry.product_gram)
        ),
        **_distances(means, geometry),
    )


def _of_classes(
    statistics: FeatureStatistics, means: ClassRows, rows: ClassRows | None, head: Rows | None, pairs: MeanPairs
) -> ClassMetrics:
    unknown = np.full(statistics.classes, np.nan)
    every = np.arange(statistics.classes)
    return ClassMetrics(
        mean_norm=means.per_class(np.sqrt(means.squares)),
        head_norm=unknown if head is None else np.sqrt(ClassRows.plain(head, every).squares),
        signal_to_noise=signal_of(statistics, means),
        cdnv=pairs.variance_of_class,
        head_cosine=unknown if rows is None else means.per_class(cosines_between(rows, means)),
        nearest=pairs.nearest,
        nearest_cosine=pairs.nearest_cosine,
    )


def _distances(means: ClassRows, geometry: Geometry | None) -> dict[str, float]:
    names = ("distance_to_forecast", "distance_to_gof", "distance_to_seli", "distance_to_etf")
    if geometry is None:
        return dict.fromkeys(names, float("nan"))
    counts, distance = geometry.counts, GramDistances(means)
    seen = means.shape[0]
    own = np.arange(seen)
    values = (
        distance(geometry.mean_gram),
        distance(frames.general_orthogonal_frame(counts).mean_gram),
        distance(frames.seli(_seen_counts(counts)).mean_gram, own) if seen == counts.seen else float("nan"),
        distance(frames.simplex_etf(seen).mean_gram, own) if seen > 1 else float("nan"),
    )
    return dict(zip(names, values, strict=True))


def _seen_counts(counts: ClassCounts) -> ClassCounts:
    """The classes with training samples alone, for frames that know no others."""
    return ClassCounts(counts.values[counts.values > 0])
