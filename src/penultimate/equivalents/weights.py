"""How much each class weighs in a head."""

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.errors import ProblemError


def balanced_class_weights(counts: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
    """ω_k = ``N/(K n_k)``, K the number of classes that have samples; zero for one that has none."""
    seen = counts > 0
    return np.divide(counts.sum(), counts * np.count_nonzero(seen), out=np.zeros(counts.size), where=seen)


def weights_by_class(given: object, counts: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
    """ω_k of a head: 1, those of "balanced", or as given; ProblemError for anything else."""
    if given is None:
        return np.ones(counts.size)
    if isinstance(given, str):
        if given != "balanced":
            raise ProblemError(f"class_weight={given!r}: give 'balanced', one number for each class, or None")
        return balanced_class_weights(counts)
    return positive(given, counts.size, "class weights")


def positive(values: object, size: int, what: str) -> NDArray[np.float64]:
    """One positive number for each class; ProblemError for anything else."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (size,) or not np.all(np.isfinite(array) & (array > 0.0)):
        raise ProblemError(f"{what} must be {size} positive numbers, one for each class; got {values}")
    return array
