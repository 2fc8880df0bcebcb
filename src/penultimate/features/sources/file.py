"""One file of features as a source: which of its arrays is what, and whether they fit."""

import hashlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.archive import Archive, Layout
from penultimate.archives.blocks import block_rows, check_start, shard_spans
from penultimate.archives.formats import format_of, open_archive
from penultimate.archives.npy_set import NpySet
from penultimate.errors import FeaturesError, FileError
from penultimate.features.array_names import FEATURES, LABELS, WEIGHTS, find_array, named_as
from penultimate.features.head import Head, checked_names, head_of
from penultimate.features.sources.logged import COLUMNS, VALUES, filled_out, width_of
from penultimate.features.sources.parts import Rows
from penultimate.features.sources.source import Batch, FeatureSource
from penultimate.targets.readers import column_of_sets

# What may stand between several labels in one text.
_MARKS = (";", "|", ",")
# How archives call texts: NumPy's types, and those of Parquet, of a column of categories too.
_TEXTS = ("str", "string", "large_string", "dictionary<values=string", "dictionary<values=large_string")
_FLOATS = ("float16", "bfloat16", "float32", "float64")
_SEVERAL = "several labels a sample are for `penultimate audit`, `penultimate heads` and pen.audit_label_sets"
# An audit keeps d × d numbers; beyond this width they would be 512 GiB.
_WIDEST = 1 << 18
# So wide a log costs little, whether all of its columns were logged or not.
_NARROW = 4096


class Keys(NamedTuple):
    """Names of the arrays that hold features, labels and weights; of a log also that of the columns logged."""

    features: str
    labels: str
    weights: str | None
    columns: str | None = None


@dataclass(frozen=True, eq=False)
class FileSource:
    """Features in one file (or zarr store, or set of .npy files); made by `open_source`.

    Parameters
    ----------
    path : Path
        Absolute.
    keys : Keys
        Its arrays.
    layouts : tuple of Layout
        Their shapes and types when it was opened.
    dimension : int
        Width of the features, d.
    head : Head, optional
    names : tuple of str, optional
        Class names.
    fingerprint : str
        Digest of names, sizes, times and shapes.
    texts : tuple of str, optional
        Where labels are texts: the classes that they name, in order.
    """

    path: Path
    keys: Keys
    layouts: tuple[Layout, ...]
    dimension: int
    head: Head | None
    names: tuple[str, ...] | None
    fingerprint: str
    texts: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return str(self.path)

    @property
    def samples(self) -> int:
        """N."""
        return self.layouts[0].shape[0]

    @property
    def dtype(self) -> str:
        """Type of the features as stored."""
        return self.layouts[0].dtype

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Blocks of the file from sample `start` on; it is open while they are drawn."""
        check_start(start, self.samples)
        with self._opened() as archive:
            size = block_rows(self.dimension)
            streams = [archive.blocks(key, start, size) for key in self.keys if key is not None]
            for arrays in zip(*streams, strict=True):
                features, *beside = map(_native, arrays)
                if self.keys.columns is not None:
                    features = self._filled_out(beside.pop(), features, start)
                    start += len(features)
                yield Batch(features, self._numbered(beside[0]), *beside[1:])

    def labels(self, start: int = 0) -> Iterator[NDArray[np.integer]]:
        """Blocks of the labels from sample `start` on."""
        check_start(start, self.samples)
        with self._opened() as archive:
            for block in archive.blocks(self.keys.labels, start, block_rows(self.dimension)):
                yield self._numbered(_native(block))

    def shards(self) -> list[FeatureSource]:
        """The file, or parts of it where it is large.

        Every part of a compressed .npz has to be decompressed from the beginning; other formats are read where it lies.
        """
        bounds = shard_spans(self.samples, block_rows(self.dimension))
        return [self] if len(bounds) == 1 else [Rows(self.bare(), first, stop) for first, stop in bounds]

    def _numbered(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Labels that are texts as the places of their classes."""
        if self.texts is None:
            return labels
        try:
            return np.array([self._places[str(text)] for text in labels.tolist()], dtype=np.int64)
        except KeyError as error:
            raise FeaturesError(f"{self}: label {error.args[0]!r} is none of its {len(self.texts)} classes") from None

    @cached_property
    def _places(self) -> dict[str, int]:
        """The number of each class by its text."""
        return {text: place for place, text in enumerate(self.texts or ())}

    def _filled_out(self, columns: NDArray[Any], values: NDArray[Any], first: int) -> NDArray[Any]:
        try:
            return filled_out(columns, values, self.dimension, first)
        except FeaturesError as error:
            raise FeaturesError(f"{self}: {error}") from None

    @contextmanager
    def _opened(self) -> Generator[Archive]:
        with open_archive(self.path) as archive:
            if _keys_and_layouts(archive, self.path) != (self.keys, self.layouts):
                raise FileError(f"{self.path}: the file has changed since it was opened: leave it alone and start anew")
            yield archive

    def bare(self) -> "FileSource":
        """The same without head and class names, light to send to other processes."""
        return replace(self, head=None, names=None)


