"""A trained last layer against the minimiser of its own loss, in a few numbers (docs/theory §6).

With A = W(H̄ − h_G 1ᵀ)D of the network and A* of the forecast: how alike they are (`product_cosine`), how alike the
Gram matrices of class means and of head rows are (`gram_cosines`), and how far above its minimum the network's own
objective stands, features collapsed to their class means (`network_objective`).
"""

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from penultimate.audits.alignment import Alignment
from penultimate.audits.budgets import quadratic
from penultimate.audits.last_layer import LastLayer
from penultimate.features.blocks import sum_over_blocks
from penultimate.losses import Loss, resolve, unseen_shift
from penultimate.minimisers.solution import Solution
from penultimate.model.problem import Problem

# Above this many classes K × K arrays are not made.
_DENSE = 4096


class SeenHead:
    """``W_L ⋯ W_1`` without the shift of all logits that the loss does not see, and that decay alone shrinks.

    Rows are made when they are read.

    Parameters
    ----------
    layer : LastLayer
        The head.
    loss : str, CrossEntropy or SquaredError
        Of the training.
    """

    def __init__(self, layer: LastLayer, loss: str | Loss) -> None:
        self._head, self._shift = layer.head, unseen_shift(loss, layer.counts)
        self._along = np.zeros(layer.head.dimension)
        if (shift := self._shift) is not None:
            self._along = sum_over_blocks(*layer.head.shape, lambda place: shift[place] @ layer.head[place])
            self._along /= shift @ shift

    @property
    def shape(self) -> tuple[int, int]:
        """K and d."""
        return self._head.shape

    def __getitem__(self, place: Any, /) -> Float[np.ndarray, "b d"]:
        """Some rows, by a slice or their numbers."""
        rows = self._head[place]
        return rows if self._shift is None else rows - np.outer(self._shift[place], self._along)


def product_cosine(layer: LastLayer, alignment: Alignment, solution: Solution) -> float:
    """``⟨A, A*⟩ / (‖A‖ ‖A*‖)``, from strengths along the forecast's directions; NaN if either is zero.

    Parameters
    ----------
    layer : LastLayer
        Means and head.
    alignment : Alignment
        Of this layer along the directions of the solution.
    solution : Solution
        The forecast's.

    Returns
    -------
    float
    """
    expected = solution.strength[: alignment.sigma.size]
    inner = float(np.sum(alignment.multiplicity * alignment.strength * expected))
    own = float(quadratic(SeenHead(layer, solution.problem.loss), layer.between).sum())
    size = own * float(solution.multiplicity @ solution.strength**2)
    return inner / math.sqrt(size) if size > 0 else float("nan")


def gram_cosines(layer: LastLayer, solution: Solution) -> tuple[float, float]:
    """Cosines between the network's Gram matrices and the forecast's: of class means, and of the head ``W_L ⋯ W_1``.

    Parameters
    ----------
    layer : LastLayer
        Means and head.
    solution : Solution
        The forecast's.

    Returns
    -------
    means, head : float
        Over seen classes; 1 when they are proportional, NaN above 4096 classes.
    """
    seen = np.flatnonzero(layer.counts.values > 0).tolist()
    if len(seen) > _DENSE:
        return float("nan"), float("nan")
    head, geometry = SeenHead(layer, solution.problem.loss), solution.geometry
    pairs = ((layer.centred_means[seen], geometry.mean_gram), (head[seen], geometry.product_gram))
    of_means, of_head = (_cosine(rows @ rows.T, gram.block(seen, seen)) for rows, gram in pairs)
    return of_means, of_head


def _cosine(one: Float[np.ndarray, "k k"], other: Float[np.ndarray, "k k"]) -> float:
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.sum(one * other)) / size if size > 0 else float("nan")


def network_objective(layer: LastLayer, problem: Problem) -> float:
    """The objective of docs/theory §1 and §5 at the network's own layers and class means.

    Parameters
    ----------
    layer : LastLayer
        Means and head.
    problem : Problem
        With a feature decay.

    Returns
    -------
    float
        NaN above 4096 classes.
    """
    counts = layer.counts
    if counts.seen > _DENSE:
        return float("nan")
    alone = counts.split(np.arange(counts.classes))
    order = alone.representatives[:, 0]
    logits = layer.head.product[order] @ layer.centred_means[order].T + layer.bias[order][:, None]
    loss = resolve(problem.loss, alone).grouped(alone)
    value = loss.value(np.vstack([logits, np.diagonal(logits)]))
    data = float(loss.weight * alone.distinct @ value) / counts.samples
    squares = [float(np.sum(np.square(weight, dtype=np.float64))) for weight in layer.head.weights]
    decay = float(np.dot(problem.weight_decay, squares))
    return data + 0.5 * (decay + problem.resolved_feature_decay(counts.samples) * float(np.trace(layer.between)))
