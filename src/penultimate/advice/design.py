"""Inverse design: the strength of a loss at which a goal for rare classes is reached, over certified minima.

Every figure is that of the global minimiser of the one-layer problem with the loss (docs/theory §5). A family is
traced over its strengths first: what is missing of a goal need not fall all the way, because strong temperatures kill
the directions that they should help. The first strength at which nothing is missing any more is then found by Brent's
method, rounded up to three digits, so that a person can use it, and solved once more.

*What it costs frequent classes.* Margins grow when all logits do, and some losses make all of them grow. So margins are
compared at equal strength ``Σ x_i``, which is what weight decay charges for: the cost is the share that is lost of
their margin over strength.

A consistent loss is not searched: its strength is known. Its curve is traced all the same, to show what it trades.
"""

import math
from dataclasses import dataclass, field, replace

from penultimate.advice.families import Family
from penultimate.advice.figures import Figures
from penultimate.advice.goals import Goal
from penultimate.counts import ClassCounts
from penultimate.forecasts.forecast import Forecast
from penultimate.losses.consistency import effective_share
from penultimate.minimisers.minimising import minimise
from penultimate.model.problem import Problem
from penultimate.reported import OneLine

# Strengths on a curve, the plain loss included, and the relative duality gap of its solutions.
_POINTS, _CURVE_GAP = 9, 1e-6
# Digits that a strength is rounded up to, and the accuracy with which it is found before.
_DIGITS, _CLOSE = 3, 1e-4
# What is missing is compared to so many digits; the accuracy of the strength where least is.
_SAME, _NEAREST = 3, 0.02


@dataclass(frozen=True)
class Target:
    """What is wished, and what it is judged by.

    Attributes
    ----------
    goal : Goal
        For rare classes.
    plain : Figures
        Of the plain loss.
    balanced : Figures
        Of the plain loss with equal counts.
    """

    goal: Goal
    plain: Figures
    balanced: Figures

    def missing(self, figures: Figures) -> float:
        """How much of the goal is missing; infinite where its figures do not exist."""
        value = self.goal.missing(figures, self.balanced)
        return math.inf if math.isnan(value) else value

    def many_cost(self, figures: Figures) -> float:
        """Share of the margin of frequent classes, at equal strength, that this loss gives up beside the plain one."""
        if not (figures.strength > 0 and self.plain.strength > 0):
            return float("nan")
        return 1.0 - (figures.many_margin / figures.strength) / (self.plain.many_margin / self.plain.strength)


@dataclass(frozen=True, repr=False)
class Point(OneLine):
    """One loss of a family.

    Attributes
    ----------
    strength : float
        Of the loss.
    figures : Figures
        Of its minimiser.
    relative_gap : float
        The certificate: by which share of its value the objective might still fall.
    converged : bool
        Whether that is as small as was asked for.
    """

    strength: float
    figures: Figures
    relative_gap: float
    converged: bool


@dataclass(frozen=True, repr=False)
class Option(OneLine):
    """The best that a family can do for a goal.

    Attributes
    ----------
    family : Family
        Which.
    curve : tuple of Point
        Over its strengths, the plain loss first.
    point : Point
        Where the goal comes true, or comes nearest to it.
    loss : str
        Its name.
    missing : float
        What is missing of the goal there; NaN for a goal that is not about figures.
    many_cost : float
        See `Target.many_cost`.
    keeps_directions : bool
        Whether as many directions survive as with the plain loss.
    effective_samples : float
        Share of the samples that its class weights leave (`penultimate.losses.consistency.effective_share`).
    """

    family: Family
    curve: tuple[Point, ...]
    point: Point
    loss: str
    missing: float
    many_cost: float
    keeps_directions: bool
    effective_samples: float

    @property
    def met(self) -> bool:
        """Whether the goal comes true, proven, without losing a direction or turning the order of classes round.

        A consistent loss may turn it round: equal margins in training are not what decides best.
        """
        proven = self.keeps_directions and self.point.converged
        if math.isnan(self.missing):
            return proven
        return proven and self.missing <= 0.0 and not self.point.figures.over_corrects


