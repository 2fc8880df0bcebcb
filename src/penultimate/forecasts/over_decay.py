"""How the strengths of a solution change with weight decay: in closed form for squared error, else solved again."""

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from penultimate.forecasts.critical_decays import followed
from penultimate.minimisers.convex.solution_path import solution_path
from penultimate.minimisers.shrinkage import Shrinkage
from penultimate.minimisers.solution import Solution
from penultimate.model.arguments import several_decays

_SWEEP = 500  # distinct counts up to which a few solutions take seconds, not minutes
# Relative gap of such a solution. At 1e-4 a direction that just lives can be off by a sixth of its σ.
_GAP = 1e-6


def can_sweep(solution: Solution) -> bool:
    """Whether solutions at other decays can be had: always for squared error, else up to 500 distinct counts."""
    if solution.problem.is_plain_squared_error:
        return True
    return followed(solution) is not None and solution.counts.distinct.size <= _SWEEP


def strengths_at(solution: Solution, weight_decay: ArrayLike) -> Float[np.ndarray, "w t"]:
    """Strength of every distinct direction at other weight decays λ_1, all layers scaled alike.

    With a regularised bias the singular values are kept fixed, which is an approximation; solving again is none.
    """
    decays = several_decays(weight_decay)
    if not solution.problem.is_plain_squared_error:
        return _solved_strengths(solution, decays)
    problem = solution.problem
    if problem.law is not None:
        means = decays * problem.mean_decay / problem.weight_decay[0]
        return problem.law.strength(solution.sigma, means, solution.counts.samples)
    rows: list[Float[np.ndarray, " t"]] = []
    for decay in decays.tolist():
        kappa = _scaled_kappa(solution, decay)
        rows.append(Shrinkage(solution.counts.samples, kappa, problem.layers).strength(solution.sigma))
    return np.stack(rows)


def shares_at(solution: Solution, weight_decay: ArrayLike) -> Float[np.ndarray, "w t"]:
    """Strength over singular value, x/σ, at other weight decays; with one layer σ is x plus the threshold."""
    strength = strengths_at(solution, weight_decay)
    if solution.problem.is_plain_squared_error:
        return strength / solution.sigma
    kappas = np.array([_scaled_kappa(solution, decay) for decay in several_decays(weight_decay).tolist()])
    return strength / (strength + solution.counts.samples * kappas[:, None])


def _scaled_kappa(solution: Solution, decay: float) -> float:
    problem = solution.problem
    return problem.scaled(decay / problem.weight_decay[0]).kappa(solution.counts.samples)


def _solved_strengths(solution: Solution, weight_decay: Float[np.ndarray, " w"]) -> Float[np.ndarray, "w t"]:
    order = np.argsort(weight_decay)
    family = solution_path(solution.counts, followed(solution) or solution.problem, weight_decay, gap=_GAP)
    svd = solution.geometry.svd
    mixed, inside = svd.mixed_index, svd.inside_index
    out = np.zeros((weight_decay.size, solution.sigma.size))
    several = np.flatnonzero(inside >= 0)
    out[order[:, None], inside[several]] = family.strength[:, mixed.size + several]
    for row, there, strength in zip(order, family.solutions, family.strength, strict=True):
        right = there.geometry.svd.quotient.vectors("right", np.arange(mixed.size))
        out[row, mixed[svd.mixed_like(right)]] = strength[: mixed.size]
    return out
