"""The weight decays at which directions die, bracketed from both sides.

Every direction has a continuous sign along the path: its singular value σ of ``Z̄D − N G`` less Nμ, positive while it
lives and negative once it is dead (docs/theory §5). Three things make all deaths cheap to find.

- One solution has the signs of *all* directions, and tightens every bracket that it falls into.
- On its dead side σ hardly moves (by a few per cent an octave of μ), though it rises steeply once the direction lives.
  So σ/N at a solution is a good guess of the μ of death, and a secant through two such points a better one. Deaths are
  approached from above, largest first, each solution started from the one before.
- Inside a group of equal classes, and where everything dies, the μ of death is known in closed form.

How exact a solution has to be follows from the width of the bracket: the gradient at a point whose gap is ε lies within
``√(2 L ε)`` of the minimiser's, L bounding the second derivatives (docs/theory §5), and so do its singular values.
"""

import bisect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float

from penultimate.counts import ClassCounts
from penultimate.minimisers.convex.family import Family
from penultimate.minimisers.convex.solving import directions
from penultimate.model.problem import Problem
from penultimate.reported import OneLine

_ROUNDING = 1e-12  # relative half bracket of a closed form
_LOWEST = 1e-9  # of the μ at which everything is dead: below, a direction counts as immortal
_SHARE = 0.2  # of a bracket, that a sign may be wrong by
_TIGHTEST, _LOOSEST = 1e-11, 1e-5  # relative gaps asked for
_STEEPNESS = (-1.3, -0.7)  # of log(σ/Nμ) over log μ where dead; -1 where σ stands still
_TINY = 1e-300
_SOLUTIONS = 60  # for one direction, at most; most take three or four
_LONGER = 8.0  # each step down, where the guess fell short, over the one before
_TRUSTED = 5  # guesses from the dead side; after as many each is as long as such a step at least

Kind = Literal["mixed", "inside"]
Found = tuple[float, float, float]  # log μ of a death, and of the ends of its bracket
Side = list[tuple[float, float]]  # log μ and log(σ/Nμ)


@dataclass(frozen=True, eq=False, repr=False)
class CriticalDecay(OneLine):
    """Where a direction dies.

    Attributes
    ----------
    kind : {"mixed", "inside"}
        Constant on groups of equal classes, or inside one.
    index : int
        Rank among the mixed ones, or the group.
    multiplicity : int
        How many such directions there are.
    weight_decay : float
        λ_1 at which they die, all layers' decays scaled together; NaN if not found.
    bracket : tuple of float
        Alive at the first, dead at the second; no wider than rounding where a closed form is known.
    right : ndarray of shape (m,), optional
        Its right singular vector where it dies, on the vectors ``1_g/√s_g``; None inside a group. Ranks are those of
        sorted singular values, and singular values cross: this says which direction it is.

    Examples
    --------
    >>> import penultimate as pen
    >>> problem = pen.Problem.from_decays(1e-2, loss="ce")
    >>> *_, first = pen.solution_path(pen.ClassCounts([60, 30, 10]), problem, points=2).deaths
    >>> first.bracket[0] < first.weight_decay < first.bracket[1] < first.bracket[0] * (1 + 1e-6)
    True
    """

    kind: Kind
    index: int
    multiplicity: int
    weight_decay: float
    bracket: tuple[float, float]
    right: Float[np.ndarray, " m"] | None = field(default=None, compare=False, repr=False)


def find_deaths(counts: ClassCounts, problem: Problem, bracket: float = 1e-6) -> tuple[CriticalDecay, ...]:
    """Find the weight decays at which directions die.

    Parameters
    ----------
    counts, problem
        As for `penultimate.solution_path`.
    bracket : float, default 1e-6
        Upper over lower end of each bracket, less one.

    Returns
    -------
    tuple of CriticalDecay
        The last to die first; a direction that never lives is left out.

    Raises
    ------
    ProblemError
        As `penultimate.solution_path`.
    """
    search = _Search(Family(counts, problem), bracket)
    closed = search.closed
    found = {column: search.resolve(column) for column in search.columns if column not in closed}
    return search.deaths({**closed, **found})


def first_death(counts: ClassCounts, problem: Problem, bracket: float = 1e-6) -> CriticalDecay | None:
    """Find the directions that die first as decay grows; None if none ever lives.

    Parameters
    ----------
    counts, problem, bracket
        As for `find_deaths`.
    """
    search = _Search(Family(counts, problem), bracket)
    closed = search.closed
    floor = min((log for log, _, _ in closed.values()), default=-math.inf)
    inside = [column for column in search.columns[search.mixed :] if column not in closed]
    found = {column: search.resolve(column, floor) for column in inside}
    # Sorted singular values die in order, so of the mixed ones only the last that ever lives can be first.
    for column in reversed(search.columns[: search.mixed]):
        if column in closed:
            break
        found[column] = search.resolve(column, floor)
        if found[column] is not None or search.lives_above(column, floor):
            break
    return next(reversed(search.deaths({**closed, **found})), None)


def closed_deaths(counts: ClassCounts, problem: Problem) -> tuple[CriticalDecay, ...]:
    """List the deaths that have a closed form, the last to die first (docs/theory §5)."""
    search = _Search(Family(counts, problem), 1.0)
    return search.deaths(search.closed)


@dataclass(frozen=True)
class _Known:
    """What one solution says: log μ, log(σ/Nμ) of every direction, and the right vectors of the mixed ones."""

    log: float
    ratio: Float[np.ndarray, " p"]
    right: Float[np.ndarray, "m q"]


