"""The law of strengths that trained networks follow over weight decay, one equation a direction (docs/theory §15).

    (o / o_0)^b = 1 − e + e (z / z_0)^b,        o = (σ − t) / t,        z = λ (t/σ)^{p−2}

o is what a direction lost over what it kept, z the weight decay that it feels, and at an audited network both are
known. e, how fast o grows there, is the share of the loss that decay takes. With b = 1 scatter stays as it is, with b
next to 0 it grows with what is lost. A direction lives while there is such a t, and until a tenth of σ is left.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from penultimate.reported import OneLine

# Trained strengths do not reach zero: a direction is gone below this share of its σ (`forecasts.status.LOST`).
GONE = 0.1
# b: with a constant for scatter (1) deaths are forecast too early, with none (0) too late. Chosen with the constants of
# `audits.law_reading`, on the same networks.
BEND = 0.65
# How many times the audited weight decay a law is trusted: what each sweep of the zoo spans (`studies/zoo.py`).
REACH = 100.0
# Directions are those of the audit where their singular values agree to this much.
_SAME = 1e-6
# Half the interval of log o, beside that of log λ, for each factor of e away from an audited weight decay: of what is
# lost to scatter alone no change of λ has a part. So wide, it holds nine tenths of the strengths on the networks that
# the rule was chosen on.
_ODDS = 0.2
# Steps of Newton and of bisection, the least slope that the former divides by, and when they are done.
_STEPS, _FLAT, _ROUNDING = 60, 1e-12, 1e-13

End = Literal[-1, 0, 1]
Rows = Float[np.ndarray, " t"]


@dataclass(frozen=True)
class Width:
    """Half a 90 % interval of log λ.

    Attributes
    ----------
    near : float
        At the weight decay of an audited run.
    far : float
        More for each factor of e that the weight decay is away from it; below 1.
    """

    near: float
    far: float


@dataclass(frozen=True)
class Paths:
    """Shares y = t/σ of directions over weight decay, each through one point.

    Attributes
    ----------
    power : float
        p, up to 2.
    place, share : ndarray of shape (t,)
        log λ of a point of each path, and y there, at least a tenth.
    exponent, below : ndarray of shape (t,)
        e there, above 0 and up to 1: for the weight decays above the point, and for those below it.
    """

    power: float
    place: Rows
    share: Rows
    exponent: Rows
    below: Rows

    def at(self, log_decay: Float[np.ndarray, "w t"]) -> Float[np.ndarray, "w t"]:
        """Shares at weight decays, one column a direction; zero where it is gone."""
        away = log_decay - self.place
        # On either side of the point log λ is concave in log z, so Newton's steps from below only climb to the root.
        z = np.minimum(np.where(away > 0.0, 0.0, away + (2.0 - self.power) * np.log(self.share)), self._end)
        for _ in range(_STEPS):
            step = np.minimum(z + (away - self._log_decay(z)) / np.maximum(self._slope(z), _FLAT), self._end) - z
            z = z + step
            if np.all(np.abs(step) <= _ROUNDING * (1.0 + np.abs(z))):
                break
        return np.where(away <= self._log_decay(self._end), 1.0 / (1.0 + self._odds(z)), 0.0)

    @cached_property
    def death(self) -> Rows:
        """Log λ at which each is gone."""
        return self.place + self._log_decay(self._end)

    def through(self, log_decay: Rows, share: Rows) -> Rows:
        """The exponents with which paths also pass another point, unbounded."""
        rise = log_decay - self.place + (self.power - 2.0) * np.log(share / self.share)
        odds = (1.0 / share - 1.0) / (1.0 / self.share - 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.expm1(BEND * np.log(odds)) / np.expm1(BEND * rise)

    def _exponent(self, z: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        return np.where(z < 0.0, self.below, self.exponent)

    def _odds(self, z: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        return (1.0 / self.share - 1.0) * power_mean(self._exponent(z), z)

    def _log_decay(self, z: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        return z - (2.0 - self.power) * np.log((1.0 + self._odds(z)) * self.share)

    def _slope(self, z: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Of log λ in log z, which falls."""
        exponent, odds = self._exponent(z), self._odds(z)
        grown = exponent * np.exp(BEND * z)
        return 1.0 - (2.0 - self.power) * odds / (1.0 + odds) * grown / (1.0 - exponent + grown)

    @cached_property
    def _end(self) -> Rows:
        """Log z, from that of the point, where a path ends: at a tenth of σ, or before it where λ would fall again."""
        left = ((1.0 / GONE - 1.0) / (1.0 / self.share - 1.0)) ** BEND
        gone = np.log1p((left - 1.0) / self.exponent) / BEND
        folds = self._slope(gone) < 0.0
        low, high = np.zeros_like(gone), gone
        for _ in range(_STEPS if folds.any() else 0):
            middle = (low + high) / 2.0
            rising = self._slope(middle) > 0.0
            low, high = np.where(rising, middle, low), np.where(rising, high, middle)
        return np.where(folds, low, gone)


