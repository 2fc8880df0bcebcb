"""A trained network with several labels a sample, from one pass over its features (docs/theory §20)."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
from jaxtyping import Float, Int

from penultimate.audits.label_law import LabelLaw, alive, nearest_law
from penultimate.audits.label_margins import LabelMargins, worst_of_arrays
from penultimate.audits.label_progress import LabelProgress, progress_of
from penultimate.audits.label_shares import LabelShares, along_directions, label_shares
from penultimate.counts.matching import places
from penultimate.datasets.by_name import head_given, is_source
from penultimate.errors import FeaturesError, ProblemError
from penultimate.features.head import Head
from penultimate.features.label_statistics import LabelStatistics
from penultimate.features.naming import head_in_order
from penultimate.features.passes.worst import WorstSamples
from penultimate.features.sources.label_files import open_label_sets
from penultimate.features.sources.label_source import LabelSource
from penultimate.features.sources.places import IN_MEMORY, SamplePlaces, places_in
from penultimate.reported import Reported
from penultimate.spectrum.scatter_spectrum import ScatterSpectrum, scatter_spectrum
from penultimate.targets.label_scatter import LabelScatter

_LOSSES = ("mse", "bce", "ce")


@dataclass(frozen=True)
class LabelMeasures:
    """What was measured of one label; None where there is no such figure.

    Attributes
    ----------
    label : str
    samples : float
        How many have it.
    separation : float or None
        R²: share of the label's variance that a linear function of the features explains.
    distance : float or None
        d': how far apart the samples with and without it lie along that function, in standard deviations.
    lift : float or None
        Mean score where it is on, less that where it is off.
    expected_lift : float or None
        What the nearest law says.
    cosine : float or None
        Between the label's row of the head and its vector in the features.
    """

    label: str
    samples: float
    separation: float | None
    distance: float | None
    lift: float | None
    expected_lift: float | None
    cosine: float | None


@dataclass(frozen=True, eq=False, repr=False)
class LabelAudit(Reported, presenter="label_audit"):
    """What a trained network made of its labels.

    Made by `audit_label_sets`.

    Attributes
    ----------
    statistics : LabelStatistics
        Sums over the features and targets that were read.
    head : Head or None
        Without one, nothing is said of strengths.
    loss : str
        What the network was trained with: "mse", "bce" or "ce". Laws of strengths are for "mse".
    worst : WorstSamples or None
        Of each label the samples that have it and whose score for it is least above that of labels they lack; None
        without a head or samples, and for targets that are no label sets.
    places : SamplePlaces or None
        Which file and row each of them is.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng = np.random.default_rng(0)
    >>> targets = (rng.random((500, 3)) < [0.5, 0.3, 0.1]).astype(float)
    >>> features = targets @ rng.normal(size=(3, 8)) + 0.1 * rng.normal(size=(500, 8))
    >>> audit = pen.audit_label_sets(features, targets)
    >>> round(audit.shares.additive, 2), audit.shares.sets
    (0.95, 8)
    """

    statistics: LabelStatistics
    head: Head | None = None
    loss: str = "mse"
    worst: WorstSamples | None = None
    places: SamplePlaces | None = None

    @cached_property
    def targets(self) -> LabelScatter:
        """The sums over targets."""
        return self.statistics.targets

    @cached_property
    def spectrum(self) -> ScatterSpectrum:
        """Directions of the targets."""
        return scatter_spectrum(self.targets)

    @cached_property
    def _along(self) -> Float[np.ndarray, "r d"]:
        return along_directions(self.statistics, self.spectrum)

    @cached_property
    def shares(self) -> LabelShares:
        """Shares of the features' scatter: additive, beyond the labels, within label sets."""
        return label_shares(self.statistics, self._along)

    @cached_property
    def product(self) -> Float[np.ndarray, "r r"] | None:
        """``T = Uᵀ W Cᵀ U diag(1/s)``: head times features along the directions; diagonal at a minimum."""
        if self.head is None:
            return None
        return self.spectrum.vectors.T @ self.head.product @ self._along.T

    @property
    def strength(self) -> Float[np.ndarray, " r"] | None:
        """T_ii: the strength of each direction, which is s less what decay took; None without a head."""
        return None if self.product is None else np.diagonal(self.product)

    @property
    def off_diagonal_share(self) -> float | None:
        """How much of ``‖T‖²`` lies off its diagonal: 0 at a minimum."""
        if self.product is None or self.strength is None:
            return None
        size = float(np.sum(self.product**2))
        return 1.0 - float(np.sum(self.strength**2)) / size if size > 0 else 0.0

    @property
    def alive(self) -> int | None:
        """Directions that keep a tenth of s; None without a head."""
        return None if self.strength is None else alive(self.spectrum.sigma, self.strength)

    @cached_property
    def law(self) -> LabelLaw | None:
        """The law of one to four layers nearest to the strengths; None without a head, and for "bce" and "ce"."""
        if self.strength is None or self.loss != "mse":
            return None
        return nearest_law(self.spectrum.sigma, self.strength, self.statistics.samples)

    @cached_property
    def progress(self) -> LabelProgress | None:
        """How far training is, where its curves fit the strengths and lie nearer than any law; else None."""
        # Where no law can be read, a strong decay looks like the middle of training.
        if self.strength is None or self.law is None:
            return None
        found = progress_of(self.spectrum.sigma, self.strength)
        return found if found is not None and found.fits and found.error < self.law.error else None

    @property
    def followed(self) -> LabelLaw | None:
        """The law, where it fits the strengths and no curve of training that goes on lies nearer; else None."""
        return self.law if self.law is not None and self.law.fits and self.progress is None else None

    @cached_property
    def lift(self) -> Float[np.ndarray, " K"] | None:
        """``(W Cᵀ)_kk / S_kk``: mean score where a label is on less where off, shape (K,); None without a head."""
        if self.head is None:
            return None
        return self._over_variance(np.einsum("kd,kd->k", self.head.product, self.statistics.cross))

    @cached_property
    def expected_lift(self) -> Float[np.ndarray, " K"] | None:
        """The same by the law, shape (K,); None where none is `followed`."""
        if self.followed is None:
            return None
        return self._over_variance(self.spectrum.vectors**2 @ (self.followed.strength * self.spectrum.sigma))

    @cached_property
    def separation(self) -> Float[np.ndarray, " K"]:
        """R² of each label on the features, shape (K,); NaN for labels that never vary."""
        from scipy.linalg import eigh

        squares, vectors = eigh(self.statistics.scatter, check_finite=False)
        real = squares > squares.size * np.finfo(float).eps * max(float(squares[-1]), 0.0)
        seen = self.statistics.cross @ (vectors[:, real] / np.sqrt(squares[real]))
        return np.clip(self._over_variance(np.sum(seen**2, axis=1)), 0.0, 1.0)

    @cached_property
    def distance(self) -> Float[np.ndarray, " K"]:
        """D' of each label, shape (K,): NaN for real targets, infinite where features separate it wholly."""
        mean = self.targets.mean
        if self.targets.kind == "real":
            return np.full(mean.size, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.sqrt(self.separation / (1.0 - self.separation) / (mean * (1.0 - mean)))

    @cached_property
    def label_vectors(self) -> Float[np.ndarray, "K d"]:
        """``S⁺ C``: what each label adds to a feature, shape (K, d)."""
        return self.spectrum.vectors @ (self._along / self.spectrum.sigma[:, None])

    @cached_property
    def cosine(self) -> Float[np.ndarray, " K"] | None:
        """Between each label's row of the head and its vector, shape (K,); None without a head."""
        if self.head is None:
            return None
        rows, vectors = self.head.product, self.label_vectors
        lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(vectors, axis=1)
        inner = np.einsum("kd,kd->k", rows, vectors)
        return np.divide(inner, lengths, out=np.full(len(rows), np.nan), where=lengths > 0)

    @cached_property
    def labels(self) -> tuple[LabelMeasures, ...]:
        """What was measured of each label, in their order."""
        return self.rows(np.arange(self.targets.labels))

    def rows(self, labels: Int[np.ndarray, " b"]) -> tuple[LabelMeasures, ...]:
        """What was measured of some labels, by index."""
        figures = (self.separation, self.distance, self.lift, self.expected_lift, self.cosine)
        columns = [
            [None] * labels.size if one is None else [_known(x) for x in one[labels].tolist()] for one in figures
        ]
        return tuple(
            LabelMeasures(str(self.targets.names[k]), float(self.targets.positives[k]), *row)
            for k, *row in zip(labels.tolist(), *columns, strict=True)
        )

    def least_separated(self, number: int) -> Int[np.ndarray, " b"]:
        """Indices of the labels that features separate least; those that never vary left out."""
        order = np.argsort(self.separation, kind="stable")
        return order[self.targets.variance[order] > 0][:number]

    def _over_variance(self, figures: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        variance = self.targets.variance
        return np.divide(figures, variance, out=np.full(variance.size, np.nan), where=variance > 0)


def audit_label_sets(
    features: "os.PathLike[str] | str | LabelStatistics | LabelSource | object",
    targets: object = None,
    *,
    head: "Head | os.PathLike[str] | str | None" = None,
    names: Iterable[str] | None = None,
    loss: str = "mse",
    column: str | None = None,
    separator: str | None = None,
    progress: Callable[[int], object] | None = None,
) -> LabelAudit:
    """Audit a trained network with several labels a sample, in one pass over its features.

    Parameters
    ----------
    features : path, LabelStatistics, what `penultimate.torch.capture` gives, or array of shape (N, d)
        A file, folder or glob of shards with their targets beside them: ``y`` of shape (N, K), ``indptr`` and
        ``indices`` of a sparse matrix of 0 and 1, or a Parquet column of lists; sums that were gathered already; a
        model with a loader whose samples have several labels; or an array, then with `targets`.
    targets : array or sparse matrix of shape (N, K), sequence of sequences of str or int, or path, optional
        Label sets, soft labels or real targets of the array; or of files, a file of their own, as for
        `LabelScatter.read`.
    head : Head, path, or name, optional
        The linear layers after the features; by default the ones that came with them, if any.
    names : iterable of str, optional
        Of the labels, for arrays only; those of the head otherwise.
    loss : {"mse", "bce", "ce"}, default "mse"
        What the network was trained with.
    column, separator : str, optional
        Of files, as for `LabelScatter.read`.
    progress : callable, optional
        Called with the number of rows read.

    Returns
    -------
    LabelAudit

    Raises
    ------
    FeaturesError
        When features, targets and head do not fit one another, features hold NaN or infinity, or there are more than
        4,096 labels.
    CountsError
        When targets are not finite, or no labels.
    FileError
        When a file cannot be read.
    ProblemError
        For another loss, and targets that never vary.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> audit = pen.audit_label_sets(np.eye(4), [["cat", "pet"], ["pet"], ["cat"], []])
    >>> audit.targets.names, audit.shares.beyond
    (('cat', 'pet'), None)
    """
    loss = loss.partition(":")[0]
    if loss not in _LOSSES:
        raise ProblemError(f"unknown loss {loss!r} for several labels a sample: say {', '.join(_LOSSES)}")
    if isinstance(features, LabelStatistics):
        statistics, worst, where = features, None, None
        last = _last(None, head, statistics)
    elif isinstance(features, str | os.PathLike):
        if not isinstance(targets, str | os.PathLike | None):
            raise FeaturesError("targets in memory are for arrays: of a file of features, give the file of its targets")
        path, beside = cast("str | os.PathLike[str]", features), cast("str | os.PathLike[str] | None", targets)
        files = open_label_sets(path, beside, column=column, separator=separator)
        if files is None:
            raise FeaturesError(f"{path} has one label a sample: use pen.audit")
        statistics, last, worst = _gathered(files, head, progress)
        where = None if worst is None else places_in(files.paths, files.samples, worst.row)
    elif isinstance(features, LabelSource):
        if targets is not None:
            raise FeaturesError("captured features have their labels with them: leave out targets")
        statistics, last, worst = _gathered(features, head, progress)
        where = IN_MEMORY
    elif is_source(features):
        raise FeaturesError(f"{features} have one label a sample: use pen.audit")
    else:
        if targets is None:
            raise FeaturesError(
                "an array of features needs targets: give one row, or a list of labels, for each sample"
            )
        known = head.names if names is None and isinstance(head, Head) else names
        statistics = LabelStatistics.from_features(features, targets, known)
        last = _last(None, head, statistics)
        sets = last is not None and statistics.targets.kind == "sets"
        worst = worst_of_arrays(features, targets, statistics.names, last) if sets and last is not None else None
        where = IN_MEMORY
    _check(statistics.targets)
    worst = worst if statistics.targets.kind == "sets" else None
    return LabelAudit(statistics, last, loss, worst, None if worst is None else where)


def _last(
    found: Head | None, given: "Head | os.PathLike[str] | str | None", statistics: LabelStatistics
) -> Head | None:
    """The head that was given, or else found, with its rows in the order of the labels."""
    classes, dimension = len(statistics.names), statistics.dimension
    last = found if given is None else head_given(given, classes=classes, dimension=dimension)
    if last is None:
        return None
    last.check(classes, dimension)
    return _in_order(last, statistics)


def _in_order(head: Head, statistics: LabelStatistics) -> Head:
    """The head with its rows in the order of the labels, where both have names."""
    if head.names is None:
        return head
    return head_in_order(head, np.argsort(places(head.names, statistics.names, "the head", "the labels")))


def _gathered(
    source: LabelSource, head: "Head | os.PathLike[str] | str | None", progress: Callable[[int], object] | None
) -> tuple[LabelStatistics, Head | None, WorstSamples | None]:
    """Sums, the head, and by it the worst samples of each label."""
    statistics = LabelStatistics(source.label_count if source.names is None else source.names, source.dimension)
    last = _last(source.head, head, statistics)
    margins = None if last is None else LabelMargins(last)
    for features, own in source.batches():
        statistics.update(features, own)
        if margins is not None:
            margins.update(features, own)
        if progress is not None:
            progress(len(features))
    return statistics, last, None if margins is None else margins.worst


def _check(targets: LabelScatter) -> None:
    if targets.samples < 2:
        raise FeaturesError(f"there is {targets.samples:g} sample: give features of at least two")
    if not targets.variance.any():
        raise ProblemError("every label is the same in all samples: there is nothing for features to tell apart")


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
