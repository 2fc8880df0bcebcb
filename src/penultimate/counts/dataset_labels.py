"""Labels of torchvision and Hugging Face data sets, found by their shape: neither library is imported."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from penultimate.counts.lazy_columns import column_of
from penultimate.counts.unwrapping import as_array_or_list
from penultimate.errors import CountsError


class DatasetLabels(NamedTuple):
    """Labels of a data set, and its class names where it has them.

    Attributes
    ----------
    labels : array-like of shape (N,)
        One label for each sample.
    names : sequence of str or None
        Class names in label order.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from penultimate.counts.dataset_labels import labels_of
    >>> labels_of(SimpleNamespace(targets=[0, 1, 1], classes=["cat", "dog"])).names
    ['cat', 'dog']
    """

    labels: object
    names: Sequence[str] | None


def labels_of(dataset: Any, column: str | None = None) -> DatasetLabels:
    """Find the labels of a data set.

    Parameters
    ----------
    dataset : object
        With ``targets`` or ``labels`` (and perhaps ``classes``), as in torchvision; with ``features`` and
        ``column_names``, as in Hugging Face's ``datasets``; or with ``dataset`` and ``indices``, a subset of another.
    column : str, optional
        Label column of a Hugging Face data set; by default the one of type ``ClassLabel``.

    Returns
    -------
    DatasetLabels

    Raises
    ------
    CountsError
        When the data set has none of these, or the column is missing or not unique.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from penultimate.counts.dataset_labels import labels_of
    >>> whole = SimpleNamespace(targets=[0, 1, 1], classes=["cat", "dog"])
    >>> labels_of(SimpleNamespace(dataset=whole, indices=[0, 2])).labels
    [0, 1]
    """
    # Subsets first: some forward unknown attributes to the whole set, whose targets are not theirs.
    if hasattr(dataset, "dataset") and hasattr(dataset, "indices"):
        return _of_subset(labels_of(dataset.dataset, column), dataset.indices)
    if isinstance(getattr(dataset, "features", None), Mapping) and hasattr(dataset, "column_names"):
        return _of_table(dataset, column)
    for attribute in ("targets", "labels"):
        if getattr(dataset, attribute, None) is not None:
            return DatasetLabels(getattr(dataset, attribute), getattr(dataset, "classes", None))
    splits = [repr(split) for split in cast(Mapping[Any, Any], dataset)] if isinstance(dataset, Mapping) else []
    if splits:
        raise CountsError(
            f"this is a mapping of data sets: give one of them, as dataset[{splits[0]}] of {', '.join(splits)}"
        )
    kind = type(cast(object, dataset)).__name__
    raise CountsError(
        f"no labels found in the data set of type {kind}: looked for "
        "targets or labels (torchvision), features and column_names (Hugging Face, one split), "
        "dataset and indices (Subset); collect the labels and use ClassCounts.from_labels"
    )


def _of_subset(whole: DatasetLabels, indices: Any) -> DatasetLabels:
    labels = as_array_or_list(whole.labels)
    if isinstance(labels, list):
        return DatasetLabels([labels[index] for index in indices], whole.names)
    return DatasetLabels(labels[np.asarray(indices, dtype=np.intp)], whole.names)


def _of_table(dataset: Any, column: str | None) -> DatasetLabels:
    features = cast(Mapping[str, Any], dataset.features)
    name = _only_label_column(features) if column is None else column
    if name not in features:
        raise CountsError(f"the data set has no column {name!r}: choose one of {', '.join(features)}")
    return DatasetLabels(column_of(dataset, name), getattr(features[name], "names", None))


def _only_label_column(features: Mapping[str, Any]) -> str:
    candidates = [name for name, feature in features.items() if hasattr(feature, "names")]
    if len(candidates) == 1:
        return candidates[0]
    found = f"columns {', '.join(candidates)} are all" if candidates else "no column is"
    raise CountsError(f"{found} of type ClassLabel: choose the label column with column=, one of {', '.join(features)}")
