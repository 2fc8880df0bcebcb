"""Half the squared distance of the logits to the one-hot label, with class weights.

Without weights the minimiser has a closed form (docs/theory §4); with them the columns of the problem curve
differently, and it is solved like any other convex loss.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from penultimate.counts import ClassCounts
from penultimate.counts.given import Counts, counts_of
from penultimate.losses.weights import as_positive, effective_weights, inverse_weights, normalised, power_weights


@dataclass(frozen=True, eq=False)
class SquaredError:
    """``ω_k ½ ‖z − e_k‖²``, summed over classes.

    Parameters
    ----------
    name : str, default "squared error"
        For reports.
    weights : array-like of shape (K,), optional
        ω, positive, scaled to the mean 1 over all samples.

    Raises
    ------
    ProblemError
        If a weight is not positive and finite.

    Examples
    --------
    >>> import penultimate as pen
    >>> pen.losses.SquaredError.inverse(pen.ClassCounts([4, 1])).weights
    array([0.25, 1.  ])
    """

    name: str = "squared error"
    weights: ArrayLike | None = None

    def __post_init__(self) -> None:
        if self.weights is not None:
            object.__setattr__(self, "weights", as_positive(self.weights, "weights"))

    @classmethod
    def inverse(cls, counts: Counts) -> "SquaredError":
        """Weights ``1/n_k``: every class counts alike."""
        counts = counts_of(counts)
        return cls("squared error weighted by 1/n", inverse_weights(counts))

    @classmethod
    def effective(cls, counts: Counts, beta: float = 0.999) -> "SquaredError":
        """Weights by effective number of samples (Cui et al. 2019, arXiv 1901.05555)."""
        counts = counts_of(counts)
        return cls(f"squared error weighted by effective number, β = {beta:g}", effective_weights(counts, beta))

    @classmethod
    def power(cls, counts: Counts, rho: float = 0.5) -> "SquaredError":
        """Weights ``n^(−ρ)``: between none, ρ = 0, and `inverse`, ρ = 1."""
        counts = counts_of(counts)
        return cls(f"squared error weighted by n^(−{rho:g})", power_weights(counts, rho))

    @property
    def vectors(self) -> dict[str, Float[np.ndarray, " K"]]:
        """The vectors that are set, by name."""
        return {} if self.weights is None else {"weights": np.asarray(self.weights)}

    @property
    def weighs_alike(self) -> bool:
        """Whether all classes have the same weight, or none: then the minimiser has a closed form."""
        return self.weights is None or bool(np.ptp(np.asarray(self.weights)) == 0.0)

    def grouped(self, counts: ClassCounts) -> "GroupedSquaredError":
        """Write the loss for groups of classes within which the weights are constant (see `losses.grouped`)."""
        size = counts.multiplicity.astype(np.float64)
        m = size.size
        multiplicity = np.vstack([np.repeat(size[:, None], m, axis=1) - np.eye(m), np.ones(m)])
        return GroupedSquaredError(self.leverage(counts), multiplicity)

    def heeds_unseen(self, *, free_bias: bool) -> bool:
        """False: outputs of classes without samples are zero, whatever the others do."""
        return False

    def leverage(self, counts: ClassCounts) -> Float[np.ndarray, " m"]:
        """ω of each group: what multiplies √n in the singular value inside a group without features."""
        weights = np.ones(counts.distinct.size)
        if self.weights is not None:
            weights = np.asarray(self.weights)[counts.representatives[:, 0]]
        return normalised(weights, counts.distinct * counts.multiplicity)

    def slopes(
        self, logits: Float[np.ndarray, "N K"], labels: Int[np.ndarray, " N"], counts: ClassCounts
    ) -> Float[np.ndarray, "N K"]:
        """First derivatives for single samples, ``ω_k (z − e_k)``; ω has the mean 1 over samples of these counts."""
        out = np.array(logits, dtype=np.float64)
        out[np.arange(len(labels)), labels] -= 1.0
        return out if self.weights is None else out * normalised(np.asarray(self.weights), counts.values)[labels, None]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class GroupedSquaredError:
    """Squared error over columns of logits (`losses.grouped.GroupedLoss`)."""

    weight: Float[np.ndarray, " m"]
    multiplicity: Float[np.ndarray, "m1 m"]

    @property
    def bound(self) -> float:
        """The largest weight."""
        return float(self.weight.max())

    @property
    def exact_leverage(self) -> bool:
        """True."""
        return True

    @property
    def steepness(self) -> Float[np.ndarray, "m1 m"]:
        """Zero: the quadratic model is exact at any distance."""
        return np.zeros_like(self.multiplicity)

    @property
    def unseen_shift(self) -> None:
        """None: every change of the logits is seen."""
        return None

    def at(self, logits: Float[np.ndarray, "m1 m"]) -> "_SquaredErrorPoint":
        """Residuals of every column, with its value."""
        return _SquaredErrorPoint(self.multiplicity, self.slope(logits))

    def value(self, logits: Float[np.ndarray, "m1 m"]) -> Float[np.ndarray, " m"]:
        """``½ Σ (z − y)²``."""
        return 0.5 * np.sum(self.multiplicity * self.slope(logits) ** 2, axis=0)

    def slope(self, logits: Float[np.ndarray, "m1 m"]) -> Float[np.ndarray, "m1 m"]:
        """``z − y``."""
        residual = logits.copy()
        residual[-1] -= 1.0
        return residual

    def best_multiple(self, slope: Float[np.ndarray, "m1 m"], weight: Float[np.ndarray, " m"]) -> float:
        """``−Σ w r_own / Σ w ‖r‖²``: 1 at the minimum, but for rounding."""
        size = float(weight @ np.sum(self.multiplicity * slope**2, axis=0))
        return max(-float(weight @ slope[-1]) / size, 0.0) if size > 0 else 1.0

    def conjugate(self, slope: Float[np.ndarray, "m1 m"]) -> Float[np.ndarray, " m"]:
        """``½ ‖r‖² + r_own``, finite for any r."""
        return 0.5 * np.sum(self.multiplicity * slope**2, axis=0) + slope[-1]


@dataclass(frozen=True)
class _SquaredErrorPoint:
    """Residuals of every row, of one class."""

    multiplicity: Float[np.ndarray, "m1 m"]
    residual: Float[np.ndarray, "m1 m"]

    @property
    def value(self) -> Float[np.ndarray, " m"]:
        return 0.5 * np.einsum("ij,ij,ij->j", self.multiplicity, self.residual, self.residual)

    @property
    def slope(self) -> Float[np.ndarray, "m1 m"]:
        return self.multiplicity * self.residual

    def curve(self, change: Float[np.ndarray, "m1 m"]) -> Float[np.ndarray, "m1 m"]:
        return self.multiplicity * change

    def pair_curvature(self) -> Float[np.ndarray, "m m"]:
        out = self.multiplicity[:-1].copy()
        out[np.diag_indices_from(out)] += 1.0
        return out

    def shared_curvature(self, share: Float[np.ndarray, " m"]) -> Float[np.ndarray, "m m"]:
        return np.diag(self.pair_curvature() @ share)
