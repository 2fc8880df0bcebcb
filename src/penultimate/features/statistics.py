"""The one sufficient statistic of a neural-collapse audit: what a single pass over features keeps, in O(K d + d²)."""

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.archives.sealed import seal, unseal
from penultimate.errors import FeaturesError, FileError
from penultimate.features.arrays import Gaps, as_features, as_labels, as_weights, classes_of, usable_rows
from penultimate.features.decisions import Decisions
from penultimate.features.moments import Moments
from penultimate.files import write_whole
from penultimate.model.arguments import whole

FORMAT = "penultimate feature statistics 2"
_NOT_KEPT = "the scatter of single classes was not kept: make the statistic with per_class=True"


class FeatureStatistics:
    """Counts, means and within-class scatter of features, gathered in one pass and mergeable.

    Parameters
    ----------
    classes : int
        K, at least 2.
    dimension : int
        d, the width of the features.
    per_class : bool, default False
        Keep the scatter of every class, K × d × d numbers, not only their sum.

    Raises
    ------
    FeaturesError
        When there are fewer than two classes or no width, or memory does not hold K d + d² numbers.

    Notes
    -----
    Sums are kept about a shift of each class (`penultimate.features.moments`), in float64: an offset of the features
    costs nothing beyond what their own type lost. Counts, means and spreads are as exact as float64 allows whatever the
    batch size, order and sharding; so is the scatter of float64 features, and that of narrower ones to about 1e-7 of
    its size. Memory O(K d + d²).

    Attributes
    ----------
    decisions : Decisions
        What the head answered, where predictions were given.
    rows, dropped : int
        Samples used, whatever their weights, and samples left out because they held NaN or infinity.
    one_of : int
        How many statistics share the samples evenly, for the size of the whole; 1 unless set.
    before : int
        Samples that others see before these, for the size of the whole; 0 unless set.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> statistics = pen.FeatureStatistics(classes=2, dimension=2)
    >>> statistics.update(np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 5.0]]), np.array([0, 0, 1]))
    >>> statistics.counts, statistics.means, statistics.spreads
    (array([2., 1.]), array([[2., 0.],
           [0., 5.]]), array([2., 0.]))
    """

    def __init__(self, classes: int, dimension: int, *, per_class: bool = False) -> None:
        classes, dimension = whole(classes, "the number of classes", 0), whole(dimension, "the width of features", 0)
        if classes < 2:
            raise FeaturesError(
                f"{classes} class{'' if classes == 1 else 'es'}: an audit compares classes, so give at least two"
            )
        if dimension < 1:
            raise FeaturesError(f"features of width {dimension}: give at least one column")
        try:
            self._moments = Moments.empty(classes, dimension, classes if per_class else 1)
        except MemoryError as error:
            raise FeaturesError(
                f"the statistic of {classes} classes and width {dimension} does not fit into memory ({error}): "
                "project the features to fewer columns"
            ) from None
        self.decisions = Decisions.empty(classes)
        self.rows = 0
        self.dropped = 0
        self.one_of = 1
        self.before = 0

    @property
    def classes(self) -> int:
        """K."""
        return self._moments.shift.shape[0]

    @property
    def dimension(self) -> int:
        """Width of the features, d."""
        return self._moments.shift.shape[1]

    @property
    def per_class(self) -> bool:
        """Whether the scatter of every class is kept."""
        return len(self._moments.moment) > 1

    @property
    def samples(self) -> float:
        """N, the sum of the counts."""
        return float(self._moments.weight.sum())

    @property
    def counts(self) -> Float[np.ndarray, " K"]:
        """Samples of each class (the sum of their weights), shape (K,)."""
        return self._moments.weight.copy()

    @property
    def means(self) -> Float[np.ndarray, "K d"]:
        """Class means, one row a class, shape (K, d); NaN for classes without samples."""
        return self._moments.mean

    @property
    def global_mean(self) -> Float[np.ndarray, " d"]:
        """Mean of all samples, shape (d,)."""
        return self._moments.centre

    @property
    def spreads(self) -> Float[np.ndarray, " K"]:
        """``Σ ‖h − mean‖²`` of each class, shape (K,): the trace of its scatter."""
        return self._moments.spread

    @property
    def within_scatter(self) -> Float[np.ndarray, "d d"]:
        """``Σ (h − mean of its class)(…)ᵀ`` over all samples, shape (d, d)."""
        return self._moments.pooled_scatter

    @property
    def class_scatters(self) -> Float[np.ndarray, "K d d"]:
        """Scatter of each class, shape (K, d, d); needs ``per_class=True``."""
        if not self.per_class:
            raise FeaturesError(_NOT_KEPT)
        return self._moments.scatter

    def class_scatters_along(self, basis: Float[np.ndarray, "K d r"]) -> Float[np.ndarray, "K r r"]:
        """``B_kᵀ S_k B_k`` of each class, in coordinates of its own; needs ``per_class=True``."""
        if not self.per_class:
            raise FeaturesError(_NOT_KEPT)
        return self._moments.scatter_along(basis)

    @property
    def total_scatter(self) -> Float[np.ndarray, "d d"]:
        """``Σ (h − global mean)(…)ᵀ`` over all samples, shape (d, d): within plus between classes."""
        seen = self._moments.weight > 0
        centred = (self.means[seen] - self.global_mean) * np.sqrt(self._moments.weight[seen])[:, None]
        return self.within_scatter + centred.T @ centred

    @property
    def nbytes(self) -> int:
        """Bytes of everything kept, which no number of batches changes."""
        return sum(array.nbytes for array in self.arrays().values())

    @classmethod
    def from_features(cls, features: object, labels: object, classes: int | None = None) -> "FeatureStatistics":
        """The statistic of arrays that are at hand.

        Parameters
        ----------
        features : array-like of shape (N, d)
        labels : array-like of shape (N,)
            Whole numbers from 0.
        classes : int, optional
            K; by default the largest label and one.

        Returns
        -------
        FeatureStatistics

        Raises
        ------
        FeaturesError
            As `update`.

        Examples
        --------
        >>> import numpy as np, penultimate as pen
        >>> pen.FeatureStatistics.from_features(np.eye(3), np.array([0, 1, 1])).counts
        array([1., 2.])
        """
        rows = as_features(features)
        top = classes_of(labels) if classes is None else classes
        statistics = cls(top, rows.shape[1])
        statistics.update(rows, labels)
        return statistics

    def update(
        self,
        features: object,
        labels: object,
        weights: object = None,
        *,
        predictions: object = None,
        gaps: Gaps = "refuse",
    ) -> None:
        """Add a batch; when it is refused, the statistic stays as it was.

        Parameters
        ----------
        features : array-like of shape (N, d)
            float16, bfloat16, float32 or float64; NumPy, PyTorch, or anything with ``__dlpack__``.
        labels : array-like of shape (N,)
            Whole numbers from 0 to K − 1.
        weights : array-like of shape (N,), optional
            Zero or above; 1 each by default.
        predictions : array-like of shape (N,), optional
            The head's answers, for recall and confusion; weights do not count there.
        gaps : {"refuse", "drop"}, default "refuse"
            "drop" leaves out rows that hold NaN or infinity, and counts them in `dropped`. What can be said from rows
            with gaps takes two passes: ``audit(gaps="observed")``.

        Raises
        ------
        FeaturesError
            For shapes that do not fit, labels out of range, weights that are negative, and rows that are not finite;
            the message says how many, where the first is, and how to go on.
        """
        if gaps not in ("refuse", "drop"):
            raise FeaturesError(f"gaps={gaps!r}: give 'refuse' or 'drop'; an audit takes 'observed', too")
        rows = as_features(features, self.dimension)
        own = as_labels(labels, len(rows), self.classes)
        factor = np.empty(0) if weights is None else as_weights(weights, len(rows))
        answers = None if predictions is None else as_labels(predictions, len(rows), self.classes, "predictions")
        kept = usable_rows(rows, self.rows, gaps=gaps)
        if kept is not None:
            rows, own = rows[kept], own[kept]
            factor = factor[kept] if factor.size else factor
            answers = None if answers is None else answers[kept]
        self.rows += len(rows)
        self._moments.add(rows, own, factor, self.before + self.rows * self.one_of)
        if answers is not None:
            self.decisions.add(own, answers)
        self.dropped += 0 if kept is None else int((~kept).sum())

    def merge(self, other: "FeatureStatistics") -> "FeatureStatistics":
        """Add the samples that another statistic has seen; which of two is merged into which makes no difference.

        Parameters
        ----------
        other : FeatureStatistics
            Of the same K and d; it is not changed.

        Returns
        -------
        FeatureStatistics
            This one, so that merges can be chained.

        Raises
        ------
        FeaturesError
            When K, d, or what is kept of each class differ.

        Examples
        --------
        >>> import numpy as np, penultimate as pen
        >>> one = pen.FeatureStatistics.from_features(np.eye(2), np.array([0, 1]))
        >>> one.merge(pen.FeatureStatistics.from_features(2 * np.eye(2), np.array([0, 1]))).means
        array([[1.5, 0. ],
               [0. , 1.5]])
        """
        for what, own, others in (
            ("classes", self.classes, other.classes),
            ("width", self.dimension, other.dimension),
            ("scatters", len(self._moments.moment), len(other._moments.moment)),
        ):
            if own != others:
                raise FeaturesError(f"statistics of different {what} ({own} and {others}) cannot be merged")
        self._moments.merge(other._moments)
        self.decisions.merge(other.decisions)
        self.rows += other.rows
        self.dropped += other.dropped
        return self

    def settle(self) -> None:
        """Move all sums next to the means: samples that are added, and statistics that are merged, change nothing."""
        self._moments.settle()

    def freeze(self) -> None:
        """Keep means and scatter, and let go of sums that only more samples need: half of the memory of K d numbers.

        Nothing else changes, and samples can still be added: the sums are made anew.
        """
        self._moments.freeze()

    def copy(self) -> "FeatureStatistics":
        """An independent copy, equal bit for bit."""
        return self.from_arrays({name: array.copy() for name, array in self.arrays().items()})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that is kept, by name: what `save` writes; the arrays themselves, not copies."""
        moments, decisions = self._moments, self.decisions
        arrays: dict[str, NDArray[Any]] = {
            "weight": moments.weight,
            "shift": moments.shift,
            "total": moments.total,
            "square": moments.square,
            "moment": moments.moment,
            "progress": np.array([moments.looked_at, self.rows, self.dropped], dtype=np.float64),
        }
        return arrays | {name: array for name, array in vars(decisions).items() if array is not None}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "FeatureStatistics":
        """The statistic whose `save` wrote these arrays; they are used, not copied."""
        statistics = cls(*arrays["shift"].shape, per_class=len(arrays["moment"]) > 1)
        for name, held in statistics.arrays().items():
            if name not in arrays or arrays[name].shape != held.shape or arrays[name].dtype != held.dtype:
                raise FeaturesError(f"array {name!r} is missing or of another shape or type: this is no such statistic")
        names = ("weight", "shift", "total", "square", "moment")
        statistics._moments = Moments(*(arrays[name] for name in names), looked_at=float(arrays["progress"][0]))
        statistics.decisions = Decisions(**{name: arrays.get(name) for name in vars(statistics.decisions)})  # pyright: ignore[reportArgumentType]
        statistics.rows, statistics.dropped = (int(number) for number in arrays["progress"][1:])
        return statistics

    def save(self, path: "str | os.PathLike[str]", note: Mapping[str, object] | None = None) -> None:
        """Write everything to a safetensors file, whole or not at all; `load` gives it back bit for bit.

        Parameters
        ----------
        path : path-like
            The file; one that exists is replaced.
        note : mapping, optional
            What JSON can hold, kept beside the arrays.

        Raises
        ------
        FileError
            If the file cannot be written; nothing is left half-written.
        """
        write_whole(path, seal(FORMAT, self.arrays(), {"note": json.dumps(dict(note or {}))}))

    @classmethod
    def read(cls, path: "str | os.PathLike[str]") -> "FeatureStatistics":
        """Read what `save` wrote.

        Parameters
        ----------
        path : path-like

        Returns
        -------
        FeatureStatistics

        Raises
        ------
        FileError
            When the file is missing, damaged or something else.

        Examples
        --------
        >>> import numpy as np, pathlib, tempfile, penultimate as pen
        >>> path = pathlib.Path(tempfile.mkdtemp(), "run.safetensors")
        >>> pen.FeatureStatistics.from_features(np.eye(2), np.array([0, 1])).save(path)
        >>> pen.FeatureStatistics.read(path).samples
        2.0
        """
        return cls.read_with_note(path)[0]

    @classmethod
    def read_with_note(cls, path: "str | os.PathLike[str]") -> "tuple[FeatureStatistics, dict[str, Any]]":
        """Read what `save` wrote, and the note beside it; errors as `load`."""
        arrays, header = unseal(path, FORMAT)
        try:
            return cls.from_arrays(arrays), json.loads(header["note"])
        except (FeaturesError, KeyError, ValueError) as error:
            raise FileError(f"{path}: the file is damaged ({error}): write it again") from None

    def __repr__(self) -> str:
        seen = int(np.count_nonzero(self._moments.weight))
        return f"FeatureStatistics({self.samples:g} samples, {seen} of {self.classes} classes, width {self.dimension})"
