"""The convex problem on groups of classes that nothing tells apart, in orthonormal coordinates.

    minimise  Σ_h w_h ℓ_h(logits of column h)  +  (λ_b/2) ‖b‖²  +  μ ( ‖A‖_*  +  Σ_g (s_g − 1) |α_g| ),

``w_h = ω_h s_h c_h / N``. The K × K matrix Z̄D is A (m × m) on the vectors ``1_g/√s_g`` and α_g on every vector of
group g that sums to zero (docs/theory §5). The bias enters as ``A + β uᵀ`` with ``u_h = √(s_h c_h/N)`` and ``β_g = √(N
s_g) b_g``. A group of classes without samples has a row, and a column that stays empty.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from penultimate.counts import ClassCounts
from penultimate.losses.grouped import GroupedLoss, LossPoint
from penultimate.model.problem import Bias


@dataclass(frozen=True)
class Unknowns:
    """A point: A, α and β."""

    matrix: Float[np.ndarray, "m m"]
    inside: Float[np.ndarray, " m"]
    bias: Float[np.ndarray, " m"]


@dataclass(frozen=True)
class ConvexModel:
    """The problem, and the maps between its coordinates and the columns of logits that a loss takes.

    Attributes
    ----------
    counts : ClassCounts
        Classes and groups.
    loss : GroupedLoss
        For these groups.
    mu : float
        ``√(λ_W λ_H)``.
    bias : "free", "none" or float
        Of the head, or its decay.
    """

    counts: ClassCounts
    loss: GroupedLoss
    mu: float
    bias: Bias

    @cached_property
    def size(self) -> Float[np.ndarray, " m"]:
        """s, classes of each group."""
        return self.counts.multiplicity.astype(np.float64)

    @cached_property
    def several(self) -> Float[np.ndarray, " m"]:
        """S − 1, directions inside each group; none without samples."""
        return np.where(self.empty, 0.0, self.size - 1.0)

    @cached_property
    def root_several(self) -> Float[np.ndarray, " m"]:
        """√(s − 1), or 1 where there is none to scale."""
        return np.sqrt(np.maximum(self.several, 1.0))

    @cached_property
    def root(self) -> Float[np.ndarray, " m"]:
        """√c; 1 without samples, where there is nothing to scale."""
        return np.sqrt(np.where(self.counts.distinct > 0, self.counts.distinct, 1.0))

    @cached_property
    def empty(self) -> Bool[np.ndarray, " m"]:
        """Groups of classes without samples."""
        return self.counts.distinct == 0

    @cached_property
    def seen(self) -> ClassCounts:
        """The classes with samples, in the same groups."""
        return self.counts.split()

    @cached_property
    def share(self) -> Float[np.ndarray, " m"]:
        """w, what each column weighs."""
        return self.loss.weight * self.size * self.counts.distinct / self.counts.samples

    @cached_property
    def row(self) -> Float[np.ndarray, "m 1"]:
        """1/√s, from coordinates of rows to logits of one class."""
        return 1.0 / np.sqrt(self.size)[:, None]

    @cached_property
    def column(self) -> Float[np.ndarray, " m"]:
        """1/√(s c), from coordinates of columns to the features of one class."""
        return np.where(self.empty, 0.0, 1.0 / (np.sqrt(self.size) * self.root))

    @cached_property
    def u(self) -> Float[np.ndarray, " m"]:
        """The direction along which a bias acts, a unit vector."""
        return np.sqrt(self.size * self.counts.distinct / self.counts.samples)

    @cached_property
    def unseen(self) -> Float[np.ndarray, " m"] | None:
        """The left direction that the loss does not see, a unit vector, or None."""
        shift = self.loss.unseen_shift
        if shift is None:
            return None
        vector = shift * np.sqrt(self.size)
        return vector / np.linalg.norm(vector)

    def bias_of_unseen(self, bias: Float[np.ndarray, " m"]) -> float | Float[np.ndarray, " u"]:
        """The bias b of every class without samples: of their group, if heeded; a softmax drives a free one to −∞."""
        if self.empty.any():
            return self.group_bias(bias)[self.counts.group[self.seen.unseen]]
        return 0.0 if self.unseen is None else -np.inf

    @property
    def directions(self) -> int:
        """How many mixed directions can live: one cannot where the loss or a free bias leaves one out."""
        rows = self.size.size - int(self.unseen is not None)
        return min(rows, int(np.count_nonzero(~self.empty)) - int(self.bias == "free"))

    @property
    def bias_decay(self) -> float:
        """λ_b/N, the decay of β."""
        return 0.0 if isinstance(self.bias, str) else self.bias / self.counts.samples

    @property
    def has_bias(self) -> bool:
        """Whether there is a bias."""
        return self.bias != "none"

    def group_bias(self, bias: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """The bias b of a class of each group."""
        return bias / np.sqrt(self.counts.samples * self.size)

    def logits(self, x: Unknowns) -> Float[np.ndarray, "m1 m"]:
        """Columns of logits (`losses.grouped`); linear, so changes of a point give changes of the logits."""
        m = self.size.size
        out = np.empty((m + 1, m))
        others = out[:-1]
        np.multiply(x.matrix, self.row, out=others)
        if self.has_bias:
            others += (x.bias * self.row[:, 0])[:, None] * self.u
        others *= self.column
        diagonal = np.diagonal(others) - x.inside / (self.size * self.root)
        others[np.diag_indices(m)] = diagonal
        out[-1] = diagonal + x.inside / self.root
        return out

    def adjoint(self, slope: Float[np.ndarray, "m1 m"]) -> tuple[Float[np.ndarray, "m m"], Float[np.ndarray, " m"]]:
        """Turn derivatives in the logits, summed over the classes of each row, into those in A and in √(s − 1) α."""
        weighted = slope * self.share
        own, alike = weighted[-1], np.diagonal(weighted[:-1])
        inside = own / self.root - (alike + own) / (self.size * self.root)
        matrix = weighted[:-1] * self.row
        matrix *= self.column
        matrix[np.diag_indices(self.size.size)] += own / (self.size * self.root)
        return matrix, inside / self.root_several

    def project(self, matrix: Float[np.ndarray, "m m"]) -> Float[np.ndarray, "m m"]:
        """Leave out what a minimiser does not have: the shift no loss sees, what a free bias does, empty columns."""
        if self.unseen is not None:
            matrix = matrix - np.outer(self.unseen, self.unseen @ matrix)
        if self.bias == "free":
            matrix = matrix - np.outer(matrix @ self.u, self.u)
        return np.where(self.empty, 0.0, matrix) if self.empty.any() else matrix

    def penalty(self, singular: Float[np.ndarray, " r"], inside: Float[np.ndarray, " m"]) -> float:
        """``‖Z̄D‖_*``."""
        return float(singular.sum() + self.several @ np.abs(inside))

    def data_term(self, at: LossPoint, bias: Float[np.ndarray, " m"]) -> float:
        """Everything but the nuclear norm."""
        return float(self.share @ at.value + 0.5 * self.bias_decay * (bias @ bias))

    def bias_hessian(self, at: LossPoint) -> Float[np.ndarray, "m m"]:
        """Second derivatives in β; what they do not see (the shift, if free) is made up for, so it can be inverted."""
        hessian = at.shared_curvature(self.share) * self.row * self.row[:, 0] / self.counts.samples
        diagonal = np.diag_indices_from(hessian)
        hessian[diagonal] += self.bias_decay
        # A single group has no bias that matters: then only the floor is left.
        mean = max(float(np.trace(hessian)) / hessian.shape[0], 1e-12 / self.counts.samples)
        if self.unseen is not None and self.bias_decay == 0.0:
            hessian += mean * np.outer(self.unseen, self.unseen)
        hessian[diagonal] += 1e-14 * mean
        return hessian

    def bias_slope(self, at: LossPoint, bias: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """First derivatives in β."""
        return self.adjoint(at.slope)[0] @ self.u + self.bias_decay * bias
