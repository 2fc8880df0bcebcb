"""A point reached by a proximal step: its thin decomposition, and an exact subgradient of the nuclear norm.

As in `minimisers.convex.point`, for a matrix that is not square: from M = Y − t G, singular values are thresholded at
tμ, which gives A, its rank, and ``S = (M − A)/t``, μ times a subgradient of the nuclear norm at A.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from penultimate.losses.grouped import LossPoint
from penultimate.losses.label_sets import Columns
from penultimate.minimisers.label_sets.model import LabelSetModel


@dataclass(frozen=True)
class Point:
    """A point, with the bias that is best for it.

    Attributes
    ----------
    model : LabelSetModel
    matrix : ndarray of shape (K, M)
        A.
    left, right : ndarray of shape (K, r) and (M, r)
        Singular vectors of A.
    singular : ndarray of shape (r,)
        Its singular values.
    subgradient : ndarray of shape (K, M)
        S.
    bias : ndarray of shape (K,)
        b.
    at : LossPoint
        The loss here.
    """

    model: LabelSetModel
    matrix: Columns
    left: Float[np.ndarray, "K r"]
    singular: Float[np.ndarray, " r"]
    right: Float[np.ndarray, "M r"]
    subgradient: Columns
    bias: Float[np.ndarray, " K"]
    at: LossPoint

    @cached_property
    def gradient(self) -> Columns:
        """Of the loss, in A."""
        return self.model.gradient(self.at.slope)

    @cached_property
    def residual(self) -> Columns:
        """``G + S``: zero at a minimum."""
        return self.gradient + self.subgradient

    @cached_property
    def error(self) -> float:
        """Size of the residual over μ."""
        return float(np.linalg.norm(self.residual)) / self.model.mu

    @cached_property
    def objective(self) -> float:
        """The value of the problem."""
        return self.model.objective(self.at, self.singular)


def proximal_step(model: LabelSetModel, matrix: Columns, bias: Float[np.ndarray, " K"], step: float) -> Point:
    """Take a proximal step in A, and refit the bias before and after.

    Parameters
    ----------
    model : LabelSetModel
    matrix : ndarray of shape (K, M)
        Y.
    bias : ndarray of shape (K,)
        Where to look for the best bias first.
    step : float
        t.

    Returns
    -------
    Point
    """
    from scipy.linalg import svd

    bias, at = model.refitted(matrix, bias)
    moved = matrix - step * model.gradient(at.slope)
    left, sigma, right = svd(moved, full_matrices=False, check_finite=False)
    alive = int(np.count_nonzero(sigma > step * model.mu))
    subgradient = (left * (np.minimum(sigma, step * model.mu) / step)) @ right
    left, singular, right = left[:, :alive], sigma[:alive] - step * model.mu, right[:alive].T
    reached = (left * singular) @ right.T
    bias, at = model.refitted(reached, bias)
    return Point(model, reached, left, singular, right, subgradient, bias, at)
