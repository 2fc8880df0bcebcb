"""The loss for a goal: one that is consistent, or one that gives rare classes theirs at least cost to frequent ones."""

import math
from dataclasses import dataclass, replace

import numpy as np

from penultimate.advice.coarsening import coarsened
from penultimate.advice.design import Option, Target, design, solve_point
from penultimate.advice.families import families_of
from penultimate.advice.figures import Figures
from penultimate.advice.goals import Goal
from penultimate.advice.status import Piece, Reason, Status
from penultimate.counts import ClassCounts
from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.forecasting import by_itself
from penultimate.losses.consistency import effective_share, is_consistent
from penultimate.model.problem import Problem

# Distinct counts up to which families are searched as they are, those of the coarser counts searched beyond, and those
# up to which the choice is then held against the counts themselves: seconds for each solution.
_EXACT, _COARSE, _MOST = 120, 40, 1500


@dataclass(frozen=True, repr=False, kw_only=True)
class LossAdvice(Piece):
    """Which loss to take.

    Attributes
    ----------
    status : Status
        KEEP when the loss in use leaves next to nothing to goal, and does not over-correct where that counts.
    reason : Reason or None
        Why nothing is advised.
    goal : Goal
        What it should be, or give rare classes.
    target : Target or None
        What the goal is judged by; None where nothing could be searched.
    options : tuple of Option
        The best of every family. Consistent losses: those that keep directions first, then by the samples that their
        weights leave. For other goals those that reach it, the cheapest for frequent classes first, then the nearest.
    searched : int
        Distinct counts of the profile that was searched; fewer than there are when it was coarsened.
    chosen : str or None
        Name of the loss advised.
    before : Forecast
        With the loss in use.
    after : Forecast or None
        With the loss advised, for the counts as they are.
    """

    goal: Goal
    target: Target | None = None
    options: tuple[Option, ...] = ()
    searched: int
    chosen: str | None = None
    before: Forecast
    after: Forecast | None = None

    @property
    def missing(self) -> tuple[float, float] | None:
        """What is missing of the goal before and after, for the counts as they are; None for `Goal.CONSISTENT`."""
        if self.goal is Goal.CONSISTENT or self.target is None or self.after is None:
            return None
        before, after = (self.target.missing(Figures.from_forecast(one)) for one in (self.before, self.after))
        return before, after

    @property
    def many_cost(self) -> float | None:
        """What it costs frequent classes, for the counts as they are: see `Target.many_cost`."""
        if self.target is None or self.after is None:
            return None
        return self.target.many_cost(Figures.from_forecast(self.after))

    @property
    def effective_samples(self) -> tuple[float, float | None]:
        """Share of the samples that class weights leave, before and after: see `effective_share`."""
        counts = self.before.counts
        after = None if self.chosen is None else effective_share(self.chosen, counts)
        return effective_share(self.before.problem.loss, counts), after


def advise_loss(now: Forecast, goal: Goal, obstacle: Reason | None = None) -> LossAdvice:
    """Search the families of losses of the same kind as the one in use.

    Parameters
    ----------
    now : Forecast
        As things stand.
    goal : Goal
        What it should be, or give rare classes.
    obstacle : Reason, optional
        Why nothing can be said.

    Returns
    -------
    LossAdvice
    """
    counts, problem, groups = now.counts, now.problem, now.counts.distinct.size

    def nothing(status: Status, reason: Reason | None) -> LossAdvice:
        return LossAdvice(status=status, reason=reason, goal=goal, searched=groups, before=now)

    reason = obstacle or _obstacle(now)
    if reason is not None:
        return nothing(Status.UNKNOWN, reason)
    plain_name, families = families_of(problem.loss, counts)
    plain_problem = replace(problem, loss=plain_name)
    plain = now if problem.loss == plain_name else by_itself(counts, plain_problem)
    balanced = solve_point(_balanced(counts), plain_problem, 0.0).figures
    target = Target(goal, Figures.from_forecast(plain), balanced)
    may_turn = goal is Goal.CONSISTENT or plain is now
    if _fulfils(now, target) and (may_turn or not now.over_corrects):
        return replace(nothing(Status.KEEP, None), target=target)
    if plain is not now and _fulfils(plain, target):
        return replace(nothing(Status.CHANGE, None), target=target, chosen=plain_name, after=plain)
    profile = coarsened(counts, _COARSE) if groups > _EXACT else counts
    searched = target if profile is counts else _target(profile, plain_problem, goal)
    if goal is Goal.CONSISTENT:
        families = tuple(family for family in families if family.consistent is not None)
    options = [design(profile, problem, family, searched) for family in families]
    options.sort(key=_rank)
    found = LossAdvice(
        status=Status.OUT_OF_REACH,
        goal=goal,
        target=target,
        options=tuple(options),
        searched=profile.distinct.size,
        before=now,
    )
    if not options[0].met:
        proven = all(option.point.converged for option in options)
        return found if proven else replace(found, status=Status.UNKNOWN, reason=Reason.NOT_CERTIFIED)
    chosen = options[0].loss
    after = by_itself(counts, replace(problem, loss=chosen))
    if not after.solution.converged:
        return replace(found, status=Status.UNKNOWN, reason=Reason.NOT_CERTIFIED)
    if not _fulfils(after, target):
        return replace(found, status=Status.UNKNOWN, reason=Reason.NOT_HELD)
    return replace(found, status=Status.CHANGE, chosen=chosen, after=after)


def _fulfils(one: Forecast, target: Target) -> bool:
    if target.goal is Goal.CONSISTENT:
        return is_consistent(one.problem.loss, one.counts)
    return target.goal.is_near(Figures.from_forecast(one), target.balanced)


def _rank(option: Option) -> tuple[bool, bool, float]:
    if math.isnan(option.missing):
        last = -option.effective_samples
    else:
        last = option.many_cost if option.met else option.missing
    return not option.met, not option.keeps_directions, last


def _obstacle(now: Forecast) -> Reason | None:
    if now.problem.layers > 1:
        return Reason.SEVERAL_LAYERS
    if now.width_binds:
        return Reason.WIDTH
    if now.survivors == 0:
        return Reason.COLLAPSED
    if now.counts.distinct.size > _MOST:
        return Reason.MANY_COUNTS
    return None if now.solution.converged else Reason.NOT_CERTIFIED


def _balanced(counts: ClassCounts) -> ClassCounts:
    """As many samples, the same number from every class that has any."""
    return ClassCounts(np.where(counts.values > 0, counts.samples / counts.seen, 0.0), counts.names)


def _target(counts: ClassCounts, plain: Problem, goal: Goal) -> Target:
    of_plain, of_balanced = (solve_point(one, plain, 0.0).figures for one in (counts, _balanced(counts)))
    return Target(goal, of_plain, of_balanced)
