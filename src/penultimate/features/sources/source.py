"""Features as a stream of batches: what every reader offers, and arrays at hand."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.blocks import block_rows, check_start, shard_spans, spans
from penultimate.errors import FeaturesError
from penultimate.features.arrays import as_array, as_features
from penultimate.features.head import Head, checked_names

# How many rows of an array tell it from another.
_SAMPLED = 4096


class Batch(NamedTuple):
    """Some samples.

    Attributes
    ----------
    features : ndarray of shape (n, d)
    labels : ndarray of shape (n,)
        Whole numbers.
    weights : ndarray of shape (n,) or None
    """

    features: NDArray[np.floating]
    labels: NDArray[np.integer]
    weights: NDArray[np.floating] | None = None


@runtime_checkable
class FeatureSource(Protocol):
    """Features and labels that can be streamed, from the start or from any sample on, as often as wanted.

    It can be pickled, and files are open only while batches are drawn.
    """

    @property
    def dimension(self) -> int:
        """Width of the features, d."""
        ...

    @property
    def samples(self) -> int:
        """N."""
        ...

    @property
    def dtype(self) -> str:
        """Type of the features as stored: float16, bfloat16 (read as float32), float32 or float64."""
        ...

    @property
    def names(self) -> tuple[str, ...] | None:
        """Class names, if known."""
        ...

    @property
    def head(self) -> Head | None:
        """The head that came with the features."""
        ...

    @property
    def fingerprint(self) -> str:
        """Tells these data from others, and is the same in every process."""
        ...

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Samples in order, from sample `start` on, in blocks whose bounds do not depend on it."""
        ...

    def labels(self, start: int = 0) -> Iterator[NDArray[np.integer]]:
        """The labels of the same blocks; features are not read."""
        ...

    def shards(self) -> "list[FeatureSource]":
        """Independent parts, in order, none much larger than 256 MiB."""
        ...


def part_name(source: object, first: int) -> str:
    """How a part of a source is called in messages that count its samples."""
    return f"{source} (its samples from {first} on, here counted from 0)"


class ArraySource:
    """Features and labels at hand, as a source.

    Parameters
    ----------
    features : array-like of shape (N, d)
        float16, bfloat16, float32 or float64; not copied if NumPy can share the memory.
    labels : array-like of shape (N,)
        Whole numbers.
    head : Head, optional
    names : sequence of str, optional
        Class names.

    Raises
    ------
    FeaturesError
        When there are no samples, shapes do not fit, or labels are no whole numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.features.sources import ArraySource
    >>> source = ArraySource(np.zeros((5, 3), dtype=np.float32), np.array([0, 1, 1, 0, 2]))
    >>> source.samples, source.dimension, source.dtype, [len(batch.labels) for batch in source.batches()]
    (5, 3, 'float32', [5])
    """

    def __init__(
        self, features: object, labels: object, head: Head | None = None, names: tuple[str, ...] | None = None
    ) -> None:
        self._features = as_features(features)
        try:
            self._labels = as_array(labels, "labels")
        except FeaturesError:
            if not _are_texts(labels):
                raise
            raise FeaturesError(
                "labels are texts: number them, names, numbers = numpy.unique(labels, return_inverse=True), and give "
                "pen.ArraySource(features, numbers, names=names)"
            ) from None
        if self._labels.ndim == 2:
            raise FeaturesError(
                f"labels have shape {self._labels.shape}: several labels a sample are for pen.audit_label_sets; one "
                "label a sample is one whole number each"
            )
        if self._labels.dtype.kind not in "iu":
            raise FeaturesError(f"labels are {self._labels.dtype}: cast them to whole numbers")
        if self._labels.shape != (self.samples,):
            raise FeaturesError(
                f"labels have shape {self._labels.shape} for {self.samples} samples: give one for each sample"
            )
        if not self._features.size:
            raise FeaturesError(f"features have shape {self._features.shape}: give at least one sample and one column")
        if head is not None:
            head.check(head.classes, self.dimension)
        self.head = head
        self.names = None if head is None else head.names
        if names is not None:
            self.names = checked_names(names, None if head is None else head.classes)
        self._name = "arrays"

    def __str__(self) -> str:
        return self._name

    @property
    def dimension(self) -> int:
        """Width of the features, d."""
        return self._features.shape[1]

    @property
    def samples(self) -> int:
        """N."""
        return self._features.shape[0]

    @property
    def dtype(self) -> str:
        """Type of the features."""
        return self._features.dtype.name

    @property
    def fingerprint(self) -> str:
        """Digest of shapes, types, and up to 4,096 samples spread over all."""
        chosen = np.unique(np.linspace(0, self.samples - 1, min(self.samples, _SAMPLED)).astype(np.int64))
        digest = hashlib.sha256(f"{self._features.shape} {self.dtype} {self._labels.dtype}".encode())
        digest.update(self._features[chosen].tobytes())
        digest.update(self._labels[chosen].tobytes())
        return digest.hexdigest()

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Views of the arrays, block by block from sample `start` on."""
        check_start(start, self.samples)
        for first, end in spans(start, self.samples, block_rows(self.dimension)):
            yield Batch(self._features[first:end], self._labels[first:end])

    def labels(self, start: int = 0) -> Iterator[NDArray[np.integer]]:
        """Views of the labels, block by block from sample `start` on."""
        for batch in self.batches(start):
            yield batch.labels

    def shards(self) -> list[FeatureSource]:
        """Views of the arrays; the whole where it is small."""
        bounds = shard_spans(self.samples, block_rows(self.dimension))
        return [self] if len(bounds) == 1 else [self._part(first, end) for first, end in bounds]

    def _part(self, first: int, end: int) -> "ArraySource":
        part = ArraySource(self._features[first:end], self._labels[first:end])
        part._name = part_name(self, first)
        return part


def _are_texts(labels: object) -> bool:
    """Whether what is no array of numbers begins with a text, as columns of data frames do, too."""
    try:
        held = np.asarray(labels)
    except (TypeError, ValueError, RuntimeError):  # no array at all
        return False
    return held.dtype.kind in "US" or (held.dtype == np.object_ and isinstance(next(iter(held.flat), None), str))
