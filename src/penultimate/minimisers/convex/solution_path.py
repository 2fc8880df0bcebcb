"""The family of solutions over weight decay."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from penultimate.counts import ClassCounts
from penultimate.counts.given import Counts, counts_of
from penultimate.minimisers.convex.deaths import CriticalDecay, find_deaths
from penultimate.minimisers.convex.family import Family
from penultimate.minimisers.convex.solving import solution_of
from penultimate.minimisers.solution import Solution
from penultimate.model.arguments import several_decays, whole
from penultimate.model.problem import Problem
from penultimate.reported import OneLine
from penultimate.spectrum.grouped_svd import GroupedSVD


@dataclass(frozen=True, eq=False, repr=False)
class SolutionPath(OneLine):
    """Solutions over weight decay.

    Made by `path`.

    Attributes
    ----------
    counts, problem
        Of the family; the weight decay of `problem` is the one that all are multiples of.
    weight_decay : ndarray of shape (w,)
        λ_1, ascending.
    solutions : tuple of Solution
        One each.

    Examples
    --------
    >>> import penultimate as pen
    >>> family = pen.solution_path(pen.ClassCounts([60, 30, 10]), pen.Problem.from_decays(1e-2, loss="ce"), points=5)
    >>> [solution.survivors for solution in family.solutions], all(s.converged for s in family.solutions)
    ([2, 2, 2, 2, 0], True)
    >>> [round(death.weight_decay, 4) for death in family.deaths]
    [0.6383, 0.3594]
    """

    counts: ClassCounts
    problem: Problem
    weight_decay: Float[np.ndarray, " w"]
    solutions: tuple[Solution, ...]

    @property
    def survivors(self) -> Int[np.ndarray, " w"]:
        """Directions alive at each weight decay."""
        return np.array([solution.survivors for solution in self.solutions])

    @cached_property
    def multiplicity(self) -> Int[np.ndarray, " p"]:
        """How many directions each column of `strength` stands for: mixed ones first, then those inside groups."""
        svd = self.solutions[0].geometry.svd
        return np.concatenate([np.ones(svd.quotient.sigma.size, dtype=np.int64), _several(svd)])

    @cached_property
    def strength(self) -> Float[np.ndarray, "w p"]:
        """Strength of every direction at each weight decay."""
        rows = [_values(solution.geometry.svd) - solution.threshold for solution in self.solutions]
        return np.maximum(np.stack(rows), 0.0)

    @cached_property
    def deaths(self) -> tuple[CriticalDecay, ...]:
        """The weight decay at which each direction dies, bracketed to 1e-6, the last to die first.

        Takes a few solutions for each mixed direction.
        """
        return find_deaths(self.counts, self.problem)


def solution_path(
    counts: Counts,
    problem: Problem,
    weight_decay: ArrayLike | None = None,
    *,
    points: int = 25,
    gap: float = 1e-8,
) -> SolutionPath:
    """Solve a convex problem with one layer for many weight decays, all layers' decays scaled together.

    Parameters
    ----------
    counts : ClassCounts, path, bundled name, mapping or array of shape (K,)
        Samples per class.
    problem : Problem
        One layer, no width.
    weight_decay : array-like of shape (w,), optional
        λ_1; by default `points` of them, evenly by logarithm, up to where everything is dead.
    points : int, default 25
        How many, if not given.
    gap : float, default 1e-8
        Relative duality gap of every solution.

    Returns
    -------
    SolutionPath

    Raises
    ------
    ProblemError
        For more layers, a width, decays that are not positive, or a loss that does not fit the counts.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> problem = pen.Problem.from_decays(loss="la:1")
    >>> family = pen.solution_path(pen.ClassCounts([60, 30, 10]), problem, np.array([1e-3, 0.5]))
    >>> family.survivors
    array([2, 1])
    """
    counts = counts_of(counts)
    family = Family(counts, problem)
    if weight_decay is None:
        weight_decay = family.collapse * np.geomspace(1e-4, 1.0 + 1e-9, whole(points, "the number of points"))
    decays = np.sort(several_decays(weight_decay))
    solutions: list[Solution] = []
    for decay in decays.tolist():
        mu = family.mu_of(decay)
        solutions.append(solution_of(family.model_at(mu), family.problem_at(decay), family.solve(mu, gap), gap))
    return SolutionPath(counts, problem, decays, tuple(solutions))


def _values(svd: GroupedSVD) -> Float[np.ndarray, " p"]:
    """Singular values of mixed directions, then of the inside of each group."""
    return np.concatenate([svd.quotient.sigma, svd.inside])


def _several(svd: GroupedSVD) -> Int[np.ndarray, " m"]:
    """How many directions each group has inside."""
    return svd.counts.multiplicity - 1
