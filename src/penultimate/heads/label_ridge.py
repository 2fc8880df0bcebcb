"""Least squares on 0 and 1 for many labels and many weight decays, from one eigendecomposition."""

from typing import Self

import numpy as np
from jaxtyping import Bool, Float


class LabelRidge:
    """Scores that minimise ``1/(2N) Σ ‖Wᵀ h + b − y‖² + (λ/2) ‖W‖²``, for any λ.

    Parameters
    ----------
    rows : ndarray of shape (N, r), float32
    truth : ndarray of bool of shape (N, K)

    Attributes
    ----------
    weights : ndarray of shape (r, K)
    biases : ndarray of shape (K,)
    """

    weights: Float[np.ndarray, "r K"]
    biases: Float[np.ndarray, " K"]

    def __init__(self, rows: Float[np.ndarray, "N r"], truth: Bool[np.ndarray, "N K"]) -> None:
        self._shares = truth.mean(axis=0)
        self._centre = rows.mean(axis=0, dtype=np.float64)
        centred = rows - self._centre.astype(np.float32)
        self._values, self._vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64) / len(rows))
        # Centred rows make the mean of the labels drop out.
        self._along = self._vectors.T @ (centred.T @ truth.astype(np.float32)).astype(np.float64) / len(rows)

    def fit(self, weight_decay: float) -> Self:
        """Note the weights for one λ."""
        self.weights = self._vectors @ (self._along / (np.maximum(self._values, 0.0) + weight_decay)[:, None])
        self.biases = self._shares - self._centre @ self.weights
        return self

    def scores(self, rows: Float[np.ndarray, "n r"]) -> Float[np.ndarray, "n K"]:
        """Of other rows."""
        return rows @ self.weights.astype(np.float32) + self.biases.astype(np.float32)
