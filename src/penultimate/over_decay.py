"""How a solution changes with weight decay: in closed form for squared error, along a path of solutions otherwise.

A path costs a handful of solutions for every death, so beyond a few distinct counts only the first death is looked for
(`penultimate.path` finds all of them, whatever that costs), and beyond some more none.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from penultimate.minimizers.shrinkage import Shrinkage
from penultimate.minimizers.solution import Outcome, Solution

if TYPE_CHECKING:
    from penultimate.minimizers.convex.deaths import Death

# Distinct counts up to which all deaths are found, or the first one, or a sweep is drawn: seconds, not minutes.
_ALL_DEATHS, _FIRST_DEATH, _SWEEP = 12, 40, 40


def is_closed(solution: Solution) -> bool:
    """Whether the singular values do not depend on the decay: squared error without weights, its bias free or none."""
    return solution.problem.loss == "mse" and isinstance(solution.problem.bias, str)


def can_sweep(solution: Solution) -> bool:
    """Whether solutions at other decays come in seconds: always for squared error, else up to forty distinct counts."""
    if solution.problem.loss == "mse":
        return True
    return solution.outcome is not Outcome.BEST_FOUND and solution.counts.distinct.size <= _SWEEP


def critical_weight_decay(solution: Solution) -> Float[np.ndarray, " t"]:
    """λ_1 at which each distinct direction dies, all layers' decays scaled together; NaN where it is not known.

    Parameters
    ----------
    solution : Solution
        At some decay.

    Returns
    -------
    ndarray of shape (t,)
        NaN where the width leaves no room for the direction, with a regularised bias, and for other losses than squared
        error beyond some distinct counts.
    """
    if is_closed(solution):
        svd, problem = solution.geometry.svd, solution.problem
        critical = problem.weight_decay[0] * (svd.sigma / solution.threshold) ** decay_exponent(solution)
        before = np.cumsum(svd.multiplicity) - svd.multiplicity
        return np.where(before < (problem.width or np.inf), critical, np.nan)
    out = np.full(solution.sigma.shape, np.nan)
    for death in _deaths(solution):
        index = solution.geometry.svd.mixed_index if death.kind == "mixed" else solution.geometry.svd.inside_index
        out[index[death.index]] = death.weight_decay
    return out


def decay_exponent(solution: Solution) -> float:
    """λ ∝ θ^this: the threshold grows like κ^{(L+1)/(2L)}, and κ^{L+1} like λ^{L+1}, or λ^L when λ_H is fixed."""
    problem = solution.problem
    return 2.0 if problem.feature_decay is not None else 2.0 * problem.layers / (problem.layers + 1)


def strengths_at(solution: Solution, weight_decay: Float[np.ndarray, " w"]) -> Float[np.ndarray, "w t"]:
    """Strength of every distinct direction at other weight decays λ_1, all layers scaled alike.

    With a regularised bias the singular values are kept fixed, which is an approximation; a path is none.
    """
    if solution.problem.loss != "mse":
        return _solved_strengths(solution, weight_decay)
    rows: list[Float[np.ndarray, " t"]] = []
    for decay in weight_decay:
        kappa = _scaled_kappa(solution, float(decay))
        rows.append(Shrinkage(solution.counts.samples, kappa, solution.problem.layers).strength(solution.sigma))
    return np.stack(rows)


def shares_at(solution: Solution, weight_decay: Float[np.ndarray, " w"]) -> Float[np.ndarray, "w t"]:
    """Strength over singular value, x/σ, at other weight decays; with one layer σ is x plus the threshold."""
    strength = strengths_at(solution, weight_decay)
    if solution.problem.loss == "mse":
        return strength / solution.sigma
    kappas = np.array([_scaled_kappa(solution, float(decay)) for decay in weight_decay])
    return strength / (strength + solution.counts.samples * kappas[:, None])


def _scaled_kappa(solution: Solution, decay: float) -> float:
    problem = solution.problem
    return problem.scaled(decay / problem.weight_decay[0]).kappa(solution.counts.samples)


def _solved_strengths(solution: Solution, weight_decay: Float[np.ndarray, " w"]) -> Float[np.ndarray, "w t"]:
    from penultimate.minimizers.convex.path import path

    order = np.argsort(weight_decay)
    family = path(solution.counts, solution.problem, weight_decay, gap=1e-6)
    svd = solution.geometry.svd
    mixed, inside = svd.mixed_index, svd.inside_index
    out = np.zeros((weight_decay.size, solution.sigma.size))
    several = np.flatnonzero(inside >= 0)
    out[order[:, None], inside[several]] = family.strength[:, mixed.size + several]
    out[order[:, None], mixed] = family.strength[:, : mixed.size]
    return out


def _deaths(solution: Solution) -> "tuple[Death, ...]":
    from penultimate.minimizers.convex.deaths import find_deaths

    groups = solution.counts.distinct.size
    if solution.problem.loss == "mse" or solution.outcome is Outcome.BEST_FOUND or groups > _FIRST_DEATH:
        return ()
    found = find_deaths(solution.counts, solution.problem, only_first=groups > _ALL_DEATHS)
    return tuple(death for death in found if math.isfinite(death.weight_decay))
