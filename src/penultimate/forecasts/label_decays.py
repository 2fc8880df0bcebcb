"""What becomes of every label at other decays, all of a problem's scaled together: squared error, bias free or none."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from penultimate.forecasts.label_figures import samples_needed
from penultimate.forecasts.label_rows import LabelRatio
from penultimate.minimisers.label_solution import LabelSolution
from penultimate.minimisers.shrinkage import Shrinkage

# Steps that narrow a weight decay down to a relative 1e-9 from any factor of 1e9.
_HALVINGS = 70


def _room(solution: LabelSolution) -> int:
    """How many directions the width holds."""
    return min(solution.problem.width or solution.sigma.size, solution.sigma.size)


def scores_on(solution: LabelSolution, strength: Float[np.ndarray, "... r"]) -> Float[np.ndarray, "... K"]:
    """Mean score where each label is on, were directions so strong.

    Parameters
    ----------
    solution : LabelSolution
    strength : ndarray of shape (…, r)

    Returns
    -------
    ndarray of shape (…, K)
        Zero, but for the bias, for labels that never are on.
    """
    targets, n = solution.targets, solution.targets.positives
    gained = (strength * solution.sigma) @ (solution.geometry.spectrum.vectors**2).T
    gained = np.divide(gained, n, out=np.zeros_like(gained), where=n > 0)
    return gained + (targets.mean if solution.problem.bias == "free" else 0.0)


def alive_and_answered(
    solution: LabelSolution, varying: Bool[np.ndarray, " K"], kappa: float
) -> tuple[int, Bool[np.ndarray, " v"]]:
    """Directions alive with another κ, and which of the labels that vary are answered at ½.

    Parameters
    ----------
    solution : LabelSolution
    varying : ndarray of bool of shape (K,)
    kappa : float

    Returns
    -------
    int, ndarray of bool
    """
    strength = Shrinkage(solution.targets.samples, kappa, solution.problem.layers).strength(solution.sigma)
    strength[_room(solution) :] = 0.0
    return int(np.count_nonzero(strength)), scores_on(solution, strength)[varying] > 0.5


def largest_answering(solution: LabelSolution, varying: Bool[np.ndarray, " K"], most: float) -> float | None:
    """The largest λ_1, up to `most`, at which every label is answered at ½; None where none is small enough.

    Parameters
    ----------
    solution : LabelSolution
    varying : ndarray of bool of shape (K,)
    most : float

    Returns
    -------
    float or None
    """
    chosen, samples = solution.problem.weight_decay[0], solution.targets.samples

    def all_answered(decay: float) -> bool:
        kappa = solution.problem.scaled(decay / chosen).kappa(samples)
        return bool(alive_and_answered(solution, varying, kappa)[1].all())

    low, high = 1e-9 * chosen, most
    if not all_answered(low):
        return None
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if all_answered(middle) else (low, middle)
    return low


def at_ratio(solution: LabelSolution, varying: Bool[np.ndarray, " K"], ratio: float) -> LabelRatio:
    """The answer at another ratio c of decays.

    Parameters
    ----------
    solution : LabelSolution
    varying : ndarray of bool of shape (K,)
    ratio : float

    Returns
    -------
    LabelRatio
    """
    problem = solution.problem
    # κ² grows with c for one layer, and θ with a power of κ.
    change = ratio / problem.feature_ratio
    there = solution.threshold * change ** (0.5 / problem.layers)
    kappa = problem.kappa(solution.targets.samples) * change ** (1.0 / (problem.layers + 1))
    alive, answered = alive_and_answered(solution, varying, kappa)
    keep, answer = samples_needed(replace(solution, threshold=there), np.ones(1))
    return LabelRatio(ratio, alive, int(np.count_nonzero(answered)), float(keep[0]), float(answer[0]))
