"""How much each class weighs in a head that is not fitted yet."""

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.errors import ProblemError


def class_weights(given: object, counts: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
    """ω_k of a head: 1, ``N/(K n_k)`` for "balanced", or as given; ProblemError for anything else."""
    if given is None:
        return np.ones(counts.size)
    if isinstance(given, str):
        if given != "balanced":
            raise ProblemError(f"class_weight={given!r}: give 'balanced', one number for each class, or None")
        return counts.sum() / (counts.size * counts)
    return positive(given, counts.size, "class weights")


def positive(values: object, size: int, what: str) -> NDArray[np.float64]:
    """One positive number for each class; ProblemError for anything else."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (size,) or not np.all(np.isfinite(array) & (array > 0.0)):
        raise ProblemError(f"{what} must be {size} positive numbers, one for each class; got {values}")
    return array