def power_mean(exponent: Float[np.ndarray, "..."], log_growth: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """``(1 − e + e x^b)^{1/b}`` of x with this logarithm: by what factor losses grow with decay's."""
    return (1.0 - exponent + exponent * np.exp(BEND * log_growth)) ** (1.0 / BEND)


@dataclass(frozen=True, repr=False)
class StrengthLaw(OneLine):
    """What one audited run, or two, say of strengths at every weight decay.

    Attributes
    ----------
    samples : float
        N of the audited network.
    power : float
        p, up to 2: how the decay that a direction feels rises as it weakens. D weight layers that all decay have 2/D.
    audited : tuple of float
        λ of the audited runs, rising: the geometric mean over the layers.
    usual : tuple of float
        The path of other directions: t/σ at a point of it, e there, and log λ where one with σ² = N is gone:
        λ ∝ (σ²/N)^{1/2e}. For another loss than squared error only e has a meaning.
    sigma : tuple of float
        Distinct singular values that were measured, largest first; empty for another loss than squared error.
    place, share, exponent, below : tuple of float
        Of each of these directions log λ at a point of its path, t/σ there, and e there, for higher weight decays and
        for lower ones.
    learnt : tuple of bool
        Whether its path is its own, or the usual one.
    level : float
        For another loss log C, the median of how hard the loss pulls at the higher audited weight decay. Else NaN.
    own_width, common_width : Width
        Intervals, for directions of either kind.
    decay_share : float, optional
        How much of what is lost weight decay took, from 0 to 1; None where the budget did not say.
    end : {-1, 0, 1}
        Whether this is the law itself, or the lower or upper end of its 90 % interval: at the upper one strengths are
        least.

    Examples
    --------
    Two weight layers whose scatter is nothing: t = σ − C with C ∝ λ, here 2 at λ = 0.01.

    >>> import numpy as np
    >>> from penultimate.model.strength_law import StrengthLaw
    >>> place, one = float(np.log(1e-2)), (1.0, 1.0)
    >>> own = {"sigma": (6.0, 3.0), "place": (place, place), "share": (4 / 6, 1 / 3), "exponent": one, "below": one}
    >>> law = StrengthLaw(100.0, 1.0, (1e-2,), (0.5, 1.0, 0.0), **own, learnt=(True, True))
    >>> law.strength(np.array([6.0, 3.0]), np.array([1e-2, 1.3e-2]), 100.0).round(3)
    array([[4. , 1. ],
           [3.4, 0.4]])
    >>> law.critical(np.array([6.0, 3.0]), 100.0).round(4)
    array([0.027 , 0.0135])
    """

    samples: float
    power: float
    audited: tuple[float, ...]
    usual: tuple[float, float, float]
    sigma: tuple[float, ...] = ()
    place: tuple[float, ...] = ()
    share: tuple[float, ...] = ()
    exponent: tuple[float, ...] = ()
    below: tuple[float, ...] = ()
    learnt: tuple[bool, ...] = ()
    level: float = math.nan
    own_width: Width = Width(0.0, 0.0)
    common_width: Width = Width(0.0, 0.0)
    decay_share: float | None = None
    end: End = 0

    def at_end(self, end: End) -> "StrengthLaw":
        """The law at an end of its interval."""
        return replace(self, end=end)

    @property
    def rise(self) -> float:
        """Exponent e of directions that have none of their own: how what is lost grows at the audited weight decay."""
        return self.usual[1]

    def to_dict(self) -> dict[str, object]:
        """What a forecast's JSON says of it."""
        return {
            "audited_weight_decay": list(self.audited),
            "power": self.power,
            "growth": self.rise,
            "decay_share": self.decay_share,
        }

    def strength(self, sigma: Rows, decay: Float[np.ndarray, " w"], samples: float) -> Float[np.ndarray, "w t"]:
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
        paths, learnt = self._paths(sigma, samples)
        log = np.log(decay)[:, None]
        share = paths.at(self._shifted(log, learnt))
        odds = np.divide(1.0 - share, share, out=np.ones_like(share), where=share > 0.0)
        widened = 1.0 / (1.0 + odds * np.exp(self.end * _ODDS * self._away(log)))
        return sigma * np.where(share > 0.0, np.clip(widened, GONE, 1.0), 0.0)

    def critical(self, sigma: Rows, samples: float) -> Rows:
        """The weight decay at which each direction is gone, shape (t,)."""
        paths, learnt = self._paths(sigma, samples)
        return np.exp(self._unshifted(paths.death, learnt))

    def threshold(self, decay: float, samples: float) -> float:
        """The σ below which a direction without a path of its own is gone."""
        log = self._shifted(np.log([decay]), np.zeros(1, dtype=bool))[0]
        return math.sqrt(samples) * math.exp(self.rise * (log - self.usual[2]))

    def pull(self, decay: float, samples: float) -> float:
        """C of another loss: how hard it must pull on a direction that lives.

        Above the audited weight decay it grows as a path's odds do, below it as a power: no pull is out of reach.
        """
        log = self._shifted(np.log([decay]), np.zeros(1, dtype=bool))[0] - math.log(self.audited[-1])
        grown = self.rise * log if log < 0.0 else math.log(power_mean(np.array([self.rise]), np.array([log]))[0])
        return math.exp(self.level + grown) * math.sqrt(samples / self.samples)

    def decay_of(self, pull: float, samples: float) -> float:
        """The weight decay at which C is this large."""
        grown = math.log(pull) - self.level - 0.5 * math.log(samples / self.samples)
        above = math.log1p(math.expm1(BEND * max(grown, 0.0)) / self.rise) / BEND
        log = math.log(self.audited[-1]) + (grown / self.rise if grown < 0.0 else above)
        return float(np.exp(self._unshifted(np.array([log]), np.zeros(1, dtype=bool))[0]))

    def _paths(self, sigma: Rows, samples: float) -> tuple[Paths, Bool[np.ndarray, " t"]]:
        """Paths of directions, and which are their own: those that were measured, as far as they were learnt."""
        share, exponent, unit = self.usual
        usual = Paths(self.power, np.zeros(1), *(np.full(1, value) for value in (share, exponent, exponent)))
        place = unit + (np.log(sigma) - math.log(samples) / 2.0) / exponent - usual.death
        columns = np.stack([place, *(np.full_like(place, value) for value in (share, exponent, exponent))])
        learnt, size = np.zeros(sigma.size, dtype=bool), len(self.sigma)
        if 0 < size <= sigma.size and np.allclose(sigma[:size], self.sigma, rtol=_SAME, atol=0.0):
            columns[:, :size], learnt[:size] = (self.place, self.share, self.exponent, self.below), self.learnt
        return Paths(self.power, *columns), learnt

    def _shifted(self, log_decay: Float[np.ndarray, "..."], learnt: Bool[np.ndarray, " t"]) -> Float[np.ndarray, "..."]:
        """Log λ that an end of the interval takes another for."""
        near, far = self._width(learnt)
        return log_decay + self.end * (near + far * self._away(log_decay))

    def _away(self, log_decay: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """How far from the audited runs, and from what lies between them."""
        return np.maximum(log_decay - math.log(self.audited[-1]), 0.0) + np.maximum(
            math.log(self.audited[0]) - log_decay, 0.0
        )

    def _unshifted(self, log_decay: Rows, learnt: Bool[np.ndarray, " t"]) -> Rows:
        """The reverse of `_shifted`."""
        first, last = math.log(self.audited[0]), math.log(self.audited[-1])
        near, far = self._width(learnt)
        middle = log_decay - self.end * near
        above, below = np.maximum(middle - last, 0.0), np.minimum(middle - first, 0.0)
        held = np.clip(middle, first, last)
        return held + above / (1.0 + self.end * far) + below / (1.0 - self.end * far)

    def _width(self, learnt: Bool[np.ndarray, " t"]) -> tuple[Rows, Rows]:
        own, common = self.own_width, self.common_width
        return np.where(learnt, own.near, common.near), np.where(learnt, own.far, common.far)


def mean_decay(weight_decay: tuple[float, ...]) -> float:
    """The geometric mean over layers, which stands for all of their weight decays."""
    first = weight_decay[0]
    return first * math.exp(math.fsum(math.log(decay / first) for decay in weight_decay) / len(weight_decay))
