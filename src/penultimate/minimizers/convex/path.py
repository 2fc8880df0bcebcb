"""The family of solutions over weight decay, and the decay at which each direction dies.

Every direction has a continuous sign along the path: its singular value of ``Z̄D − N G`` less Nμ, positive while it
lives and negative once it is dead (docs/theory §5). Deaths are roots of it, found by Brent's method with each solution
started from the one before, and then proved from both sides: alive at the lower end of a bracket, dead at the upper.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from penultimate.counts import ClassCounts
from penultimate.errors import ProblemError
from penultimate.minimizers.convex.model import ConvexModel, Unknowns
from penultimate.minimizers.convex.newton import Run, run
from penultimate.minimizers.convex.solving import build, decompose, limits, solution_of
from penultimate.minimizers.convex.start import refit_bias
from penultimate.minimizers.solution import Solution
from penultimate.model.problem import Problem
from penultimate.spectrum.grouped_svd import GroupedSVD

_HALF_BRACKET = 4e-7  # relative, on either side of the root
_GAP = 1e-11  # of solutions whose signs are compared with zero
_GRID = 2.0  # factor between the decays among which deaths are looked for first
_LOWEST = 1e-9  # of the decay at which everything is dead: below, a direction counts as immortal

Kind = Literal["mixed", "inside"]


@dataclass(frozen=True)
class Death:
    """Where a direction dies.

    Attributes
    ----------
    kind : {"mixed", "inside"}
        Constant on groups of equal classes, or inside one.
    index : int
        Rank among the mixed ones, or the group.
    multiplicity : int
        How many such directions there are.
    weight_decay : float
        λ_1 at which they die, all layers' decays scaled together; infinite or NaN if not found.
    bracket : tuple of float
        Alive at the first, dead at the second.

    Examples
    --------
    >>> import penultimate as pen
    >>> last, *_ = pen.path(pen.ClassCounts([60, 30, 10]), pen.Problem.of(1e-2, loss="ce"), points=2).deaths
    >>> last.bracket[0] < last.weight_decay < last.bracket[1] < last.bracket[0] * (1 + 1e-6)
    True
    """

    kind: Kind
    index: int
    multiplicity: int
    weight_decay: float
    bracket: tuple[float, float]


@dataclass(frozen=True)
class Path:
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
    >>> family = pen.path(pen.ClassCounts([60, 30, 10]), pen.Problem.of(1e-2, loss="ce"), points=5)
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
    def deaths(self) -> tuple[Death, ...]:
        """The weight decay at which each direction dies, bracketed to 1e-6, the last to die first.

        Takes a handful of solutions for each direction.
        """
        return find_deaths(self.counts, self.problem)


def path(
    counts: ClassCounts,
    problem: Problem,
    weight_decay: Float[np.ndarray, " w"] | None = None,
    *,
    points: int = 25,
    gap: float = 1e-8,
) -> Path:
    """Solve a convex problem with one layer for many weight decays, all layers' decays scaled together.

    Parameters
    ----------
    counts : ClassCounts
        Samples per class.
    problem : Problem
        One layer, no width.
    weight_decay : ndarray of shape (w,), optional
        λ_1; by default `points` of them, evenly by logarithm, up to where everything is dead.
    points : int, default 25
        How many, if not given.
    gap : float, default 1e-8
        Relative duality gap of every solution.

    Returns
    -------
    Path

    Raises
    ------
    ProblemError
        For more layers, a width, decays that are not positive, or a loss that does not fit the counts.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> family = pen.path(pen.ClassCounts([60, 30, 10]), pen.Problem.of(loss="la:1"), np.array([1e-3, 0.5]))
    >>> family.survivors
    array([2, 1])
    """
    family = _Family(counts, problem)
    if weight_decay is None:
        weight_decay = family.collapse * np.geomspace(1e-4, 1.0 + 1e-9, points)
    decays = np.sort(np.asarray(weight_decay, dtype=np.float64))
    solutions: list[Solution] = []
    for decay in decays:
        scaled = family.problem_at(float(decay))
        solutions.append(solution_of(family.model_at(float(decay)), scaled, family.solve(float(decay), gap), gap))
    return Path(counts, problem, decays, tuple(solutions))


def find_deaths(counts: ClassCounts, problem: Problem, *, only_first: bool = False) -> tuple[Death, ...]:
    """Find the weight decays at which directions die.

    Parameters
    ----------
    counts, problem
        As for `path`.
    only_first : bool, default False
        Only the direction that dies first as decay grows.

    Returns
    -------
    tuple of Death
        The last to die first.

    Raises
    ------
    ProblemError
        As `path`.
    """
    family = _Family(counts, problem)
    grid = [family.collapse * (1.0 + 1e-6)]
    signs = [family.signs(grid[0])]
    while np.any(signs[-1] <= 0) and grid[-1] > _LOWEST * family.collapse:
        grid.append(grid[-1] / _GRID)
        signs.append(family.signs(grid[-1]))
    table = np.stack(signs)
    columns = family.columns
    if only_first:
        born = [int(np.argmax(table[:, c] > 0)) if np.any(table[:, c] > 0) else len(grid) for c in columns]
        columns = [c for c, row in zip(columns, born, strict=True) if row == max(born)]
    deaths = [family.death(c, *_root(family, grid, table[:, c], c)) for c in columns]
    deaths.sort(key=lambda death: -death.weight_decay)
    return tuple(deaths[-1:] if only_first else deaths)


def _root(
    family: "_Family", grid: list[float], signs: Float[np.ndarray, " g"], column: int
) -> tuple[float, tuple[float, float]]:
    """Brent's method between the neighbouring decays where a sign changes, and a bracket that is checked."""
    from scipy.optimize import brentq

    alive = np.flatnonzero(signs > 0)
    if alive.size == 0 or alive[0] == 0:
        return float("nan"), (float("nan"), float("nan"))
    first = int(alive[0])
    low, high = grid[first], grid[first - 1]

    def sign(log: float) -> float:
        return float(family.signs(math.exp(log))[column])

    log = brentq(sign, math.log(low), math.log(high), xtol=1e-9, rtol=1e-14)
    decay = math.exp(log)
    below, above = decay * (1.0 - _HALF_BRACKET), decay * (1.0 + _HALF_BRACKET)
    checked = family.signs(below)[column] > 0 >= family.signs(above)[column]
    return decay, (below, above) if checked else (low, high)


