"""One head from several: their scores are added, with weights found on samples that none of them learned from.

A weighted sum of scores is the logarithmic pool of the heads' probabilities, and is linear as they are. The weights are
those of largest posterior probability: balanced log loss, times the samples that the class weights leave
(``1 / Σ w²``), and independent normal priors around one head alone, of variance 1/J, so that J weights together are
expected to stray by one. Few samples leave that head as it is; many mix whatever is better. (Of several heads that the
weight is on before, each has its share.)
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.heads.softmax import balanced_weights, cross_entropy, descend

_MAX_ITER = 200
_TOL = 1e-5
# Beyond any weight that helps; below zero a head would be believed by turning it round.
_BOUNDS = (0.0, 10.0)
# Lower scores would have slopes that no descent survives.
_NEVER = -1e3


def pool_weights(
    scores: Float[np.ndarray, "J N K"], labels: Int[np.ndarray, " N"], centre: Sequence[int]
) -> Float[np.ndarray, " J"]:
    """Weights of J heads in the logarithmic pool of their probabilities.

    Parameters
    ----------
    scores : ndarray of shape (J, N, K)
        Of each head for each sample, at temperature 1. What lies a thousand below the largest is never the answer,
        however far it lies.
    labels : ndarray of shape (N,)
    centre : sequence of int
        The heads that the weight is on, alike, before any sample is seen.

    Returns
    -------
    ndarray of shape (J,)
        Not negative.

    Notes
    -----
    Logarithmic pools: Genest and Zidek 1986 (Statistical Science 1, 114). Weights of cross-validated scores: stacking,
    Wolpert 1992 (Neural Networks 5, 241). The prior is this project's (docs/theory §13.5).

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.heads.comparison.blending import pool_weights
    >>> labels = np.arange(300) % 3
    >>> right = 2.0 * np.eye(3)[labels]
    >>> pool_weights(np.stack([0.0 * right, right]), labels, centre=[0]).round(1)
    array([1. , 2.7])
    """
    heads, _, classes = scores.shape
    scores = np.maximum(scores - scores.max(axis=2, keepdims=True), _NEVER)
    weights = balanced_weights(labels, classes)
    strength = heads * float(weights @ weights)
    start = np.zeros(heads)
    start[list(centre)] = 1.0 / len(centre)

    def objective(shares: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        sums = np.tensordot(shares.astype(scores.dtype), scores, 1)
        value, slope = cross_entropy(sums, labels, weights)
        away = shares - start
        gradient = np.tensordot(scores, slope, 2).astype(np.float64) + strength * away
        return value + 0.5 * strength * float(away @ away), gradient

    return descend(objective, start, _MAX_ITER, _TOL, [_BOUNDS] * heads)[0]