def open_source(path: Path) -> FileSource:
    """Open one file of features; its arrays are found by name and checked.

    Only head and names are read; of a log its columns, too, for without a head they alone tell the width.

    Parameters
    ----------
    path : Path

    Returns
    -------
    FileSource

    Raises
    ------
    FileError
        When it is missing, damaged, or has no features or labels; the message names it.
    FeaturesError
        When arrays do not fit: no samples, another number of labels, labels that are no whole numbers.
    MissingDependencyError
        When its library is not installed.
    """
    path = path.absolute()
    with open_archive(path) as archive:
        keys, layouts = _keys_and_layouts(archive, path)
        try:
            dimension = layouts[0].shape[1]
            head = head_of(
                archive, None if keys.columns is not None else dimension, [key for key in keys if key is not None]
            )
            if keys.columns is not None:
                named = width_of(archive.blocks(keys.columns, 0, block_rows(dimension)))
                _check_width(named, layouts[0].shape[0] * dimension)
                dimension = named if head is None else head.dimension
            if head is not None:
                head.check(head.classes, dimension)
            found = None if head is not None else archive.classes()
            names = checked_names(found) if found is not None else None if head is None else head.names
            texts = None
            if layouts[1].dtype.startswith(_TEXTS):
                texts = names = _told(archive, keys.labels, names, head)
        except FeaturesError as error:
            raise FeaturesError(f"{path}: {error}") from None
    return FileSource(path, keys, layouts, dimension, head, names, _fingerprint(path, layouts), texts)


def _told(archive: Archive, key: str, names: tuple[str, ...] | None, head: Head | None) -> tuple[str, ...]:
    """The classes of labels that are texts: those that head or file name, or else the labels themselves, sorted."""
    if names is not None:
        return names
    if head is not None:
        raise FeaturesError(f"{key} are texts, and the head beside them names no classes: give classes, one a row of W")
    found = set[str]()
    for block in archive.blocks(key, 0, 1 << 16):
        found.update(map(str, block.tolist()))
    _refuse_several(found, key)
    _refuse_blanks(found, key)
    return checked_names(sorted(found))


def _refuse_blanks(texts: set[str], key: str) -> None:
    """Texts that name no class, or one class in two ways."""
    bare: dict[str, str] = {}
    for text in sorted(texts):
        name = text.strip()
        if not name:
            raise FeaturesError(f"{key} has an empty text, {text!r}: leave samples without a label out")
        if name in bare:
            raise FeaturesError(
                f"{key} holds {bare[name]!r} and {text!r}, which differ in blanks alone: write each class in one way"
            )
        bare[name] = text


def _refuse_several(texts: set[str], key: str) -> None:
    """Texts of several labels each, and not of one: taken apart they are fewer than they are."""
    for mark in _MARKS:
        parts = {part.strip() for text in texts for part in text.split(mark)}
        if len(parts) < len(texts) and any(mark in text for text in texts):
            raise FeaturesError(
                f"{key} holds texts of several labels with {mark!r} between them: say `penultimate audit --separator "
                f"{mark!r}`, or heads; where each is one label, cast them to whole numbers, 0 … K − 1"
            )


