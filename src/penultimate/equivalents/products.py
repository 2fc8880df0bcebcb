"""Products with many symmetric matrices at once."""

import numpy as np
from jaxtyping import Float


def congruent(matrices: Float[np.ndarray, "G d d"], root: Float[np.ndarray, "d d"]) -> Float[np.ndarray, "G d d"]:
    """``Rᵀ A R`` for symmetric matrices A, in two products for all of them."""
    half = (matrices.reshape(-1, len(root)) @ root).reshape(matrices.shape)
    return (half.swapaxes(1, 2).reshape(-1, len(root)) @ root).reshape(matrices.shape)


def quadratic_forms(rows: Float[np.ndarray, "N d"], matrices: Float[np.ndarray, "G d d"]) -> Float[np.ndarray, "N G"]:
    """``xᵀ B x`` for every row and matrix."""
    forms = np.empty((len(rows), len(matrices)), dtype=rows.dtype)
    for i, matrix in enumerate(matrices):
        forms[:, i] = np.einsum("nd,nd->n", rows @ matrix, rows)
    return forms
