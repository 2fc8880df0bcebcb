"""How many samples which classes must gain to keep their directions at the decay in use."""

import math
from dataclasses import dataclass

import numpy as np

from penultimate.advice.status import Reason, Status
from penultimate.counts import ClassCounts
from penultimate.forecasts.forecast import Forecast, forecast
from penultimate.forecasts.samples_to_gain import common_floor
from penultimate.reported import OneLine

# The floor is exact for squared error where two classes or more are raised; other losses may need a little more.
_RAISE, _TRIES = 1.02, 12


@dataclass(frozen=True, repr=False)
class SamplesAdvice(OneLine):
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

    status: Status
    reason: Reason | None
    needed: float
    floor: float | None
    raised: int
    total: float
    before: Forecast
    after: Forecast | None


def advise_samples(now: Forecast, obstacle: Reason | None = None) -> SamplesAdvice:
    """Find the smallest common floor under the counts at which all directions survive, and forecast with it.

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
        return SamplesAdvice(status, reason, judged.samples_needed, None, 0, 0.0, judged, None)

    if obstacle is not None:
        return nothing(Status.UNKNOWN, obstacle)
    if judged.survivors == judged.directions:
        return nothing(Status.KEEP, None)
    if (judged.problem.width or judged.directions) < judged.directions:
        return nothing(Status.OUT_OF_REACH, Reason.WIDTH)
    if math.isnan(judged.samples_needed):
        several = judged.problem.layers > 1
        return nothing(Status.UNKNOWN, Reason.SEVERAL_LAYERS if several else Reason.MOVING_WEIGHTS)
    fixed = judged.problem.feature_decay is not None
    power = (judged.problem.layers + 1) / judged.problem.layers if fixed else 1.0
    floor = common_floor(judged.counts.distinct, judged.counts.multiplicity, judged.samples_needed, power)
    if math.isinf(floor):
        return nothing(Status.OUT_OF_REACH, None)
    for _ in range(_TRIES):
        after = forecast(raised_to(judged.counts, floor), problem=judged.problem)
        if after.survivors == after.directions:
            gain = np.maximum(floor - judged.counts.distinct, 0.0) * judged.counts.multiplicity
            raised = int(judged.counts.multiplicity[gain > 0].sum())
            found = (judged.samples_needed, floor, raised, float(gain.sum()), judged, after)
            return SamplesAdvice(Status.CHANGE, None, *found)
        floor = math.ceil(floor * _RAISE)
    return nothing(Status.UNKNOWN, Reason.NOT_REACHED)


def raised_to(counts: ClassCounts, floor: float) -> ClassCounts:
    """The counts with every seen class at `floor` or above.

    Parameters
    ----------
    counts : ClassCounts
        As they are.
    floor : float
        Samples.

    Returns
    -------
    ClassCounts
    """
    return ClassCounts(np.where(counts.values > 0, np.maximum(counts.values, floor), 0.0), counts.names)
