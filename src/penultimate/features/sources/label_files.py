"""Files of features with several labels a sample, their targets in the same files or in one of their own.

In the same file y is a matrix, or the rows of a sparse one (``indptr``, ``indices``), or a Parquet column of lists, or
of texts with a separator. A file of their own is any that `LabelScatter.read` takes.
"""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.archive import Archive, Layout
from penultimate.archives.blocks import block_rows
from penultimate.archives.formats import open_archive
from penultimate.counts.counted import sorted_labels
from penultimate.errors import FeaturesError, FileError, PenultimateError
from penultimate.features.array_names import FEATURES, LABELS, find_array, named_as
from penultimate.features.head import Head, checked_names, head_of
from penultimate.features.sources.opening import first_of_sets, shards_at
from penultimate.targets.by_sample import targets_by_sample
from penultimate.targets.matrices import scipy_sparse, spread_columns
from penultimate.targets.readers import column_of_sets

# The rows of a sparse matrix of 0 and 1, as scipy.sparse.save_npz names them.
_ENDS, _COLUMNS, _SHAPE = "indptr", "indices", "shape"


@dataclass(frozen=True)
class LabelFiles:
    """Features with targets, in one file or several shards.

    Attributes
    ----------
    paths : tuple of Path
    features : tuple of str
        The array of features in each.
    label_count, dimension : int
        K and d.
    head : Head or None
    names : sequence of str or None
        Of the labels.
    rows : csr_array of shape (N, K), or None
        Targets over all shards; None where y is a matrix beside the features.
    """

    paths: tuple[Path, ...]
    features: tuple[str, ...]
    label_count: int
    dimension: int
    head: Head | None
    names: Sequence[str] | None
    rows: Any | None

    @property
    def samples(self) -> tuple[int, ...]:
        """How many there are in each file."""
        found: list[int] = []
        for path, key in zip(self.paths, self.features, strict=True):
            with open_archive(path) as archive:
                found.append(archive.layout(key).shape[0])
        return tuple(found)

    def batches(self) -> Iterator[tuple[NDArray[np.floating], Any]]:
        """Features, and the rows of their targets."""
        done = 0
        for path, key in zip(self.paths, self.features, strict=True):
            with open_archive(path) as archive:
                size = block_rows(archive.layout(key).shape[1])
                blocks = archive.blocks(key, 0, size)
                if self.rows is None:
                    targets = find_array(archive.names(), LABELS, "labels", path)
                    yield from zip(blocks, archive.blocks(targets, 0, size), strict=True)
                    continue
                for block in blocks:
                    yield block, self.rows[done : done + len(block)]
                    done += len(block)

    def over(self, names: Sequence[str]) -> "LabelFiles":
        """The same over all labels that a head has, where label sets are of some of them."""
        if self.rows is None or self.names is None or not set(self.names) <= set(names):
            return self
        place = {name: k for k, name in enumerate(names)}
        rows = spread_columns(self.rows, [place[name] for name in self.names], len(names))
        return replace(self, label_count=len(names), names=tuple(names), rows=rows)


def holds_label_sets(path: "str | os.PathLike[str]", column: str | None = None, separator: str | None = None) -> bool:
    """Whether a path leads to features with several labels a sample; what cannot be read is left to its own reader.

    Parameters
    ----------
    path : path-like or bundled name
    column, separator : str, optional
        As for `open_label_sets`.

    Returns
    -------
    bool
    """
    if not os.path.exists(path) and not glob.has_magic(os.fspath(path)):
        return False
    try:
        shards = shards_at(path)[0]
        # Of a column of lists one shard may have lists of one label alone.
        looked_at = shards if shards[0].suffix == ".parquet" else shards[:1]
        return any(_form_of(shard, column, separator) for shard in looked_at)
    except PenultimateError:
        return False


def open_label_sets(
    path: "str | os.PathLike[str]",
    labels: "str | os.PathLike[str] | None" = None,
    *,
    column: str | None = None,
    separator: str | None = None,
) -> LabelFiles | None:
    """Open features with several labels a sample; None where there is one label a sample.

    Parameters
    ----------
    path : path-like
        As for `open_features`.
    labels : path-like, optional
        A file of the targets, one row for each sample of all shards together.
    column, separator : str, optional
        As for `LabelScatter.read`, for that file, or for the columns of Parquet.

    Returns
    -------
    LabelFiles or None

    Raises
    ------
    FileError
        When a file is missing, damaged, or has no features or labels.
    FeaturesError
        When features and targets do not fit.
    """
    files, of_head = shards_at(path)
    paths = first_of_sets(files)
    keys, samples, widths, heads = list[str](), 0, set[int](), list[Head]()
    for shard in paths:
        with open_archive(shard) as archive:
            keys.append(_features(archive, shard, alone=labels is not None))
            shape = archive.layout(keys[-1]).shape
            if len(shape) != 2:
                raise FeaturesError(f"{shard}: features have shape {shape}: give one row a sample, (N, d)")
            samples, widths = samples + shape[0], widths | {shape[1]}
            head = head_of(archive, shape[1], [keys[-1]])
            heads += [] if head is None else [head]
    if len(widths) > 1:
        raise FeaturesError(f"{path}: shards have features of widths {sorted(widths)}: give those of one run")
    head = Head.read(of_head) if of_head is not None else heads[0] if heads else None
    if labels is None:
        beside = _beside(paths, None if head is None else head.classes, column, separator)
        if beside is None:
            return None
        rows, names = beside
    else:
        rows, names = targets_by_sample(labels, column, separator=separator)
    if rows.shape[0] != samples:
        raise FeaturesError(
            f"{labels or path}: targets have shape {rows.shape} for {samples} samples: give one row for each sample"
        )
    if names is None:
        with open_archive(paths[0]) as archive:
            given = archive.classes() if head is None else head.names
        names = None if given is None else checked_names(given, rows.shape[1])
    held = None if isinstance(rows, Layout) else rows
    found = LabelFiles(tuple(paths), tuple(keys), rows.shape[1], widths.pop(), head, names, held)
    return found if head is None or head.names is None else found.over(head.names)


