"""The law of strengths that trained networks follow over weight decay, one equation a direction (docs/theory §15).

    o / o_0 = (1 − e) (y_0 / y)^q + e z / z_0,        o = (1 − y) / y,        z = λ y^{p−2}

y is the share t/σ that a direction keeps, o what it lost over what it kept, z the weight decay that it feels; at an
audited network all of them are known. e is the share of the loss that decay takes, and scatter takes the rest: more
and more of what is left as a direction weakens, by the power q. A direction lives while there is such a y, and until a
tenth of σ is left.
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
# How many times the audited weight decay a law is trusted: what each sweep of the zoo spans (`studies/zoo.py`).
REACH = 100.0
# Directions are those of the audit where their singular values agree to this much.
_SAME = 1e-6
# Half the interval of log o, beside that of log λ, for each factor of e away from an audited weight decay: of what is
# lost to scatter alone no change of λ has a part. So wide, it holds nine tenths of the strengths on the networks that
# the rule was chosen on.
_ODDS = 0.3
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
    power, scatter : float
        p, up to 2, and q, from 0 to 1.
    place, share : ndarray of shape (t,)
        log λ of a point of each path, and y there, at least a tenth.
    exponent, below : ndarray of shape (t,)
        e there, above 0 and up to 1: for the weight decays above the point, and for those below it.
    """

    power: float
    scatter: float
    place: Rows
    share: Rows
    exponent: Rows
    below: Rows

    def at(self, log_decay: Float[np.ndarray, "w t"]) -> Float[np.ndarray, "w t"]:
        """Shares at weight decays, one column a direction; zero where it is gone.

        Sought is the growth of log o from that at the point. The right side of the law has a logarithm that is convex
        in it, so Newton's steps from below only climb to the first root.
        """
        away = log_decay - self.place
        exponent = np.where(away < 0.0, self.below, self.exponent)
        # No share is above 1, which is where the logarithm of y_0/y is least.
        least = np.where(away < 0.0, np.log(self.share), 0.0)
        growth = np.minimum(np.logaddexp(*self._parts(least, away, exponent)), self._end)
        for _ in range(_STEPS):
            weaker, slope = self._weaker(growth)
            noise, decay = self._parts(weaker, away, exponent)
            whole = np.logaddexp(noise, decay)
            steep = self.scatter + (2.0 - self.power - self.scatter) * np.exp(decay - whole)
            step = (whole - growth) / np.maximum(1.0 - slope * steep, _FLAT)
            step = np.minimum(growth + step, self._end) - growth
            growth = growth + step
            if np.all(np.abs(step) <= _ROUNDING * (1.0 + np.abs(growth))):
                break
        return np.where(away <= self.death - self.place, self.share * np.exp(-self._weaker(growth)[0]), 0.0)

    @cached_property
    def death(self) -> Rows:
        """Log λ at which each is gone."""
        weaker, _ = self._weaker(self._end)
        left = np.expm1(self._end) - (1.0 - self.exponent) * np.expm1(self.scatter * weaker)
        return self.place + np.log1p(left / self.exponent) - (2.0 - self.power) * weaker

    def through(self, log_decay: Rows, share: Rows) -> Rows:
        """The exponents with which paths also pass another point, unbounded."""
        weaker = np.log(self.share / share)
        lost = np.log((1.0 / share - 1.0) / (1.0 / self.share - 1.0))
        noise = self.scatter * weaker
        felt = log_decay - self.place + (2.0 - self.power) * weaker
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.expm1(lost - noise) / np.expm1(felt - noise)

    def _weaker(self, growth: Float[np.ndarray, "..."]) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
        """``log(y_0/y)`` where log o has grown by so much, and its slope, the share that is lost."""
        lost = (1.0 - self.share) * np.exp(growth)
        return np.log(self.share + lost), lost / (self.share + lost)

    def _parts(
        self, weaker: Float[np.ndarray, "..."], away: Float[np.ndarray, "..."], exponent: Float[np.ndarray, "..."]
    ) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
        """Logarithms of what scatter takes and of what decay takes, so far above the weight decay of the point."""
        with np.errstate(divide="ignore"):
            noise = np.log1p(-exponent) + self.scatter * weaker
        return noise, np.log(exponent) + away + (2.0 - self.power) * weaker

    @cached_property
    def _end(self) -> Rows:
        """Growth of log o where a path ends: at a tenth of σ, or before it where λ would fall again."""
        low = np.zeros_like(self.share)
        high = np.log((1.0 / GONE - 1.0) / (1.0 / self.share - 1.0))
        rising = self._rises(high)
        for _ in range(0 if rising.all() else _STEPS):
            middle = (low + high) / 2.0
            up = self._rises(middle)
            low, high = np.where(up & ~rising, middle, low), np.where(up | rising, high, middle)
        return np.where(rising, high, low)

    def _rises(self, growth: Rows) -> Bool[np.ndarray, " t"]:
        """Whether λ still rises there along the path."""
        weaker, slope = self._weaker(growth)
        noise = (1.0 - self.exponent) * np.exp(self.scatter * weaker - growth)
        return 1.0 - self.scatter * slope * noise >= (2.0 - self.power) * slope * (1.0 - noise)


