"""The parts of scikit-learn that heads are made of, with the types that it does not ship."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from penultimate.errors import FeaturesError
from penultimate.features.arrays import plain_array
from penultimate.optional import needed

try:
    from sklearn.base import BaseEstimator as BaseEstimator
    from sklearn.base import ClassifierMixin as ClassifierMixin
    from sklearn.base import RegressorMixin as RegressorMixin
    from sklearn.exceptions import ConvergenceWarning as ConvergenceWarning
    from sklearn.utils import multiclass, validation
except ImportError:
    needed("sklearn", "heads", "a better head")  # says which extra brings it
    raise

_multiclass, _validation = cast(Any, multiclass), cast(Any, validation)
_FLOATS = [np.float64, np.float32]


def check_fitted(estimator: BaseEstimator) -> None:
    """Raise NotFittedError before `fit`."""
    _validation.check_is_fitted(estimator)


def checked_rows(estimator: BaseEstimator, X: object) -> NDArray[np.floating]:
    """Features as finite floats of the width that was fitted."""
    return _validated(estimator, X, reset=False)


def checked_features(estimator: BaseEstimator, X: object) -> NDArray[np.floating]:
    """Features as finite floats, whose width is noted."""
    return _validated(estimator, X)


def checked_samples(estimator: BaseEstimator, X: object, y: object) -> tuple[NDArray[np.floating], NDArray[Any]]:
    """Features as finite floats, whose width is noted, and one class label for each row."""
    rows, labels = _validated(estimator, X, y=plain_labels(y, "y"))
    _multiclass.check_classification_targets(labels)
    return rows, labels


def checked_targets(estimator: BaseEstimator, X: object, y: object) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features as finite float64, whose width is noted, and one finite number for each row."""
    rows, targets = _validated(estimator, X, y=plain_array(y, "y"), dtype=np.float64, y_numeric=True)
    return rows, targets.astype(np.float64)


def plain_labels(labels: object, what: str) -> object:
    """Labels that scikit-learn reads as they are meant: none masked, of one kind, and none missing among texts.

    Parameters
    ----------
    labels : array-like of shape (N,)
    what : str
        For the message.

    Returns
    -------
    array-like of shape (N,)

    Raises
    ------
    FeaturesError
        When some are masked, or some are texts and others are not.
    """
    plain = plain_array(labels, what)
    # NumPy would make a text "nan" of a number that is none, and cannot put None in order.
    kinds = _kinds(plain)
    texts = {kind for kind in kinds if issubclass(kind, str | bytes)}
    if type(None) in kinds or 0 < len(texts) < len(kinds):
        listed = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise FeaturesError(
            f"{what} holds labels of type {listed}: give all as texts or all as numbers, and leave samples without a "
            "label out"
        )
    return plain


def _kinds(labels: object) -> set[type]:
    """Types of labels that NumPy has no type of its own for, or would turn into one."""
    if isinstance(labels, list | tuple):
        return {type(one) for one in cast(Sequence[object], labels)}
    array = np.asarray(labels) if hasattr(labels, "__array__") else np.zeros(0)
    return {type(one) for one in cast(list[object], array.ravel().tolist())} if array.dtype.kind == "O" else set()


def _validated(estimator: BaseEstimator, X: object, **settings: Any) -> Any:
    plain = plain_array(X, "X")
    try:
        return _validation.validate_data(estimator, plain, **{"dtype": _FLOATS, **settings})
    except ValueError as error:
        if "array element with a sequence" not in str(error):
            raise
        raise FeaturesError(
            "X has cells that hold arrays or lists, or rows of different lengths: give one number a cell, of a column "
            "of embeddings numpy.stack(column)"
        ) from None
