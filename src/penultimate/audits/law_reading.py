"""Reads the law of strengths off trained networks: one audited run says all of it, a second says how it grows.

For every direction i that was learnt the audit has its strength t_i, how hard the loss still pulls on it, γ_i, and how
much of that pull weight decay balances. ``γ_i = C_i t_i^{p−1}`` (docs/theory §15), so

- p − 1 is the slope of log γ on log t over directions;
- C_i is known for each of them, and wherever head and means agree, and the median of the first stands for all others;
- C grows with λ like the parts of the budget do: decay's with λ, the rest more slowly;
- beyond a hundred times the audited decay, decay's part is taken to prevail: C grows at least like λ.

The constants were chosen once, on the networks named beside them, and have been left alone since.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from penultimate.audits import keys
from penultimate.audits.alignment import Alignment
from penultimate.audits.recorded import Record
from penultimate.errors import ProblemError
from penultimate.model.strength_law import GONE, REACH, StrengthLaw, Width, highest_level, log_level, mean_decay
from penultimate.reported import OneLine

# A direction counts as learnt well when head and means agree on it this much and this share of its σ is there: chosen,
# not fitted. Two of the nine directions of the bundled network of squared error are nearest, with cosines of 0.46 and
# 0.49: with them the median λ_H would be 9.9e-8 for 4.8e-8, well within the quartiles. All others have 0.69 and more on
# training samples, and LEARNT between 0.1 and 0.5 changes nothing on them.
ALIGNED = 0.5
LEARNT = 0.25
# With fewer such directions a median means nothing, and with fewer than one more a slope.
ENOUGH = 3

# The rule, chosen among a few hundred on eight groups of networks, each left out in turn: perceptrons on 8 × 8 digits
# (with and without a linear layer more), on Fashion-MNIST and on glosses, a CNN with batch-norm on Fashion-MNIST, and
# on 900 other digits a perceptron, one with a linear layer more, and a CNN, 110 runs at decays from 2e-5 to 0.5. What
# frozen features and decoupled decay need was added on 20 small networks of one seed. The groups of three seeds that
# docs/does-it-hold marks as unseen took no part.
# A slope below zero is taken at half: p is read off strong directions, and near their end strengths fade where the root
# of so small a p would break off. Unfinished training, too, shows less than p.
_POWERS, _STEEP = (0.45, 1.5), 0.5
_USUAL_POWER = 5.0 / 6.0  # of three weight layers, their slope halved; where a run shows none
_SPREAD = 0.1  # standard deviation of log t below which strengths are too alike for one
# C ∝ λ^e, e = 1 − (1 − share)² of the share that decay takes; below a share of 0.3 all else that is lost stays as it is
# until decay takes that much, which bends the line through these shares. Where the loss rises with strength (a slope
# above 0: frozen features, decoupled decay) it is scatter that nothing removes, and grows four times more slowly, the
# less so the more of it decay takes (1 − share²).
_BEND = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
_SLOW_POWERS, _SLOW = (1.05, 1.25), 0.25
_FURTHEST = 1.0  # and by what factor of e it may differ at most
_USUAL_GROWTH = 0.6  # where the budget does not say
_OWN = 0.8  # how much of what sets the C of a direction apart is there at other decays
_KEPT = 1e-4  # of σ: less than this lost is nothing
_EDGE = 1e-3  # of log C, this side of the edge or that
_CLOSES = 0.5  # of the pull: a budget does not close with more of it unsettled
_LEAST, _MOST = 0.05, 2.0  # of any exponent, and of that between two runs
_SAME_DECAY = 1e-6
# Nine tenths of the strengths of all these runs lie within: from regressions of the quantile on |log λ/λ_0|. Networks
# with batch-norm have fewer of theirs within (docs/does-it-hold).
_OWN_WIDTH, _COMMON_WIDTH = Width(0.15, 0.2), Width(0.1, 0.45)


@dataclass(frozen=True, repr=False)
class Run(OneLine):
    """What the law is read from: the directions of one audited network, distinct singular values, largest first.

    Attributes
    ----------
    decay : float
        λ: the geometric mean over its layers.
    samples : float
        N.
    sigma, multiplicity : tuple of float
        Singular values of the label matrix, and how many directions share each.
    strength, cosine : tuple of float
        Of each: t, and the cosine between head and class means; NaN where there is none.
    pull, to_decay, unsettled : tuple of float
        γ, for squared error ``σ − t``; how much of it weight decay balances, and how much training left over. NaN where
        that is not known.
    """

    decay: float
    samples: float
    sigma: tuple[float, ...]
    multiplicity: tuple[float, ...]
    strength: tuple[float, ...]
    cosine: tuple[float, ...]
    pull: tuple[float, ...]
    to_decay: tuple[float, ...]
    unsettled: tuple[float, ...]

    @classmethod
    def from_alignment(cls, alignment: Alignment, samples: float, weight_decay: tuple[float, ...]) -> "Run":
        """That of an audit."""
        columns = (
            alignment.sigma,
            alignment.multiplicity,
            alignment.strength,
            alignment.cosine,
            alignment.budget.lost,
            alignment.budget.decay,
            alignment.budget.unsettled,
        )
        return cls(mean_decay(weight_decay), samples, *(tuple(map(_plain, column.tolist())) for column in columns))

    @classmethod
    def from_record(cls, held: object, weight_decay: tuple[float, ...], samples: float) -> "tuple[Run, ...]":
        """That of an audit's JSON, or none where it has no pulls; ValueError where it is damaged."""
        rows = Record(held, keys.ALIGNMENT).parts("directions")
        if not rows or any(row.maybe_number("lost") is None for row in rows):
            return ()
        sigma = tuple(row.number("sigma") for row in rows)
        multiplicity = tuple(row.count("multiplicity") for row in rows)
        if min(sigma) <= 0.0 or min(multiplicity) < 1:
            raise ValueError("directions have a singular value or a multiplicity that is not positive")
        columns = (_column(rows, name) for name in ("measured", "cosine", "lost", "lost_to_decay", "unsettled"))
        return (cls(mean_decay(weight_decay), samples, sigma, tuple(map(float, multiplicity)), *columns),)

    @property
    def alive(self) -> Bool[np.ndarray, " t"]:
        """Directions that keep a tenth of what the loss would give them."""
        return np.array(self.strength) >= GONE * self.target

    @property
    def aligned(self) -> Bool[np.ndarray, " t"]:
        """Directions on which head and means agree: what strength they have is theirs, however little."""
        with np.errstate(invalid="ignore"):
            return np.array(self.cosine) >= ALIGNED

    @property
    def learnt(self) -> Bool[np.ndarray, " t"]:
        """Directions that were learnt well: head and means agree, and a quarter of σ is there."""
        return self.aligned & (np.array(self.strength) >= LEARNT * self.target)

    @property
    def target(self) -> Float[np.ndarray, " t"]:
        """Strength and pull together; for squared error σ."""
        return np.array(self.strength) + np.array(self.pull)

    @property
    def lost(self) -> Float[np.ndarray, " t"]:
        """The pull, at least a ten thousandth of the target: a direction that gained strength lost next to nothing."""
        return np.maximum(np.array(self.pull), _KEPT * self.target)

    def median(self, values: Float[np.ndarray, " t"]) -> float:
        """Median over directions that were learnt well, each as often as its σ occurs."""
        chosen = self.learnt & np.isfinite(values)
        several = np.repeat(values[chosen], np.array(self.multiplicity, dtype=int)[chosen])
        return float(np.median(several)) if several.size else math.nan

    @property
    def directions(self) -> int:
        """How many were learnt well."""
        return int(np.array(self.multiplicity)[self.learnt].sum())

    @property
    def decay_share(self) -> float | None:
        """How much of the pull weight decay balances, in the median, from 0 to 1; None where the budget does not say.

        It does not where what training left over is most of the pull.
        """
        decay, left = (self.median(np.array(part) / self.lost) for part in (self.to_decay, self.unsettled))
        if math.isnan(decay) or abs(left) > _CLOSES:
            return None
        return min(max(decay, 0.0), 1.0)

    @property
    def power(self) -> float | None:
        """p, one more than the slope of log γ on log t; None where too few directions, or too like ones, say it."""
        well = self.learnt
        x, y = np.log(np.array(self.strength)[well]), np.log(self.lost[well])
        weight = np.sqrt(np.array(self.multiplicity)[well])
        if well.sum() <= ENOUGH or np.std(x) < _SPREAD:
            return None
        return 1.0 + float(np.polyfit(x, y, 1, w=weight)[0])

    def log_price(self, power: float) -> Float[np.ndarray, " t"]:
        """Log C of every direction, ``γ t^{1−p}`` while there is a root; of use only where head and means agree."""
        strength = np.maximum(np.array(self.strength), _KEPT * self.target)
        return log_level(self.target, strength, self.lost, power)

    def seen(self, log_price: Float[np.ndarray, " t"], power: float) -> Float[np.ndarray, " t"]:
        """Log C held to what was seen: that a direction lives at this weight decay, or is gone."""
        edge = highest_level(self.target, power)
        return np.where(self.alive, np.minimum(log_price, edge - _EDGE), np.maximum(log_price, edge + _EDGE))


