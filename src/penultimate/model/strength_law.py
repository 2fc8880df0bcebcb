"""The law of strengths that trained networks follow over weight decay, one equation a direction (docs/theory §15).

    σ_i = x + C_i(λ) x^{p−1},        C_i(λ) ∝ λ^e,        the larger root

It is read off one trained network or two; p and e are theirs, and so is C_i of every direction they have learnt. Unlike
the minimiser of §4 a direction lives while there is a root: training follows a strength down and does not jump to a
better minimum far away. Nor does it jump to zero where the root ends: it fades, until less than a tenth of σ is left.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from penultimate.reported import OneLine

# Trained strengths do not reach zero: a direction is gone below this share of its σ (`forecasts.status.LOST`).
GONE = 0.1
# Where the root ends a strength x falls like C^−4. Chosen on the networks that the rule of `audits.law_reading` was:
# of 3, 4, 6 and a jump it called most directions rightly.
_FADES = 4.0
# How many times the audited weight decay a law is trusted: what each sweep of the zoo spans (`studies/zoo.py`).
REACH = 100.0
# Largest part of the exponent by which an end of the intervals may differ from it: C grows with decay at either end.
_MOST = 0.8
_STEPS = 60
# Directions are those of the audit where their singular values agree to this much.
_SAME = 1e-6
# At the edge, where both roots meet, the slope is zero; there Newton's steps are held back.
_FLAT = 1e-8

End = Literal[-1, 0, 1]


@dataclass(frozen=True)
class Width:
    """Half a 90 % interval of log C.

    Attributes
    ----------
    near : float
        At the weight decay of an audited run.
    far : float
        More for each factor of e that the weight decay is away from it.
    """

    near: float
    far: float


@dataclass(frozen=True, repr=False)
class StrengthLaw(OneLine):
    """What one audited run, or two, say of strengths at every weight decay.

    log C is linear in log λ between knots and beyond them.

    Attributes
    ----------
    samples : float
        N of the audited network.
    power : float
        p, from 0 to 2: how steeply the price of strength rises as it falls. D weight layers that all decay have 2/D.
    audited : tuple of float
        λ of the audited runs, rising: the geometric mean over the layers.
    knots : tuple of float
        Weight decays between which log C is a straight line in log λ, rising: the audited ones first.
    levels : tuple of float
        log C common to all directions, at each of them.
    growth : tuple of float
        e in ``C ∝ λ^e`` below the knots and above them.
    sigma : tuple of float
        Distinct singular values that were measured, largest first.
    own : tuple of tuple of float
        log C of each of these directions less the common one, at each knot.
    learnt : tuple of bool
        Whether C of a direction is its own, or the common one.
    own_width, common_width : Width
        Intervals of log C, for directions of either kind.
    decay_share : float, optional
        How much of what is lost weight decay took, from 0 to 1; None where the budget did not say.
    end : {-1, 0, 1}
        Whether this is the law itself, or the lower or upper end of its 90 % interval: at the upper one strengths are
        least.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.model.strength_law import StrengthLaw, Width
    >>> exact = Width(0.0, 0.0)
    >>> law = StrengthLaw(100.0, 1.0, (1e-2,), (1e-2,), (0.0,), (1.0, 1.0), (), ((),), (), exact, exact)
    >>> law.strength(np.array([6.0, 3.0]), np.array([2e-2]), 100.0)
    array([[4., 1.]])
    >>> law.critical(np.array([6.0, 3.0]), 100.0).round(4)
    array([0.054, 0.027])
    """

    samples: float
    power: float
    audited: tuple[float, ...]
    knots: tuple[float, ...]
    levels: tuple[float, ...]
    growth: tuple[float, float]
    sigma: tuple[float, ...]
    own: tuple[tuple[float, ...], ...]
    learnt: tuple[bool, ...]
    own_width: Width
    common_width: Width
    decay_share: float | None = None
    end: End = 0

    def at_end(self, end: End) -> "StrengthLaw":
        """The law at an end of its interval."""
        return replace(self, end=end)

    @property
    def rise(self) -> float:
        """Exponent e just above the audited weight decays."""
        last = len(self.audited) - 1
        if len(self.knots) == len(self.audited):
            return self.growth[1]
        higher = math.log(self.knots[last + 1] / self.knots[last])
        return (self.levels[last + 1] - self.levels[last]) / higher

    def to_dict(self) -> dict[str, object]:
        """What a forecast's JSON says of it."""
        return {
            "audited_weight_decay": list(self.audited),
            "power": self.power,
            "growth": [self.growth[0], self.rise],
            "decay_share": self.decay_share,
        }

    def strength(
        self, sigma: Float[np.ndarray, " t"], decay: Float[np.ndarray, " w"], samples: float
    ) -> Float[np.ndarray, "w t"]:
        """Strengths of directions at weight decays, zero for those that are gone.

        Parameters
        ----------
        sigma : ndarray of shape (t,)
            Their singular values, largest first.
        decay : ndarray of shape (w,)
            λ.
        samples : float
            N of the data that is forecast.

        Returns
        -------
        ndarray of shape (w, t)
        """
        log_price = self._log_level(self._known(sigma), np.log(decay), samples)
        price = np.exp(log_price + (self.power - 2.0) * np.log(sigma))
        alive = price <= _dearest(self.power)
        last, top = _last_root(self.power)
        rooted = _larger_root(np.minimum(price, top), self.power)
        fading = last * (top / np.maximum(price, top)) ** _FADES
        return np.where(alive, sigma * np.where(price <= top, rooted, fading), 0.0)

    def critical(self, sigma: Float[np.ndarray, " t"], samples: float) -> Float[np.ndarray, " t"]:
        """The weight decay at which each direction is gone, shape (t,)."""
        known = self._known(sigma)
        highest = highest_level(sigma, self.power) - self._of_samples(samples)
        knots, at, (below, above) = np.log(self.knots), self._at_knots(known), self._slopes(known)
        log = knots[0] + np.minimum(highest - at[0], 0.0) / below
        for place, (low, high) in enumerate(pairwise(at)):
            part = np.clip(np.divide(highest - low, high - low, out=np.ones_like(low), where=high > low), 0.0, 1.0)
            log += np.where(highest > low, part, 0.0) * (knots[place + 1] - knots[place])
        return np.exp(log + np.maximum(highest - at[-1], 0.0) / above)

    def level(self, decay: float, samples: float) -> float:
        """C of a direction that has none of its own."""
        common = _Known(np.zeros((len(self.knots), 1)), np.zeros(1, dtype=bool))
        return float(np.exp(self._log_level(common, np.log([decay]), samples)[0, 0]))

    def threshold(self, decay: float, samples: float) -> float:
        """The σ below which such a direction is gone."""
        return float((self.level(decay, samples) / _dearest(self.power)) ** (1.0 / (2.0 - self.power)))

    def decay_of(self, level: float, samples: float) -> float:
        """The weight decay at which C of such a direction is this large."""
        sigma = (level / _dearest(self.power)) ** (1.0 / (2.0 - self.power))
        return float(replace(self, sigma=()).critical(np.array([sigma]), samples)[0])

    def _known(self, sigma: Float[np.ndarray, " t"]) -> "_Known":
        """What is known of directions alone: all that was measured where they are those of the audit, else nothing."""
        size, runs = len(self.sigma), len(self.knots)
        if not size or sigma.size < size or not np.allclose(sigma[:size], self.sigma, rtol=_SAME, atol=0.0):
            return _Known(np.zeros((runs, sigma.size)), np.zeros(sigma.size, dtype=bool))
        rest = sigma.size - size
        return _Known(np.pad(np.array(self.own), ((0, 0), (0, rest))), np.pad(np.array(self.learnt), (0, rest)))

    def _log_level(
        self, known: "_Known", log_decay: Float[np.ndarray, " w"], samples: float
    ) -> Float[np.ndarray, "w t"]:
        knots, at, (below, above) = np.log(self.knots), self._at_knots(known), self._slopes(known)
        part = np.interp(log_decay, knots, np.arange(knots.size))
        low = np.floor(part).astype(int)
        inside = at[low] + (part - low)[:, None] * (at[np.minimum(low + 1, knots.size - 1)] - at[low])
        before, after = np.minimum(log_decay - knots[0], 0.0), np.maximum(log_decay - knots[-1], 0.0)
        return inside + before[:, None] * below + after[:, None] * above + self._of_samples(samples)

    def _at_knots(self, known: "_Known") -> Float[np.ndarray, "a t"]:
        """Log C at the knots for the audited N, which never falls from one to the next."""
        knots, audited = np.log(self.knots), np.log(self.audited)
        away = np.maximum(audited[0] - knots, 0.0) + np.maximum(knots - audited[-1], 0.0)
        near, far = (known.choose(*ends) for ends in self._widths)
        wide = self.end * (near + np.multiply.outer(away, far))
        return np.maximum.accumulate(np.array(self.levels)[:, None] + known.own + wide, axis=0)

    def _slopes(self, known: "_Known") -> tuple[Float[np.ndarray, " t"], Float[np.ndarray, " t"]]:
        """Exponent of C below all knots and above them: at an upper end C falls off less and grows faster."""
        far = known.choose(*self._widths[1])
        below, above = (np.minimum(far, _MOST * growth) for growth in self.growth)
        return self.growth[0] - self.end * below, self.growth[1] + self.end * above

    @property
    def _widths(self) -> tuple[tuple[float, float], tuple[float, float]]:
        own, common = self.own_width, self.common_width
        return (own.near, common.near), (own.far, common.far)

    def _of_samples(self, samples: float) -> float:
        """How log C changes with N: shares of σ lost stay the same when all counts are multiplied."""
        return (1.0 - self.power / 2.0) * math.log(samples / self.samples)


