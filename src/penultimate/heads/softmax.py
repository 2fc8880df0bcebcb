"""Softmax, its weighted cross-entropy with gradient, and the weights that make classes count alike."""

import warnings
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.optimize import minimize

from penultimate.heads.scikit import ConvergenceWarning


def softmax(scores: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N K"]:
    """``exp(s) / Σ exp(s)`` of each row."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def balanced_weights(labels: Int[np.ndarray, " N"], classes: int) -> Float[np.ndarray, " N"]:
    """Weights that sum to 1 and give every class that has samples the same sum."""
    counts = np.bincount(labels, minlength=classes)
    return 1.0 / (np.count_nonzero(counts) * counts[labels])


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
    """The factor β on scores whose softmax has the least balanced log loss, by Newton's steps (it is convex in β).

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
    centred = scores - scores.max(axis=1, keepdims=True)
    centred = np.maximum(centred, -1e6)  # classes that are never the answer
    spread = float(np.median(-centred.min(axis=1) if classes == 2 else -np.partition(centred, -2, axis=1)[:, -2]))
    if not spread > 0:
        return 1.0
    own = centred[np.arange(len(labels)), labels]
    log_factor = -np.log(spread)
    middle = log_factor
    for _ in range(30):
        factor = np.exp(log_factor)
        shares = softmax(factor * centred)
        mean = np.einsum("nk,nk->n", shares, centred)
        slope = float(weights @ (mean - own)) * factor
        variance = np.einsum("nk,nk->n", shares, centred**2) - mean**2
        bend = float(weights @ variance) * factor**2 + abs(slope)
        step = float(np.clip(-slope / max(bend, 1e-300), -1.0, 1.0))
        log_factor = float(np.clip(log_factor + step, middle - 6.9, middle + 6.9))
        if abs(step) < 1e-3:
            break
    return float(np.exp(log_factor))