class _Search:
    """What is known of every direction at the μ solved so far.

    Entries: mixed directions by rank, then the inside of each group.
    """

    def __init__(self, family: Family, bracket: float) -> None:
        self.family, self.width, self.mixed = family, math.log1p(bracket), family.model.directions
        self.columns = [*range(self.mixed), *(self.mixed + np.flatnonzero(family.model.several)).tolist()]
        self.top = math.log(family.pull.max())
        ratio = np.log(np.maximum(family.pull / family.pull.max(), _TINY))
        self._known = [_Known(self.top, ratio, family.pull_right)]

    @property
    def closed(self) -> dict[int, Found]:
        """The deaths that have a closed form: of the strongest, when features are all zero, and inside groups."""
        columns = {int(np.argmax(self.family.pull))}
        if self.family.model.loss.exact_leverage:
            columns |= {column for column in self.columns if column >= self.mixed}
        logs = {column: math.log(self.family.pull[column]) for column in sorted(columns)}
        return {column: (log, log - _ROUNDING, log + _ROUNDING) for column, log in logs.items()}

    def deaths(self, found: Mapping[int, Found | None]) -> tuple[CriticalDecay, ...]:
        """Put entries and their log μ into words, the last to die first."""
        out: list[CriticalDecay] = []
        for column, logs in found.items():
            if logs is None:
                continue
            decay, low, high = (self.family.decay_of(math.exp(log)) for log in logs)
            if column < self.mixed:
                at: float = logs[0]
                nearest = min(self._known, key=lambda known: abs(known.log - at))
                out.append(CriticalDecay("mixed", column, 1, decay, (low, high), nearest.right[:, column]))
            else:
                group = column - self.mixed
                out.append(CriticalDecay("inside", group, int(self.family.model.several[group]), decay, (low, high)))
        return tuple(sorted(out, key=lambda death: -death.weight_decay))

    def resolve(self, column: int, floor: float = -math.inf) -> Found | None:
        """Log μ of a death and of its bracket; None for a direction that never lives, or dies above a floor."""
        low, high, guess, step = -math.inf, self.top, self.top, 0.98 * self.width
        for attempt in range(_SOLUTIONS):
            alive, dead = self._sides(column)
            low, high, (guess, doubt) = alive[-1][0] if alive else -math.inf, dead[-1][0], _guess(dead)
            if low >= floor > -math.inf or guess < self.top + math.log(_LOWEST):
                return None
            if high - low <= self.width:
                break
            target = guess + max(0.45 * self.width, 0.5 * doubt)
            if guess >= high - step or attempt >= _TRUSTED:
                # A dead σ that grows with μ almost as fast as the threshold makes every guess fall just short.
                target, step = min(target, high - step), _LONGER * step
            if target <= low:
                target = self._between(alive, high, attempt)
            self._solve(floor if low < floor < guess else target)
        return min(max(guess, low), high), low, high

    def lives_above(self, column: int, floor: float) -> bool:
        """Whether a direction still lives at some μ from a floor on."""
        alive, _ = self._sides(column)
        return bool(alive) and alive[-1][0] >= floor > -math.inf

    def _between(self, alive: Side, high: float, attempt: int) -> float:
        """Where to solve next between both ends: just below where the strength on the living side would be zero."""
        low, ratio = alive[-1]
        middle = (low + high) / 2.0
        if attempt % 2:
            return middle
        before, ratio_before = alive[-2] if len(alive) > 1 else (low - 1.0, math.inf)
        zero = low + ratio * (low - before) / (ratio_before - ratio) if ratio_before > ratio else high
        return min(max(zero, low + 0.98 * self.width), middle)

    def _sides(self, column: int) -> tuple[Side, Side]:
        """Log μ and log(σ/Nμ) of a direction where it lives and where it is dead, each with the nearest last."""
        dead: Side = []
        for place in range(len(self._known) - 1, -1, -1):
            known = self._known[place]
            if known.ratio[column] > 0:
                return [(one.log, float(one.ratio[column])) for one in self._known[: place + 1]], dead
            dead.append((known.log, float(known.ratio[column])))
        return [], dead

    def _solve(self, log: float) -> None:
        family, mu = self.family, math.exp(log)
        point = family.solve(mu, self._gap(mu)).point
        sigma, alive = directions(family.model_at(mu), point)
        ratio = np.log(np.maximum(sigma / (family.counts.samples * mu), _TINY))
        right = point.right[~family.model.empty, : self.mixed]
        known = _Known(log, np.where(alive, np.abs(ratio), -np.abs(ratio)), right)
        bisect.insort(self._known, known, key=lambda known: known.log)

    def _gap(self, mu: float) -> float:
        """Relative gap at which singular values are right to a share of the bracket."""
        family, wrong = self.family, _SHARE * self.width * mu
        enough = wrong**2 * family.counts.samples / (2.0 * family.model.loss.bound)
        return min(max(enough / family.dead_objective, _TIGHTEST), _LOOSEST)


def _guess(dead: list[tuple[float, float]]) -> tuple[float, float]:
    """Log μ of a death from the dead side, and how far the guess is from one for which σ stands still."""
    log, ratio = dead[-1]
    still = log + ratio
    if len(dead) == 1:
        return still, -0.1 * ratio
    before, ratio_before = dead[-2]
    slope = (ratio_before - ratio) / (before - log)
    secant = log - ratio / min(max(slope, _STEEPNESS[0]), _STEEPNESS[1])
    return secant, abs(secant - still)
