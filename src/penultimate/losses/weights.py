"""Class weights, as the literature makes them from counts."""

import math

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from penultimate.counts.given import Counts, counts_of
from penultimate.errors import ProblemError


def inverse_weights(counts: Counts) -> Float[np.ndarray, " K"]:
    """``1/n``; 1 for classes without samples, which take no part."""
    counts = counts_of(counts)
    return 1.0 / np.where(counts.values > 0, counts.values, 1.0)


def effective_weights(counts: Counts, beta: float) -> Float[np.ndarray, " K"]:
    """``(1 − β)/(1 − β^n)`` (Cui et al. 2019, arXiv 1901.05555), without cancellation for β near 1.

    Raises
    ------
    ProblemError
        If β is not between 0 and 1.
    """
    counts = counts_of(counts)
    if not 0.0 < beta < 1.0:
        raise ProblemError(f"the β of effective numbers lies between 0 and 1, got {beta}: 0.999 is usual")
    n = np.where(counts.values > 0, counts.values, 1.0)
    return -(1.0 - beta) / np.expm1(n * math.log(beta))


def power_weights(counts: Counts, exponent: float) -> Float[np.ndarray, " K"]:
    """``n^(−ρ)``: none at ρ = 0, `inverse_weights` at ρ = 1; 1 for classes without samples.

    Raises
    ------
    ProblemError
        If ρ is not finite.
    """
    counts = counts_of(counts)
    if not math.isfinite(exponent):
        raise ProblemError(f"the exponent of weights n^(−ρ) must be a finite number, got {exponent}")
    # Over the largest count, lest a power of it overflow; only ratios matter.
    return np.where(counts.values > 0, counts.values / counts.largest, 1.0) ** -exponent


def normalised(weights: Float[np.ndarray, " m"], samples: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    """Weights of classes, or of groups of them, scaled to the mean 1 over all samples: PyTorch's weighted mean."""
    return weights * (math.fsum(samples) / math.fsum(weights * samples))


def as_vector(values: ArrayLike, what: str) -> Float[np.ndarray, " K"]:
    """One finite number a class.

    Raises
    ------
    ProblemError
        If it is no vector of finite numbers.
    """
    try:
        vector = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ProblemError(f"the {what} of a loss must be numbers, one for each class") from error
    if vector.ndim != 1:
        raise ProblemError(
            f"the {what} of a loss must be a vector, one number for each class; got shape {vector.shape}"
        )
    bad = np.flatnonzero(~np.isfinite(vector))
    if bad.size:
        raise ProblemError(f"the {what} of a loss must be finite, got {vector[bad[0]]} for class {bad[0]}")
    return vector


def as_positive(values: ArrayLike, what: str) -> Float[np.ndarray, " K"]:
    """One positive number a class.

    Raises
    ------
    ProblemError
        If one is not positive and finite.
    """
    vector = as_vector(values, what)
    bad = np.flatnonzero(vector <= 0)
    if bad.size:
        raise ProblemError(f"the {what} of a loss must be positive, got {vector[bad[0]]:g} for class {bad[0]}")
    return vector
