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
from penultimate.features.arrays import as_features
from penultimate.features.head import Head, checked_names
from penultimate.features.sources.label_files import LabelFiles, holds_label_sets, open_label_sets
from penultimate.features.statistics import FeatureStatistics
from penultimate.targets.indicators import indicators_of
from penultimate.targets.matrices import scipy_sparse

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


def label_samples(given: object) -> LabelSamples | None:
    """Features with several labels a sample; None where there is one, or that cannot be told.

    Parameters
    ----------
    given : path-like, or (features, labels)
        A file, folder or glob as for `open_label_sets`, which may hold ``groups`` (N,); or two arrays, labels as for
        `LabelScatter.from_labels`.

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
    if isinstance(given, tuple) and len(cast(tuple[object, ...], given)) == 2:
        features, labels = cast(tuple[object, object], given)
        return _checked(features, labels, None, None, None, "the arrays")
    if not isinstance(given, str | os.PathLike):
        return None
    path = cast("str | os.PathLike[str]", given)
    files = open_label_sets(path) if holds_label_sets(path) else None
    if files is None:
        return None
    features, targets = zip(*files.batches(), strict=True)
    sparse = any(hasattr(block, "tocsr") for block in targets)
    labels = scipy_sparse().vstack(targets) if sparse else np.concatenate(targets)
    return _checked(np.concatenate(features), labels, files.names, _groups(files), files.head, os.fspath(path))


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
        FeatureStatistics.finite(rows, 0, gaps="refuse")
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


def in_order(samples: LabelSamples, names: Sequence[str]) -> LabelSamples:
    """The same with columns in another order of names; labels that samples lack are off.

    Parameters
    ----------
    samples : LabelSamples
    names : sequence of str

    Returns
    -------
    LabelSamples

    Raises
    ------
    FeaturesError
        When names are others, or nobody named either side and widths differ.
    """
    if isinstance(samples.names, NumberedNames) or isinstance(names, NumberedNames):
        if len(samples.names) != len(names):
            raise FeaturesError(f"VALID has {len(samples.names)} labels and TRAIN {len(names)}: give those of one task")
        return samples._replace(names=names)
    place = {name: k for k, name in enumerate(names)}
    strange = [name for name in samples.names if name not in place]
    if strange:
        raise FeaturesError(f"VALID has label {strange[0]!r}, which TRAIN lacks: nothing can be fitted to it; drop it")
    truth = np.zeros((len(samples.truth), len(names)), dtype=bool)
    truth[:, [place[name] for name in samples.names]] = samples.truth
    return samples._replace(truth=truth, names=names)