def lead(audited: Float[np.ndarray, " a"], sigma: Rows) -> bool:
    """Whether audited singular values are the leading ones of these; both largest first."""
    size = audited.size
    return size <= sigma.size and np.allclose(sigma[:size], audited, rtol=_SAME, atol=0.0)


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
    scatter : float, default 0
        q, from 0 to 1: how what scatter takes of a direction rises as it weakens. 0 for frozen features.
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
        How much of what is lost weight decay took in the last audited run, from 0 to 1; None where its budget did not
        say.
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
    scatter: float = 0.0
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

    def measured(self, sigma: Rows, samples: float) -> bool:
        """Whether directions of N samples, with these σ, largest first, are those that were audited.

        They are where all counts are multiplied, too: σ²/N is of the shares of classes alone.
        """
        return bool(self.sigma) and lead(np.array(self.sigma) * math.sqrt(samples / self.samples), sigma)

    def to_dict(self) -> dict[str, object]:
        """What a forecast's JSON says of it."""
        return {
            "audited_weight_decay": list(self.audited),
            "power": self.power,
            "scatter": self.scatter,
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
        grown = self.rise * log if log < 0.0 else log + math.log(self.rise + (1.0 - self.rise) * math.exp(-log))
        return math.exp(self.level + grown) * math.sqrt(samples / self.samples)

    def decay_of(self, pull: float, samples: float) -> float:
        """The weight decay at which C is this large."""
        grown = math.log(pull) - self.level - 0.5 * math.log(samples / self.samples)
        most = max(grown, 0.0)
        above = most + math.log1p((self.rise - 1.0) * math.exp(-most)) - math.log(self.rise)
        log = math.log(self.audited[-1]) + (grown / self.rise if grown < 0.0 else above)
        return float(np.exp(self._unshifted(np.array([log]), np.zeros(1, dtype=bool))[0]))

    def _paths(self, sigma: Rows, samples: float) -> tuple[Paths, Bool[np.ndarray, " t"]]:
        """Paths of directions, and which are their own: those that were measured, as far as they were learnt."""
        share, exponent, unit = self.usual
        usual = Paths(
            self.power, self.scatter, np.zeros(1), *(np.full(1, value) for value in (share, exponent, exponent))
        )
        place = unit + (np.log(sigma) - math.log(samples) / 2.0) / exponent - usual.death
        columns = np.stack([place, *(np.full_like(place, value) for value in (share, exponent, exponent))])
        learnt, size = np.zeros(sigma.size, dtype=bool), len(self.sigma)
        if self.measured(sigma, samples):
            columns[:, :size], learnt[:size] = (self.place, self.share, self.exponent, self.below), self.learnt
        return Paths(self.power, self.scatter, *columns), learnt

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
