"""Files of features with several labels a sample: y is a matrix, or the rows of a sparse one."""

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.archive import Archive
from penultimate.archives.blocks import block_rows
from penultimate.archives.formats import open_archive
from penultimate.errors import FeaturesError, FileError, PenultimateError
from penultimate.features.head import Head, checked_names, head_of
from penultimate.features.sources.file import FEATURES, LABELS, find_array
from penultimate.features.sources.opening import shards_at
from penultimate.targets.matrices import scipy_sparse

# The rows of a sparse matrix of 0 and 1, as scipy.sparse.save_npz names them.
_ENDS, _COLUMNS, _SHAPE = "indptr", "indices", "shape"


class LabelFiles(NamedTuple):
    """Features with targets, in one file or several shards.

    Attributes
    ----------
    paths : tuple of Path
    labels, dimension : int
        K and d.
    head : Head or None
    names : tuple of str or None
        Of the labels.
    """

    paths: tuple[Path, ...]
    labels: int
    dimension: int
    head: Head | None
    names: tuple[str, ...] | None

    def batches(self) -> Iterator[tuple[NDArray[np.floating], Any]]:
        """Features, and the rows of their targets."""
        for path in self.paths:
            with open_archive(path) as archive:
                features = find_array(archive.names(), FEATURES, "features", path)
                size = block_rows(archive.layout(features).shape[1])
                blocks = archive.blocks(features, 0, size)
                if _ENDS in archive.names():
                    yield from _beside(blocks, _sparse(archive, path, self.labels), path)
                else:
                    targets = find_array(archive.names(), LABELS, "labels", path)
                    yield from zip(blocks, archive.blocks(targets, 0, size), strict=True)


def holds_label_sets(path: "str | os.PathLike[str]") -> bool:
    """Whether a path leads to features with several labels a sample; what cannot be read is left to its own reader.

    Parameters
    ----------
    path : path-like or bundled name

    Returns
    -------
    bool
    """
    if not os.path.exists(path) and not glob.has_magic(os.fspath(path)):
        return False
    try:
        with open_archive(shards_at(path)[0][0]) as archive:
            held = archive.names()
            targets = [name for name in held if name.casefold() in {name.casefold() for name in LABELS}]
            return _ENDS in held or (len(targets) == 1 and len(archive.layout(targets[0]).shape) == 2)
    except PenultimateError:
        return False


def open_label_sets(path: "str | os.PathLike[str]") -> LabelFiles | None:
    """Open features with several labels a sample; None where there is one label a sample.

    Parameters
    ----------
    path : path-like
        As for `open_features`.

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
    paths, beside = shards_at(path)
    first = paths[0]
    with open_archive(first) as archive:
        held = archive.names()
        shape = None if _ENDS in held else archive.layout(find_array(held, LABELS, "labels", first)).shape
        if shape is not None and len(shape) != 2:
            return None
        features = archive.layout(find_array(held, FEATURES, "features", first))
        if len(features.shape) != 2:
            raise FeaturesError(f"{first}: features have shape {features.shape}: give one row a sample, (N, d)")
        head = head_of(archive) if beside is None else Head.read(beside)
        if shape is None:
            shape = _sparse(archive, first, None if head is None else head.classes).shape
        if shape[0] != features.shape[0]:
            raise FeaturesError(
                f"{first}: targets have shape {shape} for {features.shape[0]} samples: give one row for each sample"
            )
        found = archive.classes() if head is None else head.names
    names = None if found is None else checked_names(found, shape[1])
    return LabelFiles(tuple(paths), shape[1], features.shape[1], head, names)


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


def _beside(blocks: Iterator[NDArray[Any]], targets: Any, path: Path) -> Iterator[tuple[NDArray[np.floating], Any]]:
    done = 0
    for block in blocks:
        yield block, targets[done : done + len(block)]
        done += len(block)
    if done != targets.shape[0]:
        raise FeaturesError(f"{path}: targets have {targets.shape[0]} rows for {done} samples: give one row for each")
