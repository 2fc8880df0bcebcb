"""The parts of scikit-learn that heads are made of, with the types that it does not ship."""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

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
    return _validation.validate_data(estimator, X, reset=False, dtype=_FLOATS)


def checked_features(estimator: BaseEstimator, X: object) -> NDArray[np.floating]:
    """Features as finite floats, whose width is noted."""
    return _validation.validate_data(estimator, X, dtype=_FLOATS)


def checked_samples(estimator: BaseEstimator, X: object, y: object) -> tuple[NDArray[np.floating], NDArray[Any]]:
    """Features as finite floats, whose width is noted, and one class label for each row."""
    rows, labels = _validation.validate_data(estimator, X, y, dtype=_FLOATS)
    _multiclass.check_classification_targets(labels)
    return rows, labels


def checked_targets(estimator: BaseEstimator, X: object, y: object) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features as finite float64, whose width is noted, and one finite number for each row."""
    rows, targets = _validation.validate_data(estimator, X, y, dtype=np.float64, y_numeric=True)
    return rows, targets.astype(np.float64)
