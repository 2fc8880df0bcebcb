"""The forecast as a function of the ratio c of feature decay to weight decay, which nobody knows before training."""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from penultimate.forecasts.critical_decays import ALL_DEATHS
from penultimate.forecasts.over_decay import can_sweep
from penultimate.minimisers.minimising import minimise
from penultimate.minimisers.solution import Solution
from penultimate.spectrum.label_spectrum import LabelSpectrum

RATIOS = (0.01, 0.1, 1.0, 10.0, 100.0)


@dataclass(frozen=True)
class RatioForecast:
    """The forecast for one value of the unknown ratio ``c = N λ_H / λ_1`` (docs/theory §1).

    Attributes
    ----------
    ratio : float
        c.
    samples_needed : float
        What `Forecast.samples_needed` would be.
    classes_below : int
        Seen classes that do not have more than they need.
    survivors : int or None
        Directions that survive; None where that would take too long to find.
    largest_safe_weight_decay : float or None
        λ_1 below which every direction survives; None if the width already takes some.
    """

    ratio: float
    samples_needed: float
    classes_below: int
    survivors: int | None
    largest_safe_weight_decay: float | None


def by_ratio(
    solution: Solution, group_needed: Float[np.ndarray, " m"], needed: float, safe: float | None
) -> tuple[RatioForecast, ...]:
    """Answer for several c, by how threshold and largest safe decay depend on it.

    Parameters
    ----------
    solution : Solution
        At some c, the feature decay not given.
    group_needed : ndarray of shape (m,)
        Samples that a class of each group needs at that c.
    needed : float
        The same where it is one number for all; NaN otherwise.
    safe : float or None
        λ_1 below which every direction survives at that c.

    Returns
    -------
    tuple of RatioForecast
    """
    return tuple(_at_ratio(solution, ratio, group_needed, needed, safe) for ratio in RATIOS)


def _at_ratio(
    solution: Solution, ratio: float, group_needed: Float[np.ndarray, " m"], needed: float, safe: float | None
) -> RatioForecast:
    layers, counts = solution.problem.layers, solution.counts
    change = ratio / solution.problem.feature_ratio
    more = change ** (1.0 / layers)  # of threshold²
    return RatioForecast(
        ratio=ratio,
        samples_needed=needed * more,
        classes_below=int(counts.multiplicity[counts.distinct <= group_needed * more].sum()),
        survivors=_survivors(solution, ratio, math.sqrt(more) * solution.threshold, safe),
        largest_safe_weight_decay=None if safe is None else safe * change ** (-1.0 / (layers + 1)),
    )


def _survivors(solution: Solution, ratio: float, threshold: float, safe: float | None) -> int | None:
    spectrum, problem = solution.geometry.svd, solution.problem
    if isinstance(spectrum, LabelSpectrum):
        return min(spectrum.count_above(threshold), problem.width or spectrum.rank)
    # Otherwise the singular values move with the decays, so the problem is solved again where that takes no time.
    if can_sweep(solution) and solution.counts.distinct.size <= ALL_DEATHS:
        return minimise(solution.counts, replace(problem, feature_ratio=ratio), gap=1e-6).survivors
    # c acts like the square of the weight decay.
    decay = problem.weight_decay[0] * math.sqrt(ratio / problem.feature_ratio)
    return spectrum.rank if decay < (safe or 0.0) else None
