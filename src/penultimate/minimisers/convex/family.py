"""Problems that differ in weight decay alone, each solved from the nearest solution found before."""

import math
from dataclasses import replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from penultimate.counts import ClassCounts
from penultimate.errors import ProblemError
from penultimate.minimisers.convex.model import ConvexModel, Unknowns
from penultimate.minimisers.convex.newton import Run, run
from penultimate.minimisers.convex.solving import build, limits
from penultimate.minimisers.convex.start import refit_bias
from penultimate.model.problem import Problem

_REACH = math.log(2.0)  # how far away, in log μ, a solution still is a good start
_STRAIGHT, _FURTHEST = 0.1, 3.0  # how far a line leads, in log μ, and in units of the distance that it was drawn from
_KEPT = 16  # solutions to start from; each holds an m × m matrix


class Family:
    """A convex problem with one layer at any weight decay.

    Parameters
    ----------
    counts : ClassCounts
        Samples per class.
    problem : Problem
        One layer, no width.

    Raises
    ------
    ProblemError
        For more layers, a width, or a loss that does not fit the counts.
    """

    def __init__(self, counts: ClassCounts, problem: Problem) -> None:
        if problem.layers != 1 or problem.width is not None:
            raise ProblemError("the path over weight decay is known for one layer and no width: leave the others out")
        self.counts, self.problem = counts, problem
        self.model = build(counts, problem)
        self._solved: dict[float, Unknowns] = {}

    @cached_property
    def dead(self) -> Unknowns:
        """No features, and the bias that goes with none."""
        m = self.model.size.size
        return refit_bias(self.model, Unknowns(np.zeros((m, m)), np.zeros(m), np.zeros(m)))

    @cached_property
    def dead_objective(self) -> float:
        """The objective there: no minimum is larger."""
        model = self.model
        return model.data_term(model.loss.at(model.logits(self.dead)), self.dead.bias)

    @cached_property
    def pull(self) -> Float[np.ndarray, " p"]:
        """What features feel where there are none: singular values of the gradient, mixed, then inside each group.

        From the largest of all as μ everything is dead.
        """
        model = self.model
        _, mixed, _ = self._mixed_pull
        inside = np.where(model.several > 0, np.abs(self._slope_at_nothing[1]) / model.root_several, 0.0)
        return np.concatenate([mixed[: model.directions], inside])

    @property
    def pull_right(self) -> Float[np.ndarray, "m q"]:
        """Right singular vectors of that gradient, one for each mixed direction."""
        return self._mixed_pull[2].T[~self.model.empty, : self.model.directions]

    @cached_property
    def _mixed_pull(self) -> tuple[Float[np.ndarray, "m m"], Float[np.ndarray, " m"], Float[np.ndarray, "m m"]]:
        left, sigma, right = np.linalg.svd(self.model.project(self._slope_at_nothing[0]))
        return left, sigma, right

    @cached_property
    def _slope_at_nothing(self) -> tuple[Float[np.ndarray, "m m"], Float[np.ndarray, " m"]]:
        model = self.model
        return model.adjoint(model.loss.at(model.logits(self.dead)).slope)

    @cached_property
    def collapse(self) -> float:
        """The weight decay from which on everything is dead."""
        return self.decay_of(float(self.pull.max()))

    def problem_at(self, decay: float) -> Problem:
        """The problem at another weight decay λ_1."""
        return self.problem.scaled(decay / self.problem.weight_decay[0])

    def model_at(self, mu: float) -> ConvexModel:
        """Its model, for ``μ = √(λ_W λ_H)``."""
        return replace(self.model, mu=mu)

    def mu_of(self, decay: float) -> float:
        """The μ of a weight decay."""
        return self.problem_at(decay).kappa(self.counts.samples)

    def decay_of(self, mu: float) -> float:
        """The λ_1 whose μ this is."""
        return self.problem.decay_of(mu, self.counts.samples)

    def solve(self, mu: float, gap: float) -> Run:
        """Solve to a relative gap."""
        found = run(self.model_at(mu), limits(gap, 200, None), self._start(mu))
        if found.ended == "interrupted":
            raise KeyboardInterrupt  # the one point at hand is no use to a search over many
        self._solved[mu] = replace(found.point.unknowns, bias=found.bias)
        if len(self._solved) > _KEPT:
            del self._solved[next(iter(self._solved))]
        return found

    def _start(self, mu: float) -> Unknowns | None:
        """The nearest solution, or where the line through the two nearest ones leads; None if there is none near."""
        nearest = sorted(self._solved, key=lambda other: abs(math.log(other / mu)))[:2]
        if not nearest or abs(math.log(nearest[0] / mu)) >= _REACH:
            return None
        start = self._solved[nearest[0]]
        if len(nearest) == 1 or abs(math.log(nearest[1] / mu)) >= _STRAIGHT:
            return start
        part = math.log(mu / nearest[0]) / math.log(nearest[1] / nearest[0])
        if abs(part) > _FURTHEST:
            return start
        before = self._solved[nearest[1]]
        return Unknowns(
            start.matrix + part * (before.matrix - start.matrix),
            start.inside + part * (before.inside - start.inside),
            start.bias + part * (before.bias - start.bias),
        )
