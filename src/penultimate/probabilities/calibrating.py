"""Calibration of probabilities on samples with known classes: one temperature and one shift for every class."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

# Keeps the shift of a class with hardly a sample near that of the others; against it stand N samples.
_PRIOR = 1e-2
# A probability of zero has no logarithm: below this one model's zeros are as good as another's.
_LEAST = 1e-12
_MAX_ITER = 500


def fit_calibration(p: Float[np.ndarray, "N K"], labels: Int[np.ndarray, " N"]) -> Float[np.ndarray, " K1"]:
    """Fit ``softmax(a log p + b)`` by cross-entropy: bias-corrected temperature scaling.

    Parameters
    ----------
    p : ndarray of shape (N, K)
        Rows sum to 1.
    labels : ndarray of int of shape (N,)

    Returns
    -------
    ndarray of shape (K + 1,)
        log a, then b: what `calibrated` takes.

    Notes
    -----
    Alexandari, Kundaje and Shrikumar 2020 (arXiv 1901.06852). Afterwards the mean probability of each class is its
    share of the samples, but for the little that the prior holds.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.probabilities.calibrating import calibrated, fit_calibration
    >>> p = np.array([[0.999, 0.001], [0.001, 0.999]]).repeat(50, axis=0)
    >>> labels = (np.arange(100) >= 50) ^ (np.arange(100) % 10 == 0)        # the model is right in nine of ten
    >>> calibrated(p, fit_calibration(p, labels.astype(int)))[[0, -1]].round(2)
    array([[0.9, 0.1],
           [0.1, 0.9]])
    """
    logs = np.log(np.maximum(p, _LEAST))
    own = np.arange(len(labels)), labels

    def objective(numbers: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scaled = logs * np.exp(numbers[0])
        likely = log_softmax(scaled + numbers[1:], axis=1)
        slope = np.exp(likely)
        slope[own] -= 1.0
        gradient = np.concatenate([[float(np.sum(slope * scaled))], slope.sum(axis=0)])
        return _PRIOR / 2.0 * float(numbers @ numbers) - float(likely[own].sum()), gradient + _PRIOR * numbers

    found: Any = minimize(
        objective, np.zeros(p.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": _MAX_ITER}
    )
    return found.x


def calibrated(p: Float[np.ndarray, "N K"], numbers: Float[np.ndarray, " K1"]) -> Float[np.ndarray, "N K"]:
    """The probabilities after `fit_calibration`."""
    return softmax(np.log(np.maximum(p, _LEAST)) * np.exp(numbers[0]) + numbers[1:], axis=1)