def _keys_and_layouts(archive: Archive, path: Path) -> tuple[Keys, tuple[Layout, ...]]:
    names = archive.names()
    weights = _weights(archive, names, path)
    lists = path.suffix == ".parquet" and not named_as(names, LABELS) and column_of_sets(path, None, None) is not None
    if lists or ("indptr" in names and not named_as(names, LABELS)):
        raise FeaturesError(f"{path}: {_SEVERAL}")
    labels = find_array(names, LABELS, "labels", path)
    if {COLUMNS, VALUES} <= set(names) and not named_as(names, FEATURES):
        keys = Keys(VALUES, labels, weights, COLUMNS)
    else:
        keys = Keys(find_array(names, FEATURES, "features", path), labels, weights)
    layouts = tuple(archive.layout(key) for key in keys if key is not None)
    _check(keys, layouts, path)
    return keys, layouts


def _weights(archive: Archive, names: Sequence[str], path: Path) -> str | None:
    """The array of weights of samples; a lone ``weight`` of one dimension is meant as one, too."""
    found = named_as(names, WEIGHTS)
    found += [name for name in named_as(names, ("weight",)) if len(archive.layout(name).shape) == 1]
    return find_array(found, WEIGHTS, "weights of samples", path) if len(found) > 1 else next(iter(found), None)


def _check_width(width: int, values: int) -> None:
    """A log whose largest column is far beyond its values: one damaged number would make the work of a wide matrix."""
    most = min(max(values, _NARROW), _WIDEST)
    if not 0 < width <= most:
        raise FeaturesError(
            f"{COLUMNS}: the largest is {width - 1}, and there are {values} values in all: number them from 0 to "
            f"{most - 1} at most"
        )


def _check(keys: Keys, layouts: Sequence[Layout], path: Path) -> None:
    features, labels = layouts[0], layouts[1]
    if len(features.shape) != 2:
        raise FeaturesError(f"{path}: {keys.features} has shape {features.shape}: give one row a sample, (N, d)")
    if not all(features.shape):
        raise FeaturesError(f"{path}: {keys.features} has shape {features.shape}: give at least one sample and column")
    if features.shape[1] > _WIDEST:
        raise FeaturesError(f"{path}: {keys.features} has width {features.shape[1]}, and {_WIDEST} is the most")
    if features.dtype not in _FLOATS:
        raise FeaturesError(f"{path}: {keys.features} is {features.dtype}: cast it to one of {', '.join(_FLOATS)}")
    if len(labels.shape) == 2:
        raise FeaturesError(
            f"{path}: {keys.labels} has shape {labels.shape}, and {_SEVERAL}; one label a sample is one whole number"
        )
    if not labels.dtype.startswith(("int", "uint", *_TEXTS)):
        raise FeaturesError(
            f"{path}: {keys.labels} is {labels.dtype}: cast it to whole numbers, 0 … K − 1, or to texts"
        )
    _check_beside(keys, layouts, path)


def _check_beside(keys: Keys, layouts: Sequence[Layout], path: Path) -> None:
    """One label and weight for each sample, and of a log one column for each value."""
    features, *others = layouts
    held = dict(zip((key for key in keys[1:] if key is not None), others, strict=True))
    columns = held.pop(COLUMNS) if keys.columns is not None else None
    for key, layout in held.items():
        if layout.shape != features.shape[:1]:
            raise FeaturesError(
                f"{path}: {key} has shape {layout.shape} for {features.shape[0]} samples: give one for each sample"
            )
    if keys.weights is not None and not held[keys.weights].dtype.startswith(("float", "bfloat", "int", "uint")):
        raise FeaturesError(f"{path}: {keys.weights} is {held[keys.weights].dtype}: give numbers")
    if columns is not None and columns.shape != features.shape:
        raise FeaturesError(
            f"{path}: {COLUMNS} has shape {columns.shape} and {VALUES} {features.shape}: give the column of each value"
        )
    if columns is not None and not columns.dtype.startswith(("int", "uint")):
        raise FeaturesError(f"{path}: {COLUMNS} is {columns.dtype}: cast it to whole numbers, 0 … d − 1")


def _native(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _fingerprint(path: Path, layouts: Sequence[Layout]) -> str:
    digest = hashlib.sha256(repr([tuple(layout) for layout in layouts]).encode())
    for file in _files(path):
        status = file.stat()
        digest.update(f"{file.relative_to(path.parent)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    return list(NpySet(path).files.values()) if format_of(path) == ".npy" else [path]
