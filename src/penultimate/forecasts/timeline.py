"""When each direction is learnt: one logistic curve per singular value (docs/theory §7)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from penultimate.errors import ProblemError
from penultimate.minimisers.label_solution import LabelSolution
from penultimate.minimisers.solution import Solution
from penultimate.model.arguments import number, positive, whole
from penultimate.model.problem import Problem
from penultimate.reported import OneLine


@dataclass(frozen=True, eq=False, repr=False)
class Timeline(OneLine):
    """Strength of every direction over training.

    Attributes
    ----------
    steps : ndarray of shape (T,)
        Optimiser steps.
    strength : ndarray of shape (T, t)
        x_i at those steps, one column per distinct singular value, largest first.
    learnt_at : ndarray of shape (t,)
        The step at which a direction has half its final strength; infinite for one that dies.
    note : str
        What was assumed.

    Examples
    --------
    >>> import penultimate as pen
    >>> curve = pen.forecast(pen.ClassCounts([60, 30, 10]), 1e-3, feature_ratio=1).timeline(lr=0.1, steps=3000)
    >>> curve.strength.shape, curve.strength[-1].round(2)
    ((200, 2), array([6.37, 3.63]))
    """

    steps: Float[np.ndarray, " T"]
    strength: Float[np.ndarray, "T t"]
    learnt_at: Float[np.ndarray, " t"]
    note: str


def has_timeline(problem: Problem) -> bool:
    """Whether the curves are known: for squared error, one layer, and a bias that is free or absent."""
    return problem.is_plain_squared_error and problem.layers == 1 and isinstance(problem.bias, str)


def timeline(
    solution: Solution | LabelSolution, *, learning_rate: float, momentum: float, steps: int, start: float, points: int
) -> Timeline:
    """Logistic growth ``x_i(t) = s_i / (1 + (s_i/x_0 − 1) e^{−2 s_i t/N})``, ``s_i = σ_i − θ`` (docs/theory §7).

    Parameters
    ----------
    solution : Solution or LabelSolution
        A one-layer problem, bias free or none.
    learning_rate, momentum : float
        Mini-batch SGD advances the gradient flow's time by ``learning_rate / (1 − momentum)`` a step.
    steps : int
        How far to look.
    start : float
        x_0, the strength that every direction has at the start.
    points : int
        How many steps to report, evenly spaced from 0 to `steps`.

    Returns
    -------
    Timeline

    Raises
    ------
    ProblemError
        For more than one layer, a regularised bias, or arguments out of range.
    """
    problem, samples = solution.problem, solution.samples
    if not has_timeline(problem):
        raise ProblemError(
            "the timeline is known for squared error, one layer and a free or no bias: change the problem"
        )
    _check(learning_rate, momentum, steps, start, points)
    at = np.linspace(0.0, steps, points)
    rate = 2.0 * (solution.sigma - solution.threshold) / samples
    time = learning_rate / (1.0 - momentum)
    strength = np.stack([_logistic(rate, start, samples, time * step) for step in at])
    with np.errstate(divide="ignore", invalid="ignore"):
        half = np.log(np.maximum(rate * samples / 2.0 / start - 1.0, 1.0)) / (rate * time)
    note = (
        "gradient flow on free features from a balanced start; exact for λ_W = λ_H, otherwise √(λ_W λ_H) stands for "
        "both: trust the order of the directions more than the clock"
    )
    return Timeline(at, strength, np.where(rate > 0, half, np.inf), note)


def _logistic(rate: Float[np.ndarray, " t"], start: float, samples: float, time: float) -> Float[np.ndarray, " t"]:
    """x(t) for growth rates 2s/N of either sign, written without overflow and with its limit at s = 0."""
    final = rate * samples / 2.0
    decay = np.exp(-np.abs(rate) * time)
    # ∫ e^{…}: (1 − e^{−|r|t})/|r| → t as r → 0.
    grown = np.where(
        np.abs(rate) * time > 1e-12, -np.expm1(-np.abs(rate) * time) / np.where(rate == 0, 1, abs(rate)), time
    )
    competition = 2.0 * start / samples * grown
    return np.where(final >= 0, start / (decay + competition), start * decay / (1.0 + competition))


def _check(learning_rate: object, momentum: object, steps: object, start: object, points: object) -> None:
    positive(learning_rate, "the learning rate")
    if not 0 <= number(momentum, "the momentum") < 1:
        raise ProblemError(f"the momentum must be at least 0 and below 1, got {momentum}")
    whole(steps, "the number of steps")
    positive(start, "the starting strength x_0")
    whole(points, "the number of points")
