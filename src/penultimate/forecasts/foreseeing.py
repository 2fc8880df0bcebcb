"""The end of a run from its start: where the strength of each direction will be (docs/theory, "The end of a run").

Under squared error a strength lies between 0 and σ, and the constrained law ``dt/dτ = p (σ − t) − q t``, p, q ≥ 0,
keeps it there. Without the constraint a fit to the first tenth of a run is off by several σ; with it, it beats the last
value until a fifth of the run has passed.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.errors import FeaturesError
from penultimate.model.arguments import whole
from penultimate.reported import OneLine

Floats = NDArray[np.float64]
By = Literal["dynamics", "last value"]
Fate = Literal["alive", "dead", "cannot say"]

# Looks at the run that a forecast needs, and of these the last ones whose mean is where the run stands.
FEWEST, _LEVEL = 6, 3
# Early dynamics are other dynamics: what is a quarter of the looks further back counts half.
_HALF_LIFE = 0.25
# Below this part of σ a direction is dead, and the band of a verdict is this wide at least, on either side.
DEAD, _NARROWEST = 0.1, 0.01
# From these parts of the looks the end is foreseen again: how far those are off is how far this may be.
_BACK = (0.5, 0.6, 0.7, 0.8, 0.9)
# By how much the band of these back-tests is too narrow for 90 %, by the part of the run that has passed (32 small
# networks on each of two data sets; below a tenth the two disagree by a factor of three).
_EARLIEST = 0.1
_WIDER = ((0.1, 0.2, 0.4), (6.0, 2.5, 1.4))


@dataclass(frozen=True, repr=False)
class Foreseen(OneLine):
    """Where each direction will be at the end of a run.

    Made by ``Trajectory.foresee``.

    Attributes
    ----------
    until : int
        The last step.
    prefix : float
        Part of the run that has passed.
    by : {"dynamics", "last value"}
        What foresees. Under other losses than squared error nothing beat the last value, so that is given.
    strength : ndarray of shape (t,)
        Foreseen t_i, one for each distinct singular value, largest first.
    low, high : ndarray of shape (t,) or None
        A band that held nine ends in ten on the runs that its width was picked on, and seven on others
        (studies/foreseeing.py); None before a tenth of the run, and by the last value.
    verdict : tuple of str
        Of each direction "alive", "dead" (below a tenth of σ), or "cannot say".

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> forecast = pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=1e-3, feature_ratio=1)
    >>> trajectory, sigma = pen.torch.Trajectory(forecast), forecast.solution.sigma
    >>> for step in range(0, 100, 10):
    ...     shares = 0.9 * (1 - np.exp(-step / np.array([30.0, 200.0])))
    ...     trajectory.add(step, {f"direction/{i + 1}": shares[i] * sigma[i] for i in range(2)})
    >>> foreseen = trajectory.foresee(until=600)
    >>> foreseen.verdict, (foreseen.strength / sigma).round(2)
    (('alive', 'alive'), array([0.9 , 0.86]))
    """

    until: int
    prefix: float
    by: By
    strength: Float[np.ndarray, " t"]
    low: Float[np.ndarray, " t"] | None
    high: Float[np.ndarray, " t"] | None
    verdict: tuple[Fate, ...]


def foresee(
    steps: Int[np.ndarray, " P"],
    strength: Float[np.ndarray, "P t"],
    sigma: Float[np.ndarray, " t"] | None,
    until: int,
) -> Foreseen:
    """Foresee strengths at the end of a run.

    Parameters
    ----------
    steps : ndarray of shape (P,)
        Increasing.
    strength : ndarray of shape (P, t)
        Measured there.
    sigma : ndarray of shape (t,), or None
        What bounds each strength, under squared error; None for other losses.
    until : int
        The last step of the run.

    Returns
    -------
    Foreseen

    Raises
    ------
    FeaturesError
        For fewer than six looks, strengths that are not finite, and an end before the last look.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.forecasts.foreseeing import foresee
    >>> foresee(np.arange(8), np.full((8, 1), 0.01), np.ones(1), 100).verdict
    ('dead',)
    """
    if len(steps) < FEWEST:
        raise FeaturesError(f"the end cannot be foreseen from {len(steps)} looks: take {FEWEST} at least")
    if not np.isfinite(strength).all():
        raise FeaturesError("a strength is NaN or infinite: the training diverged, and nothing can be foreseen of it")
    until = whole(until, "until", least=0)
    if until < steps[-1]:
        raise FeaturesError(f"until={until} lies before the last look, at step {steps[-1]}: give the end of the run")
    prefix = float(steps[-1] - steps[0]) / float(max(until - steps[0], 1))
    level = strength[-_LEVEL:].mean(axis=0)
    if sigma is None:
        return Foreseen(until, prefix, "last value", level, None, None, _of_last(level, prefix))
    time = steps.astype(np.float64)
    ends = [_end(time[:count], strength[:count], sigma, until) for count in _prefixes(len(steps))]
    end = ends[-1]
    answer = np.clip(np.maximum(end, level), 0.0, sigma)
    off = _NARROWEST * sigma
    for earlier in ends[:-1]:
        off = np.maximum(off, np.abs(earlier - end))
    sides = zip(((end - off) / sigma).tolist(), (np.maximum(end + off, answer) / sigma).tolist(), strict=True)
    verdict: tuple[Fate, ...] = tuple(_fate(*both) for both in sides)
    if prefix < _EARLIEST:
        return Foreseen(until, prefix, "dynamics", answer, None, None, verdict)
    wide = off * math.exp(float(np.interp(math.log(prefix), np.log(_WIDER[0]), np.log(_WIDER[1]))))
    low, high = np.clip(end - wide, 0.0, answer), np.clip(end + wide, answer, sigma)
    return Foreseen(until, prefix, "dynamics", answer, low, high, verdict)


def _prefixes(looks: int) -> list[int]:
    return [*(max(int(part * looks), _LEVEL) for part in _BACK), looks]


def _end(time: Floats, strength: Floats, sigma: Floats, until: float) -> Floats:
    """Where the constrained dynamics of these looks lead.

    Differences over a step of the law obey the same law with other rates, so that even looks lose nothing.
    """
    gap = np.diff(time)
    slope = np.diff(strength, axis=0) / gap[:, None]
    weight = 0.5 ** (np.arange(len(gap))[::-1] / (_HALF_LIFE * len(time)))
    grow, shrink = _rates(slope, sigma - strength[:-1], strength[:-1], weight)
    rate = grow + shrink
    end = sigma * np.divide(grow, rate, out=np.zeros_like(rate), where=rate > 0)
    typical = float(gap.mean())
    # At most all of the way in one step.
    left = np.clip(1.0 - rate * typical, np.finfo(np.float64).tiny, 1.0)
    back = (time[-1] - time[-_LEVEL:])[:, None] / typical
    ago = np.exp(np.minimum(-back * np.log(left), 700.0))
    apart: Floats = np.sum(strength[-_LEVEL:] - end, axis=0) / np.sum(ago, axis=0)
    there: Floats = end + apart * left ** ((until - time[-1]) / typical)
    # What neither grows nor shrinks stays where it is.
    there[rate <= 0] = strength[-_LEVEL:, rate <= 0].mean(axis=0)
    return np.clip(there, 0.0, sigma)


def _rates(slope: Floats, above: Floats, below: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Weighted least squares of ``slope = p above − q below`` for p, q ≥ 0, each column by itself, in closed form."""
    w = weight[:, None]
    aa, bb, ab = (np.sum(w * one * other, axis=0) for one, other in ((above, above), (below, below), (above, below)))
    ya, yb = np.sum(w * slope * above, axis=0), -np.sum(w * slope * below, axis=0)
    # Gram matrix ((aa, −ab), (−ab, bb)).
    size = aa * bb - ab**2
    regular = size > 1e-14 * aa * bb
    safe = np.where(regular, size, 1.0)
    p, q = (bb * ya + ab * yb) / safe, (ab * ya + aa * yb) / safe
    inside = regular & (p >= 0) & (q >= 0)
    alone = np.maximum(np.divide(ya, aa, out=np.zeros_like(aa), where=aa > 0), 0.0)
    other = np.maximum(np.divide(yb, bb, out=np.zeros_like(bb), where=bb > 0), 0.0)
    # On an edge the better of the two: what each explains of the slopes.
    first = alone * ya >= other * yb
    return np.where(inside, p, np.where(first, alone, 0.0)), np.where(inside, q, np.where(first, 0.0, other))


def _fate(low: float, high: float) -> Fate:
    return "alive" if low >= DEAD else "dead" if high < DEAD else "cannot say"


def _of_last(level: Floats, prefix: float) -> tuple[Fate, ...]:
    """Against the largest, whose end is not known; none before a tenth of the run."""
    if prefix < _EARLIEST:
        return tuple(_fate(0.0, 1.0) for _ in range(level.size))
    largest = float(level.max(initial=0.0))
    return tuple(_fate(one, one) for one in (level / largest if largest > 0 else np.zeros_like(level)).tolist())
