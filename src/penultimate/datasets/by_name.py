"""Whatever a user gives as features or as a head: an object, arrays, a file, or the name of bundled features."""

import os
from inspect import getattr_static
from pathlib import Path
from typing import cast

from penultimate import datasets
from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.features.sources import ArraySource, FeatureSource, open_features
from penultimate.features.sources.dask_arrays import DaskArrays, is_dask_array
from penultimate.features.sources.label_source import LabelSource


def source_of(features: object, labels: object = None) -> FeatureSource:
    """The features to stream: of a file, folder, glob or bundled name, of arrays, or of a source as it is.

    Parameters
    ----------
    features : FeatureSource, path, name, or array of shape (N, d)
        Of NumPy, PyTorch, Dask, or anything with ``__dlpack__``. A file goes before bundled features of its name.
    labels : array-like of shape (N,), optional
        For arrays only.

    Returns
    -------
    FeatureSource

    Raises
    ------
    FeaturesError
        When an array has no labels, a file is given some, or samples have several labels each.
    FileError
        When a file cannot be read.
    """
    if isinstance(features, str | os.PathLike):
        if labels is not None:
            raise FeaturesError("labels are for arrays: a file holds its own, as y")
        path = os.fspath(cast("str | os.PathLike[str]", features))
        return datasets.features(path) if _is_bundled(path) else open_features(path)
    if is_dask_array(features):
        return DaskArrays(features, labels)
    if is_source(features):
        return features  # pyright: ignore[reportReturnType]
    if isinstance(features, LabelSource):
        raise FeaturesError(
            "these samples have several labels each: use pen.audit_label_sets, or save() them and give the path"
        )
    if labels is None:
        raise FeaturesError(
            "an array of features needs labels, one whole number for each row: give pen.ArraySource(features, labels)"
        )
    return ArraySource(features, labels)


def is_source(given: object) -> bool:
    """Whether an object is a source of features, told without a look at what it holds."""
    # Asking the object itself would compute a fingerprint of it.
    return all(getattr_static(given, name, None) is not None for name in ("batches", "fingerprint"))


def head_given(
    head: object, key: str | None = None, *, classes: int | None = None, dimension: int | None = None
) -> Head:
    """The head that a user means: as it is, of a file, or beside bundled features of that name.

    Parameters
    ----------
    head : Head, path, or name
        A file goes before bundled features of its name.
    key, classes, dimension : optional
        As for `Head.read`.

    Returns
    -------
    Head

    Raises
    ------
    FeaturesError
        When it is none of these, or as `Head.read`.
    FileError
        As `Head.read`.
    """
    if isinstance(head, Head):
        return head
    if not isinstance(head, str | os.PathLike):
        raise FeaturesError(f"a head is a pen.Head or the path of a file that holds one, not {type(head).__name__}")
    path = os.fspath(cast("str | os.PathLike[str]", head))
    bundled = datasets.features(path).head if _is_bundled(path) else None
    return Head.read(path, key, classes=classes, dimension=dimension) if bundled is None else bundled


def _is_bundled(path: str) -> bool:
    """Whether this names bundled features, and no file."""
    return path in datasets.feature_names() and not Path(path).exists()