def _plain(value: float) -> float:
    """One and the same NaN, so that runs that are alike are equal."""
    return math.nan if math.isnan(value) else float(value)


def _column(rows: list[Record], name: str) -> tuple[float, ...]:
    return tuple(math.nan if (value := row.maybe_number(name)) is None else value for row in rows)


def read_law(runs: tuple[Run, ...], *, convex: bool = False) -> StrengthLaw | None:
    """Read the law off one run, or off two at different weight decays.

    Parameters
    ----------
    runs : tuple of Run
        One, or two of the same counts and loss.
    convex : bool, default False
        Whether the loss is another than squared error. Its minimiser is known for p = 1 alone, and one C is left for
        all directions.

    Returns
    -------
    StrengthLaw or None
        None where a run has fewer than three directions that were learnt well.

    Raises
    ------
    ProblemError
        For runs at one weight decay, or of other counts.
    """
    runs = tuple(sorted(runs, key=lambda run: run.decay))
    _check(runs)
    if any(run.directions < ENOUGH for run in runs):
        return None
    power = 1.0 if convex else float(np.mean([_held(run.power) for run in runs]))
    common = np.array([run.median(run.log_price(power)) for run in runs])
    own = _own(runs, power, common)
    shares = [run.decay_share for run in runs]
    growth = _growth(shares[0], runs[0].power), _growth(shares[-1], runs[-1].power)
    knots = [run.decay for run in runs]
    if len(runs) == 2:
        between = _growth_between(*runs, power)
        growth = (growth[0] + between) / 2.0, (growth[1] + between) / 2.0
    if shares[-1] is not None and shares[-1] < _BEND[-1]:
        # Until decay takes a fair share, what else is lost stays as it is.
        share, decay, level = max(shares[-1], _KEPT), knots[-1], common[-1]
        later = np.array([part for part in _BEND if part > share])
        knots += (decay * later / (1.0 - later) * (1.0 - share) / share).tolist()
        common = np.append(common, level + np.log((1.0 - share) / (1.0 - later)))
        growth = growth[0], _growth(_BEND[-1], runs[-1].power)
    if growth[1] < 1.0:
        # So far up what decay takes has outgrown the rest, and e is theory's 1 (§15.2).
        further = max(0.0, math.log(runs[-1].decay * REACH / knots[-1]))
        knots.append(knots[-1] * math.exp(further))
        common = np.append(common, common[-1] + growth[1] * further)
        growth = growth[0], 1.0
    own = np.vstack([own, np.repeat(own[-1:], len(knots) - len(runs), axis=0)])
    known = [share for share in shares if share is not None]
    return StrengthLaw(
        samples=runs[0].samples,
        power=power,
        audited=tuple(run.decay for run in runs),
        knots=tuple(knots),
        levels=tuple(common.tolist()),
        growth=growth,
        sigma=() if convex else runs[0].sigma,
        own=tuple(() if convex else tuple(one) for one in own.tolist()),
        learnt=() if convex else tuple(np.any([run.learnt for run in runs], axis=0).tolist()),
        own_width=_OWN_WIDTH,
        common_width=_COMMON_WIDTH,
        decay_share=float(np.mean(known)) if known else None,
    )