def _features(archive: Archive, path: Path, *, alone: bool) -> str:
    """The array of features; where labels are elsewhere, a lone matrix of any name is one."""
    held = archive.names()
    if alone and path.suffix == ".npy":
        return next(key for key in held if path.stem.endswith(key))
    matrices = [name for name in held if len(archive.layout(name).shape) == 2] if alone else []
    return matrices[0] if len(matrices) == 1 else find_array(held, FEATURES, "features", path)


def _form_of(path: Path, column: str | None, separator: str | None) -> str | None:
    """In what form a file holds label sets: "matrix", "sparse" or "column"; None for one label a sample."""
    with open_archive(path) as archive:
        held = archive.names()
        if _ENDS in held:
            return "sparse"
        if path.suffix == ".parquet" and column_of_sets(path, column, separator) is not None:
            return "column"
        targets = named_as(held, LABELS)
        return "matrix" if len(targets) == 1 and len(archive.layout(targets[0]).shape) == 2 else None


def _beside(
    paths: Sequence[Path], classes: int | None, column: str | None, separator: str | None
) -> tuple[Any, Sequence[str] | None] | None:
    """Targets in the files of the features: their rows, or the layout of a matrix; and names, if they have any."""
    forms = [_form_of(path, column, separator) for path in paths]
    if not any(forms):
        with open_archive(paths[0]) as archive:
            find_array(archive.names(), LABELS, "labels", paths[0])  # says what is missing
        return None
    if "column" in forms:
        return _joined([targets_by_sample(path, column, separator=separator) for path in paths])
    parts: list[Any] = [_part(path, classes) for path in paths]
    sparse = [part for part in parts if not isinstance(part, Layout)]
    width = max(part.shape[1] for part in parts)
    for path, part in zip(paths, parts, strict=True):
        if isinstance(part, Layout) and part.shape[1] != width:
            raise FeaturesError(f"{path}: targets have shape {part.shape}, and {width} columns elsewhere: give all one")
    if not sparse:
        return Layout((sum(part.shape[0] for part in parts), width), parts[0].dtype), None
    for part in sparse:
        part.resize(part.shape[0], width)
    rows = [_read(path) if isinstance(part, Layout) else part for path, part in zip(paths, parts, strict=True)]
    return scipy_sparse().vstack(rows, format="csr"), None


def _part(path: Path, classes: int | None) -> Any:
    """The targets of a shard: rows of a sparse matrix, or the layout of one that is not."""
    with open_archive(path) as archive:
        if _ENDS in archive.names():
            return _sparse(archive, path, classes)
        layout = archive.layout(find_array(archive.names(), LABELS, "labels", path))
    if len(layout.shape) != 2:
        raise FeaturesError(f"{path}: targets have shape {layout.shape}: give all shards one column a label")
    return layout


def _read(path: Path) -> Any:
    with open_archive(path) as archive:
        return scipy_sparse().csr_array(archive.read(find_array(archive.names(), LABELS, "labels", path)))


def _joined(parts: Sequence[tuple[Any, Sequence[str] | None]]) -> tuple[Any, Sequence[str] | None]:
    """Rows of all shards over the labels of any."""
    names = sorted_labels({name for _, own in parts for name in own or ()})
    place = {name: k for k, name in enumerate(names)}
    rows = [spread_columns(part, [place[name] for name in own or ()], len(names)) for part, own in parts]
    return scipy_sparse().vstack(rows, format="csr"), tuple(names)


def _sparse(archive: Archive, path: Path, labels: int | None) -> Any:
    """The targets of a file that holds the columns that are on, row by row."""
    held = archive.names()
    if _COLUMNS not in held:
        raise FileError(f"{path}: there is {_ENDS} without {_COLUMNS}: give both, as scipy.sparse names them")
    ends, columns = archive.read(_ENDS).astype(np.int64), archive.read(_COLUMNS).astype(np.int64)
    if _SHAPE in held:
        labels = int(archive.read(_SHAPE)[1])
    known = int(columns.max(initial=-1)) + 1 if labels is None else labels
    whole = ends.size > 0 and ends[0] == 0 and ends[-1] == columns.size and bool(np.all(np.diff(ends) >= 0))
    if not whole or (columns.size and (columns.min() < 0 or columns.max() >= known)):
        raise FeaturesError(
            f"{path}: {_ENDS} and {_COLUMNS} are no rows of a matrix with {known} columns: write them anew"
        )
    return scipy_sparse().csr_array((np.ones(columns.size), columns, ends), shape=(ends.size - 1, known))