@dataclass(frozen=True)
class _Known:
    """log C of directions less the common one, at each run, and whether it is their own."""

    own: Float[np.ndarray, "a t"]
    learnt: Bool[np.ndarray, " t"]

    def choose(self, own: float, common: float) -> Float[np.ndarray, " t"]:
        return np.where(self.learnt, own, common)


def mean_decay(weight_decay: tuple[float, ...]) -> float:
    """The geometric mean over layers, which stands for all of their weight decays."""
    first = weight_decay[0]
    return first * math.exp(math.fsum(math.log(decay / first) for decay in weight_decay) / len(weight_decay))


def highest_level(sigma: Float[np.ndarray, " t"], power: float) -> Float[np.ndarray, " t"]:
    """The largest log C at which directions live."""
    return np.log(_dearest(power)) + (2.0 - power) * np.log(sigma)


def log_level(
    sigma: Float[np.ndarray, " t"], strength: Float[np.ndarray, " t"], lost: Float[np.ndarray, " t"], power: float
) -> Float[np.ndarray, " t"]:
    """Log C that gives directions of a run the strengths they have, where ``σ = strength + lost``."""
    last, top = _last_root(power)
    faded = np.log(top) + np.log(last * sigma / strength) / _FADES + (2.0 - power) * np.log(sigma)
    return np.where(strength < last * sigma, faded, np.log(lost) + (1.0 - power) * np.log(strength))


def _last_root(power: float) -> tuple[float, float]:
    """The least share of σ that is a larger root, and its ``C σ^{p−2}``."""
    least = max(GONE, (1.0 - power) / (2.0 - power))
    return least, (1.0 - least) * least ** (1.0 - power)


def _dearest(power: float) -> float:
    """The largest ``C σ^{p−2}`` at which a tenth of σ is left."""
    last, top = _last_root(power)
    return top * (last / GONE) ** (1.0 / _FADES)


def _larger_root(price: Float[np.ndarray, "w t"], power: float) -> Float[np.ndarray, "w t"]:
    """Solve y + price y^{p−1} = 1 by Newton from 1: the left side is convex, so the steps only descend to the root."""
    y = np.ones_like(price)
    for _ in range(_STEPS):
        slope = np.maximum(1.0 - (1.0 - power) * price * y ** (power - 2.0), _FLAT)
        step = (y + price * y ** (power - 1.0) - 1.0) / slope
        y = np.maximum(y - step, GONE / 2.0)
        if np.all(np.abs(step) <= 4.0 * np.finfo(float).eps):
            break
    return y
