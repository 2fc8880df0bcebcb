"""Whatever a user gives as features, as a source that can be streamed."""

from pathlib import Path

from penultimate import datasets
from penultimate.errors import FeaturesError
from penultimate.features.sources import ArraySource, FeatureSource, open_features
from penultimate.features.sources.dask_arrays import DaskArrays, is_dask_array


def source_of(features: object, labels: object = None) -> FeatureSource:
    """The features to stream: of a file, folder, glob or bundled name, of arrays, or of a source as it is.

    Parameters
    ----------
    features : FeatureSource, path, name, or array of shape (N, d)
        Of NumPy, PyTorch, Dask, or anything with ``__dlpack__``.
    labels : array-like of shape (N,), optional
        For arrays only.

    Returns
    -------
    FeatureSource

    Raises
    ------
    FeaturesError
        When an array has no labels, or a file is given some.
    FileError
        When a file cannot be read.
    """
    if isinstance(features, str | Path):
        if labels is not None:
            raise FeaturesError("labels are for arrays: a file holds its own, as y")
        if str(features) in datasets.feature_names() and not Path(features).exists():
            return datasets.features(str(features))
        return open_features(features)
    if is_dask_array(features):
        return DaskArrays(features, labels)
    if hasattr(features, "batches") and hasattr(features, "fingerprint"):
        return features  # pyright: ignore[reportReturnType]
    if labels is None:
        raise FeaturesError("an array of features needs labels: give one whole number for each row")
    return ArraySource(features, labels)