def _growth(share: float | None, power: float | None) -> float:
    """Exponent e of ``C ∝ λ^e`` by the share that decay takes: theory's 1 where it takes all, next to 0 with none."""
    usual = _USUAL_GROWTH if share is None else 1.0 - (1.0 - share) ** 2
    slowed = 0.0 if power is None else float(np.interp(power, _SLOW_POWERS, (0.0, 1.0 - _SLOW)))
    rest = 1.0 if share is None else 1.0 - share**2
    return max(usual * (1.0 - slowed * rest), _LEAST)


def _own(runs: tuple[Run, ...], power: float, common: Float[np.ndarray, " a"]) -> Float[np.ndarray, "a t"]:
    """Log C of every direction less the common one, at each run: its own where it is aligned there or in the other."""
    told = np.array([run.aligned for run in runs])
    own = [_OWN * (run.log_price(power) - level) for run, level in zip(runs, common, strict=True)]
    own = np.clip(own, -_FURTHEST, _FURTHEST)
    own = np.where(told, own, np.where(told[::-1], own[::-1], 0.0))
    level = np.array([run.seen(level + one, power) for run, level, one in zip(runs, common, own, strict=True)])
    for place in range(1, len(runs)):  # C grows with the weight decay, of every direction
        rise = _LEAST * math.log(runs[place].decay / runs[place - 1].decay)
        level[place] = np.maximum(level[place], level[place - 1] + rise)
    return level - common[:, None]


def _growth_between(one: Run, other: Run, power: float) -> float:
    """How log C grows from one run to another, by the directions that both have learnt well."""
    both = one.learnt & other.learnt
    rise = (other.log_price(power) - one.log_price(power))[both]
    if not rise.size:
        rise = np.array([other.median(other.log_price(power)) - one.median(one.log_price(power))])
    return min(max(float(np.median(rise)) / math.log(other.decay / one.decay), _LEAST), _MOST)


def _check(runs: tuple[Run, ...]) -> None:
    for one, other in pairwise(runs):
        if other.decay <= one.decay * (1.0 + _SAME_DECAY):
            raise ProblemError(
                f"both audits are of networks trained at weight decay {one.decay:g}, so they cannot say how strengths "
                "change with it: give audits at two weight decays"
            )
        if one.samples != other.samples or one.sigma != other.sigma:
            raise ProblemError(
                f"the audits are of other counts ({one.samples:,.10g} and {other.samples:,.10g} samples in all): give "
                "two networks that were trained on the same data"
            )


def _held(power: float | None) -> float:
    if power is None:
        return _USUAL_POWER
    held = 1.0 - _STEEP * (1.0 - power) if power < 1.0 else power
    return min(max(held, _POWERS[0]), _POWERS[1])
