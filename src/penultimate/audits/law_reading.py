"""Reads the law of strengths off trained networks: one audited run says all of it, a second says how it went before.

For every direction that was learnt the audit has its strength t, how hard the loss still pulls on it, γ, and how much
of that pull weight decay balances. What it lost over what it kept, γ/t, grows with the weight decay (docs/theory §15),

- near the audited one by the exponent e, the share that decay takes: of one layer on frozen features exactly;
- farther up more steeply, as decay takes more of what is lost;
- and as a direction weakens it feels more of the decay, by the power 2 − p of its share, and of scatter, by q.

Directions that were not learnt have the usual e of the others and die where their σ says.
The constants were chosen once, on the networks named beside them, and have been left alone since.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int

from penultimate.audits import keys
from penultimate.audits.alignment import Alignment
from penultimate.audits.recorded import Record
from penultimate.errors import ProblemError
from penultimate.model.strength_law import GONE, Paths, StrengthLaw, Width, lead, mean_decay
from penultimate.reported import OneLine

# A direction counts as learnt well when head and means agree on it this much and this share of its σ is there: chosen,
# not fitted. Two of the nine directions of the bundled network of squared error are nearest, with cosines of 0.46 and
# 0.49: with them the median λ_H would be 9.9e-8 for 4.8e-8, well within the quartiles. All others have 0.69 and more on
# training samples, and LEARNT between 0.1 and 0.5 changes nothing on them.
ALIGNED = 0.5
LEARNT = 0.25
# With fewer such directions a median means nothing, and with fewer than one more a slope.
ENOUGH = 3

# The rule, chosen on networks of squared error, those that docs/does-it-hold does not mark as unseen: perceptrons,
# CNNs, ResNets, a transformer and linear probes, at weight decays over two powers of ten.
_LEAST = 1e-3  # of e: where decay takes nothing next to rounding, more of it kills in the end
_LEAST_COMMON = 0.03  # of e of directions without one of their own: their λ is a power of σ, which this keeps finite
_USUAL_EXPONENT = 0.6  # where the budget does not say
# p is this over L + 1, where the model has 2 (docs/theory §4): layers below the features decay too.
_POWER = 1.7
# q: scatter along a direction has a part that does not shrink with it. Where the loss rises with strength (a slope
# above 0) features are frozen or nearly: q goes to 0, and p up by 1, the less so the more decay takes (1 − share²).
_SCATTER, _RISING = 0.5, (0.15, 0.3)
_SPREAD = 0.1  # standard deviation of log t below which strengths are too alike for a slope
_FADES = 0.3  # below a tenth of σ strengths fade like λ^{−e/0.3}: a direction seen there died that much earlier
_EDGE = 1e-3  # of log λ, this side of a death or that
_KEPT = 1e-4  # of σ: less than this lost is nothing
_LEFT = 5e-3  # of σ: less than this left says no more of how long ago a direction died
_CLOSES = 0.5  # of the pull: a budget does not close with more of it unsettled
_SAME_DECAY = 1e-6
_MOST_DIRECTIONS = 100_000_000  # of a record: forty times the largest of vocabularies, and still held in memory
# Nine tenths of the deaths on these networks lie within, one run forecasting, in the mean of the networks.
_OWN_WIDTH, _COMMON_WIDTH = Width(0.6, 0.1), Width(0.6, 0.6)


@dataclass(frozen=True, repr=False)
class Run(OneLine):
    """What the law is read from: the directions of one audited network, distinct singular values, largest first.

    Attributes
    ----------
    decay : float
        λ: the geometric mean over its layers.
    layers : int
        L, linear layers behind the features.
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
    layers: int
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
        held = (tuple(map(_plain, column.tolist())) for column in columns)
        return cls(mean_decay(weight_decay), len(weight_decay), samples, *held)

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
        if any(one <= other for one, other in pairwise(sigma)):
            raise ValueError("directions are not in order, the largest singular value first, each once")
        if sum(multiplicity) > _MOST_DIRECTIONS:
            raise ValueError(f"there are {sum(multiplicity):,} directions, more than any layer has")
        strength = tuple(row.number("measured") for row in rows)
        columns = (_column(rows, name) for name in ("cosine", "lost", "lost_to_decay", "unsettled"))
        several = tuple(map(float, multiplicity))
        return (cls(mean_decay(weight_decay), len(weight_decay), samples, sigma, several, strength, *columns),)

    @property
    def alive(self) -> Bool[np.ndarray, " t"]:
        """Directions that keep a tenth of what the loss would give them; none where it would give nothing."""
        return (np.array(self.strength) >= GONE * self.target) & (self.target > 0.0)

    @property
    def aligned(self) -> Bool[np.ndarray, " t"]:
        """Directions on which head and means agree: what strength they have is theirs, however little."""
        with np.errstate(invalid="ignore"):
            return np.array(self.cosine) >= ALIGNED

    @property
    def learnt(self) -> Bool[np.ndarray, " t"]:
        """Directions that were learnt well: head and means agree, and a quarter of σ is there."""
        return self.aligned & self.alive & (np.array(self.strength) >= LEARNT * self.target)

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

        It does not where what training left over is most of the pull, or is not known, as of other samples than those
        of training: on these the pull has a part that is for want of samples.
        """
        decay, left = (self.median(np.array(part) / self.lost) for part in (self.to_decay, self.unsettled))
        if math.isnan(decay) or not abs(left) <= _CLOSES:
            return None
        return min(max(decay, 0.0), 1.0)

    @property
    def slope(self) -> float | None:
        """Of log γ on log t; None where too few directions, or too like ones, say it."""
        well = self.learnt
        x, y = np.log(np.array(self.strength)[well]), np.log(self.lost[well])
        weight = np.sqrt(np.array(self.multiplicity)[well])
        if well.sum() <= ENOUGH or np.std(x) < _SPREAD:
            return None
        return float(np.polyfit(x, y, 1, w=weight)[0])

    @property
    def share(self) -> Float[np.ndarray, " t"]:
        """T over the target, held between what is next to nothing and what is next to all."""
        return np.clip(np.array(self.strength) / self.target, _LEFT, 1.0 - _KEPT)

    @property
    def exponents(self) -> Float[np.ndarray, " t"]:
        """E of every direction; that of the median where it was not learnt."""
        usual, told = self.exponent, self.aligned & self.alive & np.isfinite(self.to_decay)
        if self.decay_share is None:
            return np.full(told.size, usual)
        return np.where(told, np.clip(np.where(told, self.to_decay, 0.0) / self.lost, _LEAST, 1.0), usual)

    @property
    def exponent(self) -> float:
        """E by the share that decay takes of the whole."""
        return _USUAL_EXPONENT if self.decay_share is None else max(self.decay_share, _LEAST_COMMON)


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
    _check(runs, convex=convex)
    if any(run.directions < ENOUGH for run in runs):
        return None
    law = StrengthLaw(
        samples=runs[0].samples,
        power=1.0,
        audited=tuple(run.decay for run in runs),
        usual=(0.5, runs[-1].exponent, 0.0),
        own_width=_OWN_WIDTH,
        common_width=_COMMON_WIDTH,
        decay_share=runs[-1].decay_share,
    )
    return _with_pulls(law, runs) if convex else _with_paths(law, runs)


def _with_pulls(law: StrengthLaw, runs: tuple[Run, ...]) -> StrengthLaw:
    """The law of another loss: the median pull at the last run, and how it grows there."""
    levels = [run.median(np.log(run.lost)) for run in runs]
    growth = law.rise
    if len(runs) == 2:
        lower = runs[0].decay / runs[1].decay - 1.0
        growth = min(max(math.expm1(levels[0] - levels[1]) / lower, _LEAST_COMMON), 1.0)
    return replace(law, level=levels[-1], usual=(0.5, growth, 0.0))


def _with_paths(law: StrengthLaw, runs: tuple[Run, ...]) -> StrengthLaw:
    """The law of squared error: a path for each direction, its own where a run has learnt it."""
    frozen = float(np.mean([_frozen(run) for run in runs]))
    power, scatter = _POWER / (runs[0].layers + 1) + frozen, _SCATTER * (1.0 - frozen)
    own, well = _own(runs, power, scatter)
    sigma, samples, known = np.array(runs[0].sigma), law.samples, well >= 0
    several = np.repeat(np.arange(sigma.size), np.array(runs[0].multiplicity, dtype=int))
    chosen = several[(well > 0)[several]]
    share, exponent = (float(np.median(column[chosen])) for column in (own.share, own.exponent))
    exponent = max(exponent, _LEAST_COMMON)
    scaled = (np.log(sigma) - math.log(samples) / 2.0) / exponent
    unit = float(np.median((own.death - scaled)[chosen]))
    usual = Paths(power, scatter, np.zeros(1), *(np.full(1, value) for value in (share, exponent, exponent)))
    death = np.where(known, own.death, unit + scaled)
    for run in runs:
        x = math.log(run.decay)
        # What is left of a direction that is gone says how long ago it died; halfway, where it was seen alive before.
        faded = x + _FADES / exponent * np.log(run.share / GONE)
        faded = np.where(known, (np.minimum(death, x) + faded) / 2.0, faded)
        death = np.where(run.aligned & ~run.alive, faded, death)
        death = np.where(run.alive, np.maximum(death, x + _EDGE), np.minimum(death, x - _EDGE))
    columns = (
        np.where(known, own.place + death - own.death, death - usual.death),
        *(np.where(known, *pair) for pair in ((own.share, share), (own.exponent, exponent), (own.below, exponent))),
        known,
    )
    place, shares, exponents, below, learnt = (tuple(column.tolist()) for column in columns)
    return replace(
        law,
        power=power,
        scatter=scatter,
        usual=(share, exponent, unit),
        sigma=runs[0].sigma,
        place=place,
        share=shares,
        exponent=exponents,
        below=below,
        learnt=learnt,
    )


def _own(runs: tuple[Run, ...], power: float, scatter: float) -> tuple[Paths, Int[np.ndarray, " t"]]:
    """Paths of directions through the last run that tells of each, and whether: −1 not, 0 it does, 1 learnt well."""

    def through(run: Run) -> tuple[Paths, Int[np.ndarray, " t"]]:
        place, share = np.full(run.share.size, math.log(run.decay)), np.maximum(run.share, GONE)
        told = np.where(run.aligned & run.alive, np.array(run.learnt, dtype=int), -1)
        return Paths(power, scatter, place, share, run.exponents, run.exponents), told

    last, well = through(runs[-1])
    if len(runs) == 1:
        return last, well
    first, before = through(runs[0])
    between = np.clip(last.through(first.place, first.share), _LEAST, 1.0)
    below = np.where((before >= 0) & np.isfinite(between), between, last.below)
    pairs = (last.place, first.place), (last.share, first.share), (last.exponent, first.exponent), (below, first.below)
    paths = Paths(power, scatter, *(np.where(well >= 0, *pair) for pair in pairs))
    return paths, np.where(well >= 0, well, before)


def _frozen(run: Run) -> float:
    """From 0 to 1: how near to frozen its features are, as the loss along directions rises with their strength."""
    share, slope = run.decay_share, run.slope
    if share is None or slope is None:
        return 0.0
    return float(np.interp(slope, _RISING, (0.0, 1.0))) * (1.0 - share**2)


def _check(runs: tuple[Run, ...], *, convex: bool) -> None:
    for one, other in pairwise(runs):
        if other.decay <= one.decay * (1.0 + _SAME_DECAY):
            raise ProblemError(
                f"both audits are of networks trained at weight decay {one.decay:g}, so they cannot say how strengths "
                "change with it: give audits at two weight decays"
            )
        if one.samples != other.samples or not _same_directions(one, other, convex=convex):
            raise ProblemError(
                f"the audits are of other counts ({one.samples:,.10g} and {other.samples:,.10g} samples in all): give "
                "two networks that were trained on the same data"
            )


def _same_directions(one: Run, other: Run, *, convex: bool) -> bool:
    """Whether runs are of the same counts: by σ, or, where σ moves with the decays, by which directions share one."""
    if convex:
        return sorted(one.multiplicity) == sorted(other.multiplicity)
    return one.multiplicity == other.multiplicity and lead(np.array(one.sigma), np.array(other.sigma))
