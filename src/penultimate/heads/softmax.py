"""Weighted cross-entropy of a softmax with its gradient, and the weights that make classes count alike."""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize

from penultimate.heads.scikit import ConvergenceWarning

# Range of the temperature, as a logarithm: a factor of 1,000 either way.
_DECADES = float(np.log(1e3))


def balanced_weights(labels: Int[np.ndarray, " N"], classes: int) -> Float[np.ndarray, " N"]:
    """Weights that sum to 1 and give every class that has samples the same sum."""
    counts = np.bincount(labels, minlength=classes)
    return 1.0 / (np.count_nonzero(counts) * counts[labels])


def by_class(scores: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N K"]:
    """The same scores, those of one class side by side in memory: sums over few classes are several times faster."""
    return np.asfortranarray(scores)


def log_losses(scores: Float[np.ndarray, "N K"], labels: Int[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """``−log softmax(s)_y`` of each row, in float64."""
    top = scores.max(axis=1, keepdims=True)
    sums = np.exp(scores - top).sum(axis=1, dtype=np.float64)
    return np.log(sums) + top[:, 0] - scores[np.arange(len(labels)), labels]


def cross_entropy(
    scores: Float[np.ndarray, "N K"], labels: Int[np.ndarray, " N"], weights: Float[np.ndarray, " N"]
) -> tuple[float, Float[np.ndarray, "N K"]]:
    """Weighted sum of the log losses, and its gradient with respect to the scores.

    Parameters
    ----------
    scores : ndarray of shape (N, K)
        Overwritten with the gradient.
    labels, weights : ndarray of shape (N,)

    Returns
    -------
    float, ndarray of shape (N, K)
    """
    rows = np.arange(len(labels))
    top = scores.max(axis=1, keepdims=True)
    own = scores[rows, labels].astype(np.float64)
    scores -= top
    np.exp(scores, out=scores)
    sums = scores.sum(axis=1, dtype=np.float64)
    value = float(weights @ (np.log(sums) + top[:, 0] - own))
    scores *= (weights / sums).astype(scores.dtype)[:, None]
    scores[rows, labels] -= weights.astype(scores.dtype)
    return value, scores


def descend(
    objective: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]],
    start: NDArray[np.float64],
    max_iter: int,
    tol: float,
    bounds: list[tuple[float, float]] | None = None,
) -> tuple[NDArray[np.float64], int]:
    """Minimise by SciPy's L-BFGS; warns when it stops early.

    Returns
    -------
    ndarray, int
        Where it ended, and after how many iterations.
    """
    options = {"maxiter": max_iter, "maxfun": 2 * max_iter, "gtol": tol, "ftol": 0.0}
    found = cast(Any, minimize)(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    if found.nit >= max_iter or found.nfev >= 2 * max_iter:
        slope = float(np.abs(found.jac).max())
        warnings.warn(
            f"not converged after {found.nit} iterations (gradient {slope:.1e}): raise max_iter, tol or the decay",
            ConvergenceWarning,
            stacklevel=2,
        )
    return found.x, int(found.nit)


def inverse_temperature(scores: Float[np.ndarray, "N K"], labels: Int[np.ndarray, " N"], classes: int) -> float:
    """The factor β on scores whose softmax has the least balanced log loss, which is convex in β.

    Parameters
    ----------
    scores : ndarray of shape (N, K)
        Finite; of all rows, or of some if there are many.
    labels : ndarray of shape (N,)
    classes : int
        K.

    Returns
    -------
    float
        Between 1e-3 and 1e3 of one over the scores' spread; 1 where all scores are equal.
    """
    weights = balanced_weights(labels, classes)
    scores = by_class(scores)
    centred = scores - scores.max(axis=1, keepdims=True)
    spread = float(np.median(-centred.min(axis=1) if classes == 2 else -np.partition(centred, -2, axis=1)[:, -2]))
    if not spread > 0:
        return 1.0
    # Scores of any size, and classes that are never the answer, in numbers that stay in range.
    spread = min(spread, float(np.finfo(centred.dtype).max) / 1e6)
    centred = np.maximum(centred, -1e6 * spread) / np.asarray(spread, dtype=centred.dtype)
    own = centred[np.arange(len(labels)), labels]

    shares = np.empty_like(centred)

    @cache  # brentq asks again at both ends
    def slope(log_factor: float) -> float:
        np.multiply(centred, np.asarray(np.exp(log_factor), dtype=centred.dtype), out=shares)
        np.exp(shares, out=shares)
        means = np.einsum("nk,nk->n", shares, centred) / shares.sum(axis=1)
        return float(weights @ (means - own))

    low, high = -_DECADES, _DECADES
    if slope(low) >= 0 or slope(high) <= 0:
        return float(np.exp(low if slope(low) >= 0 else high)) / spread
    return float(np.exp(brentq(slope, low, high, xtol=1e-3))) / spread
