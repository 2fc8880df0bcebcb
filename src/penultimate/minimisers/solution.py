"""What a minimiser returns: strengths, outcome, certificate and geometry."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from jaxtyping import Bool, Float, Int

from penultimate.counts import ClassCounts
from penultimate.minimisers.certificate import Certificate
from penultimate.model.geometry import Geometry
from penultimate.model.problem import Problem
from penultimate.reported import OneLine


class Outcome(Enum):
    """How a minimisation ended; the value says what it means and what to do about it.

    Examples
    --------
    >>> import penultimate as pen
    >>> pen.Outcome.COLLAPSED.name, pen.Outcome.COLLAPSED.value[:31]
    ('COLLAPSED', 'every direction is below the th')
    """

    OPTIMAL = "a global minimiser, unique up to rotations that no loss can see"
    COLLAPSED = "every direction is below the threshold: all features are zero; lower the weight decay"
    TIED = (
        "a global minimiser, but some singular value equals the hard threshold: that direction may be absent, as "
        "reported, or have its full strength, at the same objective"
    )
    WIDTH_BINDS = "a global minimiser under a width that keeps fewer directions than the decays would"
    WIDTH_SPLITS = (
        "the width keeps only some of several directions of equal singular value: every choice is a global minimiser, "
        "and figures of the classes concerned are averages over the choices"
    )
    LAW = "no minimiser: the strengths that a trained network's own law gives at this weight decay"
    NOT_SOLVED = (
        "too many labels and label sets to solve: figures of labels are closed forms, exact where labels are "
        "uncorrelated, and the objective is known from below alone"
    )
    BEST_FOUND = (
        "the best point found from several starts; with two or more layers, or a width that binds, the problem is not "
        "convex: no proof of optimality is given"
    )
    NOT_CONVERGED = "the solver could not reach the certificate asked for: see gap, and take the figures for estimates"
    OUT_OF_TIME = "the time limit was reached before the certificate was met: see gap, and give more seconds"
    BRACKETED = (
        "found on bins of nearly equal counts: the objective is proven to be within the gap of the minimum, and "
        "figures of classes are close estimates"
    )
    ESTIMATED = (
        "an estimate: with more classes than dimensions nothing is proven but the lower bound, and figures of classes "
        "are those of the full width, stretched as the width asks for"
    )
    BOUNDED = (
        "a lower bound alone: the width is so narrow for the margins, or so many classes are near death, that no "
        "estimate holds; widen the features for the one, lower the weight decay for the other"
    )
    INTERRUPTED = "interrupted: the best point so far, with its certificate; see gap"

    @property
    def proven(self) -> bool:
        """Whether this is known to be a minimum."""
        return self.name not in _UNPROVEN


_UNPROVEN = (
    *("LAW", "NOT_SOLVED", "BEST_FOUND", "NOT_CONVERGED", "OUT_OF_TIME"),
    *("BRACKETED", "ESTIMATED", "BOUNDED", "INTERRUPTED"),
)


@dataclass(frozen=True, eq=False, repr=False)
class Solution(OneLine):
    """A minimiser of the unconstrained feature model.

    Attributes
    ----------
    counts, problem
        What was solved.
    method : str
        "closed form", or what the numerical solver does.
    outcome : Outcome
        What kind of minimiser this is.
    objective : float
        The minimal value; NaN for strengths that follow a law.
    gap : float or None
        Upper bound of objective minus minimum: 0 for a closed form, None where there is no proof.
    threshold : float
        The singular value below which a direction dies (docs/theory §4).
    strength : ndarray of shape (t,)
        x_i of every distinct singular value, largest σ first.
    surviving : ndarray of int of shape (t,)
        How many directions of each distinct σ survive.
    tied : ndarray of bool of shape (t,)
        Where σ equals a hard threshold: 0, reported, and the threshold's own strength are equally good.
    geometry : Geometry
        Class means, head, bias, logits; ``geometry.svd`` has the singular values and their multiplicities.
    certificate : Certificate or None
        Proof of optimality, for a numerical solution of a convex problem.

    Examples
    --------
    >>> import penultimate as pen
    >>> solution = pen.minimise(pen.ClassCounts([60, 30, 10]), pen.Problem.from_decays(0.5))
    >>> solution.outcome.name, solution.survivors, solution.sigma.round(2)
    ('OPTIMAL', 1, array([6.38, 3.64]))
    """

    counts: ClassCounts
    problem: Problem
    method: str
    outcome: Outcome
    objective: float
    gap: float | None
    threshold: float
    strength: Float[np.ndarray, " t"]
    surviving: Int[np.ndarray, " t"]
    tied: Bool[np.ndarray, " t"]
    geometry: Geometry
    certificate: Certificate | None = None

    @property
    def converged(self) -> bool:
        """Whether this is proven to be a minimum: in closed form, or with a gap as small as was asked for."""
        return self.outcome.proven

    @property
    def samples(self) -> float:
        """N."""
        return self.counts.samples

    @property
    def sigma(self) -> Float[np.ndarray, " t"]:
        """Distinct singular values, largest first, shape (t,).

        Of the (centred) label matrix for squared error; for another loss of ``Z̄D − N G``, G the gradient of the data
        term at the solution: the label matrix that squared error would need to have the same solution (docs/theory §5).
        """
        return self.geometry.svd.sigma

    @property
    def multiplicity(self) -> Int[np.ndarray, " t"]:
        """How many directions share each singular value, shape (t,)."""
        return self.geometry.svd.multiplicity

    @property
    def width_binds(self) -> bool:
        """Whether the width holds fewer directions than there are."""
        return self.problem.width is not None and self.problem.width < self.geometry.svd.rank

    @property
    def survivors(self) -> int:
        """Number of directions that survive."""
        return int(self.surviving.sum())
