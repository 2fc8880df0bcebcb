"""Cross-entropy and its relatives for imbalanced classes: one family of weights, offsets, scales, margins, smoothing.

The loss of a sample of class k with logits z (bias included) is, for the class weight ω_k,

    ω_k ( log Σ_j exp(v_j) − Σ_j y_j v_j ),     v_j = Δ_j z_j + ι_j − m_k [j = k],     y = (1 − ε) e_k + ε/K,

with Δ scales, ι offsets, m margins, ε smoothing. It is convex in z. Its gradient is ``ω_k Δ (p − y)``, p the softmax of
v; its conjugate at ``Δ (p − y)`` is ``Σ p log p − Σ_j (p_j − y_j)(ι_j − m_k [j = k])`` for p in the simplex.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from penultimate.counts import ClassCounts
from penultimate.counts.given import Counts, counts_of
from penultimate.errors import ProblemError
from penultimate.losses.weights import (
    as_positive,
    as_vector,
    effective_weights,
    inverse_weights,
    normalised,
    power_weights,
)


@dataclass(frozen=True, eq=False)
class CrossEntropy:
    """One member of the family; the named constructors cover the literature.

    Parameters
    ----------
    name : str, default "cross-entropy"
        For reports.
    weights : array-like of shape (K,), optional
        ω, positive. Only ratios matter: they are scaled to the mean 1 over all samples, as PyTorch's
        ``CrossEntropyLoss(weight)`` does.
    scales : array-like of shape (K,), optional
        Δ, positive.
    offsets : array-like of shape (K,), optional
        ι.
    margins : array-like of shape (K,), optional
        m, subtracted from a sample's own logit.
    smoothing : float, default 0
        ε, at least 0 and below 1.

    Raises
    ------
    ProblemError
        If a number is out of its range.

    Examples
    --------
    >>> import penultimate as pen
    >>> counts = pen.ClassCounts([60, 30, 10])
    >>> pen.losses.CrossEntropy.logit_adjusted(counts).offsets.round(2)
    array([-0.51, -1.2 , -2.3 ])
    """

    name: str = "cross-entropy"
    weights: ArrayLike | None = None
    scales: ArrayLike | None = None
    offsets: ArrayLike | None = None
    margins: ArrayLike | None = None
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        for what in ("weights", "scales"):
            if getattr(self, what) is not None:
                object.__setattr__(self, what, as_positive(getattr(self, what), what))
        for what in ("offsets", "margins"):
            if getattr(self, what) is not None:
                object.__setattr__(self, what, as_vector(getattr(self, what), what))
        if not 0.0 <= self.smoothing < 1.0:
            raise ProblemError(f"label smoothing must be at least 0 and below 1, got {self.smoothing}")

    @classmethod
    def weighted(cls, weights: ArrayLike) -> "CrossEntropy":
        """Class weights of your own, shape (K,)."""
        return cls("cross-entropy with given weights", weights=weights)

    @classmethod
    def inverse(cls, counts: Counts) -> "CrossEntropy":
        """Weights ``1/n_k``: every class counts alike."""
        counts = counts_of(counts)
        return cls("cross-entropy weighted by 1/n", weights=inverse_weights(counts))

    @classmethod
    def effective(cls, counts: Counts, beta: float = 0.999) -> "CrossEntropy":
        """Weights ``(1 − β)/(1 − β^n)``: effective number of samples (Cui et al. 2019, arXiv 1901.05555)."""
        counts = counts_of(counts)
        return cls(f"cross-entropy weighted by effective number, β = {beta:g}", weights=effective_weights(counts, beta))

    @classmethod
    def power(cls, counts: Counts, rho: float = 0.5) -> "CrossEntropy":
        """Weights ``n^(−ρ)``: between none, ρ = 0, and `inverse`, ρ = 1."""
        counts = counts_of(counts)
        return cls(f"cross-entropy weighted by n^(−{rho:g})", weights=power_weights(counts, rho))

    @classmethod
    def logit_adjusted(cls, counts: Counts, tau: float = 1.0) -> "CrossEntropy":
        """Offsets ``τ log π``: logit adjustment (Menon et al. 2021, arXiv 2007.07314).

        τ = 1 is balanced softmax (Ren et al. 2020, arXiv 2007.10740).
        """
        counts = counts_of(counts)
        return cls(f"logit-adjusted cross-entropy, τ = {_finite(tau, 'tau'):g}", offsets=tau * _log_priors(counts))

    @classmethod
    def cdt(cls, counts: Counts, gamma: float = 0.3) -> "CrossEntropy":
        """Scales ``(n_j/n_max)^γ``: class-dependent temperatures (Ye et al. 2020, arXiv 2001.01385)."""
        counts = counts_of(counts)
        return cls(f"class-dependent temperature, γ = {_finite(gamma, 'gamma'):g}", scales=_powers(counts, gamma))

    @classmethod
    def vs(cls, counts: Counts, gamma: float = 0.3, tau: float = 1.0) -> "CrossEntropy":
        """Scales and offsets: vector scaling (Kini et al. 2021, arXiv 2103.01550)."""
        counts = counts_of(counts)
        name = f"vector scaling, γ = {_finite(gamma, 'gamma'):g}, τ = {_finite(tau, 'tau'):g}"
        return cls(name, scales=_powers(counts, gamma), offsets=tau * _log_priors(counts))

    @classmethod
    def ldam(cls, counts: Counts, margin: float = 0.5) -> "CrossEntropy":
        """Margins proportional to ``n^(−1/4)``, the largest `margin` (Cao et al. 2019, arXiv 1906.07413)."""
        counts = counts_of(counts)
        if not (math.isfinite(margin) and margin >= 0):
            raise ProblemError(f"LDAM's margin must be at least 0, got {margin}")
        margins = np.where(counts.values > 0, (counts.smallest / np.maximum(counts.values, 1e-100)) ** 0.25, 0.0)
        return cls(f"LDAM, largest margin {margin:g}", margins=margin * margins)

    @classmethod
    def smoothed(cls, smoothing: float = 0.1) -> "CrossEntropy":
        """Label smoothing (Szegedy et al. 2016, arXiv 1512.00567, §7)."""
        return cls(f"cross-entropy, label smoothing {smoothing:g}", smoothing=smoothing)

    @property
    def vectors(self) -> dict[str, Float[np.ndarray, " K"]]:
        """The vectors that are set, by name."""
        names = ("weights", "scales", "offsets", "margins")
        return {name: np.asarray(getattr(self, name)) for name in names if getattr(self, name) is not None}

    def grouped(self, counts: ClassCounts) -> "GroupedCrossEntropy":
        """Write the loss for groups of classes within which its vectors are constant (see `losses.grouped`)."""
        first, size = counts.representatives[:, 0], counts.multiplicity.astype(np.float64)
        m = size.size
        picked = {name: vector[first] for name, vector in self.vectors.items()}
        scale, offset = picked.get("scales", np.ones(m)), picked.get("offsets", np.zeros(m))
        own_offset = offset - picked.get("margins", np.zeros(m))
        multiplicity = np.vstack([np.repeat(size[:, None], m, axis=1) - np.eye(m), np.ones(m)])
        target = np.full((m + 1, m), self.smoothing / counts.seen)
        target[-1] += 1.0 - self.smoothing
        weight = normalised(picked.get("weights", np.ones(m)), counts.distinct * size)
        return GroupedCrossEntropy(
            weight=np.where(counts.distinct > 0, weight, 0.0),
            multiplicity=multiplicity,
            scale=np.vstack([np.repeat(scale[:, None], m, axis=1), scale]),
            offset=np.vstack([np.repeat(offset[:, None], m, axis=1), own_offset]),
            target=target,
        )

    def heeds_unseen(self, *, free_bias: bool) -> bool:
        """Whether classes without samples change what the others do: each is one more output in every softmax.

        A free bias takes that output down for ever, at no price, unless smoothing gives it a share.
        """
        return not free_bias or self.smoothing > 0.0

    def leverage(self, counts: ClassCounts) -> Float[np.ndarray, " m"]:
        """``ω Δ (1 − ε)`` of each group: what multiplies √n in the singular value inside a group without features.

        Margins add a little that fades with the number of classes.
        """
        first, samples = counts.representatives[:, 0], counts.distinct * counts.multiplicity
        weights, scales = (self.vectors.get(name, np.ones(counts.classes))[first] for name in ("weights", "scales"))
        return normalised(weights, samples) * scales * (1.0 - self.smoothing)

    def slopes(
        self, logits: Float[np.ndarray, "N K"], labels: Int[np.ndarray, " N"], counts: ClassCounts
    ) -> Float[np.ndarray, "N K"]:
        """First derivatives for single samples, ``ω_k Δ (p − y)``; ω has the mean 1 over samples of these counts."""
        every, vectors = np.arange(len(labels)), self.vectors
        scale = vectors.get("scales", np.ones(counts.classes))
        v = logits * scale + vectors.get("offsets", 0.0)
        if "margins" in vectors:
            v[every, labels] -= vectors["margins"][labels]
        v -= v.max(axis=1, keepdims=True)
        p = np.exp(v, out=v)
        p /= p.sum(axis=1, keepdims=True)
        p -= self.smoothing / counts.classes
        p[every, labels] = 0.0
        p[every, labels] = -p.sum(axis=1)
        p *= scale
        if "weights" in vectors:
            p *= normalised(vectors["weights"], counts.values)[labels, None]
        return p

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class GroupedCrossEntropy:
    """The family over columns of logits (`losses.grouped.GroupedLoss`)."""

    weight: Float[np.ndarray, " m"]
    multiplicity: Float[np.ndarray, "m1 m"]
    scale: Float[np.ndarray, "m1 m"]
    offset: Float[np.ndarray, "m1 m"]
    target: Float[np.ndarray, "m1 m"]

    @property
    def bound(self) -> float:
        """Half the largest squared scale, times the largest weight: a softmax curves no more than ½."""
        return 0.5 * float(self.weight.max() * self.scale.max() ** 2)

    @property
    def unseen_shift(self) -> Float[np.ndarray, " m"]:
        """All scaled logits shifted alike."""
        return 1.0 / self.scale[-1]

    @property
    def exact_leverage(self) -> bool:
        """Without margins: then a class's own logit is that of its group's others where these have no features."""
        return bool(np.all(np.diagonal(self.offset[:-1]) == self.offset[-1]))

    @property
    def steepness(self) -> Float[np.ndarray, "m1 m"]:
        """Δ: how fast a softmax changes with each logit."""
        return self.scale

    @cached_property
    def smoothed(self) -> bool:
        """Whether labels are not one-hot."""
        return bool(np.any(self.target[:-1]))

    @cached_property
    def whole_target(self) -> Float[np.ndarray, "m1 m"]:
        """Targets summed over the classes of a row."""
        return self.multiplicity * self.target

    def at(self, logits: Float[np.ndarray, "m1 m"]) -> "_SoftmaxPoint":
        """Softmax of every column, with its value."""
        v = self.scale * logits
        v += self.offset
        v -= v.max(axis=0)
        p = np.exp(v)
        p *= self.multiplicity
        total = p.sum(axis=0)
        p /= total
        missing = p[:-1].sum(axis=0)
        # −log p of one's own class, where p is near 1 from what is missing, so that small losses keep their digits.
        value = np.log(total) - v[-1]
        np.negative(np.log1p(-np.minimum(missing, 0.5)), out=value, where=missing < 0.5)
        if self.smoothed:
            value += np.einsum("ij,ij->j", self.whole_target, v[-1] - v)
        return _SoftmaxPoint(self, value, p, missing)

    def value(self, logits: Float[np.ndarray, "m1 m"]) -> Float[np.ndarray, " m"]:
        """``log Σ exp(v − v_own) + v_own − Σ y v``."""
        from scipy.special import logsumexp

        v = self.scale * logits + self.offset
        shifted = v - v[-1]
        return logsumexp(shifted, b=self.multiplicity, axis=0) - np.sum(self.whole_target * shifted, axis=0)

    def slope(self, logits: Float[np.ndarray, "m1 m"]) -> Float[np.ndarray, "m1 m"]:
        """``Δ (p − y)``, one's own entry as minus the sum of the others, which do not cancel."""
        return self.scale * self._residual(logits)

    def best_multiple(self, slope: Float[np.ndarray, "m1 m"], weight: Float[np.ndarray, " m"]) -> float:
        """1: beyond, a probability may leave its range."""
        return 1.0

    def conjugate(self, slope: Float[np.ndarray, "m1 m"]) -> Float[np.ndarray, " m"]:
        """``Σ p log p − Σ (p − y) ι`` at ``p = y + slope/Δ``."""
        from scipy.special import entr

        residual = slope / self.scale
        p = np.maximum(self.target + residual, 0.0)
        # p log p of one's own entry through log1p: it is close to one, and the others are what matters.
        own = p[-1] * np.log1p(np.minimum(self.target[-1] - 1.0 + residual[-1], 0.0))
        others = -np.sum(self.multiplicity[:-1] * entr(p[:-1]), axis=0)
        return others + own - np.sum(self.multiplicity * residual * self.offset, axis=0)

    def _residual(self, logits: Float[np.ndarray, "m1 m"]) -> Float[np.ndarray, "m1 m"]:
        from scipy.special import logsumexp

        v = self.scale * logits + self.offset
        residual = np.exp(v - logsumexp(v, b=self.multiplicity, axis=0)) - self.target
        residual[-1] = -np.sum(self.multiplicity[:-1] * residual[:-1], axis=0)
        return residual


