"""A trained network against the forecast for its class counts, in two streaming passes.

features, labels, head → `audit` → `Audit`: measures of collapse, the factors along the directions of the label matrix,
where strength was lost, the feature decay that the network itself implies, and every class against its forecast.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from penultimate.audits.alignment import align
from penultimate.audits.beside_passes import Told, checkpoint_of, of_loss, scatters_of, slopes_of, told_by
from penultimate.audits.calibration import Calibration
from penultimate.audits.gaps import GapsFound, read_observed
from penultimate.audits.layer import LayerAudit, audit_layer
from penultimate.audits.problems import problem_of
from penultimate.counts import ClassCounts
from penultimate.counts.given import Counts, counts_of
from penultimate.datasets.by_name import head_given, source_of
from penultimate.errors import FeaturesError, ProblemError
from penultimate.features.arrays import Gaps
from penultimate.features.decisions import Decisions
from penultimate.features.head import Head
from penultimate.features.metrics import ClassMetrics, CollapseMetrics
from penultimate.features.metrics.centred import ClassRows, variances
from penultimate.features.metrics.summary import measures
from penultimate.features.naming import doubts, one_order
from penultimate.features.passes.accumulator import Accumulator, Together
from penultimate.features.passes.answering import Drawn, too_many
from penultimate.features.passes.deciding import Deciding
from penultimate.features.passes.distributed import on_cluster
from penultimate.features.passes.one_process import OneProcess
from penultimate.features.passes.replicates import Jackknife, Replicates
from penultimate.features.passes.residuals import Residuals
from penultimate.features.passes.worst import WorstSamples
from penultimate.features.sources import FeatureSource
from penultimate.features.sources.places import SamplePlaces, places_of
from penultimate.features.statistics import FeatureStatistics
from penultimate.forecasts.forecasting import forecast
from penultimate.losses import Loss
from penultimate.model.problem import Problem
from penultimate.noise.class_means import ClassDirections, class_directions
from penultimate.noise.nearest_classes import ClassPairs, class_pairs
from penultimate.noise.within_classes import ScatterDirections, scatter_directions
from penultimate.reported import Reported

if TYPE_CHECKING:
    import os

    from distributed import Client

# Parts of the jackknife, and the memory that all of them may take; beyond it there are no intervals.
PARTS = 8
_PARTS_BYTES = 128 << 20

Progress = Callable[[str, int], object]


@dataclass(frozen=True, eq=False, repr=False)
class Audit(Reported, presenter="audit"):
    """What a trained network made of its classes.

    Made by `audit`.

    Attributes
    ----------
    counts : ClassCounts
        Samples of each class in training.
    statistics : FeatureStatistics
        Of the features that were read.
    dtype : str
        Their type as stored.
    decisions : Decisions
        Answers of the head (of the nearest class mean without one).
    worst : WorstSamples
        The samples of each class with the smallest margins; of up to 2,048 classes.
    places : SamplePlaces
        Which file and row each sample is, and its id where the file has them.
    certified : int
        Samples whose answers were certain from their distance to their class mean alone.
    metrics : CollapseMetrics
        Measures of collapse.
    classes : ClassMetrics
        The same class by class.
    directions : ClassDirections
        Directions of the class means that stand above the noise of their samples.
    pairs : ClassPairs
        Every class with the one nearest to it: merged, apart, or undecided for want of samples.
    scatter : ScatterDirections
        Directions along which features vary together within classes by more than chance.
    last_layer : LayerAudit or None
        The last layer against its forecast; None without a head.
    intervals : dict of str to ndarray
        95 % jackknife intervals of the figures of `metrics`, of the alignment and of classes; empty where memory does
        not hold several parts.
    doubts : tuple of str
        What speaks against the classes, or the order of them, that were taken; the verdict begins with it.
    notes : tuple of str
        The doubts, and what was taken of the order of the classes.
    gaps : GapsFound or None
        What the gaps in the features are like; None unless they were read from the entries that are there.
    sampled : ndarray of shape (n,) or None
        Of very many classes those 4,096, drawn evenly, that were held against all others; all were where it is None.
        `pairs`, `nearest` and `cdnv` of `classes` are of them, and the averages over pairs in `metrics` have the error
        of such a sample (`intervals`).
    drawn : int or None
        So many samples, drawn evenly, were answered, where scoring all would take too long; None where all were.

    Examples
    --------
    >>> import penultimate as pen
    >>> audit = pen.audit("cnn-mse", weight_decay=5e-4)
    >>> round(audit.last_layer.alignment.off_diagonal_share, 4), round(audit.last_layer.measured.bias_error, 4)
    (0.0067, 0.0004)
    >>> audit.decisions.accuracy > 0.999
    True
    """

    counts: ClassCounts
    statistics: FeatureStatistics
    dtype: str
    decisions: Decisions
    worst: WorstSamples
    places: SamplePlaces
    certified: int
    metrics: CollapseMetrics
    classes: ClassMetrics
    directions: ClassDirections
    pairs: ClassPairs
    scatter: ScatterDirections
    last_layer: LayerAudit | None
    intervals: dict[str, NDArray[np.float64]]
    doubts: tuple[str, ...]
    notes: tuple[str, ...]
    gaps: GapsFound | None = None
    sampled: Int[np.ndarray, " n"] | None = None
    drawn: int | None = None

    @property
    def calibration(self) -> Calibration | None:
        """The feature decay that the network implies; None without a head."""
        if self.last_layer is None:
            return None
        found = self.last_layer.calibration
        return replace(found, doubts=(*self.doubts, *found.doubts))

    @property
    def recall_interval(self) -> Float[np.ndarray, "K 2"]:
        """95 % interval of every recall (Wilson 1927), shape (K, 2); NaN where no sample was answered."""
        return self.decisions.recall_interval

    @property
    def short_of_samples(self) -> Bool[np.ndarray, " K"]:
        """Classes of at most 100 samples in training, which may be answered badly for want of samples alone.

        No forecast says how features generalise from few samples. 100 is where the long-tail literature has classes of
        many begin (Liu et al. 2019, arXiv 1904.05160; `ClassCounts.bands`).
        """
        return (self.counts.bands() == "few") | (self.counts.bands() == "medium")

    def confused_with(self, index: int) -> int:
        """The class that most wrong answers for a class name, or, without any, the one that its mean points to.

        Returns
        -------
        int
            −1 when neither exists.
        """
        if self.decisions.confusion is not None:
            row = self.decisions.confusion[index].copy()
            row[index] = 0
            if row.any():
                return int(row.argmax())
        return int(self.classes.nearest[index])


def audit(
    features: "FeatureSource | os.PathLike[str] | str | object",
    labels: object = None,
    *,
    head: "Head | os.PathLike[str] | str | None" = None,
    counts: Counts | None = None,
    weight_decay: float | tuple[float, ...] = 5e-4,
    loss: str | Loss = "mse",
    problem: Problem | None = None,
    gaps: Gaps = "refuse",
    checkpoint: "os.PathLike[str] | str | None" = None,
    dask: "str | Client | None" = None,
    progress: Progress | None = None,
) -> Audit:
    """Audit a trained network in two passes over its penultimate features.

    Parameters
    ----------
    features : FeatureSource, path, name, or array of shape (N, d)
        A file, folder or glob (`penultimate.open_features`), bundled features (`penultimate.datasets`),
        or an array, of Dask too, then with `labels`.
    labels : array-like of shape (N,), optional
        Whole numbers from 0; for arrays only.
    head : Head, path, or name, optional
        The linear layers after the features; by default the ones that came with them, if any.
    counts : ClassCounts, path, bundled name, mapping or array of shape (K,), optional
        Samples of each class *in training*; by default those of the features. Where they differ from the features' own
        counts, the features are taken for other samples, and the share of noise is not known. Where both name their
        classes they are put in the order of the features, and so is the head; the notes of the audit say so.
    weight_decay : float or tuple of float, default 5e-4
        λ of every linear layer, in the convention of `Problem`.
    loss : str, CrossEntropy or SquaredError, default "mse"
        What the network was trained with, as for `Problem`. With several layers and another loss than "mse" the
        forecast compared with is the best point found, no proven minimum.
    problem : Problem, optional
        Instead of decay and loss. A feature decay in it is used as it is; else the network's own is measured.
    gaps : {"refuse", "drop", "observed"}, default "refuse"
        What to do with NaN: refuse it, drop its rows, or estimate from the entries that are there (docs/theory,
        "Features with gaps"). Decisions are then counted on whole rows, and another loss than squared error is not
        calibrated by its own residuals.
    checkpoint : path-like, optional
        From which an interrupted audit of the same data goes on; deleted at the end.
    dask : {"local"}, address, or distributed.Client, optional
        Read shards on a Dask cluster: on one of processes of this machine, which is started for this call, or on the
        one whose scheduler has this address. All workers have to see the files under the same path.
    progress : callable, optional
        Called with the name of the pass and the number of rows read, for a progress bar.

    Returns
    -------
    Audit

    Raises
    ------
    FeaturesError
        When features, labels, head and counts do not fit one another, or hold NaN or infinity.
    FileError
        When a file cannot be read, or the checkpoint is of another run.
    ProblemError
        For decays that cannot be, and a regularised bias.
    ClusterError
        When the Dask cluster does not answer, or loses one worker after the other over the same shard.
    MissingDependencyError
        When a library is not installed that the format of a file, or Dask, needs.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> ideal = pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=1e-2, feature_ratio=1).geometry.factors(d=4)
    >>> labels = np.repeat(np.arange(3), [60, 30, 10])
    >>> audit = pen.audit(ideal.means[labels], labels, head=pen.Head(ideal.weights, ideal.bias), weight_decay=1e-2)
    >>> audit.last_layer.alignment.cosine.round(6)
    array([1., 1.])
    """
    if gaps not in ("refuse", "drop", "observed"):
        raise ProblemError(f"gaps={gaps!r}: give 'refuse', 'drop' or 'observed'")
    counts = None if counts is None else counts_of(counts)
    source = source_of(features, labels)
    classes = None if counts is None else counts.classes
    last = source.head if head is None else head_given(head, classes=classes, dimension=source.dimension)
    task = one_order(source.names, last, counts)
    last, counts = task.head, task.counts
    if last is not None:
        last.check(last.classes, source.dimension)
    model = problem_of(last, weight_decay, loss, problem)
    with nullcontext(OneProcess(source)) if dask is None else on_cluster(dask, source) as passes:
        classes = passes.classes(task.classes)
        held = checkpoint_of(checkpoint, source, last, classes, gaps, {**of_loss(model, counts), **passes.layout})
        parts, found = _parts(classes, source.dimension), None
        if gaps == "observed":
            step = _step(progress, "features")
            run = partial(passes.run, checkpoint=held, progress=step)
            whole, without, found = read_observed(run, classes, source.dimension, parts)
        else:
            replicates = Replicates(classes, source.dimension, parts, gaps=gaps)
            passes.run(replicates, "features", held, _step(progress, "features"))
            whole, without = replicates.whole, replicates.leave_one_out
        if not whole.samples > 0:
            raise FeaturesError(
                f"there are no samples{', all rows had gaps' if gaps == 'drop' else ''}: give features of at least two "
                "classes"
            )
        if not without:
            whole.freeze()
        training = ClassCounts(whole.counts, task.names) if counts is None else counts
        few = too_many(whole.samples, classes, source.dimension)
        deciding = Drawn(whole, gaps=gaps) if few else Deciding(whole, last, gaps=gaps)
        # Sums over whole rows would be held against statistics of all.
        slopes = None if found is not None else slopes_of(whole, last, model, training, gaps)
        directions = class_directions(whole)
        scatters = None if found is not None else scatters_of(whole, directions, gaps)
        beside: dict[str, Accumulator | None] = {"slopes": slopes, "scatters": scatters}
        second = {"answers": deciding} | {name: part for name, part in beside.items() if part is not None}
        passes.run(Together(second) if len(second) > 1 else deciding, "answers", held, _step(progress, "answers"))
    residuals = None if slopes is None else slopes.residuals()
    pairs = class_pairs(directions, None if scatters is None else scatters.sums)
    told = told_by(deciding, whole, last)
    doubted = doubts(counts, whole.counts, told.decisions, None if task.classes is None else training.names)
    noise = directions, pairs
    places, dtype = places_of(source, told.worst.row), source.dtype
    result = _judge(
        whole, without, told, residuals, noise, training, last, model, dtype, doubted, task.notes, found, places
    )
    if held is not None:
        held.remove()
    return result


def _judge(
    whole: FeatureStatistics,
    parts: list[FeatureStatistics],
    told: Told,
    residuals: Residuals | None,
    noise: tuple[ClassDirections, ClassPairs],
    counts: ClassCounts,
    head: Head | None,
    problem: Problem,
    dtype: str,
    doubted: tuple[str, ...],
    notes: tuple[str, ...],
    gaps: GapsFound | None,
    places: SamplePlaces,
) -> Audit:
    layer = None if head is None else audit_layer(whole, counts, head, problem, residuals)
    geometry = forecast(counts, feature_ratio=1.0).geometry if layer is None else layer.forecast.geometry
    metrics, classes, sampled = measures(whole, head, geometry)
    intervals = {} if sampled is None else sampled.intervals(metrics)
    if parts:
        figures = _figures(whole, metrics, layer)
        without = [_figures(part, measures(part, head, geometry)[0], layer) for part in parts]
        intervals = Jackknife(figures, without).intervals() | intervals
    return Audit(
        counts=counts,
        statistics=whole,
        dtype=dtype,
        decisions=told.decisions,
        worst=told.worst,
        places=places,
        certified=told.certified,
        metrics=metrics,
        classes=classes,
        directions=noise[0],
        pairs=noise[1],
        scatter=scatter_directions(whole),
        last_layer=layer,
        intervals=intervals,
        doubts=doubted,
        notes=(*doubted, *notes),
        gaps=gaps,
        sampled=None if sampled is None else sampled.classes,
        drawn=told.drawn,
    )


def _figures(
    statistics: FeatureStatistics, metrics: CollapseMetrics, judged: LayerAudit | None
) -> dict[str, NDArray[np.float64]]:
    """Every figure that gets an interval."""
    values = {name: np.nan if value is None else value for name, value in metrics.to_dict().items()}
    figures = {f"metrics/{name}": np.asarray(value, dtype=np.float64) for name, value in values.items()}
    figures["classes/spread"] = np.sqrt(variances(statistics))
    means = ClassRows.means(statistics)
    figures["classes/mean_norm"] = means.per_class(np.sqrt(means.squares))
    if judged is None:
        return figures
    # A class whose only sample is elsewhere keeps its mean, so that its own interval is too short.
    rows = np.where(statistics.counts[:, None] > 0, statistics.means, judged.measured.means)
    layer = replace(judged.measured, means=rows, noise=None)
    alignment = align(layer, judged.forecast.geometry.svd, None)
    names = ("off_diagonal_share", "head_off_diagonal_share", "means_off_diagonal_share", "strength", "cosine")
    figures |= {f"alignment/{name}": np.asarray(getattr(alignment, name), dtype=np.float64) for name in names}
    return figures | {"classes/lift": layer.lift}


def _parts(classes: int, dimension: int) -> int:
    one = 8 * (2 * classes * dimension + dimension**2)
    return PARTS if one * PARTS <= _PARTS_BYTES else 1


def _step(progress: Progress | None, stage: str) -> Callable[[int], object] | None:
    return None if progress is None else partial(progress, stage)
