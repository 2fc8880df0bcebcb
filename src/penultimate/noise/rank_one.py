"""The best rank-one approximation of a tensor, by power iteration from its smallest mode."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# A norm that grows by less is final for a test against noise, whose norms scatter by 1; and steps at most.
_TOLERANCE, _STEPS = 1e-7, 200


def best_rank_one(tensor: Floats, start: Sequence[Floats] | None = None) -> tuple[float, list[Floats]]:
    """A largest product of a tensor with unit vectors, and the vectors.

    Parameters
    ----------
    tensor : ndarray of shape (m_1, …, m_p)
    start : sequence of ndarray, optional
        One unit vector a mode. By default the first left singular vector of the smallest mode's unfolding, then those
        of what is left after contracting with it: a random start stays among the many optima of the noise.

    Returns
    -------
    float
    list of ndarray
        Unit vectors, one a mode.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.noise.rank_one import best_rank_one
    >>> norm, vectors = best_rank_one(5.0 * np.einsum("i,j,k->ijk", [0.6, 0.8], [1.0, 0.0], [0.0, 1.0]))
    >>> round(norm, 6), np.abs(vectors[0]).round(6)
    (5.0, array([0.6, 0.8]))
    """
    vectors = _unfolded(tensor) if start is None else [np.asarray(vector, dtype=np.float64) for vector in start]
    norm = 0.0
    for _ in range(_STEPS):
        before = norm
        for mode in range(tensor.ndim):
            vector = _contracted(tensor, vectors, mode)
            norm = float(np.linalg.norm(vector))
            if norm == 0.0:
                return 0.0, vectors
            vectors[mode] = vector / norm
        if norm - before <= _TOLERANCE * norm:
            break
    return norm, vectors


def _contracted(tensor: Floats, vectors: Sequence[Floats], kept: int) -> Floats:
    """The tensor's product with the vectors of all modes but one; the last mode first, which costs least."""
    for mode in range(tensor.ndim - 1, -1, -1):
        if mode != kept:
            tensor = np.tensordot(tensor, vectors[mode], axes=(mode, 0))
    return tensor


def _unfolded(tensor: Floats) -> list[Floats]:
    if tensor.ndim == 1:
        norm = np.linalg.norm(tensor)
        return [tensor / norm if norm > 0 else np.eye(tensor.size)[0]]
    mode = int(np.argmin(tensor.shape))
    unfolding = np.moveaxis(tensor, mode, 0).reshape(tensor.shape[mode], -1)
    first = np.linalg.eigh(unfolding @ unfolding.T)[1][:, -1]
    vectors = _unfolded(np.tensordot(first, tensor, axes=(0, mode)))
    vectors.insert(mode, first)
    return vectors
