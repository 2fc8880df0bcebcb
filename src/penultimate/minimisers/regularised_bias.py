"""Squared error with a regularised bias (0 < λ_b < ∞): numerical, over the bias alone.

For a *fixed* bias b the label matrix is ``M(b) = D − b√nᵀ`` and the rest of the problem is solved by thresholding the
singular values of M(b) (docs/theory §4, with M for Ŷ). So only b is searched,

    φ(b) = Σ_i min_x [ (x − σ_i(M))²/(2N) + penalty(x) ] + (λ_b/2) ‖b‖²,
    ∇φ(b) = (1/N) (A − M) √n + λ_b b,        A the thresholded M,

one number for each group of equal counts, by L-BFGS. Derived for this project (docs/theory §4.1). With one layer φ is
convex, and strongly so with modulus λ_b: ``φ − φ_min ≤ ‖∇φ‖²/(2λ_b)`` is the certificate, and its minimiser treats
classes of equal count alike. With more layers, or a width that binds, φ is not convex, equal biases within a group are
an assumption, and the best of several starts is returned and named so.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from penultimate.counts import ClassCounts
from penultimate.minimisers.bias_search import TARGET_GAP, best_bias
from penultimate.minimisers.shrinkage import Shrinkage, balanced_geometry, keep_widest
from penultimate.minimisers.solution import Outcome, Solution
from penultimate.model.problem import Problem
from penultimate.spectrum.grouped_svd import GroupedSVD
from penultimate.spectrum.quotient import DenseQuotient


@dataclass(frozen=True)
class _BiasObjective:
    """φ and its gradient in the orthonormal coordinates of the quotient."""

    counts: ClassCounts
    shrinkage: Shrinkage
    decay: float
    width: int | None

    @cached_property
    def diagonal(self) -> Float[np.ndarray, "m m"]:
        return np.diag(np.sqrt(self.counts.distinct))

    @cached_property
    def root_counts(self) -> Float[np.ndarray, " m"]:
        """√n in the quotient's coordinates."""
        return np.sqrt(self.counts.distinct * self.counts.multiplicity)

    def svd(self, bias: Float[np.ndarray, " m"]) -> GroupedSVD:
        """Decompose M(b); zero singular values are kept, they may be wanted by the width's bookkeeping."""
        left, sigma, right = np.linalg.svd(self.diagonal - np.outer(bias, self.root_counts))
        return GroupedSVD(self.counts, DenseQuotient(left, sigma, right.T))

    def surviving_strength(self, svd: GroupedSVD) -> tuple[Float[np.ndarray, " t"], Float[np.ndarray, " t"]]:
        """Strength of each distinct direction, and which part of its copies survives."""
        strength = self.shrinkage.strength(svd.sigma)
        return strength, keep_widest(strength, svd.multiplicity, self.width) / svd.multiplicity

    def __call__(self, bias: Float[np.ndarray, " m"]) -> tuple[float, Float[np.ndarray, " m"]]:
        svd = self.svd(bias)
        strength, share = self.surviving_strength(svd)
        dead = svd.sigma**2 / (2.0 * self.shrinkage.samples)
        cost = share * self.shrinkage.cost(svd.sigma, strength) + (1.0 - share) * dead
        value = np.sum(svd.multiplicity * cost) + 0.5 * self.decay * (bias @ bias)
        quotient = svd.quotient
        residual = (share * strength)[svd.mixed_index] - quotient.sigma
        pull = quotient.apply("left", residual * quotient.apply_transpose("right", self.root_counts))
        return float(value), pull / self.shrinkage.samples + self.decay * bias


def minimise_regularised_bias(counts: ClassCounts, problem: Problem, decay: float) -> Solution:
    """Minimise with the bias regularised by `decay`; see the module's text for method and certificate.

    Parameters
    ----------
    counts : ClassCounts
        Samples per class.
    problem : Problem
        Layers, decays, width.
    decay : float
        λ_b > 0.

    Returns
    -------
    Solution
        `gap` bounds the error for one layer of unrestricted width, and is None otherwise.
    """
    samples = counts.samples
    shrinkage = Shrinkage(samples, problem.kappa(samples), problem.layers)
    objective = _BiasObjective(counts, shrinkage, decay, problem.width)
    convex = problem.layers == 1 and (problem.width is None or problem.width >= counts.seen)
    collapsed = counts.distinct * np.sqrt(counts.multiplicity) / samples / (1.0 + decay)
    bias, value, gap = best_bias(objective, collapsed, decay, convex=convex)
    svd = objective.svd(bias)
    strength, share = objective.surviving_strength(svd)
    surviving = np.rint(share * svd.multiplicity).astype(np.int64)
    group_bias = bias / np.sqrt(counts.multiplicity)
    return Solution(
        counts=counts,
        problem=problem,
        method="numerical: L-BFGS over the bias, the rest in closed form",
        outcome=_outcome(gap, value, surviving),
        objective=value,
        gap=gap,
        threshold=shrinkage.threshold,
        strength=np.where(surviving > 0, strength, 0.0),
        surviving=surviving,
        tied=shrinkage.tied(svd.sigma),
        geometry=balanced_geometry(svd, problem, samples, strength, surviving, group_bias),
    )


def _outcome(gap: float | None, value: float, surviving: np.ndarray) -> Outcome:
    if gap is None:
        return Outcome.BEST_FOUND
    if gap > TARGET_GAP * value:
        return Outcome.NOT_CONVERGED
    return Outcome.OPTIMAL if surviving.any() else Outcome.COLLAPSED
