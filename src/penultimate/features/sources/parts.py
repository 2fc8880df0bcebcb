"""Consecutive samples of a source as one of its own, and several sources as one."""

import hashlib
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import cast

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.blocks import check_start
from penultimate.errors import FeaturesError
from penultimate.features.arrays import as_labels
from penultimate.features.head import Head
from penultimate.features.sources.source import Batch, FeatureSource, part_name


class Rows:
    """Consecutive samples of a source, as one: a shard of a large file.

    Parameters
    ----------
    source : FeatureSource
    first, stop : int
        Its first sample, and the one after the last.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.features.sources.parts import Rows
    >>> from penultimate.features.sources.source import ArraySource
    >>> rows = Rows(ArraySource(np.eye(5), np.arange(5)), 1, 4)
    >>> rows.samples, [batch.labels.tolist() for batch in rows.batches(start=1)]
    (3, [[2, 3]])
    """

    head: Head | None = None
    names: tuple[str, ...] | None = None

    def __init__(self, source: FeatureSource, first: int, stop: int) -> None:
        check_start(first, source.samples)
        check_start(stop, source.samples)
        self._source = source
        self._first = first
        self._stop = stop

    def __str__(self) -> str:
        return part_name(self._source, self._first)

    @property
    def dimension(self) -> int:
        """Width of the features, d."""
        return self._source.dimension

    @property
    def samples(self) -> int:
        """Number of rows."""
        return self._stop - self._first

    @property
    def dtype(self) -> str:
        """Type of the features as stored."""
        return self._source.dtype

    @property
    def fingerprint(self) -> str:
        """Digest of the source's and the bounds."""
        return hashlib.sha256(f"{self._source.fingerprint} {self._first} {self._stop}".encode()).hexdigest()

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Blocks of the source, the last one cut where the rows end."""
        check_start(start, self.samples)
        left = self.samples - start
        with closing(cast(Generator[Batch], self._source.batches(self._first + start))) as batches:
            while left:
                batch = next(batches)
                yield Batch(*(None if array is None else array[:left] for array in batch))  # pyright: ignore[reportArgumentType]
                left -= min(left, len(batch.labels))

    def labels(self, start: int = 0) -> Iterator[NDArray[np.integer]]:
        """The labels of the same blocks."""
        check_start(start, self.samples)
        left = self.samples - start
        with closing(cast(Generator[NDArray[np.integer]], self._source.labels(self._first + start))) as blocks:
            while left:
                block = next(blocks)[:left]
                yield block
                left -= len(block)

    def shards(self) -> list[FeatureSource]:
        """The whole, as one part."""
        return [self]


class Relabelled:
    """A source whose labels count the same classes in another order.

    Parameters
    ----------
    source : FeatureSource
    places : ndarray of shape (K,)
        Label k becomes ``places[k]``.

    Attributes
    ----------
    source : FeatureSource
        The same.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.features.sources.parts import Relabelled
    >>> from penultimate.features.sources.source import ArraySource
    >>> relabelled = Relabelled(ArraySource(np.eye(3), np.array([0, 1, 1])), np.array([1, 0]))
    >>> [labels.tolist() for labels in relabelled.labels()]
    [[1, 0, 0]]
    """

    head: Head | None = None
    names: tuple[str, ...] | None = None

    def __init__(self, source: FeatureSource, places: NDArray[np.int64]) -> None:
        self.source = source
        self._places = places

    def __str__(self) -> str:
        return str(self.source)

    @property
    def dimension(self) -> int:
        """Width of the features, d."""
        return self.source.dimension

    @property
    def samples(self) -> int:
        """N."""
        return self.source.samples

    @property
    def dtype(self) -> str:
        """Type of the features as stored."""
        return self.source.dtype

    @property
    def fingerprint(self) -> str:
        """Digest of the source's and the order."""
        return hashlib.sha256(f"{self.source.fingerprint} {self._places.tolist()}".encode()).hexdigest()

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Blocks of the source with their labels changed."""
        for batch in self.source.batches(start):
            yield batch._replace(labels=self._moved(batch.labels))

    def labels(self, start: int = 0) -> Iterator[NDArray[np.integer]]:
        """The labels of the same blocks."""
        yield from map(self._moved, self.source.labels(start))

    def shards(self) -> list[FeatureSource]:
        """The shards of the source, relabelled."""
        return [Relabelled(shard, self._places) for shard in self.source.shards()]

    def _moved(self, labels: NDArray[np.integer]) -> NDArray[np.int64]:
        return self._places[as_labels(labels, len(labels), self._places.size)]


class Joined:
    """Several sources one after the other, as one; its blocks are theirs.

    Parameters
    ----------
    parts : sequence of FeatureSource
        At least one, all of one width.
    head : Head, optional
    names : tuple of str, optional
        Class names.

    Attributes
    ----------
    parts : tuple of FeatureSource
        The same.

    Raises
    ------
    FeaturesError
        When there are no parts, or their widths differ.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.features.sources import ArraySource, Joined
    >>> parts = [ArraySource(np.zeros((n, 2)), np.zeros(n, dtype=int)) for n in (3, 4)]
    >>> joined = Joined(parts)
    >>> joined.samples, [len(batch.labels) for batch in joined.batches(start=2)]
    (7, [1, 4])
    """

    def __init__(
        self,
        parts: "list[FeatureSource] | tuple[FeatureSource, ...]",
        head: Head | None = None,
        names: tuple[str, ...] | None = None,
    ) -> None:
        if not parts:
            raise FeaturesError("there are no parts to join: give at least one")
        self.parts = tuple(parts)
        for part in self.parts:
            if part.dimension != self.dimension:
                raise FeaturesError(
                    f"{part} has features of width {part.dimension} and {self.parts[0]} of width {self.dimension}: "
                    "give shards of one run"
                )
        self.head = head
        self.names = names

    def __str__(self) -> str:
        return f"{self.parts[0]} … {self.parts[-1]}"

    @property
    def dimension(self) -> int:
        """Width of the features, d."""
        return self.parts[0].dimension

    @property
    def samples(self) -> int:
        """N over all parts."""
        return sum(part.samples for part in self.parts)

    @property
    def dtype(self) -> str:
        """The type with the most bits of those of the parts."""
        return max((part.dtype for part in self.parts), key=("bfloat16", "float16", "float32", "float64").index)

    @property
    def fingerprint(self) -> str:
        """Digest of the parts' in order."""
        return hashlib.sha256(" ".join(part.fingerprint for part in self.parts).encode()).hexdigest()

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Blocks of the parts in order, from sample `start` of them all on."""
        check_start(start, self.samples)
        for part in self.parts:
            if start < part.samples:
                yield from part.batches(start)
            start = max(0, start - part.samples)

    def labels(self, start: int = 0) -> Iterator[NDArray[np.integer]]:
        """The labels of the same blocks."""
        check_start(start, self.samples)
        for part in self.parts:
            if start < part.samples:
                yield from part.labels(start)
            start = max(0, start - part.samples)

    def shards(self) -> list[FeatureSource]:
        """The shards of the parts, in order."""
        return [shard for part in self.parts for shard in part.shards()]
