"""One layer over distinct label sets, a convex problem (docs/theory §17).

    minimise  Σ_j (m_j/N) ℓ_j(a_j/√m_j + b)  +  μ ‖A‖_*,        A of shape K × M, one column a label set

Samples with the same labels share a feature at a minimum, so that the M distinct sets, with how many samples have each,
stand for all. The bias b is free.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from penultimate.losses.grouped import LossPoint
from penultimate.losses.label_sets import Columns, LabelSetLoss
from penultimate.minimisers.certificate import ROUNDING, Certificate

# Logits of one step of the bias stay within this, where the loss is well approximated by its second derivative.
_REACH = 2.0
_STEPS = 60
# Of the largest curvature: a softmax that is certain has next to none in some biases, and after rounding none at all.
_FLOOR = 1e-16
# A step of the bias that moves no logit by more is the last.
_STILL = 1e-14


@dataclass(frozen=True)
class LabelSetModel:
    """The problem.

    Attributes
    ----------
    loss : LabelSetLoss
        Of the label sets.
    times : ndarray of shape (M,)
        m: how many samples have each.
    samples : float
        N, those without a loss included.
    mu : float
        ``√(λ_W λ_H)``.
    """

    loss: LabelSetLoss
    times: Float[np.ndarray, " M"]
    samples: float
    mu: float

    @cached_property
    def share(self) -> Float[np.ndarray, " M"]:
        """m/N."""
        return self.times / self.samples

    @cached_property
    def root(self) -> Float[np.ndarray, " M"]:
        """√m."""
        return np.sqrt(self.times)

    @property
    def longest(self) -> float:
        """The longest proximal step that cannot raise the objective."""
        return self.samples / self.loss.bound

    def at(self, matrix: Columns, bias: Float[np.ndarray, " K"]) -> LossPoint:
        """The loss at A and b."""
        return self.loss.at(matrix / self.root + bias[:, None])

    def gradient(self, slope: Columns) -> Columns:
        """Derivatives in A, of those in the logits."""
        return slope * (self.root / self.samples)

    def bias_hessian(self, at: LossPoint) -> Float[np.ndarray, "K K"]:
        """Second derivatives in b; the shift that the loss does not see is made up for, so it can be inverted."""
        hessian = at.shared_curvature(self.share)
        if self.loss.unseen_shift is not None:
            hessian = hessian + np.trace(hessian) / hessian.shape[0]
            hessian[np.diag_indices_from(hessian)] += _FLOOR * self.loss.bound
        hessian[np.diag_indices_from(hessian)] += np.finfo(float).tiny
        return hessian

    def refitted(self, matrix: Columns, bias: Float[np.ndarray, " K"]) -> tuple[Float[np.ndarray, " K"], LossPoint]:
        """The best bias for A, by damped Newton steps, and the loss there."""
        at = self.at(matrix, bias)
        for _ in range(_STEPS):
            change = -np.linalg.solve(self.bias_hessian(at), at.slope @ self.share)
            size = float(np.max(np.abs(change)))
            # Biases of sigmoids have nothing to do with one another; those of a softmax keep their direction.
            alone = self.loss.unseen_shift is None
            bias = bias + (np.clip(change, -_REACH, _REACH) if alone else change * (_REACH / max(size, _REACH)))
            at = self.at(matrix, bias)
            if size <= _STILL:
                break
        return bias, at

    def objective(self, at: LossPoint, singular: Float[np.ndarray, " r"]) -> float:
        """The loss and the nuclear norm."""
        return float(self.share @ at.value + self.mu * singular.sum())

    @cached_property
    def at_nothing(self) -> tuple[Float[np.ndarray, " K"], Columns]:
        """The best bias where all features are zero, and −G there: what pulls at them."""
        bias = self.loss.nothing(self.share)
        at = self.loss.at(np.broadcast_to(bias[:, None], self.loss.targets.shape).copy())
        return bias, -self.gradient(at.slope)

    def lower_bound(self, slope: Columns) -> float:
        """What no objective of this problem lies below, from derivatives in the logits at any point at all.

        They are made feasible, shrunk until ``‖G‖₂ ≤ μ``, and their conjugates added up: weak duality.
        """
        held = self.loss.feasible(slope, self.share)
        shrink = min(1.0, self.mu / max(spectral_norm(self.gradient(held)), np.finfo(float).tiny))
        return -float(self.share @ self.loss.conjugate(shrink * held))

    def bound_from_nothing(self) -> float:
        """A lower bound of the minimum without solving: the pull on zero features, its singular values cut at μ.

        Without weights these are the residuals of squared error's scores (docs/theory §17).
        """
        pull = self.at_nothing[1]
        squares, left = np.linalg.eigh(pull @ pull.T)
        sigma = np.sqrt(np.maximum(squares, np.finfo(float).tiny))
        held = (left * np.minimum(1.0, self.mu / sigma)) @ (left.T @ pull)
        bound = self.lower_bound(-held * (self.samples / self.root))
        return bound - ROUNDING * abs(bound)

    def certificate(self, at: LossPoint, matrix: Columns, singular: Float[np.ndarray, " r"]) -> Certificate:
        """Proof of how good a point is whose bias is refitted."""
        slope, primal = at.slope, self.objective(at, singular)
        gradient, nuclear = self.gradient(slope), float(singular.sum())
        return Certificate(
            primal=primal,
            dual=self.lower_bound(slope) - ROUNDING * primal,
            spectral=spectral_norm(gradient) / self.mu,
            alignment=-float(np.sum(gradient * matrix)) / (self.mu * nuclear) if nuclear > 0 else 1.0,
            bias_residual=float(np.abs(slope @ self.share).sum()),
        )


def spectral_norm(matrix: Columns) -> float:
    """The largest singular value, from the smaller Gram matrix."""
    gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    return float(np.sqrt(max(np.linalg.eigvalsh(gram)[-1], 0.0)))
