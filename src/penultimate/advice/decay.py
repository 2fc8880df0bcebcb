"""The largest weight decay at which every class keeps its direction, beside the one in use (docs/theory §4, §5)."""

from dataclasses import dataclass, replace

from penultimate.advice.status import Piece, Reason, Status
from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.forecasting import by_itself

# A critical decay found along a path is known to 4e-7 on either side, one read off bins was within 2 % in the tests;
# just below and just above it mean this far.
_BESIDE, _BESIDE_ESTIMATE = 1e-5, 2e-2


@dataclass(frozen=True, repr=False, kw_only=True)
class DecayAdvice(Piece):
    """Which weight decay to take.

    Attributes
    ----------
    status : Status
        CHANGE when a direction dies at the decay in use; where a trained network's quartiles are known, when one does
        at the upper quartile of its feature decay.
    reason : Reason or None
        Why nothing is advised.
    in_use : float
        λ_1.
    largest : float or None
        λ_1 below which every direction survives, all layers' decays scaled together.
    quartiles : tuple of float or None
        The same at the upper and at the lower quartile of a trained network's feature decay.
    below, above : int or None
        Directions that a forecast just below and just above `largest` finds alive.
    before : Forecast
        At the decay in use.
    after : Forecast or None
        Just below the decay advised; None where nothing is to change.
    """

    in_use: float
    largest: float | None = None
    quartiles: tuple[float, float] | None = None
    below: int | None = None
    above: int | None = None
    before: Forecast
    after: Forecast | None = None

    @property
    def advised(self) -> float | None:
        """The decay to stay below: the cautious end where there are quartiles."""
        return self.largest if self.quartiles is None else self.quartiles[0]

    @property
    def factor(self) -> float | None:
        """The decay advised over the one in use."""
        return None if self.advised is None else self.advised / self.in_use


def advise_decay(now: Forecast, obstacle: Reason | None = None) -> DecayAdvice:
    """Find the largest weight decay at which all directions survive, and try both sides of it.

    Parameters
    ----------
    now : Forecast
        As things stand, with its `band` where a network was audited.
    obstacle : Reason, optional
        Why nothing can be said.

    Returns
    -------
    DecayAdvice
    """
    in_use = now.problem.weight_decay[0]

    def nothing(status: Status, reason: Reason) -> DecayAdvice:
        return DecayAdvice(status=status, reason=reason, in_use=in_use, before=now)

    if obstacle is not None:
        return nothing(Status.UNKNOWN, obstacle)
    if now.width_binds:
        return nothing(Status.OUT_OF_REACH, Reason.WIDTH)
    largest = now.largest_safe_weight_decay
    if largest is None:
        return nothing(Status.UNKNOWN, Reason.NOT_SEARCHED)
    quartiles = _quartiles(now)
    advised = largest if quartiles is None else quartiles[0]
    beside = _BESIDE_ESTIMATE if now.is_safe_decay_estimated else _BESIDE
    below, above = (_at(now, largest * (1.0 + side)).survivors for side in (-beside, beside))
    keep = in_use < advised
    after = None if keep else _at(now, advised * (1.0 - beside))
    return DecayAdvice(
        status=Status.KEEP if keep else Status.CHANGE,
        in_use=in_use,
        largest=largest,
        quartiles=quartiles,
        below=below,
        above=above,
        before=now,
        after=after,
    )


def _quartiles(now: Forecast) -> tuple[float, float] | None:
    """The decay at the upper and at the lower quartile; None where these do not differ."""
    low, high = now.band or (now, now)
    ends = high.largest_safe_weight_decay, low.largest_safe_weight_decay
    return None if ends[0] is None or ends[1] is None or ends[0] == ends[1] else (ends[0], ends[1])


def _at(now: Forecast, decay: float) -> Forecast:
    """The forecast at another weight decay, its quartiles too."""
    factor = decay / now.problem.weight_decay[0]

    def scaled(one: Forecast) -> Forecast:
        return by_itself(one.counts, one.problem.scaled(factor))

    band = None if now.band is None else (scaled(now.band[0]), scaled(now.band[1]))
    return replace(scaled(now), band=band)