def design(counts: ClassCounts, problem: Problem, family: Family, target: Target) -> Option:
    """Find the least strength of a family at which a goal comes true, or take the one at which it is consistent.

    Parameters
    ----------
    counts : ClassCounts
        The classes.
    problem : Problem
        One layer; its loss is passed over.
    family : Family
        What to search.
    target : Target
        The goal; for `Goal.CONSISTENT` the family has a strength at which it is.

    Returns
    -------
    Option
        Where the goal comes true nowhere, of the strengths tried the one that comes nearest.
    """
    search = _Search(counts, problem, family, target)
    curve = tuple(search.at(strength) for strength in family.grid(_POINTS).tolist())
    if target.goal is Goal.CONSISTENT:
        assert family.consistent is not None
        point, missing = search.at(family.consistent, gap=1e-8), math.nan
    else:
        point = search.best(curve)
        missing = target.missing(point.figures)
    loss = family.loss(point.strength)
    return Option(
        family=family,
        curve=curve,
        point=point,
        loss=loss,
        missing=missing,
        many_cost=target.many_cost(point.figures),
        keeps_directions=point.figures.survivors >= target.plain.survivors,
        effective_samples=effective_share(loss, counts),
    )


def solve_point(counts: ClassCounts, problem: Problem, strength: float, gap: float = 1e-8) -> Point:
    """Minimise, and read the figures off.

    Parameters
    ----------
    counts, problem
        As for `penultimate.minimise`.
    strength : float
        Of the problem's loss within its family.
    gap : float, default 1e-8
        Relative duality gap to reach.

    Returns
    -------
    Point
    """
    solution = minimise(counts, problem, gap=gap)
    certificate = solution.certificate
    relative = 0.0 if certificate is None else certificate.relative_gap
    return Point(strength, Figures.from_forecast(Forecast(solution)), relative, solution.converged)


@dataclass(frozen=True)
class _Search:
    """One family and what is wished of it."""

    counts: ClassCounts
    problem: Problem
    family: Family
    target: Target
    _solved: dict[tuple[float, float], Point] = field(default_factory=dict[tuple[float, float], Point])

    def at(self, strength: float, gap: float = _CURVE_GAP) -> Point:
        if (strength, gap) not in self._solved:
            problem = replace(self.problem, loss=self.family.loss(strength))
            self._solved[strength, gap] = solve_point(self.counts, problem, strength, gap)
        return self._solved[strength, gap]

    def missing(self, strength: float) -> float:
        return self.target.missing(self.at(strength).figures)

    def best(self, curve: tuple[Point, ...]) -> Point:
        """Where the goal first comes true, else where least is missing; among equals the least strength."""
        from scipy.optimize import minimize_scalar

        missing = [self.target.missing(point.figures) for point in curve]
        reached = next((i for i in range(1, len(curve)) if missing[i] <= 0.0), None)
        if reached is not None:
            return self.at(self.root(curve[reached - 1].strength, curve[reached].strength), gap=1e-8)
        nearest = min(range(len(curve)), key=lambda i: round(missing[i], _SAME))
        if not 0 < nearest < len(curve) - 1:
            return curve[nearest]
        ends = curve[nearest - 1].strength, curve[nearest + 1].strength
        found = minimize_scalar(self.missing, bounds=ends, options={"xatol": _NEAREST * ends[1]})
        if found.fun <= 0.0:
            return self.at(self.root(ends[0], float(found.x)), gap=1e-8)
        return self.at(float(found.x)) if found.fun < missing[nearest] else curve[nearest]

    def root(self, low: float, high: float) -> float:
        """The strength in between from which on nothing is missing, rounded up to some digits."""
        from scipy.optimize import brentq

        if not math.isfinite(self.missing(low)):
            return high
        root = float(brentq(self.missing, low, high, xtol=_CLOSE * high, rtol=_CLOSE))
        step = 10.0 ** (math.floor(math.log10(root)) + 1 - _DIGITS)
        return math.ceil(root * (1.0 + _CLOSE) / step) * step