class _Family:
    """Problems that differ in weight decay alone, solved one from another."""

    def __init__(self, counts: ClassCounts, problem: Problem) -> None:
        if problem.layers != 1 or problem.width is not None:
            raise ProblemError("the path over weight decay is known for one layer and no width: leave the others out")
        self.counts, self.problem = counts, problem
        self.model = build(counts, problem)
        self._solved: dict[float, Run] = {}

    @cached_property
    def collapse(self) -> float:
        """The weight decay from which on everything is dead: where μ is the norm of the gradient at A = 0."""
        model, m = self.model, self.model.size.size
        zero = refit_bias(model, Unknowns(np.zeros((m, m)), np.zeros(m), np.zeros(m)))
        slope, inside = model.adjoint(model.loss.at(model.logits(zero)).slope)
        apart = np.where(model.several > 0, np.abs(inside) / model.root_several, 0.0)
        norm = max(float(np.linalg.norm(model.project(slope), 2)), float(apart.max()))
        return self._decay_of(norm)

    @cached_property
    def columns(self) -> list[int]:
        """Which entries of `signs` are directions: a group of one class has none inside."""
        mixed = self.signs(self.problem.weight_decay[0]).size - self.model.size.size
        return [*range(mixed), *(mixed + np.flatnonzero(self.model.several > 0)).tolist()]

    def death(self, column: int, decay: float, bracket: tuple[float, float]) -> Death:
        """Name the direction of an entry of `signs`."""
        mixed = self.signs(self.problem.weight_decay[0]).size - self.model.size.size
        if column < mixed:
            return Death("mixed", column, 1, decay, bracket)
        return Death("inside", column - mixed, int(self.model.several[column - mixed]), decay, bracket)

    def problem_at(self, decay: float) -> Problem:
        """The problem at another weight decay."""
        return self.problem.scaled(decay / self.problem.weight_decay[0])

    def model_at(self, decay: float) -> ConvexModel:
        """Its model."""
        return replace(self.model, mu=self.problem_at(decay).kappa(self.counts.samples))

    def solve(self, decay: float, gap: float = _GAP) -> Run:
        """Solve, from the nearest solution found before, if there is one within a factor of two."""
        if decay in self._solved:
            return self._solved[decay]
        near = min(self._solved, key=lambda other: abs(np.log(other / decay)), default=None)
        warm = None
        if near is not None and abs(np.log(near / decay)) < np.log(_GRID):
            found = self._solved[near]
            warm = replace(found.point.unknowns, bias=found.bias)
        self._solved[decay] = run(self.model_at(decay), limits(gap, 200, None), warm)
        return self._solved[decay]

    def signs(self, decay: float) -> Float[np.ndarray, " p"]:
        """Singular values over Nμ, less one: mixed directions first, then one for the inside of each group."""
        model = self.model_at(decay)
        return _values(decompose(model, self.solve(decay).point)) / (self.counts.samples * model.mu) - 1.0

    def _decay_of(self, mu: float) -> float:
        """λ_1 whose μ this is: μ ∝ λ_1, or √λ_1 where λ_H is fixed."""
        power = 1.0 if self.problem.feature_decay is None else 2.0
        return self.problem.weight_decay[0] * (mu / self.model.mu) ** power


def _values(svd: GroupedSVD) -> Float[np.ndarray, " p"]:
    """Singular values of mixed directions, then of the inside of each group."""
    return np.concatenate([svd.quotient.sigma, svd.inside])


def _several(svd: GroupedSVD) -> Int[np.ndarray, " m"]:
    """How many directions each group has inside."""
    return svd.counts.multiplicity - 1