@dataclass(frozen=True)
class _SoftmaxPoint:
    """Probabilities of every row, summed over its classes; what is missing to one's own is summed from the others."""

    loss: GroupedCrossEntropy
    value: Float[np.ndarray, " m"]
    p: Float[np.ndarray, "m1 m"]
    missing: Float[np.ndarray, " m"]

    @property
    def slope(self) -> Float[np.ndarray, "m1 m"]:
        residual = self.p - self.loss.whole_target
        residual[-1] = -residual[:-1].sum(axis=0)
        residual *= self.loss.scale
        return residual

    def curve(self, change: Float[np.ndarray, "m1 m"]) -> Float[np.ndarray, "m1 m"]:
        out = self.loss.scale * change
        out -= out[-1].copy()
        out -= np.einsum("ij,ij->j", self.p, out)
        out *= self.p
        out *= self.loss.scale
        return out

    @cached_property
    def grouped(self) -> Float[np.ndarray, "m m"]:
        """Probability of a whole group, one's own class included."""
        out = self.p[:-1].copy()
        out[np.diag_indices_from(out)] += self.p[-1]
        return out

    def pair_curvature(self) -> Float[np.ndarray, "m m"]:
        rest = 1.0 - self.grouped
        diagonal = np.diag_indices_from(rest)
        rest[diagonal] = np.maximum(self.missing - self.p[diagonal], 0.0)
        return self.loss.scale[:-1] ** 2 * self.grouped * rest

    def shared_curvature(self, share: Float[np.ndarray, " m"]) -> Float[np.ndarray, "m m"]:
        """``Σ share (diag p − p pᵀ)``, with the diagonal that makes rows sum to zero to the last digit."""
        scale = self.loss.scale[:-1, 0]
        out = -(self.grouped * share) @ self.grouped.T
        diagonal = np.diag_indices_from(out)
        out[diagonal] = 0.0
        out[diagonal] = -out.sum(axis=1)
        return scale[:, None] * out * scale


def _log_priors(counts: ClassCounts) -> Float[np.ndarray, " K"]:
    return np.log(_filled(counts) / counts.samples)


def _powers(counts: ClassCounts, gamma: float) -> Float[np.ndarray, " K"]:
    return (_filled(counts) / counts.largest) ** gamma


def _filled(counts: ClassCounts) -> Float[np.ndarray, " K"]:
    """Counts; the smallest one for classes without samples, which take no part in a forecast but do in training."""
    return np.where(counts.values > 0, counts.values, counts.smallest)


def _finite(value: float, what: str) -> float:
    if not math.isfinite(value):
        raise ProblemError(f"{what} must be a finite number, got {value}")
    return value
