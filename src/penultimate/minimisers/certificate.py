"""How far a point is from the minimum, proved by a point of the dual problem; shares no code with the solver.

The dual of the problem of docs/theory §5 is, over one residual vector r_k for each column,

    maximise  −Σ_k w_k ℓ_k*(r_k)  −  ‖δ‖²/(2λ_b)        subject to  ‖G‖₂ ≤ μ,   G_k = w_k r_k / √n_k,   δ = Σ_k w_k r_k

(δ = 0 for a free bias; without a bias there is no such term). At the gradient's own residuals every ℓ_k* is finite;
they are shrunk until the spectral norm fits, or stretched where ℓ_k* is finite everywhere. For a free bias δ is zero
but for rounding. Squared error has ℓ_k* finite everywhere, so there δ is taken off the residuals; what is left of it,
all of it for a softmax, is charged: ``⟨δ, b⟩`` is at most ``‖δ‖₁`` times the largest bias, up to a shift that the loss
does not see. Twice that enters the gap, as the minimiser's bias is only near this one.

No bound can be closer than rounding: it is taken off the dual value, and no gap is reported below it
(`Certificate.to_rounding`).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from penultimate.counts import ClassCounts
from penultimate.losses.grouped import GroupedLoss
from penultimate.model.problem import Bias

# Of objective and dual bound, relative. Worst seen against 40 digits (tests/minimisers/test_certificate.py, and 150
# random problems of two to four classes, decays 1e-11 … 1): 9.5 eps for the objective, 5.6 for the bound.
ROUNDING = 16 * float(np.finfo(np.float64).eps)


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
        """Upper bound of objective minus minimum, no smaller than the rounding of both."""
        return max(self.primal - self.dual, ROUNDING * self.primal)

    @property
    def to_rounding(self) -> bool:
        """Whether objective and bound differ by no more than rounding: closer cannot be told in double precision."""
        return self.primal - self.dual <= 2.0 * ROUNDING * self.primal

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
    size, count = counts.multiplicity.astype(np.float64), counts.distinct
    weight = loss.weight * size * count / counts.samples
    # Without samples a class has no column, but a row.
    root = np.sqrt(np.where(count > 0, count, 1.0))
    column = np.where(count > 0, 1.0 / (np.sqrt(size) * root), 0.0)
    # Columns of logits of a sample: of another class of each group, and of its own.
    other = matrix / np.sqrt(size)[:, None] * column - np.diag(inside / (size * root))
    own = np.diagonal(other) + inside / root
    logits = np.vstack([other, own]) + np.vstack([np.repeat(bias[:, None], bias.size, axis=1), bias])
    slope = loss.slope(logits)
    if bias_kind == "free" and loss.unseen_shift is None:
        rest = _together(slope, size) @ weight / size
        slope = slope - np.vstack([np.repeat(rest[:, None], rest.size, axis=1), rest])
    together = _together(slope, size)
    quotient = together / np.sqrt(size)[:, None] * (weight * column)
    apart = (slope[-1] - np.diagonal(slope)) * weight / (size * root)
    several = size > 1
    norm = max(float(_singular_values(quotient)[0]), float(np.max(np.abs(apart), where=several, initial=0.0)))
    nuclear = float(_singular_values(matrix).sum() + (size - 1.0) @ np.abs(inside))
    inner = float(np.sum(quotient * matrix) + (size - 1.0) @ (apart * inside))
    # A regularised bias has its say in which multiple is best; at 1 the bound holds, too.
    best = loss.best_multiple(slope, weight) if isinstance(bias_kind, str) else 1.0
    shrink = min(best, mu / norm) if norm > 0 else 1.0
    delta = (together @ weight) / size
    primal = float(weight @ loss.value(logits)) + mu * nuclear
    dual = -float(weight @ loss.conjugate(shrink * slope))
    residual = 0.0
    if bias_kind == "free":
        residual = float(size @ np.abs(delta))
        dual -= 2.0 * shrink * residual * _reach(bias, loss.unseen_shift)
    elif not isinstance(bias_kind, str):
        residual = float(size @ np.abs(delta + bias_kind * bias))
        primal += 0.5 * bias_kind * float(size @ bias**2)
        dual -= float(size @ (shrink * delta) ** 2) / (2.0 * bias_kind)
    alignment = -inner / (mu * nuclear) if nuclear > 0 else 1.0
    return Certificate(primal, dual - ROUNDING * primal, norm / mu, alignment, residual)


def _together(slope: Float[np.ndarray, "m1 m"], size: Float[np.ndarray, " m"]) -> Float[np.ndarray, "m m"]:
    """First derivatives summed over the classes of each row, one's own with the others of its group."""
    out = size[:, None] * slope[:-1]
    # Not as a difference: in a group of one there is no other class, whose slope would be near 1, and one's own tiny.
    out[np.diag_indices(size.size)] = (size - 1.0) * np.diagonal(slope) + slope[-1]
    return out


def _reach(bias: Float[np.ndarray, " m"], unseen: Float[np.ndarray, " m"] | None) -> float:
    """Largest bias, up to the best multiple of a shift that the loss does not see."""
    if unseen is None:
        return float(np.max(np.abs(bias)))
    # Any multiple makes a bound; this one is the best for shifts that are equal.
    middle = (np.max(bias / unseen) + np.min(bias / unseen)) / 2.0
    return float(np.max(np.abs(bias - middle * unseen)))


def _singular_values(matrix: Float[np.ndarray, "m m"]) -> Float[np.ndarray, " m"]:
    from scipy.linalg import svdvals

    return svdvals(matrix)
