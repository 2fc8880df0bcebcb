"""Dask arrays as a source: computed block by block here, or each block where a cluster holds it."""

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.blocks import block_rows, check_start, spans
from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.features.sources.source import ArraySource, Batch, FeatureSource


def is_dask_array(values: object) -> bool:
    """Whether these are a Dask array; Dask is looked up, never imported: who has one has imported it."""
    return "dask.array" in sys.modules and isinstance(values, _dask().Array)


def _dask() -> Any:
    return sys.modules["dask.array"]


class Block(NamedTuple):
    """Rows of features and labels that are computed together.

    Attributes
    ----------
    name : str
        For messages.
    samples : int
    arrays : tuple of dask.delayed.Delayed
        Features and labels.
    """

    name: str
    samples: int
    arrays: tuple[Any, Any]


class DaskArrays:
    """Features and labels of Dask, as a source.

    Parameters
    ----------
    features : dask.array.Array of shape (N, d)
        Chunked in any way; chunks of one row of chunks are computed together.
    labels : dask.array.Array or array-like of shape (N,)
        Whole numbers; cut as the rows of the features are.

    Raises
    ------
    FeaturesError
        When shapes do not fit or are not known, or types are not those of features and labels.

    Examples
    --------
    >>> import dask.array as da, numpy as np
    >>> from penultimate.features.sources.dask_arrays import DaskArrays
    >>> source = DaskArrays(da.ones((5, 3), chunks=(2, 2), dtype="float32"), da.arange(5, chunks=5))
    >>> source.samples, source.dimension, source.dtype, [len(batch.labels) for batch in source.batches()]
    (5, 3, 'float32', [2, 2, 1])
    """

    head: Head | None = None
    names: tuple[str, ...] | None = None

    def __init__(self, features: Any, labels: object) -> None:
        if labels is None:
            raise FeaturesError("an array of features needs labels: give one whole number for each row")
        if np.isnan(np.array(features.shape, dtype=np.float64)).any():
            raise FeaturesError("the lengths of the features' chunks are not known: call compute_chunk_sizes() on them")
        if features.ndim != 2 or not all(features.shape):
            raise FeaturesError(f"features have shape {features.shape}: give one row a sample, (N, d)")
        if features.dtype.kind not in "fiub":
            raise FeaturesError(f"features are of type {features.dtype}, not numbers: give an array of numbers")
        rows = features.chunks[0]
        own: Any = labels if is_dask_array(labels) else _dask().from_array(np.asarray(labels), chunks=-1)
        if own.shape != features.shape[:1]:
            raise FeaturesError(
                f"labels have shape {own.shape} for {features.shape[0]} samples: give one for each sample"
            )
        if own.dtype.kind not in "iu":
            raise FeaturesError(f"labels are {own.dtype}: cast them to whole numbers")
        self._features = features.rechunk({1: -1})
        self._labels = own.rechunk((rows,))

    def __str__(self) -> str:
        return "the Dask array"

    @property
    def dimension(self) -> int:
        """Width of the features, d."""
        return int(self._features.shape[1])

    @property
    def samples(self) -> int:
        """N."""
        return int(self._features.shape[0])

    @property
    def dtype(self) -> str:
        """Type of the features; whole numbers are read as float64."""
        return self._features.dtype.name if self._features.dtype.kind == "f" else "float64"

    @property
    def fingerprint(self) -> str:
        """The names that Dask gives the arrays, which are the same for the same data read in the same way."""
        return f"{self._features.name} {self._labels.name}"

    def blocks(self) -> list[Block]:
        """The blocks in order, not computed."""
        features, labels = self._features.to_delayed().ravel(), self._labels.to_delayed()
        ends = np.cumsum(self._features.chunks[0])
        return [
            Block(f"the Dask array (its samples from {end - size} on, here counted from 0)", size, (rows, own))
            for end, size, rows, own in zip(ends, self._features.chunks[0], features, labels, strict=True)
            if size
        ]

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Batches from sample `start` on; blocks are computed one after the other."""
        check_start(start, self.samples)
        for block in self.blocks():
            if start < block.samples:
                features, labels = _dask().compute(*block.arrays)
                yield from ArraySource(features, labels).batches(start)
            start = max(0, start - block.samples)

    def labels(self, start: int = 0) -> Iterator[NDArray[np.integer]]:
        """Labels of the same batches; features are not computed."""
        check_start(start, self.samples)
        for block in self.blocks():
            if start < block.samples:
                own = block.arrays[1].compute()
                for first, end in spans(start, block.samples, block_rows(self.dimension)):
                    yield own[first:end]
            start = max(0, start - block.samples)

    def shards(self) -> list[FeatureSource]:
        """The whole, as one part; `blocks` are what a cluster works on."""
        return [self]
