"""How far a point is from the minimum, proved by a point of the dual problem; shares no code with the solver.

The dual of the problem of docs/theory §5 is, over one residual vector r_k for each column,

    maximise  −Σ_k w_k ℓ_k*(r_k)  −  ‖δ‖²/(2λ_b)        subject to  ‖G‖₂ ≤ μ,   G_k = w_k r_k / √n_k,   δ = Σ_k w_k r_k

(δ = 0 for a free bias; without a bias there is no such term). At the gradient's own residuals every ℓ_k* is finite;
they are shrunk until the spectral norm fits. For a free bias δ is zero but for rounding, and what is left of it enters
the gap as ``‖δ‖₁`` times the spread of the bias, so that rounding cannot make the certificate optimistic.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from penultimate.counts import ClassCounts
from penultimate.losses.grouped import GroupedLoss
from penultimate.model.problem import Bias


@dataclass(frozen=True)
class Certificate:
    """Proof of how good a point is.

    Attributes
    ----------
    primal : float
        The objective.
    dual : float
        A lower bound of the minimum.
    spectral : float
        ``‖G‖₂/μ``: at most 1 at a minimiser.
    alignment : float
        ``⟨−G, A⟩ / (μ‖A‖_*)``: 1 at a minimiser; 1 where A = 0.
    bias_residual : float
        ``‖δ + λ_b b‖₁``: 0 at a minimiser with a bias.

    Examples
    --------
    >>> import penultimate as pen
    >>> solution = pen.minimise(pen.ClassCounts([60, 30, 10]), pen.Problem.from_decays(1e-2, loss="ce"))
    >>> solution.certificate.relative_gap < 1e-8, round(solution.certificate.alignment, 6)
    (True, 1.0)
    """

    primal: float
    dual: float
    spectral: float
    alignment: float
    bias_residual: float

    @property
    def gap(self) -> float:
        """Upper bound of objective minus minimum."""
        return max(self.primal - self.dual, 0.0)

    @property
    def relative_gap(self) -> float:
        """The gap as a share of the objective."""
        return self.gap / self.primal

    def to_dict(self) -> dict[str, float]:
        """All figures."""
        return {
            "dual_bound": self.dual,
            "relative_gap": self.relative_gap,
            "spectral_norm": self.spectral,
            "alignment": self.alignment,
            "bias_residual": self.bias_residual,
        }


def certify(
    counts: ClassCounts,
    loss: GroupedLoss,
    mu: float,
    bias_kind: Bias,
    matrix: Float[np.ndarray, "m m"],
    inside: Float[np.ndarray, " m"],
    bias: Float[np.ndarray, " m"],
) -> Certificate:
    """Bound the distance of a point's objective to the minimum.

    Parameters
    ----------
    counts : ClassCounts
        Classes and groups.
    loss : GroupedLoss
        For these groups.
    mu : float
        ``√(λ_W λ_H)``.
    bias_kind : "free", "none" or float
        Of the problem.
    matrix : ndarray of shape (m, m)
        A on the vectors ``1_g/√s_g``.
    inside : ndarray of shape (m,)
        α: A on vectors of a group that sum to zero.
    bias : ndarray of shape (m,)
        b of a class of each group.

    Returns
    -------
    Certificate
    """
    from scipy.linalg import svdvals

    size, count = counts.multiplicity.astype(np.float64), counts.distinct
    weight = loss.weight * size * count / counts.samples
    # Columns of logits of a sample: of another class of each group, and of its own.
    other = matrix / np.sqrt(np.outer(size, size * count)) - np.diag(inside / (size * np.sqrt(count)))
    own = np.diagonal(other) + inside / np.sqrt(count)
    logits = np.vstack([other, own]) + np.vstack([np.repeat(bias[:, None], bias.size, axis=1), bias])
    slope = loss.slope(logits)
    together = size[:, None] * slope[:-1] + np.diag(slope[-1] - np.diagonal(slope))
    quotient = together / np.sqrt(size)[:, None] * (weight / np.sqrt(size * count))
    apart = (slope[-1] - np.diagonal(slope)) * weight / (size * np.sqrt(count))
    several = size > 1
    norm = max(float(svdvals(quotient)[0]), float(np.max(np.abs(apart), where=several, initial=0.0)))
    nuclear = float(svdvals(matrix).sum() + (size - 1.0) @ np.abs(inside))
    inner = float(np.sum(quotient * matrix) + (size - 1.0) @ (apart * inside))
    shrink = min(1.0, mu / norm) if norm > 0 else 1.0
    delta = (together @ weight) / size
    primal = float(weight @ loss.value(logits)) + mu * nuclear
    dual = -float(weight @ loss.conjugate(logits, shrink))
    residual = 0.0
    if bias_kind == "free":
        residual = float(size @ np.abs(delta))
        dual -= shrink * residual * float(np.ptp(bias))
    elif not isinstance(bias_kind, str):
        residual = float(size @ np.abs(delta + bias_kind * bias))
        primal += 0.5 * bias_kind * float(size @ bias**2)
        dual -= float(size @ (shrink * delta) ** 2) / (2.0 * bias_kind)
    alignment = -inner / (mu * nuclear) if nuclear > 0 else 1.0
    return Certificate(primal, dual, norm / mu, alignment, residual)
