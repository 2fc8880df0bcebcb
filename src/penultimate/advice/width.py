"""How wide the last layer must be for the directions that survive, and what a narrower one loses."""

from dataclasses import dataclass, replace

from penultimate.advice.status import Piece, Reason, Status
from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.forecasting import by_itself

# Parts of the width needed at which the loss is shown.
_NARROWER = (0.75, 0.5, 0.25)


@dataclass(frozen=True, repr=False, kw_only=True)
class WidthAdvice(Piece):
    """How wide the features must be.

    Attributes
    ----------
    status : Status
        KEEP when the width in use holds all that survives.
    reason : Reason or None
        Why nothing is advised.
    needed : int
        Directions that survive at the decay in use, if the width leaves them room.
    directions : int
        Directions that there are: the width needed when none dies.
    in_use : int or None
        The width, if known.
    before : Forecast
        With the width in use.
    after : Forecast
        Without any.
    narrower : tuple of Forecast
        With less than is needed, widest first; none with other losses than squared error, whose minimum under a width
        is not proven.
    """

    needed: int
    directions: int
    in_use: int | None
    before: Forecast
    after: Forecast
    narrower: tuple[Forecast, ...]


def advise_width(now: Forecast, width: int | None, obstacle: Reason | None = None) -> WidthAdvice:
    """Count the directions that survive where the width does not bind; a minimiser needs no more dimensions.

    Parameters
    ----------
    now : Forecast
        As things stand.
    width : int or None
        The narrowest layer or feature width; None if not known.
    obstacle : Reason, optional
        Why nothing can be said.

    Returns
    -------
    WidthAdvice
    """
    free = now if now.problem.width is None else by_itself(now.counts, replace(now.problem, width=None))
    needed = free.survivors
    parts = sorted({int(part * needed) for part in _NARROWER} - {0, needed}, reverse=True)
    exact = now.problem.is_plain_squared_error
    narrower = tuple(by_itself(now.counts, replace(now.problem, width=part)) for part in parts if exact)
    if width is None or obstacle is not None:
        status, reason = Status.UNKNOWN, obstacle or Reason.NO_WIDTH
    else:
        status, reason = (Status.KEEP if width >= needed else Status.CHANGE), None
    return WidthAdvice(
        status=status,
        reason=reason,
        needed=needed,
        directions=free.directions,
        in_use=width,
        before=now,
        after=free,
        narrower=narrower,
    )
