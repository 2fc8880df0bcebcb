"""Class weights as scikit-learn has them, from counts instead of labels."""

from collections.abc import Mapping
from typing import Any, Literal, cast

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.equivalents.weights import balanced_class_weights
from penultimate.errors import FeaturesError

ClassWeight = Mapping[Any, float] | Literal["balanced"] | None


def weights_by_label(
    given: ClassWeight, classes: NDArray[Any], counts: Float[np.ndarray, " K"]
) -> Float[np.ndarray, " K"]:
    """ω_k: 1, ``N / (K n_k)``, or what a mapping gives a label, 1 where it has none.

    Parameters
    ----------
    given : mapping of label to float, "balanced" or None
    classes : ndarray of shape (K,)
        Labels.
    counts : ndarray of shape (K,)
        Samples of each class; K above counts those that have any.

    Returns
    -------
    ndarray of shape (K,)

    Raises
    ------
    FeaturesError
        For anything else, unknown labels, and weights that are negative or not finite.
    """
    if given is None:
        return np.ones(counts.size)
    if isinstance(given, str):
        if given != "balanced":
            raise FeaturesError(f"class_weight={given!r}: give 'balanced', a weight for each label, or None")
        return balanced_class_weights(counts)
    labels = cast(list[Any], classes.tolist())
    strange = [label for label in given if label not in labels]
    weights = np.array([given.get(label, 1.0) for label in labels], dtype=np.float64)
    if strange or not np.all(np.isfinite(weights) & (weights >= 0)) or not (weights * counts).any():
        raise FeaturesError(f"class_weight={dict(given)!r}: give labels that occur, and weights of zero or above")
    return weights
