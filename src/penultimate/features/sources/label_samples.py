"""Features with several labels a sample, all in memory: arrays, or files of named arrays."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from penultimate.archives.formats import open_archive
from penultimate.counts.class_names import NumberedNames
from penultimate.errors import CountsError, FeaturesError, PenultimateError
from penultimate.features.arrays import as_features, usable_rows
from penultimate.features.head import Head, checked_names
from penultimate.features.sources.label_files import LabelFiles, holds_label_sets, open_label_sets
from penultimate.targets.indicators import indicators_of

_GROUPS = "groups"


class LabelSamples(NamedTuple):
    """Features, and which labels each sample has.

    Attributes
    ----------
    features : ndarray of shape (M, d), float32
    truth : ndarray of bool of shape (M, K)
    names : sequence of str
        Of the labels.
    groups : ndarray of shape (M,), optional
        Samples that belong together.
    head : Head, optional
        The one beside them.
    """

    features: Float[np.ndarray, "M d"]
    truth: Bool[np.ndarray, "M K"]
    names: Sequence[str]
    groups: NDArray[Any] | None = None
    head: Head | None = None


def label_samples(given: object, column: str | None = None, separator: str | None = None) -> LabelSamples | None:
    """Features with several labels a sample; None where there is one, or that cannot be told.

    Parameters
    ----------
    given : path-like, or (features, labels)
        A file, folder or glob as for `open_label_sets`, which may hold ``groups`` (N,), or two of them, the other with
        the labels; or two arrays, labels as for `LabelScatter.from_labels`.
    column, separator : str, optional
        Of files, as for `LabelScatter.read`.

    Returns
    -------
    LabelSamples or None

    Raises
    ------
    FeaturesError
        When features hold NaN or infinity, labels are other than 0 and 1, or rows, names or head do not fit.
    FileError
        When the file is damaged.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.features.sources.label_samples import label_samples
    >>> label_samples((np.zeros((2, 3)), [["cat", "pet"], []])).names
    ('cat', 'pet')
    """
    pair = cast(tuple[object, ...], given) if isinstance(given, tuple) else (given, None)
    if len(pair) != 2:
        return None
    if isinstance(given, tuple) and not all(isinstance(one, str | os.PathLike) for one in pair):
        return _checked(*pair, None, None, None, "the arrays")
    if not isinstance(pair[0], str | os.PathLike):
        return None
    path, labels = os.fspath(cast("str | os.PathLike[str]", pair[0])), pair[1]
    if labels is None and not holds_label_sets(path, column, separator):
        return None
    files = open_label_sets(path, cast("str | os.PathLike[str] | None", labels), column=column, separator=separator)
    if files is None:
        return None
    rows, targets = zip(*files.batches(), strict=True)
    held = np.concatenate(targets) if files.rows is None else files.rows
    return _checked(np.concatenate(rows), held, files.names, _groups(files), files.head, path)


def _groups(files: LabelFiles) -> NDArray[Any] | None:
    """Of all shards; None where none has any."""
    found: list[NDArray[Any]] = []
    for path in files.paths:
        with open_archive(path) as archive:
            if _GROUPS in archive.names():
                found.append(archive.read(_GROUPS))
    if found and len(found) < len(files.paths):
        raise FeaturesError("some shards have groups and some have none: give them in all or in none")
    return np.concatenate(found) if found else None


def _checked(
    features: object,
    labels: object,
    named: Sequence[object] | None,
    groups: NDArray[Any] | None,
    head: Head | None,
    what: str,
) -> LabelSamples:
    try:
        rows = as_features(features).astype(np.float32)
        if rows.ndim != 2 or not rows.size:
            raise FeaturesError(f"features have shape {rows.shape}: give at least one sample and one column")
        usable_rows(rows, 0, gaps="refuse")
        truth, names = indicators_of(labels, None if named is None else checked_names(named, None))
        if len(truth) != len(rows):
            raise FeaturesError(f"labels have {len(truth)} rows for {len(rows)} samples: give one for each")
        if groups is not None and groups.shape != (len(rows),):
            raise FeaturesError(f"groups have shape {groups.shape} for {len(rows)} samples: give one for each")
        if head is not None:
            head.check(len(names), rows.shape[1])
    except (CountsError, FeaturesError) as error:
        kind: type[PenultimateError] = type(error)
        raise kind(f"{what}: {error}") from None
    return LabelSamples(rows, truth, names, groups, head)


def together(train: LabelSamples, valid: LabelSamples) -> tuple[LabelSamples, LabelSamples]:
    """Both with the same columns: those of TRAIN, then labels that only VALID has.

    Parameters
    ----------
    train, valid : LabelSamples

    Returns
    -------
    LabelSamples, LabelSamples

    Raises
    ------
    FeaturesError
        When nobody named either side and widths differ, and for a label that TRAIN and its head lack.
    """
    if isinstance(valid.names, NumberedNames) or isinstance(train.names, NumberedNames):
        if len(valid.names) != len(train.names):
            raise FeaturesError(
                f"VALID has {len(valid.names)} labels and TRAIN {len(train.names)}: give those of one task"
            )
        return train, valid._replace(names=train.names)
    strange = [name for name in valid.names if name not in set(train.names)]
    if strange and train.head is not None:
        raise FeaturesError(f"VALID has label {strange[0]!r}, which TRAIN and its head lack: drop it")
    names = (*train.names, *strange)
    return _over(train, names), _over(valid, names)


def _over(samples: LabelSamples, names: Sequence[str]) -> LabelSamples:
    place = {name: k for k, name in enumerate(names)}
    truth = np.zeros((len(samples.truth), len(names)), dtype=bool)
    truth[:, [place[name] for name in samples.names]] = samples.truth
    return samples._replace(truth=truth, names=names)
