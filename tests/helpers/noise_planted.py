"""Matrices of noise with directions planted in them."""

from collections.abc import Sequence

import numpy as np


def planted(
    shape: tuple[int, int], strengths: Sequence[float] | np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Orthonormal vectors over rows and columns, and the matrix that has them at these strengths."""
    left, right = (np.linalg.qr(rng.standard_normal((side, len(strengths))))[0] for side in shape)
    return left, right, (left * np.asarray(strengths)) @ right.T
