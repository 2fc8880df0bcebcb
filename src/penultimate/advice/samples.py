"""How many samples which classes must gain to keep their directions at the decay in use."""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from penultimate.advice.status import Piece, Reason, Status
from penultimate.counts import ClassCounts
from penultimate.forecasts.critical_decays import is_closed
from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.forecasting import by_itself
from penultimate.forecasts.samples_to_gain import common_floor, raised_to, smallest_floor
from penultimate.minimisers.shrinkage import Shrinkage
from penultimate.model.problem import Problem
from penultimate.spectrum.label_spectrum import LabelSpectrum

# The floor is the smallest for squared error with a free or no bias; other losses may need a little more than theirs.
_RAISE, _TRIES = 1.02, 12


@dataclass(frozen=True, repr=False, kw_only=True)
class SamplesAdvice(Piece):
    """Which classes need more samples.

    Attributes
    ----------
    status : Status
        CHANGE when a direction dies at the decay in use, for a trained network at the upper quartile of its feature
        decay.
    reason : Reason or None
        Why nothing is advised.
    needed : float
        Samples that a class needs now; NaN where every class needs its own number.
    floor : float or None
        Samples that every class should have at least; None where that is not known, or nothing is needed.
    raised : int
        Classes with fewer.
    total : float
        Samples that these gain in all.
    before : Forecast
        Of the counts as they are (at the upper quartile, where there is one).
    after : Forecast or None
        Of the counts raised to the floor.
    """

    needed: float
    floor: float | None = None
    raised: int = 0
    total: float = 0.0
    before: Forecast
    after: Forecast | None = None


def advise_samples(now: Forecast, obstacle: Reason | None = None) -> SamplesAdvice:
    """Find a floor under the counts at which all directions survive, for squared error the smallest, and forecast it.

    Parameters
    ----------
    now : Forecast
        As things stand.
    obstacle : Reason, optional
        Why nothing can be said.

    Returns
    -------
    SamplesAdvice
    """
    judged = now if now.band is None else now.band[1]

    def nothing(status: Status, reason: Reason | None) -> SamplesAdvice:
        return SamplesAdvice(status=status, reason=reason, needed=judged.samples_needed, before=judged)

    if obstacle is not None:
        return nothing(Status.UNKNOWN, obstacle)
    if judged.survivors == judged.directions:
        return nothing(Status.KEEP, None)
    if judged.width_binds:
        return nothing(Status.OUT_OF_REACH, Reason.WIDTH)
    if math.isnan(judged.samples_needed):
        several = judged.problem.layers > 1
        return nothing(Status.UNKNOWN, Reason.SEVERAL_LAYERS if several else Reason.MOVING_WEIGHTS)
    n, size, needed = judged.counts.distinct, judged.counts.multiplicity, judged.samples_needed
    floor = common_floor(n, size, needed, judged.problem.samples_exponent)
    if is_closed(judged.solution):
        floor = smallest_floor(judged.counts, partial(_survives, judged.problem), floor)
    if math.isinf(floor):
        return nothing(Status.OUT_OF_REACH, None)
    for _ in range(_TRIES):
        after = by_itself(raised_to(judged.counts, floor), judged.problem)
        if after.survivors == after.directions:
            gain = np.maximum(floor - n, 0.0) * size
            raised = int(size[gain > 0].sum())
            return SamplesAdvice(
                status=Status.CHANGE,
                needed=needed,
                floor=floor,
                raised=raised,
                total=float(gain.sum()),
                before=judged,
                after=after,
            )
        floor = math.ceil(floor * _RAISE)
    return nothing(Status.UNKNOWN, Reason.NOT_REACHED)


def _survives(problem: Problem, counts: ClassCounts) -> bool:
    """Whether every direction survives, for squared error: no root is found for it."""
    spectrum = LabelSpectrum(counts, centred=problem.bias == "free")
    if problem.law is not None:
        threshold = problem.law.threshold(problem.mean_decay, counts.samples)
    else:
        threshold = Shrinkage(counts.samples, problem.kappa(counts.samples), problem.layers).threshold
    return spectrum.count_above(threshold) == counts.seen - int(spectrum.centred)
