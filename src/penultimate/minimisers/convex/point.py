"""A point reached by a proximal step: a singular value decomposition, and an exact subgradient of the nuclear norm.

From any point Y with gradient G, ``M = Y − t G`` is decomposed and its singular values are thresholded at tμ. That
gives the next A, its rank, and ``S = (M − A)/t``, which is μ times a subgradient of the nuclear norm at A: on the
surviving directions it is μ, on the dead ones a number below. With t at most the inverse of the curvature the objective
cannot rise.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from penultimate.losses.grouped import LossPoint
from penultimate.minimisers.convex.model import ConvexModel, Unknowns


@dataclass(frozen=True)
class Point:
    """A point with the decomposition of its matrix.

    Attributes
    ----------
    unknowns : Unknowns
        A, α, β.
    left, right : ndarray of shape (m, m)
        Singular vectors of M, those of A first.
    singular : ndarray of shape (m,)
        Singular values of A, the dead ones zero.
    rank : int
        How many are alive.
    subgradient : ndarray of shape (m,)
        S along these vectors, at most μ.
    inside_subgradient : ndarray of shape (m,)
        The same for α, of either sign.
    at : LossPoint
        The loss here.
    objective : float
        Its value with the nuclear norm.
    """

    unknowns: Unknowns
    left: Float[np.ndarray, "m m"]
    right: Float[np.ndarray, "m m"]
    singular: Float[np.ndarray, " m"]
    rank: int
    subgradient: Float[np.ndarray, " m"]
    inside_subgradient: Float[np.ndarray, " m"]
    at: LossPoint
    objective: float
    model: ConvexModel

    @cached_property
    def gradient(self) -> tuple[Float[np.ndarray, "m m"], Float[np.ndarray, " m"]]:
        """Gradient of the data term in A and in √(s − 1) α."""
        return self.model.adjoint(self.at.slope)

    @property
    def alive_inside(self) -> np.ndarray:
        """Groups whose inside directions are alive."""
        return (self.model.several > 0) & (self.unknowns.inside != 0)

    @cached_property
    def residual(self) -> tuple[Float[np.ndarray, "m m"], Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """What optimality wants to be zero: ``G + S`` in A, the same for each inside direction, the bias's slope."""
        model, (slope, inside_slope) = self.model, self.gradient
        matrix = model.project(slope + (self.left * self.subgradient) @ self.right.T)
        inside = np.where(model.several > 0, inside_slope / model.root_several + self.inside_subgradient, 0.0)
        bias = slope @ model.u + model.bias_decay * self.unknowns.bias
        return matrix, inside, bias if model.has_bias else np.zeros_like(bias)

    @cached_property
    def error(self) -> float:
        """Size of the residual over μ."""
        matrix, inside, bias = self.residual
        return float(np.sqrt(np.sum(matrix**2) + np.max(inside**2) + bias @ bias)) / self.model.mu


def proximal_step(model: ConvexModel, start: Unknowns, step: float) -> Point:
    """Take a proximal step of length t in A and α; the bias stays.

    Parameters
    ----------
    model : ConvexModel
        The problem.
    start : Unknowns
        Y.
    step : float
        t.

    Returns
    -------
    Point
    """
    slope, inside_slope = model.adjoint(model.loss.at(model.logits(start)).slope)
    threshold = step * model.mu
    left, sigma, right = np.linalg.svd(model.project(start.matrix - step * slope))
    singular = np.maximum(sigma - threshold, 0.0)
    rank = int(np.count_nonzero(singular))
    matrix = (left[:, :rank] * singular[:rank]) @ right[:rank]
    moved = start.inside - step * inside_slope / model.root_several
    inside = np.where(model.several > 0, np.sign(moved) * np.maximum(np.abs(moved) - threshold, 0.0), 0.0)
    unknowns = Unknowns(matrix, inside, start.bias)
    at = model.loss.at(model.logits(unknowns))
    return Point(
        unknowns=unknowns,
        left=left,
        right=right.T,
        singular=singular,
        rank=rank,
        subgradient=np.minimum(sigma, threshold) / step,
        inside_subgradient=np.clip(moved, -threshold, threshold) / step,
        at=at,
        objective=model.data_term(at, start.bias) + model.mu * model.penalty(singular, inside),
        model=model,
    )
