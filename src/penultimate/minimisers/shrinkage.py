"""One scalar problem per singular value: soft threshold for one layer, hard threshold for more (docs/theory §4).

minimise over x ≥ 0:   (x − σ)²/(2N) + ((L+1)/2) κ x^p,      p = 2/(L+1),   τ = N κ (L+1)/2
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from penultimate.minimisers.solution import Outcome
from penultimate.model.geometry import Geometry
from penultimate.model.problem import Problem
from penultimate.spectrum.grouped_svd import GroupedSVD

# Two numbers this close, relatively, are one number after the rounding of decays and counts: a tie.
_TIE = 8 * np.finfo(float).eps
_MAX_STEPS = 100


@dataclass(frozen=True)
class Shrinkage:
    """The scalar problem's threshold and solution for given decays and sample size.

    Attributes
    ----------
    samples : float
        N.
    kappa : float
        ``κ = (λ_H λ_1 ⋯ λ_L)^{1/(L+1)}``.
    layers : int
        L.
    """

    samples: float
    kappa: float
    layers: int

    @property
    def exponent(self) -> float:
        """P = 2/(L+1)."""
        return 2.0 / (self.layers + 1)

    @property
    def smallest_strength(self) -> float:
        """x*, below which no surviving strength lies: 0 for one layer."""
        tau, p = self.samples * self.kappa / self.exponent, self.exponent
        return (2.0 * tau * (1.0 - p)) ** (1.0 / (2.0 - p)) if self.layers > 1 else 0.0

    @property
    def threshold(self) -> float:
        """σ*, below which a direction dies: N √(λ_H λ_1) for one layer."""
        p = self.exponent
        if self.layers == 1:
            return self.samples * self.kappa
        return (2.0 - p) / (2.0 * (1.0 - p)) * self.smallest_strength

    def tied(self, sigma: Float[np.ndarray, " t"]) -> Bool[np.ndarray, " t"]:
        """Where 0 and x* are equally good: σ equals the hard threshold to rounding."""
        return (np.abs(sigma - self.threshold) <= _TIE * self.threshold) & (self.layers > 1)

    def strength(self, sigma: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
        """x(σ), zero below the threshold and at a tie."""
        if self.layers == 1:
            return np.maximum(sigma - self.threshold, 0.0)
        alive = (sigma > self.threshold) & ~self.tied(sigma)
        return np.where(alive, self._largest_root(np.where(alive, sigma, 2 * self.threshold)), 0.0)

    def penalty(self, x: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
        """((L+1)/2) κ x^p, what the decays cost."""
        return self.kappa / self.exponent * x**self.exponent

    def cost(self, sigma: Float[np.ndarray, " t"], x: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
        """The scalar objective, residual and penalty."""
        return (x - sigma) ** 2 / (2.0 * self.samples) + self.penalty(x)

    def _largest_root(self, sigma: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
        """Solve x − σ + τ p x^{p−1} = 0 by Newton from σ: convex and increasing there, so the steps only descend."""
        p = self.exponent
        scaled = sigma / self.threshold
        # In units of the threshold τ p x^{p−1} keeps its size whatever the units of σ: coefficient from x*, σ*.
        ratio = 2.0 * (1.0 - p) / (2.0 - p)
        coefficient = p * ratio ** (2.0 - p) / (2.0 * (1.0 - p))
        x = scaled.copy()
        for _ in range(_MAX_STEPS):
            slope = 1.0 + coefficient * (p - 1.0) * x ** (p - 2.0)
            step = (x - scaled + coefficient * x ** (p - 1.0)) / slope
            x = x - step
            if np.all(np.abs(step) <= 2.0 * np.finfo(float).eps * x):
                break
        return x * self.threshold


def keep_widest(
    strength: Float[np.ndarray, " t"], multiplicity: Int[np.ndarray, " t"], width: int | None
) -> Int[np.ndarray, " t"]:
    """How many directions of each σ survive when only the `width` largest may (all that are alive if None)."""
    alive = np.where(strength > 0, multiplicity, 0)
    if width is None:
        return alive
    before = np.cumsum(alive) - alive
    return np.clip(width - before, 0, alive)


def outcome_of(
    strength: Float[np.ndarray, " t"],
    multiplicity: Int[np.ndarray, " t"],
    surviving: Int[np.ndarray, " t"],
    tied: Bool[np.ndarray, " t"],
) -> Outcome:
    """Name the kind of minimiser that a thresholded spectrum is."""
    kept = surviving[surviving > 0]
    if kept.size == 0:
        return Outcome.TIED if tied.any() else Outcome.COLLAPSED
    if np.any((surviving > 0) & (surviving < multiplicity)):
        return Outcome.WIDTH_SPLITS
    if np.any((strength > 0) & (surviving == 0)):
        return Outcome.WIDTH_BINDS
    return Outcome.TIED if tied.any() else Outcome.OPTIMAL


def balanced_geometry(
    svd: GroupedSVD,
    problem: Problem,
    samples: float,
    strength: Float[np.ndarray, " t"],
    surviving: Int[np.ndarray, " t"],
    group_bias: Float[np.ndarray, " m"],
    *,
    unseen_bias: float | Float[np.ndarray, " u"] = 0.0,
) -> Geometry:
    """Share each strength among the factors as a minimiser does: λ_l w_l² = λ_H h² (docs/theory §4)."""
    strength = np.where(surviving > 0, strength, 0.0)
    root = (problem.kappa(samples) * strength**problem.exponent) ** 0.5  # √t,  t = (x² λ_H λ_1 ⋯ λ_L)^{1/(L+1)}
    layers = [root / np.sqrt(decay) for decay in problem.weight_decay]
    # The last factor takes what rounding left, so that the product is x to the last bit.
    features = np.divide(strength, np.prod(layers, axis=0), out=np.zeros_like(strength), where=strength > 0)
    share = surviving / svd.multiplicity
    centred = problem.bias != "none"
    return Geometry(svd, tuple(layers), features, share, group_bias, centred, unseen_bias)
